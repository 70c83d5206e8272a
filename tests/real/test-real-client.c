/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The client as a container's driver has it, from start to end, against libvirt's own controller. */

#include "accept-queue.h"
#include "real-test.h"
#include "watch.h"

/* Long enough for several PINGs to be answered, or not. */
#define KEEPALIVE_MS 100

typedef struct
{
  const char *command;
  const char *trace;
  LxcmonExitStatus status;
} Ending;

static void
run_to_the_end (const Ending *ending)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_start (container);

  g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (watch->monitor), ==,
                   container_get_controller_pid (container));
  watch_wait_exit (watch);

  real_command (container, ending->command);
  real_wait (watch->closed_at != 0 && watch->exit_done);
  watch_assert_trace (watch, ending->trace);
  watch_assert_state (watch, "closed");
  g_assert_cmpint (lxcmon_monitor_get_exit_status (watch->monitor), ==, ending->status);
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (watch->monitor), ==, ending->status);
  g_assert_no_error (watch->exit_error);
  g_assert_cmpint (watch->exit_status, ==, ending->status);
  real_wait_end (container);
}

static void
test_shutdown (void)
{
  run_to_the_end (
      &(Ending){ "shutdown", "init exit:shutdown closed ", LXCMON_EXIT_STATUS_SHUTDOWN });
}

/* The controller does not report init's exit status. */
static void
test_exit_42 (void)
{
  run_to_the_end (
      &(Ending){ "exit 42", "init exit:shutdown closed ", LXCMON_EXIT_STATUS_SHUTDOWN });
}

static void
test_reboot (void)
{
  run_to_the_end (&(Ending){ "reboot", "init exit:reboot closed ", LXCMON_EXIT_STATUS_REBOOT });
}

/* If no client is accepted and no libvirtd runs, any client gets the slot, and INIT. */
static void
test_defaults (void)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_new (container);

  real_start (container);
  watch_attach (watch);
  watch_assert_state (watch, "queued");
  real_wait (watch->init_pid != 0);
  g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));

  real_command (container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:shutdown closed ");
}

static void
test_blocking (void)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_new (container);
  g_autoptr (GError) error = NULL;
  LxcmonExitStatus status;

  lxcmon_client_set_force (watch->client, TRUE);
  real_start (container);
  g_assert_true (lxcmon_client_attach (watch->client, NULL, &error));
  g_assert_no_error (error);
  watch_assert_state (watch, "attached");

  real_command (container, "exit 42");
  status = lxcmon_monitor_wait_exit (LXCMON_MONITOR (watch->client), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, LXCMON_EXIT_STATUS_SHUTDOWN);
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:shutdown closed ");
}

static gpointer
continue_when_somebody_waits (gpointer data)
{
  Container *container = data;

  accept_queue_wait (container_get_socket_path (container), 1, 0);
  real_continue (container);
  return NULL;
}

/* A driver that blocks in attach has its handshake go on in another thread. */
static void
test_blocking_driver (void)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_new (container);
  g_autoptr (GError) error = NULL;
  GThread *thread;

  lxcmon_client_set_force (watch->client, TRUE);
  real_start_controller (container);
  thread = g_thread_new ("continue", continue_when_somebody_waits, container);
  g_assert_true (lxcmon_client_attach (watch->client, NULL, &error));
  g_assert_no_error (error);
  g_thread_join (thread);

  real_wait (watch->init_pid != 0);
  g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));
  real_command (container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:shutdown closed ");
}

/* libvirt's own client loses the EXIT here. */
static void
test_all_pending (void)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_new (container);

  lxcmon_client_set_force (watch->client, TRUE);
  real_start_controller (container);
  watch_attach (watch);
  real_command (container, "reboot");
  real_continue (container);
  real_wait_end (container);
  watch_assert_trace (watch, "");

  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:reboot closed ");
  g_assert_true (watch->attach_done);
  g_assert_no_error (watch->attach_error);
}

/* A client whose loop does not run, and which then blocks for the end of a container that has ended
 * already. */
static void
test_all_pending_blocking (void)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_new (container);
  g_autoptr (GError) error = NULL;

  lxcmon_client_set_force (watch->client, TRUE);
  real_start_controller (container);
  watch_attach (watch);
  real_command (container, "shutdown");
  real_continue (container);
  real_wait_end (container);

  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (watch->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_no_error (error);
  real_wait (watch->closed_at != 0 && watch->attach_done);
  g_assert_no_error (watch->attach_error);
  watch_assert_trace (watch, "init exit:shutdown closed ");
}

/* A controller that did not answer would be given up after two intervals. */
static void
test_ping_is_answered (void)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_new (container);

  lxcmon_client_set_force (watch->client, TRUE);
  lxcmon_client_set_keepalive_interval (watch->client, KEEPALIVE_MS);
  real_start (container);
  watch_attach (watch);
  real_wait (watch->init_pid != 0);
  real_run_for (KEEPALIVE_MS * 8);
  watch_assert_trace (watch, "init ");
  watch_assert_state (watch, "attached");
  real_wait (accept_queue_count_unread_pings (container_get_socket_path (container)) == 0);

  real_command (container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:shutdown closed ");
}

/* Detaching ends nothing but the connection. */
static void
test_detach (void)
{
  g_autoptr (Container) container = container_new ("real-client");
  g_autoptr (Watch) watch = watch_start (container);

  watch_wait_exit (watch);
  lxcmon_client_detach (watch->client);
  real_wait (watch->exit_done);
  g_assert_error (watch->exit_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  accept_queue_wait (container_get_socket_path (container), 0, 0);
  g_assert_cmpint (real_init_pid (container), ==, watch->init_pid);

  real_command (container, "shutdown");
  real_wait_end (container);
  real_run_for (0);
  watch_assert_trace (watch, "init ");
  watch_assert_state (watch, "detached");
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/client/shutdown", test_shutdown);
  real_test_add ("/real/client/exit-42", test_exit_42);
  real_test_add ("/real/client/reboot", test_reboot);
  real_test_add ("/real/client/defaults", test_defaults);
  real_test_add ("/real/client/blocking", test_blocking);
  real_test_add ("/real/client/blocking-driver", test_blocking_driver);
  real_test_add ("/real/client/all-pending", test_all_pending);
  real_test_add ("/real/client/all-pending-blocking", test_all_pending_blocking);
  real_test_add ("/real/client/ping-is-answered", test_ping_is_answered);
  real_test_add ("/real/client/detach", test_detach);
  return g_test_run ();
}
