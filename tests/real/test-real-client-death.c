/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Controllers that end without a word, hang, or are stopped for a while; and a client that forks. */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accept-queue.h"
#include "real-test.h"
#include "watch.h"

#define NAME           "real-death"
#define KEEPALIVE_MS   200
#define STOPPED_FOR_MS 500
/* The aim is 100 ms; a busy machine may miss it. */
#define LATENESS_MAX_US (1000 * 1000)

static void
test_killed (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start (container);
  gint64 start, took;

  watch_wait_exit (watch);
  start = g_get_monotonic_time ();
  container_signal (container, SIGKILL);
  real_wait (watch->closed_at != 0 && watch->exit_done);
  took = watch->closed_at - start;
  g_test_message ("closed %.2f ms after the kill", (double) took / 1000);
  g_test_minimized_result ((double) took / 1e6, "from the kill to closed: %.6f s",
                           (double) took / 1e6);
  g_assert_cmpint (took, <, LATENESS_MAX_US);
  watch_assert_trace (watch, "init closed:lost ");
  g_assert_error (watch->exit_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST);
  g_assert_cmpint (lxcmon_monitor_get_exit_status (watch->monitor), ==, LXCMON_EXIT_STATUS_UNKNOWN);

  /* The socket file still exists, and no process listens on it. */
  real_wait_end (container);
  g_assert_no_errno (access (container_get_socket_path (container), F_OK));
  watch_attach (watch);
  real_wait (watch->attach_done);
  g_assert_error (watch->attach_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_REFUSED);
  watch_assert_trace (watch, "");
  watch_assert_state (watch, "detached");
}

static void
test_killed_while_waiting (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_new (container);

  lxcmon_client_set_force (watch->client, TRUE);
  real_start_controller (container);
  watch_attach (watch);
  watch_assert_state (watch, "queued");
  real_kill_at_the_start (container);
  real_wait (watch->attach_done);
  g_assert_error (watch->attach_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST);
  watch_assert_trace (watch, "");
  watch_assert_state (watch, "detached");
}

static void
test_killed_while_blocking (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_new (container);
  g_autoptr (GError) error = NULL;

  lxcmon_client_set_force (watch->client, TRUE);
  real_start (container);
  g_assert_true (lxcmon_client_attach (watch->client, NULL, &error));
  container_signal (container, SIGKILL);
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (watch->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST);
  watch_assert_trace (watch, "init closed:lost ");
}

/* There is no container of that name, neither before nor after the file is removed. */
static void
test_not_there (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_new (container);

  watch_attach (watch);
  real_wait (watch->attach_done);
  g_assert_error (watch->attach_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND);

  real_start (container);
  real_command (container, "shutdown");
  real_wait_end (container);
  watch_attach (watch);
  real_wait (watch->attach_done);
  g_assert_error (watch->attach_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND);
}

static void
test_stopped_under_keepalive (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_new (container);
  gint64 start;

  lxcmon_client_set_force (watch->client, TRUE);
  lxcmon_client_set_keepalive_interval (watch->client, KEEPALIVE_MS);
  real_start (container);
  watch_attach (watch);
  real_wait (watch->init_pid != 0);

  container_signal (container, SIGSTOP);
  start = g_get_monotonic_time ();
  real_wait (watch->closed_at != 0);
  g_test_message ("closed %.1f ms after the stop, at an interval of %d ms",
                  (double) (watch->closed_at - start) / 1000, KEEPALIVE_MS);
  watch_assert_trace (watch, "init closed:timed-out ");
  g_assert_cmpint (watch->closed_at - start, <, 3 * KEEPALIVE_MS * 1000 + LATENESS_MAX_US);
}

/* What happens meanwhile is reported afterwards. */
static void
test_stopped_for_a_while (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start (container);

  container_signal (container, SIGSTOP);
  real_command (container, "reboot");
  real_run_for (STOPPED_FOR_MS);
  watch_assert_trace (watch, "init ");
  watch_assert_state (watch, "attached");

  container_signal (container, SIGCONT);
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:reboot closed ");
}

/* The client waits for a controller that is stopped before it accepts a client. */
static void
test_stopped_before_init (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_new (container);

  lxcmon_client_set_force (watch->client, TRUE);
  lxcmon_client_set_attach_timeout (watch->client, STOPPED_FOR_MS / 5);
  real_start_controller (container);
  container_signal (container, SIGSTOP);
  watch_attach (watch);
  real_run_for (STOPPED_FOR_MS);
  watch_assert_state (watch, "queued");

  container_signal (container, SIGCONT);
  real_continue (container);
  real_wait (watch->init_pid != 0);
  g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));
}

/* Dropping the parent's client in the child, with all that a careful or a careless child does. */
static void
run_child (Watch *watch)
{
  g_main_context_iteration (NULL, FALSE);
  lxcmon_client_detach (watch->client);
  g_signal_handlers_disconnect_by_data (watch->client, watch);
  g_object_unref (watch->client);
  g_main_context_iteration (NULL, FALSE);
  _exit (watch->trace->len == 0 ? 0 : 1);
}

static void
test_fork (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start (container);
  pid_t child;
  int status;

  g_string_truncate (watch->trace, 0);
  child = fork ();
  if (child == 0)
    run_child (watch);
  g_assert_cmpint (child, >, 0);
  while (waitpid (child, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);

  real_run_for (0);
  watch_assert_state (watch, "attached");
  g_assert_cmpuint (accept_queue_look (container_get_socket_path (container)).n_served, ==, 1);
  real_command (container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "exit:shutdown closed ");
}

/* A child that still runs, with a copy of all descriptors, keeps nothing open that its parent has
 * closed. */
static void
test_fork_outlives (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start (container);
  pid_t child = fork ();

  if (child == 0)
    {
      pause ();
      _exit (1);
    }
  g_assert_cmpint (child, >, 0);
  lxcmon_client_detach (watch->client);
  accept_queue_wait (container_get_socket_path (container), 0, 0);
  watch_attach (watch);
  real_wait (watch->attach_done);
  g_assert_no_error (watch->attach_error);
  real_command (container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "exit:shutdown closed ");

  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/client/death/killed", test_killed);
  real_test_add ("/real/client/death/killed-while-waiting", test_killed_while_waiting);
  real_test_add ("/real/client/death/killed-while-blocking", test_killed_while_blocking);
  real_test_add ("/real/client/death/not-there", test_not_there);
  real_test_add ("/real/client/death/stopped-under-keepalive", test_stopped_under_keepalive);
  real_test_add ("/real/client/death/stopped-for-a-while", test_stopped_for_a_while);
  real_test_add ("/real/client/death/stopped-before-init", test_stopped_before_init);
  real_test_add ("/real/client/death/fork", test_fork);
  real_test_add ("/real/client/death/fork-outlives", test_fork_outlives);
  return g_test_run ();
}
