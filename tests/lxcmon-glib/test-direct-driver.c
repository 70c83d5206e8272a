/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * If a driver is running, its containers are shown and not attached. When it starts, all client slots are
 * given up; when it has ended, a successor is waited for.
 */

#include "common/glib-host.h"
#include "common/glib-session.h"
#include "common/glib-test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Holds the lock on driver.pid, in a process of its own, as libvirtd does. */
static pid_t
start_driver (GlibHost *host)
{
  g_autofree char *path = glib_host_path (host, "driver.pid");
  int ready[2];
  char byte;

  g_assert_cmpint (pipe2 (ready, O_CLOEXEC), ==, 0);
  pid_t pid = fork ();
  if (pid == 0)
    {
      struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      int fd = open (path, O_RDWR | O_CREAT, 0644);
      if (fd < 0 || fcntl (fd, F_SETLK, &lock) < 0 || ftruncate (fd, 0) < 0
          || write (fd, "4711\n", 5) != 5 || write (ready[1], "", 1) != 1)
        _exit (1);
      for (;;)
        pause ();
    }
  close (ready[1]);
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
  return pid;
}

static void
kill_driver (pid_t pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static void
run_for (int ms)
{
  for (gint64 end = g_get_monotonic_time () + ms * 1000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "time");
}

/* What a session has received is reported before its row is detached. */
static void
assert_managed (GlibHost *host, const char *name)
{
  LxcmonMonitor *monitor = glib_host_get (host, name);

  g_assert_nonnull (monitor);
  glib_test_wait_until (lxcmon_monitor_get_state (monitor) == LXCMON_STATE_DETACHED);
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "busy");
  g_assert_nonnull (strstr (lxcmon_monitor_get_error (monitor)->message, "libvirtd"));
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, name)), ==, 0);
}

static void
write_status (GlibHost *host, const char *base, gint pid)
{
  g_autofree char *path = glib_host_path (host, base);
  g_autofree char *text
      = g_strdup_printf ("<domstatus pid='%d'><init pid='4711'/></domstatus>", pid);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
assert_pids (GlibHost *host, const char *name, gint controller_pid, gint init_pid)
{
  LxcmonMonitor *monitor = glib_host_get (host, name);

  g_assert_cmpint (lxcmon_monitor_get_controller_pid (monitor), ==, controller_pid);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, init_pid);
}

/* Pids that the status XML has count where the file is root's or ours, and the process is the one that listens. */
static void
test_pids (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  pid_t driver = start_driver (host);

  glib_host_add (host, "none", 11);
  glib_host_add (host, "ours", 12);
  glib_host_add (host, "another", 13);
  glib_host_add (host, "strangers", 14);
  write_status (host, "ours.xml", getpid ());
  write_status (host, "another.xml", getppid ());
  write_status (host, "strangers.xml", getpid ());
  g_autofree char *strangers = glib_host_path (host, "strangers.xml");
  gboolean is_strangers = chown (strangers, 65534, 65534) == 0;
  glib_host_start (host);
  assert_pids (host, "none", 0, 0);
  assert_pids (host, "ours", getpid (), 4711);
  assert_pids (host, "another", 0, 0);
  if (is_strangers)
    assert_pids (host, "strangers", 0, 0);
  kill_driver (driver);
}

static void
test_running (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  pid_t driver = start_driver (host);

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  assert_managed (host, "web1");
  glib_host_add (host, "web2", 12);
  glib_host_wait_names (host, "web1 web2");
  run_for (100);
  assert_managed (host, "web1");
  assert_managed (host, "web2");
  g_assert_cmpstr (host->signals->str, ==, "");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  glib_host_drop (host, "web1");
  glib_host_wait_names (host, "web2");
  /* Nobody could see how it ended. */
  g_assert_cmpstr (host->signals->str, ==, "web1 closed lost");
  g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, LXCMON_END_UNKNOWN);
  kill_driver (driver);
}

static void
test_starts (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  glib_host_wait_attached (host, "web2");
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  g_string_truncate (host->signals, 0);
  pid_t driver = start_driver (host);
  glib_test_wait_until (
      lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1")) == 0
      && lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web2")) == 0);
  assert_managed (host, "web1");
  assert_managed (host, "web2");
  g_assert_true (glib_host_get (host, "web1") == monitor);
  g_assert_cmpstr (host->signals->str, ==, "");
  g_assert_cmpuint (host->n_changes, ==, 1);
  kill_driver (driver);
}

/* The container ends as the driver starts: the end that the controller has sent is reported. */
static void
test_starts_at_end (void)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GlibHost) host = glib_host_new_direct ();

      glib_host_add (host, "web1", 11);
      glib_host_start (host);
      glib_host_wait_attached (host, "web1");
      g_string_truncate (host->signals, 0);
      glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
      pid_t driver = start_driver (host);
      /* The host scans before it reads what has come. */
      lxcmon_host_set_force (host->host, TRUE);
      lxcmon_host_set_force (host->host, FALSE);
      glib_test_wait_until (strstr (host->signals->str, "closed") != NULL);
      g_assert_nonnull (strstr (host->signals->str, "exit shutdown"));
      kill_driver (driver);
    }
}

/* It is killed: 10 seconds later, and not before, the containers are attached. */
static void
test_ends (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  /* It was attached before: the hub knows of the driver too. */
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  pid_t driver = start_driver (host);
  glib_test_wait_until (glib_host_state (host, "web1") == LXCMON_STATE_DETACHED);
  run_for (200);
  gint64 start = g_get_monotonic_time ();
  kill_driver (driver);
  glib_host_add (host, "web2", 12);
  glib_host_wait_names (host, "web1 web2");
  run_for (300);
  assert_managed (host, "web1");
  assert_managed (host, "web2");
  g_assert_nonnull (strstr (lxcmon_monitor_get_error (glib_host_get (host, "web1"))->message,
                            "has ended and may be restarting"));
  glib_host_wait_attached (host, "web1");
  glib_host_wait_attached (host, "web2");
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 10 * G_USEC_PER_SEC);
  /* It would be 20 s if the driver counted as just gone with the first attempt to attach. */
  g_assert_cmpint (g_get_monotonic_time () - start, <, 15 * G_USEC_PER_SEC);
  g_assert_null (lxcmon_monitor_get_error (glib_host_get (host, "web1")));
}

/* A successor comes in time. */
static void
test_successor (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  pid_t driver = start_driver (host);

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  kill_driver (driver);
  run_for (200);
  driver = start_driver (host);
  run_for (200);
  assert_managed (host, "web1");
  g_assert_null (strstr (lxcmon_monitor_get_error (glib_host_get (host, "web1"))->message,
                         "has ended and may be restarting"));
  kill_driver (driver);
}

typedef struct
{
  gboolean done;
  LxcmonExitStatus status;
  const char *nick; /* of the error, or NULL */
} Wait;

static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;
  g_autoptr (GError) error = NULL;

  wait->status = lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, &error);
  wait->nick = error != NULL ? glib_error_nick (error) : NULL;
  wait->done = TRUE;
}

/* The driver takes the slots, and the rows are detached: their ends are still waited for. */
static void
test_wait_exit (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  Wait waits[2] = { 0 };

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  lxcmon_monitor_wait_exit_async (monitor, NULL, on_waited, &waits[0]);
  pid_t driver = start_driver (host);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1"))
                        == 0);
  assert_managed (host, "web1");
  lxcmon_monitor_wait_exit_async (monitor, NULL, on_waited, &waits[1]);
  run_for (50);
  g_assert_false (waits[0].done || waits[1].done);

  lxcmon_host_set_force (host->host, TRUE);
  glib_host_wait_attached (host, "web1");
  g_assert_true (glib_host_get (host, "web1") == monitor);
  g_assert_false (waits[0].done || waits[1].done);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (waits[0].done && waits[1].done);
  g_assert_cmpint (waits[0].status, ==, LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_cmpint (waits[1].status, ==, LXCMON_EXIT_STATUS_SHUTDOWN);
  kill_driver (driver);
}

/* A container ends while the driver has its slot: it is not known how. Stopping the host cancels the wait. */
static void
test_wait_exit_gone (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  pid_t driver = start_driver (host);
  Wait waits[2] = { 0 };

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  glib_host_start (host);
  lxcmon_monitor_wait_exit_async (glib_host_get (host, "web1"), NULL, on_waited, &waits[0]);
  lxcmon_monitor_wait_exit_async (glib_host_get (host, "web2"), NULL, on_waited, &waits[1]);
  glib_host_drop (host, "web1");
  glib_test_wait_until (waits[0].done);
  g_assert_cmpint (waits[0].status, ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_cmpstr (waits[0].nick, ==, "lost");
  g_assert_false (waits[1].done);
  lxcmon_host_stop (host->list);
  glib_test_wait_until (waits[1].done);
  g_assert_cmpstr (waits[1].nick, ==, "cancelled");
  kill_driver (driver);
}

/* Its controller is replaced between two scans: that is another container, with a row of its own. */
static void
test_replaced (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  pid_t driver = start_driver (host);
  Wait wait = { 0 };

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  assert_managed (host, "web1");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  lxcmon_monitor_wait_exit_async (monitor, NULL, on_waited, &wait);
  glib_host_drop (host, "web1");
  glib_host_add (host, "web1", 12);
  glib_test_wait_until (glib_host_get (host, "web1") != monitor);
  glib_host_wait_names (host, "web1");
  assert_managed (host, "web1");
  glib_test_wait_until (wait.done);
  g_assert_cmpstr (wait.nick, ==, "lost");
  kill_driver (driver);
}

/* It reboots while it is attached, and the driver starts meanwhile: the row stays. */
static void
test_starts_during_reboot (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
  glib_host_wait_signals (host, "web1 init 11, web1 exit reboot, web1 closed");
  pid_t driver = start_driver (host);
  run_for (200);
  glib_host_add (host, "web1", 12);
  glib_test_wait_until (lxcmon_monitor_get_error (monitor) != NULL);
  g_assert_true (glib_host_get (host, "web1") == monitor);
  assert_managed (host, "web1");
  g_assert_cmpuint (host->n_changes, ==, 1);
  kill_driver (driver);
}

/* Whether descriptors have run out: the first row that could not be attached says so, the others wait behind it. */
static gboolean
has_shortage (GlibHost *host, int n)
{
  for (int i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%02d", i);
      LxcmonMonitor *monitor = glib_host_get (host, name);

      if (monitor != NULL
          && g_error_matches (lxcmon_monitor_get_error (monitor), LXCMON_MONITOR_ERROR,
                              LXCMON_MONITOR_ERROR_FAILED))
        return TRUE;
    }
  return FALSE;
}

/* Descriptors have run out, and rows wait to be attached: those that the driver manages do so no longer. */
static void
test_starts_while_pending (void)
{
  enum
  {
    N = 20
  };
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  struct rlimit before, limit;

  for (int i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%02d", i);
      glib_host_add (host, name, i + 1);
    }
  lxcmon_host_set_watch_init (host->host, FALSE); /* there would be another warning */
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  limit = before;
  limit.rlim_cur = glib_test_count_descriptors () + N;
  g_test_expect_message ("lxcmon", G_LOG_LEVEL_WARNING, "*cannot be attached now*");
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  glib_host_start (host);
  glib_test_wait_until (has_shortage (host, N));
  g_test_assert_expected_messages ();
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  pid_t driver = start_driver (host);
  run_for (2500);
  for (int i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%02d", i);
      assert_managed (host, name);
    }
  kill_driver (driver);
}

static void
test_force (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  pid_t driver = start_driver (host);

  lxcmon_host_set_force (host->host, TRUE);
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  lxcmon_host_set_force (host->host, FALSE);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1"))
                        == 0);
  assert_managed (host, "web1");
  lxcmon_host_set_force (host->host, TRUE);
  glib_host_wait_attached (host, "web1");
  kill_driver (driver);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/direct/driver/pids", test_pids);
  glib_test_add ("/direct/driver/running", test_running);
  glib_test_add ("/direct/driver/starts", test_starts);
  glib_test_add ("/direct/driver/starts-at-end", test_starts_at_end);
  glib_test_add ("/direct/driver/ends", test_ends);
  glib_test_add ("/direct/driver/successor", test_successor);
  glib_test_add ("/direct/driver/wait-exit", test_wait_exit);
  glib_test_add ("/direct/driver/wait-exit-gone", test_wait_exit_gone);
  glib_test_add ("/direct/driver/replaced", test_replaced);
  glib_test_add ("/direct/driver/starts-during-reboot", test_starts_during_reboot);
  glib_test_add ("/direct/driver/starts-while-pending", test_starts_while_pending);
  glib_test_add ("/direct/driver/force", test_force);
  return g_test_run ();
}
