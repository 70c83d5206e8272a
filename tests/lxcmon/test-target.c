/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a path to a descriptor: anything but a controller's socket in a safe directory is refused, with an error
 * that says why, and without following symbolic links; the file that was checked is connected to.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lxcmon/lxcmon-target-private.h>

static void
assert_refused (const char *path, LxcmonMonitorError code, int system_errno, const char *text)
{
  LxcmonTarget target;
  LxcmonError error = { 0 };

  g_assert_false (_lxcmon_target_open (&target, path, &error));
  g_assert_cmpstr (lxcmon_monitor_error_to_string (error.code), ==,
                   lxcmon_monitor_error_to_string (code));
  g_assert_cmpint (error.system_errno, ==, system_errno);
  if (strstr (error.message, text) == NULL)
    g_error ("no \"%s\" in: %s", text, error.message);
}

static void
assert_accepted (const char *path)
{
  LxcmonTarget target;
  LxcmonError error;

  if (!_lxcmon_target_open (&target, path, &error))
    g_error ("refused: %s", error.message);
  _lxcmon_target_close (&target);
}

static void
test_not_there (void)
{
  CoreListener listener;

  core_listener_init (&listener);
  g_autofree char *missing = g_build_filename (listener.dir, "web2.sock", NULL);
  g_autofree char *missing_dir = g_build_filename (listener.dir, "no", "web1.sock", NULL);
  g_autofree char *under_socket = g_build_filename (listener.path, "web1.sock", NULL);
  g_autofree char *deeper = g_build_filename (listener.path, "dir", "web1.sock", NULL);

  assert_refused (missing, LXCMON_MONITOR_ERROR_NOT_FOUND, ENOENT, missing);
  assert_refused (missing_dir, LXCMON_MONITOR_ERROR_NOT_FOUND, ENOENT, "directory of");
  assert_refused (under_socket, LXCMON_MONITOR_ERROR_FAILED, ENOTDIR, "directory of");
  assert_refused (deeper, LXCMON_MONITOR_ERROR_FAILED, ENOTDIR, "directory of");
  core_listener_clear (&listener);
}

static void
test_bad_paths (void)
{
  CoreListener listener;
  g_autofree char *long_path = g_strnfill (5000, 'x');
  g_autofree char *long_dir = g_strdup_printf ("/%s/web1.sock", long_path);
  g_autofree char *long_name = NULL;
  g_autofree char *with_slash = NULL;

  core_listener_init (&listener);
  long_name = g_strdup_printf ("%s/%.300s", listener.dir, long_path);
  with_slash = g_strconcat (listener.path, "/", NULL);
  assert_refused ("", LXCMON_MONITOR_ERROR_INVALID_NAME, 0, "names no file");
  assert_refused ("/", LXCMON_MONITOR_ERROR_INVALID_NAME, 0, "names no file");
  assert_refused (long_path, LXCMON_MONITOR_ERROR_INVALID_NAME, ENAMETOOLONG, "xxx");
  assert_refused (long_dir, LXCMON_MONITOR_ERROR_INVALID_NAME, ENAMETOOLONG, "4095 bytes");
  assert_refused (long_name, LXCMON_MONITOR_ERROR_INVALID_NAME, ENAMETOOLONG, "xxx");
  assert_refused (with_slash, LXCMON_MONITOR_ERROR_FAILED, ENOTDIR, "directory of");
  core_listener_clear (&listener);
}

/* The last component and the directory are not followed; what lies above them is. */
static void
test_links (void)
{
  CoreListener listener;

  core_listener_init (&listener);
  g_autofree char *link = g_build_filename (listener.dir, "link.sock", NULL);
  g_autofree char *linked_dir = g_build_filename (listener.dir, "dir", NULL);
  g_autofree char *in_linked_dir = g_build_filename (linked_dir, "web1.sock", NULL);
  g_autofree char *loop = g_build_filename (listener.dir, "loop", NULL);
  g_autofree char *in_loop = g_build_filename (loop, "x", "web1.sock", NULL);

  g_assert_no_errno (symlink (listener.path, link));
  g_assert_no_errno (symlink (listener.dir, linked_dir));
  g_assert_no_errno (symlink (loop, loop));
  assert_refused (link, LXCMON_MONITOR_ERROR_UNTRUSTED, ENOTSOCK, "is a symbolic link");
  assert_refused (in_linked_dir, LXCMON_MONITOR_ERROR_UNTRUSTED, ELOOP, "is a symbolic link");
  assert_refused (in_loop, LXCMON_MONITOR_ERROR_UNTRUSTED, ELOOP, "directory of");

  g_autofree char *real_dir = g_build_filename (listener.dir, "real", NULL);
  g_autofree char *real_path = g_build_filename (real_dir, "web1.sock", NULL);
  g_autofree char *above = g_build_filename (linked_dir, "real", "web1.sock", NULL);
  g_assert_no_errno (mkdir (real_dir, 0755));
  close (core_bind (real_path, SOCK_STREAM));
  assert_accepted (above);
  core_listener_clear (&listener);
}

static void
test_other_files (void)
{
  char *dir = core_make_dir ();
  g_autofree char *fifo = g_build_filename (dir, "fifo.sock", NULL);
  g_autofree char *file = g_build_filename (dir, "file.sock", NULL);
  g_autofree char *folder = g_build_filename (dir, "folder.sock", NULL);

  g_assert_no_errno (mkfifo (fifo, 0700));
  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  g_assert_no_errno (mkdir (folder, 0700));
  assert_refused (fifo, LXCMON_MONITOR_ERROR_UNTRUSTED, ENOTSOCK, "is a FIFO and not a socket");
  assert_refused (file, LXCMON_MONITOR_ERROR_UNTRUSTED, ENOTSOCK, "is a regular file");
  assert_refused (folder, LXCMON_MONITOR_ERROR_UNTRUSTED, ENOTSOCK, "is a directory");
  assert_refused ("/dev/null", LXCMON_MONITOR_ERROR_UNTRUSTED, ENOTSOCK, "is a device");
  assert_refused ("/proc/self/root", LXCMON_MONITOR_ERROR_UNTRUSTED, ELOOP, "symbolic link");
  core_remove_dir (dir);
}

/* Connects, and returns the error. */
static LxcmonError
connect_refused (const char *path)
{
  LxcmonTarget target;
  LxcmonError error;
  int fd;

  if (!_lxcmon_target_open (&target, path, &error))
    g_error ("refused: %s", error.message);
  g_assert_false (_lxcmon_target_connect (&target, &fd, &error));
  _lxcmon_target_close (&target);
  return error;
}

static void
test_other_sockets (void)
{
  static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      CoreListener listener;
      LxcmonError error;

      core_listener_init_full (&listener, "web1", types[i], types[i] == SOCK_DGRAM ? -1 : 5);
      error = connect_refused (listener.path);
      g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_UNTRUSTED);
      g_assert_cmpint (error.system_errno, ==, EPROTOTYPE);
      g_assert_nonnull (strstr (error.message, "is not a stream socket"));
      core_listener_clear (&listener);
    }
}

/* A socket file that was left by its controller, and one that is not listened on yet. */
static void
test_stale (void)
{
  CoreListener stale, early;
  LxcmonError error;

  core_listener_init (&stale);
  close (stale.fd);
  stale.fd = -1;
  error = connect_refused (stale.path);
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_REFUSED);
  g_assert_cmpint (error.system_errno, ==, ECONNREFUSED);
  g_assert_nonnull (strstr (error.message, stale.path));
  core_listener_clear (&stale);

  core_listener_init_full (&early, "web1", SOCK_STREAM, -1);
  error = connect_refused (early.path);
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_REFUSED);
  core_listener_clear (&early);
}

static void
test_modes (void)
{
  CoreListener listener;
  LxcmonTarget target;

  core_listener_init (&listener);
  g_assert_no_errno (chmod (listener.dir, 0770));
  assert_refused (listener.path, LXCMON_MONITOR_ERROR_UNTRUSTED, 0, "(mode 0770)");
  g_assert_no_errno (chmod (listener.dir, 0702));
  assert_refused (listener.path, LXCMON_MONITOR_ERROR_UNTRUSTED, 0, "(mode 0702)");
  g_assert_no_errno (chmod (listener.dir, 01777));
  assert_accepted (listener.path);
  g_assert_no_errno (chmod (listener.dir, 0755));
  assert_accepted (listener.path);

  /* A socket that other users may connect to is accepted, with a warning. */
  g_assert_true (_lxcmon_target_open (&target, listener.path, NULL));
  g_assert_false (target.open_to_others);
  _lxcmon_target_close (&target);
  g_assert_no_errno (chmod (listener.path, 0777));
  g_assert_true (_lxcmon_target_open (&target, listener.path, NULL));
  g_assert_true (target.open_to_others);
  _lxcmon_target_close (&target);
  core_listener_clear (&listener);
}

static gboolean
may_change_owners (void)
{
  if (!core_is_root ())
    g_test_skip ("only root may give files away");
  return core_is_root ();
}

static void
test_owners (void)
{
  CoreListener listener;

  if (!may_change_owners ())
    return;
  core_listener_init (&listener);
  g_assert_no_errno (chown (listener.path, 65534, 65534));
  assert_refused (listener.path, LXCMON_MONITOR_ERROR_UNTRUSTED, 0, "belongs to uid 65534");
  g_assert_no_errno (chown (listener.path, 0, 65534));
  assert_accepted (listener.path);
  g_assert_no_errno (chown (listener.dir, 65534, 65534));
  assert_refused (listener.path, LXCMON_MONITOR_ERROR_UNTRUSTED, 0, "the directory of ");
  core_listener_clear (&listener);
}

/* Run as another user, in a process of its own. */
static int
open_as_nobody (gconstpointer path)
{
  LxcmonTarget target;
  LxcmonError error;

  if (setgid (65534) < 0 || setuid (65534) < 0)
    return 1;
  if (_lxcmon_target_open (&target, path, &error))
    return 2;
  return error.code == LXCMON_MONITOR_ERROR_PERMISSION && error.system_errno == EACCES ? 0 : 3;
}

static void
test_permission (void)
{
  CoreListener listener;

  if (!may_change_owners ())
    return;
  core_listener_init (&listener);
  g_assert_cmpint (core_child_run (open_as_nobody, listener.path), ==, 0);
  core_listener_clear (&listener);
}

static int
connect_as_nobody (gconstpointer path)
{
  LxcmonTarget target;
  LxcmonError error;
  int fd;

  if (setgid (65534) < 0 || setuid (65534) < 0)
    return 1;
  if (!_lxcmon_target_open (&target, path, &error))
    return 2;
  if (_lxcmon_target_connect (&target, &fd, &error))
    return 3;
  _lxcmon_target_close (&target);
  return error.code == LXCMON_MONITOR_ERROR_PERMISSION ? 0 : 4;
}

/* The directory may be entered, and the socket not be written to: as a real controller's is. */
static void
test_permission_to_connect (void)
{
  CoreListener listener;

  if (!may_change_owners ())
    return;
  core_listener_init (&listener);
  g_assert_no_errno (chmod (listener.dir, 0755));
  g_assert_cmpint (core_child_run (connect_as_nobody, listener.path), ==, 0);
  core_listener_clear (&listener);
}

static int
listen_as_nobody (gconstpointer path)
{
  int fd = core_bind (path, SOCK_STREAM);

  return setuid (65534) == 0 && listen (fd, 5) == 0 ? 0 : 1;
}

/* The file belongs to root, and the process that listens does not. */
static void
test_peer (void)
{
  char *dir = core_make_dir ();
  g_autofree char *path = g_build_filename (dir, "web1.sock", NULL);
  LxcmonTarget target;
  LxcmonError error;
  CoreChild child;
  int fd, pid;

  if (!may_change_owners ())
    {
      core_remove_dir (dir);
      return;
    }
  core_child_start (&child, listen_as_nobody, path);
  g_assert_true (_lxcmon_target_open (&target, path, &error));
  g_assert_true (_lxcmon_target_connect (&target, &fd, &error));
  g_assert_false (_lxcmon_peer_check (fd, path, &pid, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_UNTRUSTED);
  g_assert_nonnull (strstr (error.message, "runs as uid 65534"));
  close (fd);
  _lxcmon_target_close (&target);
  core_child_stop (&child);
  core_remove_dir (dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/target/not-there", test_not_there);
  core_test_add ("/target/bad-paths", test_bad_paths);
  core_test_add ("/target/links", test_links);
  core_test_add ("/target/other-files", test_other_files);
  core_test_add ("/target/other-sockets", test_other_sockets);
  core_test_add ("/target/stale", test_stale);
  core_test_add ("/target/modes", test_modes);
  core_test_add ("/target/owners", test_owners);
  core_test_add ("/target/permission", test_permission);
  core_test_add ("/target/permission-to-connect", test_permission_to_connect);
  core_test_add ("/target/peer", test_peer);

  return g_test_run ();
}
