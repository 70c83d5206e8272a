/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The states of a connection, its timers and its end: the timeout after EXIT, keepalive, errors, and silence
 * after it was freed. Long waits are cut short by setting the connection's timer again, as only a test may.
 */

#include "common/core-peer.h"
#include "common/core-session.h"

#include <string.h>
#include <unistd.h>

#include <lxcmon/lxcmon-clock-private.h>
#include <lxcmon/lxcmon-connection-private.h>

static gint64
timer_left_ms (const CoreSession *self)
{
  g_assert_cmpuint (self->connection->timers[LXCMON_TIMER_STATE].index, !=, LXCMON_TIMER_UNSET);
  return (self->connection->timers[LXCMON_TIMER_STATE].deadline - _lxcmon_clock_now ())
         / LXCMON_NS_PER_MS;
}

static void
assert_no_timer (const CoreSession *self)
{
  g_assert_cmpuint (self->connection->timers[LXCMON_TIMER_STATE].index, ==, LXCMON_TIMER_UNSET);
}

static void
test_path_through_states (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  core_session_set_debug (&session);
  core_session_assert_state (&session, "detached");
  core_session_attach_pair (&session, NULL);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  core_session_assert_state (&session, "attached");
  core_send_exit (session.peer, 1);
  core_session_settle (&session);
  core_session_assert_state (&session, "exited");
  core_session_hang_up (&session);
  core_session_settle (&session);
  core_session_assert_state (&session, "closed");
  g_assert_cmpstr (session.log->str, ==,
                   "debug: detached → connecting\n"
                   "debug: connecting → queued\n"
                   "debug: queued → attached\n"
                   "debug: attached → exited\n"
                   "debug: exited → closed\n");
  core_session_clear (&session);
}

/* A controller that sends EXIT and does not close the connection: it is closed after 5 s, without error. */
static void
test_end_after_exit (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_exit (session.peer, 2);
  core_session_expect (&session, "attached exit(reboot)");
  g_assert_cmpint (timer_left_ms (&session), >, 4000);
  g_assert_cmpint (timer_left_ms (&session), <=, 5000);
  g_assert_false (core_session_is_ready (&session, 20));

  _lxcmon_connection_set_timer (session.connection, 1);
  core_session_wait_for (&session, "closed(null)");
  core_session_expect (&session, "attached exit(reboot) closed(null)");
  g_assert_cmpuint (lxcmon_hub_get_n_connections (session.hub), ==, 0);
  g_assert_false (core_session_is_ready (&session, 20));
  core_session_clear (&session);
}

/* The timer fires after epoll was asked, when more bytes have come. */
static void
fire_timer (CoreSession *self)
{
  LxcmonEvent event;
  LxcmonError error;

  _lxcmon_poller_unset_timer (self->connection->poller,
                              &self->connection->timers[LXCMON_TIMER_STATE]);
  g_assert_false (_lxcmon_connection_on_timer (self->connection, &event, &error));
}

/* The time is over, but bytes have come: they are returned before anything is closed. */
static void
test_end_after_exit_unread (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_exit (session.peer, 2);
  core_session_settle (&session);
  core_send_exit (session.peer, 1);
  fire_timer (&session);
  core_session_assert_state (&session, "exited");
  g_assert_cmpint (timer_left_ms (&session), >, 1000);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached exit(reboot) exit(shutdown) closed(null)");
  core_session_clear (&session);
}

/* Both at once: what was received comes first. */
static void
test_timeout_and_bytes (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_exit (session.peer, 2);
  core_session_settle (&session);
  core_send_exit (session.peer, 1);
  _lxcmon_connection_set_timer (session.connection, 0);
  core_session_dispatch (&session);
  core_session_settle (&session);
  g_assert_true (g_str_has_prefix (session.trace->str, "attached exit(reboot) exit(shutdown)"));
  core_session_clear (&session);
}

static void
test_no_timer_while_attached (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  g_assert_cmpint (timer_left_ms (&session), >, 1000);
  g_assert_cmpint (timer_left_ms (&session), <=, 2000);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  assert_no_timer (&session);
  core_session_hang_up (&session);
  core_session_settle (&session);
  assert_no_timer (&session);
  core_session_clear (&session);
}

static const LxcmonAttachOptions fast_keepalive
    = { sizeof (LxcmonAttachOptions), .attach_timeout = 2000, .keepalive_interval = 30 };

/* A peer that hangs: one PING, and the end after the same time again. */
static void
test_keepalive_hung (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  core_session_attach_pair (&session, &fast_keepalive);
  core_send_init (session.peer, 1);
  core_send_pong (session.peer);
  core_session_expect (&session, "attached init(1)");
  core_drain (session.peer);

  gint64 start = g_get_monotonic_time ();
  core_session_wait_for (&session, "closed(timed-out)");
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 60 * 1000);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 30 * 4 * 1000 + 500 * 1000);
  g_assert_cmpstr (session.error.message, ==,
                   "the controller did not answer PING within 30 ms: it hangs or is stopped");
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  core_session_clear (&session);
}

/* A peer that never answered the first PING does not get a second one. */
static void
test_keepalive_never_two (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  core_session_attach_pair (&session, &fast_keepalive);
  core_send_init (session.peer, 1);
  core_session_wait_for (&session, "closed(timed-out)");
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  core_session_clear (&session);
}

static void
test_keepalive_answered (CoreMode mode)
{
  guint n_pings = 0;
  gint64 deadline = core_deadline ();
  CoreSession session;

  core_session_init (&session, mode);
  core_session_attach_pair (&session, &fast_keepalive);
  while (n_pings < 5)
    {
      g_autofree char *sent = core_receive (session.peer);

      g_assert_true (g_str_equal (sent, "") || g_str_equal (sent, "ping"));
      if (g_str_equal (sent, "ping"))
        {
          n_pings++;
          core_send_pong (session.peer);
        }
      if (core_session_is_ready (&session, 5))
        core_session_dispatch (&session);
      core_check_deadline (deadline, "pings");
    }
  g_assert_cmpstr (session.trace->str, ==, "attached");
  core_session_clear (&session);
}

/* While messages come, no PING is needed. */
static void
test_keepalive_received (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  core_session_attach_pair (&session, &fast_keepalive);
  core_send_pong (session.peer);
  core_session_expect (&session, "attached");
  core_drain (session.peer);
  for (int i = 0; i < 10; i++)
    {
      core_send_pong (session.peer);
      core_session_run_for (&session, 10);
    }
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "");
  core_session_clear (&session);
}

/* The time is over, but the answer has come and was not read yet. */
static void
test_keepalive_unread (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  core_session_attach_pair (&session, &fast_keepalive);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  session.connection->received = false;
  core_send_exit (session.peer, 1);
  fire_timer (&session);
  core_session_assert_state (&session, "attached");
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(1) exit(shutdown) closed(null)");
  core_session_clear (&session);
}

static void
test_keepalive_off (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_pong (session.peer);
  core_session_expect (&session, "attached");
  assert_no_timer (&session);
  core_session_clear (&session);
}

/* After it was freed there are no more events, whatever is in the socket. */
static void
test_free (CoreMode mode)
{
  static const char *const states[] = { "queued", "attached", "exited", "closed" };

  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      CoreSession session;

      core_session_init_pair (&session, mode);
      if (i >= 1)
        core_send_init (session.peer, 1);
      if (i >= 2)
        core_send_exit (session.peer, 1);
      if (i >= 3)
        core_session_hang_up (&session);
      core_session_settle (&session);
      core_session_assert_state (&session, states[i]);
      if (i < 3)
        core_send_story (session.peer);
      g_autofree char *before = g_strdup (session.trace->str);

      core_session_free_connection (&session);
      g_assert_cmpuint (lxcmon_hub_get_n_connections (session.hub), ==, 0);
      g_assert_false (core_session_is_ready (&session, 0));
      core_session_expect (&session, before);
      core_session_clear (&session);
    }
}

/* The controller sees at once that we have left, although others may have copies of our socket. */
static void
test_free_is_seen (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  int copy = dup (session.connection->fd);
  core_session_free_connection (&session);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  close (copy);
  core_session_clear (&session);
}

/* What is known stays known after the end, until the connection is freed. */
static void
test_after_the_end (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_init (session.peer, 7);
  core_send_exit (session.peer, 0);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(7) exit(error) closed(null)");
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 7);
  g_assert_cmpint (lxcmon_connection_get_controller_pid (session.connection), ==, getpid ());
  g_assert_true (lxcmon_connection_get_exited (session.connection));
  g_assert_cmpint (lxcmon_connection_get_exit_raw (session.connection), ==, 0);
  g_assert_cmpint (lxcmon_connection_get_exit_status (session.connection), ==,
                   LXCMON_EXIT_STATUS_ERROR);
  core_session_clear (&session);
}

/* An error names the field and its offset in the stream. */
static void
test_protocol_error (CoreMode mode)
{
  CoreMessage call = core_init_message (1);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CoreSession session;

  call.type = 0;
  core_put_message (bytes, &call);
  core_session_init_pair (&session, mode);
  core_send_init (session.peer, 1);
  core_send_array (session.peer, bytes);
  core_send_exit (session.peer, 1);
  core_session_expect (&session, "attached init(1) closed(protocol)");
  g_assert_cmpstr (session.error.message, ==,
                   "the type at offset 52 is 0 (a call), which no controller sends to its client");
  g_autofree char *sent = core_receive (session.peer);
  g_assert_true (g_str_has_prefix (sent, "ping "));
  core_session_clear (&session);

  core_session_init_pair (&session, mode);
  core_send_array (session.peer, bytes);
  core_session_expect (&session, "failed(protocol)");
  core_session_clear (&session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/state/path-through-states", test_path_through_states);
  core_test_add_modes ("/state/end-after-exit/timeout", test_end_after_exit);
  core_test_add_modes ("/state/end-after-exit/unread", test_end_after_exit_unread);
  core_test_add_modes ("/state/end-after-exit/and-bytes", test_timeout_and_bytes);
  core_test_add_modes ("/state/no-timer-while-attached", test_no_timer_while_attached);
  core_test_add_modes ("/state/keepalive/hung", test_keepalive_hung);
  core_test_add_modes ("/state/keepalive/never-two", test_keepalive_never_two);
  core_test_add_modes ("/state/keepalive/answered", test_keepalive_answered);
  core_test_add_modes ("/state/keepalive/received", test_keepalive_received);
  core_test_add_modes ("/state/keepalive/unread", test_keepalive_unread);
  core_test_add_modes ("/state/keepalive/off", test_keepalive_off);
  core_test_add_modes ("/state/free", test_free);
  core_test_add_modes ("/state/free-is-seen", test_free_is_seen);
  core_test_add_modes ("/state/after-the-end", test_after_the_end);
  core_test_add_modes ("/state/protocol-error", test_protocol_error);

  return g_test_run ();
}
