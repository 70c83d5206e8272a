/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the rows of a host know of how their inits ended, with real inits whose controller is this process.
 */

#include <signal.h>
#include <unistd.h>

#include "common/core-init.h"
#include "common/glib-host.h"
#include "common/glib-test.h"

/* A host whose container has started. */
static GlibHost *
begin (CoreInit *init)
{
  GlibHost *host = glib_host_new_direct ();

  core_init_start (init, CORE_INIT_REAL);
  glib_host_add (host, "web1", init->pid);
  glib_host_start (host);
  glib_test_wait_until (lxcmon_monitor_get_init_pid (glib_host_get (host, "web1")) == init->pid);
  return host;
}

static void
check_code (LxcmonHost *host, LxcmonMonitor *monitor, gpointer value, gpointer user_data)
{
  g_assert_cmpint (lxcmon_monitor_get_init_exit_code (monitor), ==, GPOINTER_TO_INT (user_data));
  g_assert_cmpint (lxcmon_monitor_get_init_signal (monitor), ==, 0);
  g_assert_false (lxcmon_monitor_get_running (monitor));
}

/* A reboot begins a new run, of which nothing is known. */
static void
test_reboot (void)
{
  CoreInit init, next;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibHost) host = begin (&init);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  gulong on_exit
      = g_signal_connect (host->host, "exit", G_CALLBACK (check_code), GINT_TO_POINTER (7));
  gulong on_closed
      = g_signal_connect (host->host, "closed", G_CALLBACK (check_code), GINT_TO_POINTER (7));
  int pidfd = lxcmon_monitor_dup_init_pidfd (monitor);
  g_assert_cmpint (pidfd, >=, 0);
  close (pidfd);
  g_assert_true (lxcmon_monitor_get_running (monitor));
  core_init_exit (&init, 7);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
  core_init_start (&next, CORE_INIT_REAL);
  glib_host_add (host, "web1", next.pid);
  glib_test_wait_until (lxcmon_monitor_get_init_pid (monitor) == next.pid);
  g_assert_cmpint (lxcmon_monitor_get_init_exit_code (monitor), ==, -1);
  g_assert_true (lxcmon_monitor_get_running (monitor));
  g_signal_handler_disconnect (host->host, on_exit);
  g_signal_handler_disconnect (host->host, on_closed);
  core_init_kill (&next, SIGKILL);
  g_object_ref (monitor);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_wait_names (host, "");
  g_assert_cmpint (lxcmon_monitor_get_init_signal (monitor), ==, SIGKILL);
  g_object_unref (monitor);
}

/* The controller ends first. The row has left the list when it is known, and the application has kept it. */
static void
test_known_later (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibHost) host = begin (&init);
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  glib_host_drop (host, "web1");
  glib_test_wait_until (lxcmon_monitor_get_state (monitor) == LXCMON_STATE_CLOSED);
  g_assert_cmpint (lxcmon_monitor_get_init_exit_code (monitor), ==, -1);
  core_init_exit (&init, 42);
  glib_test_wait_until (lxcmon_monitor_get_init_exit_code (monitor) == 42);
  g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, LXCMON_END_LOST);
}

static void
test_switched_off (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  lxcmon_host_set_watch_init (host->host, FALSE);
  g_assert_false (lxcmon_host_get_watch_init (host->host));
  core_init_start (&init, CORE_INIT_REAL);
  glib_host_add (host, "web1", init.pid);
  glib_host_start (host);
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  glib_test_wait_until (lxcmon_monitor_get_init_pid (monitor) == init.pid);
  g_assert_cmpint (lxcmon_monitor_dup_init_pidfd (monitor), ==, -1);
  core_init_exit (&init, 42);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_wait_names (host, "");
  g_assert_cmpint (lxcmon_monitor_get_init_exit_code (monitor), ==, -1);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  glib_test_add ("/host-init/reboot", test_reboot);
  glib_test_add ("/host-init/known-later", test_known_later);
  glib_test_add ("/host-init/switched-off", test_switched_off);
  return g_test_run ();
}
