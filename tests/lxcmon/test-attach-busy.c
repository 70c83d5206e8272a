/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The busy check: if another client has the slot or a driver needs it, nothing is connected. Waiting for the slot:
 * test-attach-wait.c; beside strangers: test-attach-adversary.c.
 */

#include "common/core-slot.h"
#include "common/core-session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
assert_busy (CoreSession *self, const char *path, const LxcmonAttachOptions *options,
             const char *text)
{
  LxcmonError error;

  g_assert_false (core_session_attach (self, path, options, &error));
  g_assert_cmpstr (lxcmon_monitor_error_to_string (error.code), ==, "busy");
  core_session_assert_state (self, "detached");
  g_assert_cmpstr (self->trace->str, ==, "");
  if (strstr (error.message, text) == NULL)
    g_error ("no \"%s\" in: %s", text, error.message);
}

static void
test_taken_slot (CoreMode mode)
{
  CoreTakenSlot slot;
  CoreSession session;

  core_taken_slot_init (&slot);
  core_session_init (&session, mode);
  gint64 start = g_get_monotonic_time ();
  assert_busy (&session, slot.listener.path, NULL, " is taken by another client");
  g_assert_cmpint (g_get_monotonic_time () - start, <, 500 * 1000);
  g_assert_cmpuint (core_listener_count (&slot.listener, "02"), ==, 0);
  g_assert_cmpint (core_listener_accept (&slot.listener), ==, -1);
  core_session_clear (&session);
  core_taken_slot_release (&slot);
  core_taken_slot_clear (&slot);
}

/* A thousand busy checks leave nothing in the backlog; a driver that connects then is accepted. */
static void
test_a_thousand_times (void)
{
  CoreTakenSlot slot;
  CoreSession session;

  core_taken_slot_init (&slot);
  core_session_init (&session, CORE_DISPATCHED);
  for (int i = 0; i < 1000; i++)
    g_assert_false (core_session_attach (&session, slot.listener.path, NULL, NULL));
  g_assert_cmpuint (core_listener_count (&slot.listener, "02"), ==, 0);
  core_taken_slot_release (&slot);
  int driver = core_listener_connect (&slot.listener);
  int accepted = core_listener_accept (&slot.listener);
  core_send_story (accepted);
  close (accepted);
  guint8 bytes[100];
  g_assert_cmpint (recv (driver, bytes, sizeof bytes, 0), ==, CORE_INIT_SIZE + CORE_EXIT_SIZE);
  close (driver);
  core_session_clear (&session);
  core_taken_slot_clear (&slot);
}

static void
test_taken_slot_by_another_path (CoreMode mode)
{
  CoreTakenSlot slot;
  CoreSession session;

  core_taken_slot_init (&slot);
  g_autofree char *dotted = g_strconcat (slot.listener.dir, "/../",
                                         strrchr (slot.listener.dir, '/'), "//web1.sock", NULL);
  core_session_init (&session, mode);
  assert_busy (&session, dotted, NULL, "one client slot");
  g_assert_cmpuint (core_listener_count (&slot.listener, "02"), ==, 0);
  core_session_clear (&session);
  core_taken_slot_release (&slot);
  core_taken_slot_clear (&slot);
}

/* No client is accepted yet, but a driver is running that needs the slot. */
static void
test_driver_running (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;
  CoreChild driver;

  core_listener_init (&listener);
  g_autofree char *lock = g_build_filename (listener.dir, "driver.pid", NULL);
  core_child_start (&driver, core_child_lock, lock);
  g_autofree char *who = g_strdup_printf ("virtlxcd (pid %d) manages the containers", driver.pid);
  core_session_init (&session, mode);
  assert_busy (&session, listener.path, NULL, who);
  g_assert_cmpuint (core_listener_count (&listener, "02"), ==, 0);

  core_child_stop (&driver);
  g_assert_true (core_session_attach (&session, listener.path, NULL, NULL));
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* The driver itself: no check, no waiting. */
static void
test_force (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreListener listener;
  CoreSession session;
  CoreChild driver;

  options.force = true;
  core_listener_init (&listener);
  g_autofree char *lock = g_build_filename (listener.dir, "driver.pid", NULL);
  core_child_start (&driver, core_child_lock, lock);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, listener.path, &options, NULL));
  core_session_assert_state (&session, "queued");
  session.peer = core_listener_accept (&listener);
  core_send_init (session.peer, 1);
  core_session_expect (&session, "attached init(1)");
  core_child_stop (&driver);
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* Queued while another client is accepted. Returns how late the error came, in microseconds. */
static gint64
time_out (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreTakenSlot slot;
  CoreSession session;

  options.force = true;
  options.attach_timeout = 100;
  core_taken_slot_init (&slot);
  core_session_init (&session, mode);
  gint64 due = g_get_monotonic_time () + options.attach_timeout * 1000;
  g_assert_true (core_session_attach (&session, slot.listener.path, &options, NULL));
  core_session_wait_for (&session, "failed(busy)");
  gint64 late = g_get_monotonic_time () - due;
  g_assert_cmpstr (session.trace->str, ==, "failed(busy)");
  g_assert_nonnull (strstr (session.error.message, "one client slot"));

  /* One PING was sent, and we have left. */
  session.peer = core_listener_accept (&slot.listener);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  core_session_clear (&session);
  core_taken_slot_release (&slot);
  core_taken_slot_clear (&slot);

  return late;
}

/* BUSY when the timeout is over, and within 100 ms of it. A machine that is busy itself gets three
 * chances, and one with very many sockets more time to scan them. */
static void
test_attach_timeout (CoreMode mode)
{
  gint64 limit = core_machine_is_small () ? 100 * 1000 : 1000 * 1000;
  gint64 late = G_MAXINT64;

  for (int i = 0; i < 3 && late > limit; i++)
    {
      late = time_out (mode);
      g_assert_cmpint (late, >=, 0);
    }
  g_assert_cmpint (late, <=, limit);
}

/* Two of ours: the second one fails because the first is accepted. */
static void
test_two_of_ours (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreListener listener;
  CoreSession first, second;

  options.attach_timeout = 50;
  core_listener_init (&listener);
  core_session_init (&first, mode);
  core_session_init (&second, mode);
  g_assert_true (core_session_attach (&first, listener.path, NULL, NULL));
  g_assert_true (core_session_attach (&second, listener.path, &options, NULL));
  first.peer = core_listener_accept (&listener);
  core_send_init (first.peer, 1);
  core_session_expect (&first, "attached init(1)");
  core_session_wait_for (&second, "failed(busy)");
  core_session_clear (&second);
  core_session_clear (&first);
  core_listener_clear (&listener);
}

/* One of ours has been accepted a moment ago. */
static void
test_right_after_our_own (CoreMode mode)
{
  CoreListener listener;
  CoreSession first, second;

  core_listener_init (&listener);
  core_session_init (&first, mode);
  core_session_init (&second, mode);
  g_assert_true (core_session_attach (&first, listener.path, NULL, NULL));
  first.peer = core_listener_accept (&listener);
  assert_busy (&second, listener.path, NULL, "one client slot");
  g_assert_cmpuint (core_listener_count (&listener, "02"), ==, 0);
  core_session_clear (&second);
  core_session_clear (&first);
  core_listener_clear (&listener);
}

static void
test_full_backlog (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;
  int queued[64];
  int n = 0;

  core_listener_init (&listener);
  while ((queued[n] = core_listener_connect (&listener)) >= 0)
    n++;
  g_assert_cmpint (n, ==, 31);
  core_session_init (&session, mode);
  gint64 start = g_get_monotonic_time ();
  assert_busy (&session, listener.path, NULL, "the backlog of the controller");
  g_assert_cmpint (g_get_monotonic_time () - start, <, 500 * 1000);
  while (n > 0)
    close (queued[--n]);
  core_session_clear (&session);
  core_listener_clear (&listener);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/attach/busy/taken-slot", test_taken_slot);
  core_test_add ("/attach/busy/a-thousand-times", test_a_thousand_times);
  core_test_add_modes ("/attach/busy/by-another-path", test_taken_slot_by_another_path);
  core_test_add_modes ("/attach/busy/driver-running", test_driver_running);
  core_test_add_modes ("/attach/busy/force", test_force);
  core_test_add_modes ("/attach/busy/attach-timeout", test_attach_timeout);
  core_test_add_modes ("/attach/busy/two-of-ours", test_two_of_ours);
  core_test_add_modes ("/attach/busy/right-after-our-own", test_right_after_our_own);
  core_test_add_modes ("/attach/busy/full-backlog", test_full_backlog);

  return g_test_run ();
}
