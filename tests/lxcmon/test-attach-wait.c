/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Waiting for a slot that is taken: without connecting, without a spin, and until it is free. The event is
 * CONNECTED, for which there is no callback.
 */

#include "common/core-slot.h"
#include "common/core-session.h"

#include <unistd.h>

#include <lxcmon/lxcmon-connection-private.h>

static const LxcmonAttachOptions patient
    = { sizeof (LxcmonAttachOptions), .attach_timeout = 20, .wait_if_busy = true };

static void
wait_for_connected (CoreSession *self)
{
  gint64 deadline = core_deadline ();

  while (lxcmon_connection_get_state (self->connection) == LXCMON_STATE_CONNECTING)
    {
      if (core_session_is_ready (self, 50))
        core_session_dispatch (self);
      core_check_deadline (deadline, "a free slot");
    }
  core_session_assert_state (self, "queued");
  g_assert_cmpstr (self->trace->str, ==, self->mode == CORE_PULLED ? "connected" : "");
}

static void
test_wait_if_busy (CoreMode mode)
{
  CoreTakenSlot slot;
  CoreSession session;

  core_taken_slot_init (&slot);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, slot.listener.path, &patient, NULL));
  core_session_assert_state (&session, "connecting");
  g_assert_cmpint (session.connection->fd, ==, -1);
  g_assert_cmpuint (core_session_run_for (&session, 150), <=, 4);
  core_session_assert_state (&session, "connecting");
  g_assert_cmpuint (core_listener_count (&slot.listener, "02"), ==, 0);

  core_taken_slot_release (&slot);
  wait_for_connected (&session);
  session.peer = core_listener_accept (&slot.listener);
  core_send_pong (session.peer);
  core_session_wait_for (&session, "attached");
  g_assert_cmpstr (session.trace->str, ==, mode == CORE_PULLED ? "connected attached" : "attached");
  core_session_clear (&session);
  core_taken_slot_clear (&slot);
}

/* The controller is killed while a driver is running: its slot is never free again. */
static void
test_wait_ends_if_stale (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;
  CoreChild driver;

  core_listener_init (&listener);
  g_autofree char *lock = g_build_filename (listener.dir, "driver.pid", NULL);
  core_child_start (&driver, core_child_lock, lock);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, listener.path, &patient, NULL));
  core_session_assert_state (&session, "connecting");

  close (listener.fd);
  listener.fd = -1;
  core_session_wait_for (&session, "failed(refused)");
  core_child_stop (&driver);
  core_session_clear (&session);
  core_listener_clear (&listener);
}

static void
test_wait_for_driver_to_go (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;
  CoreChild driver;

  core_listener_init (&listener);
  g_autofree char *lock = g_build_filename (listener.dir, "driver.pid", NULL);
  core_child_start (&driver, core_child_lock, lock);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, listener.path, &patient, NULL));
  core_session_assert_state (&session, "connecting");
  core_child_stop (&driver);
  wait_for_connected (&session);
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* The backlog is full: no spin, and connected when there is room. */
static void
test_wait_for_room (CoreMode mode)
{
  CoreListener listener;
  CoreSession session;
  int queued[64];
  int n = 0;

  core_listener_init (&listener);
  while ((queued[n] = core_listener_connect (&listener)) >= 0)
    n++;
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, listener.path, &patient, NULL));
  core_session_assert_state (&session, "connecting");
  g_assert_cmpuint (core_session_run_for (&session, 150), <=, 4);
  while (n > 0)
    {
      close (queued[--n]);
      close (core_listener_accept (&listener));
    }
  wait_for_connected (&session);
  core_session_clear (&session);
  core_listener_clear (&listener);
}

static void
test_container_goes_meanwhile (CoreMode mode)
{
  CoreTakenSlot slot;
  CoreSession session;

  core_taken_slot_init (&slot);
  core_session_init (&session, mode);
  g_assert_true (core_session_attach (&session, slot.listener.path, &patient, NULL));
  core_taken_slot_release (&slot);
  close (slot.listener.fd);
  slot.listener.fd = -1;
  g_assert_no_errno (unlink (slot.listener.path));
  core_session_wait_for (&session, "failed(not-found)");
  g_assert_cmpstr (session.trace->str, ==, "failed(not-found)");
  core_session_clear (&session);
  core_taken_slot_clear (&slot);
}

static void
free_now (CoreSession *self, const char *event)
{
  core_session_free_connection (self);
}

/* Freed while it waits for the slot, and at CONNECTED or FAILED. */
static void
test_free_while_connecting (CoreMode mode)
{
  CoreTakenSlot slot;
  CoreSession outside, inside;

  core_taken_slot_init (&slot);
  core_session_init (&outside, mode);
  core_session_init (&inside, mode);
  inside.hook = free_now;
  g_assert_true (core_session_attach (&outside, slot.listener.path, &patient, NULL));
  g_assert_true (core_session_attach (&inside, slot.listener.path, &patient, NULL));
  core_session_free_connection (&outside);
  g_assert_cmpuint (core_session_run_for (&outside, 20), ==, 0);
  core_taken_slot_release (&slot);
  if (mode == CORE_DISPATCHED)
    {
      close (slot.listener.fd);
      slot.listener.fd = -1;
    }
  core_session_wait_for (&inside, mode == CORE_PULLED ? "connected" : "failed(refused)");
  g_assert_cmpstr (outside.trace->str, ==, "");
  core_session_clear (&outside);
  core_session_clear (&inside);
  core_taken_slot_clear (&slot);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/attach/wait/for-slot", test_wait_if_busy);
  core_test_add_modes ("/attach/wait/for-driver-to-go", test_wait_for_driver_to_go);
  core_test_add_modes ("/attach/wait/ends-if-stale", test_wait_ends_if_stale);
  core_test_add_modes ("/attach/wait/for-room", test_wait_for_room);
  core_test_add_modes ("/attach/wait/container-goes-meanwhile", test_container_goes_meanwhile);
  core_test_add_modes ("/attach/wait/free-while-connecting", test_free_while_connecting);

  return g_test_run ();
}
