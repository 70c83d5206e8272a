/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The states of a connection, its timers and its ends: the grace behind EXIT, keepalive, what is kept
 * of an error, and silence after a detach. Long waits are cut short by setting the connection's timer
 * anew, as only a test may.
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
  g_assert_cmpuint (self->connection->timer_index, !=, LXCMON_TIMER_NONE);
  return (self->connection->deadline - _lxcmon_clock_now ()) / LXCMON_NS_PER_MS;
}

static void
assert_no_timer (const CoreSession *self)
{
  g_assert_cmpuint (self->connection->timer_index, ==, LXCMON_TIMER_NONE);
  g_assert_cmpint (lxcmon_connection_get_timeout (self->connection), ==, -1);
}

static void
test_path_through_states (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  lxcmon_connection_set_debug (session.connection, true);
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
  lxcmon_connection_detach (session.connection);
  core_session_assert_state (&session, "detached");
  g_assert_cmpstr (session.log->str, ==,
                   "debug: detached → connecting\n"
                   "debug: connecting → queued\n"
                   "debug: queued → attached\n"
                   "debug: attached → exited\n"
                   "debug: exited → closed\n"
                   "debug: closed → detached\n");
  core_session_clear (&session);
}

/* A controller that says EXIT and stays is given up after 5 s, without an error. */
static void
test_grace (CoreMode mode)
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
  g_assert_cmpstr (session.trace->str, ==, "attached exit(reboot) closed(null)");
  g_assert_cmpint (lxcmon_connection_get_fd (session.connection), ==, -1);
  g_assert_false (core_session_is_ready (&session, 20));
  core_session_clear (&session);
}

/* The timer goes off between the look for what is ready and the reading of it. */
static void
fire_timer (CoreSession *self)
{
  _lxcmon_connection_clear_timer (self->connection);
  _lxcmon_connection_on_timer (self->connection);
}

/* The grace is over, but bytes have come: they are delivered before anything is closed. */
static void
test_grace_with_unread (CoreMode mode)
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

/* Both at once: one dispatch reads, and does not only think about the timer. */
static void
test_grace_over_and_bytes (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_exit (session.peer, 2);
  core_session_settle (&session);
  core_send_exit (session.peer, 1);
  _lxcmon_connection_set_timer (session.connection, 0);
  core_session_dispatch (&session);
  g_assert_true (g_str_has_prefix (session.trace->str, "attached exit(reboot) exit(shutdown)"));
  core_session_clear (&session);
}

static void
test_no_timer_while_served (CoreMode mode)
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

/* A peer that hangs: asked once, given up after as long again. */
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

/* A peer that never answered the first PING is not asked again. */
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

/* Whoever speaks lives: no PING is needed. */
static void
test_keepalive_heard (CoreMode mode)
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

/* The timer is over, but the answer has come: nobody is judged before it is read. */
static void
test_keepalive_unread (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  core_session_attach_pair (&session, &fast_keepalive);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  session.connection->heard = false;
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

/* After detach() nothing comes any more, whatever is in the socket. */
static void
test_detach (CoreMode mode)
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

      lxcmon_connection_detach (session.connection);
      core_session_assert_state (&session, "detached");
      g_assert_cmpint (lxcmon_connection_get_fd (session.connection), ==, -1);
      g_assert_cmpint (lxcmon_connection_get_events (session.connection), ==, 0);
      assert_no_timer (&session);
      lxcmon_connection_detach (session.connection);
      lxcmon_connection_dispatch (session.connection);
      core_session_expect (&session, before);
      core_session_clear (&session);
    }
}

/* The controller sees that we have gone at once, although others may hold copies of our socket. */
static void
test_detach_is_seen (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  int copy = dup (lxcmon_connection_get_fd (session.connection));
  lxcmon_connection_detach (session.connection);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  close (copy);
  core_session_clear (&session);
}

/* Each attach starts afresh: nothing of the last one is left. */
static void
test_attach_again (CoreMode mode)
{
  CoreSession session;
  LxcmonConnection *connection;

  core_session_init_pair (&session, mode);
  connection = session.connection;
  core_send_init (session.peer, 7);
  core_send (session.peer, core_init_bytes, 11);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(7) closed(truncated)");
  g_assert_cmpint (lxcmon_connection_get_init_pid (connection), ==, 7);
  g_assert_cmpint (lxcmon_connection_get_error (connection)->code, ==,
                   LXCMON_MONITOR_ERROR_TRUNCATED);

  core_session_attach_pair (&session, NULL);
  g_assert_null (lxcmon_connection_get_error (connection));
  g_assert_cmpint (lxcmon_connection_get_init_pid (connection), ==, 0);
  g_assert_false (lxcmon_connection_get_exited (connection));
  g_assert_cmpint (lxcmon_connection_get_exit_raw (connection), ==, -1);
  g_assert_cmpint (lxcmon_connection_get_exit_status (connection), ==, LXCMON_EXIT_STATUS_UNKNOWN);
  core_send_exit (session.peer, 0);
  core_session_hang_up (&session);
  core_session_expect (&session,
                       "attached init(7) closed(truncated) served exit(error) closed(null)");
  g_assert_true (lxcmon_connection_get_missed_init (connection));
  g_assert_cmpint (lxcmon_connection_get_exit_raw (connection), ==, 0);
  core_session_clear (&session);
}

/* The offset in an error's message counts from this attach. */
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
  core_test_add_modes ("/state/grace", test_grace);
  core_test_add_modes ("/state/grace-with-unread", test_grace_with_unread);
  core_test_add_modes ("/state/grace-over-and-bytes", test_grace_over_and_bytes);
  core_test_add_modes ("/state/no-timer-while-served", test_no_timer_while_served);
  core_test_add_modes ("/state/keepalive/hung", test_keepalive_hung);
  core_test_add_modes ("/state/keepalive/never-two", test_keepalive_never_two);
  core_test_add_modes ("/state/keepalive/answered", test_keepalive_answered);
  core_test_add_modes ("/state/keepalive/heard", test_keepalive_heard);
  core_test_add_modes ("/state/keepalive/unread", test_keepalive_unread);
  core_test_add_modes ("/state/keepalive/off", test_keepalive_off);
  core_test_add_modes ("/state/detach", test_detach);
  core_test_add_modes ("/state/detach-is-seen", test_detach_is_seen);
  core_test_add_modes ("/state/attach-again", test_attach_again);
  core_test_add_modes ("/state/protocol-error", test_protocol_error);

  return g_test_run ();
}
