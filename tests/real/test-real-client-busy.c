/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which client gets a controller's one slot, and which clients do not connect. */

#include <string.h>
#include <unistd.h>

#include "accept-queue.h"
#include "real-test.h"
#include "smoke-tools.h"
#include "watch.h"

#define NAME           "real-place"
#define N_ATTEMPTS     100
#define ATTACH_TIMEOUT 300
/* How late a result may be reported: the goal is 100 ms, which a busy machine may miss. */
#define LATENESS_MAX_US (1000 * 1000)

static Container *
container_with_first_client (int *first)
{
  Container *container = container_new (NAME);

  real_start_controller (container);
  *first = smoke_connect_to (container);
  real_continue (container);
  g_assert_cmpint ((int) smoke_read_init (*first), ==, real_init_pid (container));
  accept_queue_wait (container_get_socket_path (container), 0, 1);
  return container;
}

/* Who comes late is sent no INIT, knows the pid all the same, and gets EXIT. */
static void
finish_as_late_joiner (Watch *watch, Container *container)
{
  real_wait (watch->attach_done);
  g_assert_no_error (watch->attach_error);
  watch_assert_state (watch, "attached");
  g_assert_cmpint (lxcmon_monitor_get_init_pid (watch->monitor), ==, real_init_pid (container));
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (watch->monitor), ==,
                   container_get_controller_pid (container));

  real_command (container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "exit:shutdown closed ");
}

static void
test_late_after_socket (void)
{
  int first;
  g_autoptr (Container) container = container_with_first_client (&first);
  g_autoptr (Watch) watch = watch_new (container);

  close (first);
  accept_queue_wait (container_get_socket_path (container), 0, 0);
  lxcmon_client_set_force (watch->client, TRUE);
  watch_attach (watch);
  finish_as_late_joiner (watch, container);
}

static void
test_late_after_client (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) first = watch_start (container);
  g_autoptr (Watch) second = watch_new (container);

  lxcmon_client_detach (first->client);
  accept_queue_wait (container_get_socket_path (container), 0, 0);
  watch_attach (second);
  finish_as_late_joiner (second, container);
  watch_assert_trace (first, "init ");
}

static void
fail_to_attach (Container *container, gboolean blocking)
{
  g_autoptr (Watch) watch = watch_new (container);
  g_autoptr (GError) error = NULL;

  if (blocking)
    g_assert_false (lxcmon_client_attach (watch->client, NULL, &error));
  else
    {
      watch_attach (watch);
      watch_assert_state (watch, "detached"); /* known at once, before anything runs */
      real_wait (watch->attach_done);
      error = g_steal_pointer (&watch->attach_error);
    }
  g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "taken by another client"));
  watch_assert_state (watch, "detached");
  g_assert_error (lxcmon_monitor_get_error (watch->monitor), LXCMON_MONITOR_ERROR,
                  LXCMON_MONITOR_ERROR_BUSY);
  watch_assert_trace (watch, "");
}

/* If a client is accepted, a client without force does not connect: neither the accepted client nor the
 * next one notices it. */
static void
test_busy (void)
{
  g_autoptr (Container) container = container_new (NAME);
  const char *path = container_get_socket_path (container);
  g_autoptr (Watch) first = NULL;
  g_autoptr (Watch) later = watch_new (container);
  gint64 start;

  first = watch_start (container);
  start = g_get_monotonic_time ();
  for (int i = 0; i < N_ATTEMPTS; i++)
    fail_to_attach (container, i % 2 == 0);
  g_test_message ("%d times BUSY: %.2f ms each", N_ATTEMPTS,
                  (double) (g_get_monotonic_time () - start) / 1000 / N_ATTEMPTS);

  g_assert_cmpuint (accept_queue_look (path).n_queued, ==, 0);
  g_assert_cmpuint (accept_queue_look (path).n_served, ==, 1);
  g_assert_cmpint (accept_queue_ask_ss (path), <=, 0); /* -1 where there is no ss */
  watch_assert_trace (first, "init ");
  watch_assert_state (first, "attached");

  lxcmon_client_detach (first->client);
  accept_queue_wait (path, 0, 0);
  watch_attach (later);
  finish_as_late_joiner (later, container);
}

/* The busy check finds no accepted client, and a client that connected earlier is accepted first. */
static void
test_busy_behind_the_first (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) second = watch_new (container);
  int first;

  real_start_controller (container);
  first = smoke_connect_to (container);
  lxcmon_client_set_attach_timeout (second->client, ATTACH_TIMEOUT);
  watch_attach (second);
  watch_assert_state (second, "queued");
  real_continue (container);

  real_wait (second->attach_done);
  g_assert_error (second->attach_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);
  g_assert_nonnull (strstr (second->attach_error->message, "taken by another client"));
  g_assert_cmpint ((int) smoke_read_init (first), ==, real_init_pid (container));
  real_command (container, "shutdown");
  g_assert_cmpuint (smoke_read_exit (first), ==, SMOKE_EXIT_SHUTDOWN);
  smoke_assert_end_of_file (first);
}

/* With force, the client connects nevertheless, and the attach fails after the attach timeout. */
static void
test_take_a_taken_place (void)
{
  int first;
  g_autoptr (Container) container = container_with_first_client (&first);
  const char *path = container_get_socket_path (container);
  g_autoptr (Watch) second = watch_new (container);
  gint64 start, took;

  lxcmon_client_set_force (second->client, TRUE);
  lxcmon_client_set_attach_timeout (second->client, ATTACH_TIMEOUT);

  start = g_get_monotonic_time ();
  watch_attach (second);
  watch_assert_state (second, "queued");
  g_assert_cmpuint (accept_queue_look (path).n_queued, ==, 1);
  real_run_for (ATTACH_TIMEOUT / 2);
  g_assert_false (second->attach_done);
  g_assert_cmpuint (accept_queue_count_unread_pings (path), ==, 1);

  real_wait (second->attach_done);
  took = second->attach_done_at - start;
  g_test_message ("BUSY %.1f ms after the attach timeout", (double) took / 1000 - ATTACH_TIMEOUT);
  g_assert_error (second->attach_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);
  g_assert_nonnull (strstr (second->attach_error->message, "taken by another client"));
  g_assert_cmpint (took, >=, ATTACH_TIMEOUT * 1000);
  g_assert_cmpint (took, <, ATTACH_TIMEOUT * 1000 + LATENESS_MAX_US);

  real_command (container, "shutdown");
  g_assert_cmpuint (smoke_read_exit (first), ==, SMOKE_EXIT_SHUTDOWN);
  smoke_assert_end_of_file (first);
}

/* Leaving would cost the next client its INIT, so the attach timeout does not count here. */
static void
test_patience (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_new (container);

  lxcmon_client_set_attach_timeout (watch->client, ATTACH_TIMEOUT / 3);
  real_start_controller (container);
  watch_attach (watch);
  real_run_for (ATTACH_TIMEOUT * 2);
  g_assert_no_error (watch->attach_error);
  g_assert_false (watch->attach_done);
  watch_assert_state (watch, "queued");
  g_assert_cmpuint (accept_queue_count_unread_pings (container_get_socket_path (container)), ==, 1);

  real_continue (container);
  real_wait (watch->init_pid != 0 && watch->attach_done);
  g_assert_no_error (watch->attach_error);
  g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));
  real_command (container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:shutdown closed ");
}

/* Waits by repeating the busy check and not in the queue, and attaches when the slot is free. */
static void
test_wait_if_busy (void)
{
  int first;
  g_autoptr (Container) container = container_with_first_client (&first);
  g_autoptr (Watch) watch = watch_new (container);

  lxcmon_client_set_wait_if_busy (watch->client, TRUE);
  watch_attach (watch);
  real_run_for (ATTACH_TIMEOUT);
  watch_assert_state (watch, "connecting");
  g_assert_cmpuint (accept_queue_look (container_get_socket_path (container)).n_queued, ==, 0);

  close (first);
  finish_as_late_joiner (watch, container);
}

/* A cancelled wait leaves nothing, and the first client receives its EXIT. */
static void
test_wait_if_busy_cancelled (void)
{
  int first;
  g_autoptr (Container) container = container_with_first_client (&first);
  g_autoptr (Watch) watch = watch_new (container);

  lxcmon_client_set_wait_if_busy (watch->client, TRUE);
  watch_attach (watch);
  watch_assert_state (watch, "connecting");
  lxcmon_client_detach (watch->client);
  real_wait (watch->attach_done);
  g_assert_error (watch->attach_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (accept_queue_look (container_get_socket_path (container)).n_queued, ==, 0);

  real_command (container, "reboot");
  g_assert_cmpuint (smoke_read_exit (first), ==, SMOKE_EXIT_REBOOT);
  smoke_assert_end_of_file (first);
  watch_assert_trace (watch, "");
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/client/place/late-after-socket", test_late_after_socket);
  real_test_add ("/real/client/place/late-after-client", test_late_after_client);
  real_test_add ("/real/client/place/busy", test_busy);
  real_test_add ("/real/client/place/busy-behind-the-first", test_busy_behind_the_first);
  real_test_add ("/real/client/place/take-a-taken-place", test_take_a_taken_place);
  real_test_add ("/real/client/place/patience", test_patience);
  real_test_add ("/real/client/place/wait-if-busy", test_wait_if_busy);
  real_test_add ("/real/client/place/wait-cancelled", test_wait_if_busy_cancelled);
  return g_test_run ();
}
