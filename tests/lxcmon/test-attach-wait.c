/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Waiting for a place that somebody else has: without connecting, without a spin, and with our turn
 * when it is free.
 */

#include "common/core-place.h"
#include "common/core-session.h"

#include <string.h>
#include <unistd.h>

static const LxcmonAttachOptions patient
    = { sizeof (LxcmonAttachOptions), .attach_timeout = 20, .wait_if_busy = true };

static void
test_wait_if_busy (CoreMode mode)
{
  CoreTakenPlace place;
  CoreSession session;

  core_taken_place_init (&place);
  core_session_init (&session, mode);
  g_assert_true (
      lxcmon_connection_attach (session.connection, place.listener.path, &patient, NULL));
  core_session_assert_state (&session, "connecting");
  g_assert_cmpint (lxcmon_connection_get_fd (session.connection), ==, -1);
  g_assert_cmpuint (core_session_run_for (&session, 150), <=, 4);
  core_session_assert_state (&session, "connecting");
  g_assert_cmpuint (core_listener_count (&place.listener, "02"), ==, 0);

  core_taken_place_release (&place);
  core_session_wait_for (&session, "queued");
  core_session_assert_state (&session, "queued");
  session.peer = core_listener_accept (&place.listener);
  core_send_pong (session.peer);
  core_session_expect (&session, "queued served");
  core_session_clear (&session);
  core_taken_place_clear (&place);
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
  g_assert_true (lxcmon_connection_attach (session.connection, listener.path, &patient, NULL));
  core_session_assert_state (&session, "connecting");
  core_child_stop (&driver);
  core_session_wait_for (&session, "queued");
  core_session_clear (&session);
  core_listener_clear (&listener);
}

/* The queue is full and we are patient: no spin, and our turn when there is room. */
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
  g_assert_true (lxcmon_connection_attach (session.connection, listener.path, &patient, NULL));
  core_session_assert_state (&session, "connecting");
  g_assert_cmpuint (core_session_run_for (&session, 150), <=, 4);
  while (n > 0)
    {
      close (queued[--n]);
      close (core_listener_accept (&listener));
    }
  core_session_wait_for (&session, "queued");
  core_session_clear (&session);
  core_listener_clear (&listener);
}

static void
test_container_goes_meanwhile (CoreMode mode)
{
  CoreTakenPlace place;
  CoreSession session;

  core_taken_place_init (&place);
  core_session_init (&session, mode);
  g_assert_true (
      lxcmon_connection_attach (session.connection, place.listener.path, &patient, NULL));
  core_taken_place_release (&place);
  close (place.listener.fd);
  place.listener.fd = -1;
  g_assert_no_errno (unlink (place.listener.path));
  core_session_wait_for (&session, "failed(not-found)");
  g_assert_cmpstr (session.trace->str, ==, "failed(not-found)");
  core_session_clear (&session);
  core_taken_place_clear (&place);
}

static void
free_now (CoreSession *self, const char *event)
{
  core_session_free_connection (self);
}

/* Freed while it waits for the place, outside and inside of a callback. */
static void
test_free_while_connecting (CoreMode mode)
{
  CoreTakenPlace place;
  CoreSession outside, inside;

  core_taken_place_init (&place);
  core_session_init (&outside, mode);
  core_session_init (&inside, mode);
  inside.hook = free_now;
  g_assert_true (
      lxcmon_connection_attach (outside.connection, place.listener.path, &patient, NULL));
  g_assert_true (lxcmon_connection_attach (inside.connection, place.listener.path, &patient, NULL));
  core_session_free_connection (&outside);
  g_assert_cmpuint (core_session_run_for (&outside, 20), ==, 0);
  core_taken_place_release (&place);
  core_session_wait_for (&inside, "queued");
  g_assert_cmpstr (outside.trace->str, ==, "");
  core_session_clear (&outside);
  core_session_clear (&inside);
  core_taken_place_clear (&place);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/attach/wait/for-place", test_wait_if_busy);
  core_test_add_modes ("/attach/wait/for-driver-to-go", test_wait_for_driver_to_go);
  core_test_add_modes ("/attach/wait/for-room", test_wait_for_room);
  core_test_add_modes ("/attach/wait/container-goes-meanwhile", test_container_goes_meanwhile);
  core_test_add_modes ("/attach/wait/free-while-connecting", test_free_while_connecting);

  return g_test_run ();
}
