/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The list is right whatever happens to the runtime directory: it is made late, removed and made again, has
 * other files in it, changes faster than hints can report, and descriptors run out.
 */

#include "common/glib-host.h"
#include "common/glib-session.h"
#include "common/glib-test.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void
run_for (int ms)
{
  for (gint64 end = g_get_monotonic_time () + ms * 1000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "time");
}

static void
test_dir_comes (void)
{
  g_autofree char *above = glib_test_make_dir ();
  g_autofree char *middle = g_build_filename (above, "libvirt", NULL);
  g_autofree char *dir = g_build_filename (middle, "lxc", NULL);
  {
    g_autoptr (GlibHost) host = glib_host_new_at (dir, "direct:");

    glib_host_start (host);
    run_for (100);
    g_assert_cmpint (g_mkdir (middle, 0700), ==, 0);
    run_for (100);
    g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
    glib_host_add (host, "web1", 1);
    glib_host_wait_signals (host, "web1 init 1");

    /* It is moved, and its container keeps running: its end is still reported. */
    g_autofree char *elsewhere = g_build_filename (above, "elsewhere", NULL);
    g_assert_cmpint (g_rename (dir, elsewhere), ==, 0);
    run_for (200);
    g_assert_true (glib_host_has (host, "web1"));
    g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
    glib_host_add (host, "web2", 2);
    glib_host_wait_names (host, "web1 web2");
    glib_host_wait_signals (host, "web1 init 1, web2 init 2");
    glib_host_drop (host, "web2");
    glib_host_wait_names (host, "web1");
    lxcmon_mock_controller_send_exit (glib_host_get_mock (host, "web1"),
                                      LXCMON_EXIT_STATUS_SHUTDOWN, NULL);
    glib_host_drop (host, "web1");
    glib_host_wait_names (host, "");
    g_assert_nonnull (strstr (host->signals->str, "web1 exit shutdown, web1 closed"));
    g_autofree char *left = g_build_filename (elsewhere, "web1.sock", NULL);
    (void) g_unlink (left);
    g_assert_cmpint (g_rmdir (elsewhere), ==, 0);

    /* It is removed, and comes back. */
    g_assert_cmpint (g_rmdir (dir), ==, 0);
    run_for (100);
    g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
    run_for (100);
    glib_host_add (host, "web3", 3);
    glib_host_wait_names (host, "web3");
    glib_host_drop (host, "web3");
    glib_host_wait_names (host, "");
  }
  g_assert_cmpint (g_rmdir (dir), ==, 0);
  g_assert_cmpint (g_rmdir (middle), ==, 0);
  glib_test_remove_dir (g_steal_pointer (&above));
}

/* Binds or connects a new socket. */
static int
open_socket (const char *path, int (*func) (int, const struct sockaddr *, socklen_t))
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpuint (g_strlcpy (address.sun_path, path, sizeof address.sun_path), <,
                    sizeof address.sun_path);
  g_assert_cmpint (func (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

static int
bind_at (GlibHost *host, const char *base)
{
  g_autofree char *path = glib_host_path (host, base);

  return open_socket (path, bind);
}

/* At any notification, the list and its copy are the same. */
static void
check_list (GObject *object, GParamSpec *property, GlibHost *host)
{
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (object)), ==, host->copy->len);
}

static void
test_names (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *file = glib_host_path (host, "file.sock");
  g_autofree char *link = glib_host_path (host, "link.sock");

  glib_host_add (host, "a b", 1);
  glib_host_add (host, "new\nline", 2);
  glib_host_add (host, "ä", 3);
  close (bind_at (host, "stale.sock"));
  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  g_assert_cmpint (symlink ("a b.sock", link), ==, 0);
  int odd = bind_at (host, "\xff.sock");
  g_signal_connect (host->host, "notify", G_CALLBACK (check_list), host);
  glib_host_start (host);
  g_assert_true (glib_host_has (host, "a b new\nline ä"));
  g_assert_cmpuint (lxcmon_host_get_n_unlisted (host->host), ==, 1);
  /* In whatever order. */
  glib_test_wait_until (host->signals->len == strlen ("a b init 1, new\nline init 2, ä init 3"));
  glib_host_finish (host, "new\nline", LXCMON_EXIT_STATUS_REBOOT);
  glib_host_add (host, "new\nline", 4);
  glib_test_wait_until (g_str_has_suffix (host->signals->str, "new\nline init 4"));
  close (odd);
  g_autofree char *odd_path = glib_host_path (host, "\xff.sock");
  g_assert_cmpint (g_unlink (odd_path), ==, 0);
  glib_test_wait_until (lxcmon_host_get_n_unlisted (host->host) == 0);
}

static void
test_many_stale (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  guint n = glib_test_is_slow () ? 1000 : 10000;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *base = g_strdup_printf ("stale%u.sock", i);
      close (bind_at (host, base));
    }
  glib_host_add (host, "web1", 1);
  gint64 start = g_get_monotonic_time ();
  glib_host_start (host);
  g_test_message ("%u stale sockets: started after %.1f ms", n,
                  (double) (g_get_monotonic_time () - start) / 1000);
  g_assert_true (glib_host_has (host, "web1"));
  glib_host_wait_attached (host, "web1");
}

/* It has bound its socket, and listens a moment later: no file changes then. */
static void
test_listens_late (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_start (host);
  int fd = bind_at (host, "web1.sock");
  run_for (150);
  /* Nothing listens, so that it is not in the list yet, and there is no error to show. */
  g_assert_true (glib_host_has (host, ""));
  g_assert_cmpint (listen (fd, 5), ==, 0);
  glib_test_wait_until (glib_host_state (host, "web1") == LXCMON_STATE_QUEUED);
  g_assert_null (lxcmon_monitor_get_error (glib_host_get (host, "web1")));
  close (fd);
  glib_host_wait_names (host, "");
}

/* A controller by hand: it has said how its container ends, and closed the connection, and its socket still has
 * a listener. The reboot is given up, and that socket is not another container's. */
static void
test_listens_on (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autoptr (GBytes) story = glib_encode ("init 11 exit 2");
  int fd = bind_at (host, "web1.sock");

  g_assert_cmpint (listen (fd, 5), ==, 0);
  lxcmon_host_set_reboot_timeout (host->host, 200);
  glib_host_start (host);
  glib_test_wait_until (glib_host_state (host, "web1") == LXCMON_STATE_QUEUED);
  int accepted = accept4 (fd, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint (accepted, >=, 0);
  g_assert_cmpint (write (accepted, g_bytes_get_data (story, NULL), g_bytes_get_size (story)), ==,
                   (gssize) g_bytes_get_size (story));
  glib_host_wait_signals (host, "web1 init 11, web1 exit reboot");
  close (accepted);
  glib_host_wait_signals (host, "web1 init 11, web1 exit reboot, web1 closed");
  glib_host_wait_names (host, "");
  /* Each of these has the directory scanned. */
  for (int i = 0; i < 3; i++)
    {
      glib_host_add (host, "web2", 12);
      glib_host_wait_names (host, "web2");
      glib_host_drop (host, "web2");
      glib_host_wait_names (host, "");
    }
  g_assert_cmpuint (host->n_changes, ==, 8);
  close (fd);
  g_autofree char *path = glib_host_path (host, "web1.sock");
  g_assert_cmpint (g_unlink (path), ==, 0);
  glib_host_add (host, "web1", 13);
  glib_host_wait_names (host, "web1");
  glib_host_wait_attached (host, "web1");
}

/* ---- Rows that are not attached ---- */

static void
attach_other (LxcmonClient *other)
{
  g_autoptr (GError) error = NULL;

  lxcmon_client_set_force (other, TRUE);
  lxcmon_client_attach (other, NULL, &error);
  g_assert_no_error (error);
}

/* An attach that has failed for good keeps its error, whoever else has a slot. */
static void
test_untrusted (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *path = glib_host_path (host, "web1.sock");
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (path);

  glib_host_add (host, "web1", 11);
  /* Anyone may replace its socket. */
  g_assert_cmpint (g_chmod (host->dir, 0777), ==, 0);
  glib_host_start (host);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  glib_test_wait_until (lxcmon_monitor_get_error (monitor) != NULL);
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "untrusted");
  int fd = open_socket (path, connect);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1"))
                        == 1);
  glib_host_add (host, "web2", 12);
  glib_host_wait_names (host, "web1 web2");
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "untrusted");
  close (fd);
}

/* A slot that is taken is checked more and more seldom. That is no matter once force is set. */
static void
test_force_while_busy (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *path = glib_host_path (host, "web1.sock");
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (path);

  glib_host_add (host, "web1", 11);
  attach_other (other);
  glib_host_start (host);
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_DETACHED);
  /* The next check is 3.2 s later. */
  run_for (3400);
  gint64 start = g_get_monotonic_time ();
  lxcmon_host_set_force (host->host, TRUE);
  glib_test_wait_until (glib_host_state (host, "web1") == LXCMON_STATE_QUEUED);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 1500 * 1000);
  lxcmon_client_detach (other);
  glib_host_wait_attached (host, "web1");
}

/* ---- Hints that are lost, and descriptors ---- */

/* inotify's queue overflows while GLib's worker is held up, which GIO does not report. */
static sem_t go_on;

static void
on_held_up (int number)
{
  int saved = errno;

  while (sem_wait (&go_on) < 0)
    ;
  errno = saved;
}

static pid_t
find_worker (void)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *tid;

  while ((tid = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/comm", tid);
      g_autofree char *name = NULL;
      if (g_file_get_contents (path, &name, NULL, NULL) && g_str_equal (name, "gmain\n"))
        return atoi (tid);
    }
  return 0;
}

static void
test_overflow (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *path = glib_host_path (host, "noise");
  g_autofree char *text = NULL;
  struct sigaction action = { .sa_handler = on_held_up }, before;

  if (!g_file_get_contents ("/proc/sys/fs/inotify/max_queued_events", &text, NULL, NULL))
    {
      g_test_skip ("the length of inotify's queue is not known");
      return;
    }
  pid_t worker = find_worker ();
  g_assert_cmpint (worker, >, 0);
  glib_host_start (host);
  g_assert_cmpint (sem_init (&go_on, 0, 0), ==, 0);
  g_assert_cmpint (sigaction (SIGUSR2, &action, &before), ==, 0);
  g_assert_cmpint (syscall (SYS_tgkill, getpid (), worker, SIGUSR2), ==, 0);
  g_usleep (50000);
  for (gint64 i = 0, n = g_ascii_strtoll (text, NULL, 10); i < n; i++)
    {
      close (g_open (path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      g_unlink (path);
    }
  /* This one's event has no room any more. */
  glib_host_add (host, "web1", 1);
  g_assert_cmpint (sem_post (&go_on), ==, 0);
  glib_host_wait_signals (host, "web1 init 1");
  g_assert_cmpint (sigaction (SIGUSR2, &before, NULL), ==, 0);
  sem_destroy (&go_on);
}

static guint n_warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) == G_LOG_LEVEL_WARNING)
    n_warnings++;
  return G_LOG_WRITER_HANDLED;
}

static guint
count_attached (GlibHost *host)
{
  guint n = 0;

  for (guint i = 0; i < host->copy->len; i++)
    n += lxcmon_monitor_get_state (g_ptr_array_index (host->copy, i)) == LXCMON_STATE_ATTACHED;
  return n;
}

/* The mock's controllers need descriptors as well, so that the limit is set when all of them run. */
static void
starve (GlibHost *host, guint n)
{
  struct rlimit limit;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%02u", i);
      glib_host_add (host, name, (int) i + 1);
    }
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  /* Each container costs two: the client's, and the mock's own for it. */
  limit.rlim_cur = glib_test_count_descriptors () + n;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

/* In a process of its own: limits and the log's writer are everybody's. */
static void
test_shortage (void)
{
  enum
  {
    N = 40
  };

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }

  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  GlibHost *host = glib_host_new_direct ();
  struct rlimit limit;
  GlibHost *other = glib_host_new_direct ();
  glib_host_start (other); /* GIO has opened what it needs */
  glib_host_free (other);
  starve (host, N);
  glib_host_start (host);
  g_assert_cmpuint (host->copy->len, ==, N);
  glib_test_wait_until (n_warnings > 0);
  run_for (2500);
  guint n_attached = count_attached (host);
  g_assert_cmpuint (n_attached, >, 5);
  g_assert_cmpuint (n_attached, <, N);
  g_assert_cmpuint (n_warnings, ==, 2); /* one that pidfds are given up, and one that containers wait */

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  glib_test_wait_until (count_attached (host) == N);
  g_assert_cmpuint (host->n_changes, ==, 1);
  glib_host_free (host);
  /* What GIO has opened in this process stays open. */
  exit (0);
}

/* How often all threads of ours have been woken up. */
static guint64
count_wakeups (void)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *tid;
  guint64 n = 0;

  while ((tid = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/status", tid);
      g_autofree char *text = NULL;
      if (!g_file_get_contents (path, &text, NULL, NULL))
        continue;
      const char *line = strstr (text, "\nvoluntary_ctxt_switches:");
      g_assert_nonnull (line);
      n += g_ascii_strtoull (line + strlen ("\nvoluntary_ctxt_switches:"), NULL, 10);
    }
  return n;
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
run_quietly_for (int ms)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_timeout_add ((guint) ms, quit, loop);
  g_main_loop_run (loop);
}

static void
assert_idle (void)
{
  run_quietly_for (1500);
  guint64 before = count_wakeups ();
  run_quietly_for (5000);
  /* The one that ends the loop. */
  g_assert_cmpuint (count_wakeups () - before, <=, 2);
}

static void
test_idle (void)
{
  g_autofree char *above = glib_test_make_dir ();
  g_autofree char *missing = g_build_filename (above, "libvirt/lxc", NULL);
  {
    g_autoptr (GlibHost) with = glib_host_new_direct ();
    g_autoptr (GlibHost) without = glib_host_new_at (missing, "direct:");

    glib_host_add (with, "web1", 1);
    glib_host_start (with);
    glib_host_start (without);
    glib_host_wait_signals (with, "web1 init 1");
    close (bind_at (with, "stale.sock"));
    assert_idle ();
  }
  glib_test_remove_dir (g_steal_pointer (&above));
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/direct/scan/dir-comes", test_dir_comes);
  glib_test_add ("/direct/scan/names", test_names);
  glib_test_add ("/direct/scan/many-stale", test_many_stale);
  glib_test_add ("/direct/scan/listens-late", test_listens_late);
  glib_test_add ("/direct/scan/listens-on", test_listens_on);
  glib_test_add ("/direct/scan/untrusted", test_untrusted);
  glib_test_add ("/direct/scan/force-while-busy", test_force_while_busy);
  glib_test_add ("/direct/scan/overflow", test_overflow);
  glib_test_add ("/direct/scan/shortage", test_shortage);
  glib_test_add ("/direct/scan/idle", test_idle);
  return g_test_run ();
}
