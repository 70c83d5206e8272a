/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The scan of a whole runtime directory: which files are listed, their client slots, and the driver.
 */

#include "common/core-child.h"
#include "common/core-peer.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <lxcmon/lxcmon-process.h>
#include <lxcmon/lxcmon-runtime-dir.h>

typedef struct
{
  char *dir;
  int fds[4];
  guint n_fds;
} Dir;

static void
dir_init (Dir *self)
{
  char template[] = "/tmp/lxcmon-test.XXXXXX";

  *self = (Dir){ .dir = g_strdup (g_mkdtemp (template)) };
}

static char *
dir_path (Dir *self, const char *base)
{
  return g_build_filename (self->dir, base, NULL);
}

static int
dir_listen (Dir *self, const char *base)
{
  g_autofree char *path = dir_path (self, base);
  int fd = core_bind (path, SOCK_STREAM);

  g_assert_no_errno (listen (fd, 5));
  self->fds[self->n_fds++] = fd;
  return fd;
}

static void
dir_clear (Dir *self)
{
  g_autoptr (GDir) entries = g_dir_open (self->dir, 0, NULL);
  const char *base;

  while ((base = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = dir_path (self, base);
      g_assert_no_errno (g_remove (path));
    }
  for (guint i = 0; i < self->n_fds; i++)
    close (self->fds[i]);
  g_assert_no_errno (g_rmdir (self->dir));
  g_free (self->dir);
}

static LxcmonRuntimeDir *
scan (Dir *self)
{
  LxcmonError error = { 0 };
  LxcmonRuntimeDir *found = lxcmon_runtime_dir_scan (self->dir, LXCMON_SCAN_DEFAULT, &error);

  g_assert_cmpstr (error.message, ==, "");
  g_assert_nonnull (found);
  return found;
}

static void
test_who_is_there (void)
{
  Dir dir;

  dir_init (&dir);
  int web = dir_listen (&dir, "web1.sock");
  dir_listen (&dir, "a space\nand a line.sock");
  close (dir_listen (&dir, "stale.sock"));
  dir.n_fds--;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/web1.sock", dir.dir);
  int clients[2], accepted;
  for (int i = 0; i < 2; i++)
    {
      clients[i] = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      g_assert_no_errno (connect (clients[i], (struct sockaddr *) &address, sizeof address));
    }
  accepted = accept4 (web, NULL, NULL, SOCK_CLOEXEC);

  LxcmonRuntimeDir *found = scan (&dir);
  g_assert_cmpuint (lxcmon_runtime_dir_get_n_sockets (found), ==, 3);
  const LxcmonRuntimeSocket *odd = lxcmon_runtime_dir_get_socket (found, 0);
  const LxcmonRuntimeSocket *stale = lxcmon_runtime_dir_get_socket (found, 1);
  const LxcmonRuntimeSocket *web1 = lxcmon_runtime_dir_get_socket (found, 2);
  g_assert_null (lxcmon_runtime_dir_get_socket (found, 3));
  g_assert_cmpstr (odd->name, ==, "a space\nand a line");
  g_assert_cmpuint (odd->listener, !=, 0);
  g_assert_cmpint (odd->state, ==, LXCMON_SOCKET_LISTENING);
  g_assert_cmpuint (odd->listener_uid, ==, geteuid ());
  g_assert_cmpstr (stale->name, ==, "stale");
  g_assert_cmpuint (stale->listener, ==, 0);
  g_assert_cmpint (stale->state, ==, LXCMON_SOCKET_STALE);
  g_assert_cmpstr (web1->name, ==, "web1");
  g_assert_cmpuint (web1->n_served, ==, 1);
  g_assert_cmpuint (web1->n_queued, ==, 1);
  g_assert_false (lxcmon_runtime_dir_get_driver (found)->running);

  g_assert_true (lxcmon_process_serves (getpid (), web1->listener, web1->listener_uid));
  g_assert_false (lxcmon_process_serves (getppid (), web1->listener, web1->listener_uid));
  g_assert_false (lxcmon_process_serves (getpid (), stale->listener, stale->listener_uid));
  lxcmon_runtime_dir_free (found);

  close (clients[0]);
  close (clients[1]);
  close (accepted);
  dir_clear (&dir);
}

/* Another socket at the same path is another file, even if the inode is used again. */
static void
test_file (void)
{
  Dir dir;

  dir_init (&dir);
  g_autofree char *path = dir_path (&dir, "web1.sock");
  dir_listen (&dir, "web1.sock");
  LxcmonRuntimeDir *first = scan (&dir);
  LxcmonRuntimeDir *again = scan (&dir);
  g_assert_cmpuint (lxcmon_runtime_dir_get_socket (first, 0)->file, ==,
                    lxcmon_runtime_dir_get_socket (again, 0)->file);
  lxcmon_runtime_dir_free (again);
  g_unlink (path);
  g_usleep (20000); /* the clock of file systems ticks every 4 to 10 ms */
  dir_listen (&dir, "web1.sock");
  LxcmonRuntimeDir *second = scan (&dir);
  g_assert_cmpuint (lxcmon_runtime_dir_get_socket (first, 0)->file, !=,
                    lxcmon_runtime_dir_get_socket (second, 0)->file);

  lxcmon_runtime_dir_free (first);
  lxcmon_runtime_dir_free (second);
  dir_clear (&dir);
}

static void
test_what_is_none (void)
{
  Dir dir;

  dir_init (&dir);
  g_autofree char *file = dir_path (&dir, "file.sock");
  g_autofree char *link = dir_path (&dir, "link.sock");
  g_autofree char *folder = dir_path (&dir, "folder.sock");
  g_autofree char *fifo = dir_path (&dir, "fifo.sock");
  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  g_assert_no_errno (symlink ("web1.sock", link));
  g_assert_no_errno (g_mkdir (folder, 0700));
  g_assert_no_errno (mkfifo (fifo, 0600));
  dir_listen (&dir, "web1.sock");
  dir_listen (&dir, "socket");
  dir_listen (&dir, "not utf-8 \xff.sock");
  dir_listen (&dir, ".sock");

  LxcmonRuntimeDir *found = scan (&dir);
  g_assert_cmpuint (lxcmon_runtime_dir_get_n_sockets (found), ==, 1);
  g_assert_cmpstr (lxcmon_runtime_dir_get_socket (found, 0)->name, ==, "web1");
  g_assert_cmpuint (lxcmon_runtime_dir_get_n_unlisted (found), ==, 2);
  lxcmon_runtime_dir_free (found);
  dir_clear (&dir);
}

static void
assert_no_scan (const char *path, LxcmonMonitorError code, const char *text)
{
  LxcmonError error;

  g_assert_null (lxcmon_runtime_dir_scan (path, LXCMON_SCAN_DEFAULT, &error));
  g_assert_cmpint (error.code, ==, code);
  if (strstr (error.message, text) == NULL)
    g_error ("no \"%s\" in: %s", text, error.message);
}

static void
test_errors (void)
{
  Dir dir;

  dir_init (&dir);
  g_autofree char *missing = dir_path (&dir, "missing");
  g_autofree char *link = dir_path (&dir, "link");
  assert_no_scan (missing, LXCMON_MONITOR_ERROR_NOT_FOUND, missing);
  g_assert_no_errno (symlink (dir.dir, link));
  assert_no_scan (link, LXCMON_MONITOR_ERROR_UNTRUSTED, "symbolic link; use the path");
  assert_no_scan ("", LXCMON_MONITOR_ERROR_FAILED, "empty string: leave it out");
  assert_no_scan ("/etc/passwd", LXCMON_MONITOR_ERROR_FAILED,
                  "/etc/passwd is not a directory; use the one that contains");
  assert_no_scan ("/etc/passwd/lxc", LXCMON_MONITOR_ERROR_FAILED, "not a directory");
  lxcmon_runtime_dir_free (NULL);
  dir_clear (&dir);
}

static void
test_driver (void)
{
  Dir dir;
  CoreChild child;
  LxcmonDriver driver;
  LxcmonError error;

  dir_init (&dir);
  g_autofree char *path = dir_path (&dir, "driver.pid");
  g_assert_true (lxcmon_runtime_dir_find_driver (dir.dir, &driver, &error));
  g_assert_false (driver.running);
  core_child_start (&child, core_child_lock, path);
  g_assert_true (lxcmon_runtime_dir_find_driver (dir.dir, &driver, &error));
  g_assert_true (driver.running);
  g_assert_cmpint (driver.pid, ==, child.pid);
  LxcmonRuntimeDir *found = scan (&dir);
  g_assert_cmpint (lxcmon_runtime_dir_get_driver (found)->pid, ==, child.pid);
  lxcmon_runtime_dir_free (found);
  found = lxcmon_runtime_dir_scan (dir.dir, LXCMON_SCAN_WITHOUT_DRIVER, &error);
  g_assert_false (lxcmon_runtime_dir_get_driver (found)->running);
  lxcmon_runtime_dir_free (found);
  core_child_stop (&child);
  g_assert_true (lxcmon_runtime_dir_find_driver (dir.dir, &driver, &error));
  g_assert_false (driver.running);
  dir_clear (&dir);
}

static void
test_start (void)
{
  gint64 start = lxcmon_process_get_start (getpid ());

  g_assert_cmpint (start, >, g_get_real_time () - 60 * G_USEC_PER_SEC);
  g_assert_cmpint (start, <=, g_get_real_time ());
  g_assert_cmpint (lxcmon_process_get_start (0), ==, 0);
  g_assert_cmpint (lxcmon_process_get_start (G_MAXINT), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/runtime-dir/who-is-there", test_who_is_there);
  core_test_add ("/runtime-dir/file", test_file);
  core_test_add ("/runtime-dir/what-is-none", test_what_is_none);
  core_test_add ("/runtime-dir/errors", test_errors);
  core_test_add ("/runtime-dir/driver", test_driver);
  core_test_add ("/runtime-dir/start", test_start);

  return g_test_run ();
}
