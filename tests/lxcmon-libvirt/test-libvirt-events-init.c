/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How inits ended, through libvirtd on this machine: with real inits, whose controller is this process.
 */

#include <signal.h>
#include <unistd.h>

#include <libvirt/libvirt.h>

#include "common/core-init.h"
#include "common/glib-test.h"
#include "feed.h"

static void
assert_init (LxcmonMonitor *monitor, int exit_code, int signal)
{
  g_assert_cmpint (lxcmon_monitor_get_init_exit_code (monitor), ==, exit_code);
  g_assert_cmpint (lxcmon_monitor_get_init_signal (monitor), ==, signal);
}

/* A container that has started. */
static Record *
begin (CoreInit *init)
{
  Record *record = feed_record_new ("");

  core_init_start (init, CORE_INIT_REAL);
  feed_real (record, 1, STARTED, "a", 10, init->pid);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (feed_get_row (record, "a")), ==, init->pid);
  g_assert_true (lxcmon_monitor_get_running (feed_get_row (record, "a")));
  assert_init (feed_get_row (record, "a"), -1, 0);
  return record;
}

static void
test_shutdown (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (Record) record = begin (&init);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  int pidfd = lxcmon_monitor_dup_init_pidfd (row);
  g_assert_cmpint (pidfd, >=, 0);
  close (pidfd);
  core_init_exit (&init, 42);
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  assert_init (row, 42, 0);
  g_assert_false (lxcmon_monitor_get_running (row));
  g_assert_cmpint (lxcmon_monitor_get_end (row), ==, LXCMON_END_SHUTDOWN);
  g_assert_cmpint (lxcmon_monitor_dup_init_pidfd (row), ==, -1);
}

static void
on_exit_signal (LxcmonMonitor *row, LxcmonExitStatus status, gpointer user_data)
{
  int pidfd = lxcmon_monitor_dup_init_pidfd (row);

  g_assert_cmpint (lxcmon_monitor_get_init_pid (row), ==, GPOINTER_TO_INT (user_data));
  assert_init (row, 7, 0);
  g_assert_cmpint (pidfd, >=, 0);
  close (pidfd);
}

static void
on_closed (LxcmonMonitor *row, const GError *error, gpointer user_data)
{
  g_assert_cmpint (lxcmon_monitor_get_init_pid (row), ==, GPOINTER_TO_INT (user_data));
  assert_init (row, 7, 0);
}

/* The event of a reboot is about the next run already: its init has not ended. */
static void
test_reboot (void)
{
  CoreInit init, next;

  if (!core_init_can_run ())
    return;
  g_autoptr (Record) record = begin (&init);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  g_signal_connect (row, "exit", G_CALLBACK (on_exit_signal), GINT_TO_POINTER (init.pid));
  gulong handler
      = g_signal_connect (row, "closed", G_CALLBACK (on_closed), GINT_TO_POINTER (init.pid));
  core_init_exit (&init, 7);
  core_init_start (&next, CORE_INIT_REAL);
  feed_real (record, 1, REBOOTED, "a", 20, next.pid);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (row), ==, next.pid);
  g_assert_true (lxcmon_monitor_get_running (row));
  assert_init (row, -1, 0);
  g_signal_handler_disconnect (row, handler);
  core_init_kill (&next, SIGKILL);
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
  assert_init (row, -1, SIGKILL);
  g_assert_cmpint (lxcmon_monitor_get_end (row), ==, LXCMON_END_DESTROYED);
}

/* While the end is held, it is known that the container does not run, and how its init ended. */
static void
test_held (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (Record) record = begin (&init);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  core_init_kill (&init, SIGKILL);
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_FAILED);
  g_assert_cmpint (lxcmon_monitor_get_end (row), ==, LXCMON_END_NONE);
  g_assert_false (lxcmon_monitor_get_running (row));
  assert_init (row, -1, SIGKILL);
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
  g_assert_cmpint (lxcmon_monitor_get_end (row), ==, LXCMON_END_DESTROYED);
  assert_init (row, -1, SIGKILL);
}

/* The controller was killed, and init is reaped by another process, later. */
static void
test_known_later (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (Record) record = begin (&init);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_FAILED);
  glib_test_wait_until (lxcmon_monitor_get_end (row) == LXCMON_END_LOST);
  assert_init (row, -1, 0);
  core_init_kill (&init, SIGKILL);
  glib_test_wait_until (lxcmon_monitor_get_init_signal (row) == SIGKILL);
}

/* What libvirt says of a container is no reason to believe that a pid is still its init's. */
static void
test_gone (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (Record) record = feed_record_new ("");
  core_init_start (&init, CORE_INIT_REAL);
  core_init_exit (&init, 42);
  feed_real (record, 1, STARTED, "a", 10, init.pid);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  assert_init (row, -1, 0);
}

#define UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"

static void
test_uuid (void)
{
  g_autoptr (Record) record = feed_record_new ("");
  g_autofree char *uuid = NULL;

  feed (record, 1, STARTED, UUID "/a", 10);
  uuid = lxcmon_monitor_get_uuid (feed_get_row (record, UUID));
  g_assert_cmpstr (uuid, ==, UUID);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  glib_test_add ("/libvirt/events-init/shutdown", test_shutdown);
  glib_test_add ("/libvirt/events-init/reboot", test_reboot);
  glib_test_add ("/libvirt/events-init/held", test_held);
  glib_test_add ("/libvirt/events-init/known-later", test_known_later);
  glib_test_add ("/libvirt/events-init/gone", test_gone);
  glib_test_add ("/libvirt/events-init/uuid", test_uuid);
  return g_test_run ();
}
