/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client that follows its container from one controller to the next. */

#include <string.h>

#include "real-test.h"
#include "watch.h"

#define NAME      "real-follow"
#define N_REBOOTS 20
#define FOLLOW_MS 15000
/* For cases in which nothing comes, so that the wait is short. */
#define SHORT_FOLLOW_MS 300

static Watch *
watch_start_following (Container *container, guint follow_ms)
{
  Watch *watch = watch_new (container);

  lxcmon_client_set_force (watch->client, TRUE);
  lxcmon_client_set_reboot_timeout (watch->client, follow_ms);
  real_start_controller (container);
  watch_attach (watch);
  real_continue (container);
  real_wait (watch->init_pid != 0);
  return watch;
}

/* The driver's part of a reboot, up to where the client is connected to the new controller: the first
 * client that it accepts receives INIT. */
static void
restart_controller (Container *container, Watch *watch)
{
  real_command (container, "reboot");
  real_wait (watch->closed_at != 0);
  real_wait_end (container);
  watch_assert_state (watch, "connecting");
  real_start_controller (container);
  real_wait (strcmp (watch_get_state (watch), "queued") == 0);
}

static void
test_follow (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start_following (container, FOLLOW_MS);
  g_autoptr (GError) error = NULL;
  int last_pid = 0;

  for (int i = 0; i < N_REBOOTS; i++)
    {
      g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));
      g_assert_cmpint (watch->init_pid, !=, last_pid);
      g_assert_cmpint (lxcmon_monitor_get_controller_pid (watch->monitor), ==,
                       container_get_controller_pid (container));
      watch_assert_state (watch, "attached");
      watch_assert_trace (watch, "init ");
      last_pid = watch->init_pid;

      watch_wait_exit (watch);
      restart_controller (container, watch);
      watch_assert_trace (watch, "init exit:reboot closed ");
      g_assert_true (watch->exit_done);
      g_assert_no_error (watch->exit_error);
      g_assert_cmpint (watch->exit_status, ==, LXCMON_EXIT_STATUS_REBOOT);
      g_assert_false (lxcmon_monitor_get_exited (watch->monitor));

      watch_clear (watch);
      real_continue (container);
      real_wait (watch->init_pid != 0);
    }

  /* Waiting in vain for the end of what runs now, and not of what ended before. */
  real_command (container, "shutdown");
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (watch->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_no_error (error);
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "init exit:shutdown closed ");
  real_run_for (0);
  watch_assert_state (watch, "closed");
}

/* With the harness's own restart the controller begins to serve before anything is dispatched here. */
static void
test_follow_blindly (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start_following (container, FOLLOW_MS);
  g_autoptr (GError) error = NULL;

  real_command (container, "reboot");
  container_restart (container, &error);
  g_assert_no_error (error);
  real_wait (watch->closed_at != 0 && strcmp (watch_get_state (watch), "attached") == 0);
  real_wait (g_str_has_suffix (watch->trace->str, "init "));
  watch_assert_trace (watch, "init exit:reboot closed init ");
  g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));
}

/* wait_exit that is asked for between the two controllers waits for the second one's end. */
static void
test_wait_exit_across (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start_following (container, FOLLOW_MS);

  restart_controller (container, watch);
  watch_wait_exit (watch);
  real_continue (container);
  real_wait (g_str_has_suffix (watch->trace->str, "init "));
  g_assert_false (watch->exit_done);
  real_command (container, "shutdown");
  real_wait (watch->exit_done);
  g_assert_no_error (watch->exit_error);
  g_assert_cmpint (watch->exit_status, ==, LXCMON_EXIT_STATUS_SHUTDOWN);
}

/* The new controller is killed before it accepts a client, while its client blocks. */
static void
test_second_dies (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start_following (container, SHORT_FOLLOW_MS);
  g_autoptr (GError) error = NULL;

  restart_controller (container, watch);
  real_kill_at_the_start (container);
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (watch->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_UNKNOWN);
  g_test_message ("%s", error->message);
  g_assert_true (error->domain == LXCMON_MONITOR_ERROR);
  watch_assert_state (watch, "detached");
  watch_assert_trace (watch, "init exit:reboot closed ");
}

static void
test_nobody_comes (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autoptr (Watch) watch = watch_start_following (container, SHORT_FOLLOW_MS);

  real_command (container, "reboot");
  real_wait (watch->closed_at != 0);
  watch_assert_state (watch, "connecting");
  real_wait (strcmp (watch_get_state (watch), "detached") == 0);
  g_assert_error (lxcmon_monitor_get_error (watch->monitor), LXCMON_MONITOR_ERROR,
                  LXCMON_MONITOR_ERROR_TIMED_OUT);
  watch_assert_trace (watch, "init exit:reboot closed ");
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/client/reboot/follow", test_follow);
  real_test_add ("/real/client/reboot/follow-blindly", test_follow_blindly);
  real_test_add ("/real/client/reboot/wait-exit-across", test_wait_exit_across);
  real_test_add ("/real/client/reboot/second-dies", test_second_dies);
  real_test_add ("/real/client/reboot/nobody-comes", test_nobody_comes);
  return g_test_run ();
}
