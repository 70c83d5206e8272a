/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is sent to a controller, byte by byte: one PING at attach, a PONG for each PING, little if nothing
 * can be sent, and never a message inside another.
 */

#include "common/core-peer.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <lxcmon/lxcmon-connection-private.h>

/* Reads what was sent and compares it. */
#define assert_sent(session, expected)                      \
  G_STMT_START                                              \
  {                                                         \
    g_autofree char *sent = core_receive ((session)->peer); \
    g_assert_cmpstr (sent, ==, expected);                   \
  }                                                         \
  G_STMT_END

static void
test_attach_pings_once (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_session_settle (&session);
  assert_sent (&session, "ping");
  core_send_pong (session.peer);
  core_session_expect (&session, "attached");
  assert_sent (&session, "");
  core_session_clear (&session);
}

/* A session that is attached, with nothing more to read. */
static void
init_attached (CoreSession *session, CoreMode mode)
{
  core_session_init_pair (session, mode);
  core_send_init (session->peer, 1);
  core_send_pong (session->peer);
  core_session_expect (session, "attached init(1)");
  core_drain (session->peer);
  g_string_truncate (session->trace, 0);
}

static void
test_pong (CoreMode mode)
{
  CoreSession session;

  init_attached (&session, mode);
  core_send_ping (session.peer);
  core_session_expect (&session, "");
  assert_sent (&session, "pong");
  core_session_clear (&session);
}

/* The answer is always the same, whatever the PING carries. */
static void
test_pong_carries_nothing (CoreMode mode)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CoreMessage serial = core_keepalive_message (1);
  CoreMessage status = core_keepalive_message (1);
  CoreMessage payload = core_keepalive_message (1);
  CoreSession session;

  serial.serial = 9;
  status.status = 1;
  payload.payload_size = 7;
  core_put_message (bytes, &serial);
  core_put_message (bytes, &status);
  core_put_message (bytes, &payload);
  init_attached (&session, mode);
  core_send_array (session.peer, bytes);
  core_session_expect (&session, "");
  assert_sent (&session, "pong pong pong");
  core_session_clear (&session);
}

/* A PING is answered before the message after it is complete. */
static void
test_pong_during_partial_message (CoreMode mode)
{
  CoreSession session;

  init_attached (&session, mode);
  core_send_ping (session.peer);
  core_send (session.peer, core_shutdown_bytes, 10);
  core_session_settle (&session);
  assert_sent (&session, "pong");
  core_send (session.peer, core_shutdown_bytes + 10, CORE_EXIT_SIZE - 10);
  core_session_expect (&session, "exit(shutdown)");
  core_session_clear (&session);
}

static void
test_burst (CoreMode mode)
{
  enum
  {
    N_PINGS = 1000
  };
  g_autoptr (GByteArray) pings = g_byte_array_new ();
  g_autoptr (GByteArray) pongs = g_byte_array_new ();
  guint8 received[(N_PINGS + 1) * CORE_KEEPALIVE_SIZE];
  CoreSession session;

  for (int i = 0; i < N_PINGS; i++)
    {
      g_byte_array_append (pings, core_ping_bytes, CORE_KEEPALIVE_SIZE);
      g_byte_array_append (pongs, core_pong_bytes, CORE_KEEPALIVE_SIZE);
    }
  init_attached (&session, mode);
  core_send_array (session.peer, pings);
  core_session_expect (&session, "");

  gsize size = 0;
  gssize n;
  while ((n = recv (session.peer, received + size, sizeof received - size, MSG_DONTWAIT)) > 0)
    size += (gsize) n;
  core_assert_bytes (received, size, pongs->data, pongs->len);
  core_session_clear (&session);
}

/* Nothing can be sent: all PINGs are answered by one PONG, reading goes on, nothing spins. */
static void
test_full (CoreMode mode)
{
  g_autoptr (GByteArray) burst = g_byte_array_new ();
  CoreSession session;

  for (int i = 0; i < 1000; i++)
    g_byte_array_append (burst, core_ping_bytes, CORE_KEEPALIVE_SIZE);
  init_attached (&session, mode);
  gsize n_filled = core_fill (session.connection->fd);

  core_send_array (session.peer, burst);
  g_assert_cmpuint (core_session_settle (&session), <, 20);
  for (int i = 0; i < 5; i++)
    {
      core_send_ping (session.peer);
      g_assert_cmpuint (core_session_settle (&session), <, 3);
    }
  g_assert_true (session.connection->send_blocked);
  g_assert_false (core_session_is_ready (&session, 20));
  core_send_init (session.peer, 5);
  core_session_expect (&session, "init(5)");

  g_assert_cmpuint (core_drain (session.peer), ==, n_filled);
  core_session_settle (&session);
  assert_sent (&session, "pong");
  g_assert_false (session.connection->send_blocked);

  /* As good as new. */
  core_send_ping (session.peer);
  core_send_ping (session.peer);
  core_session_settle (&session);
  assert_sent (&session, "pong pong");
  core_session_clear (&session);
}

static gboolean
lets_send_fail (CoreCall call, int *errno_out)
{
  *errno_out = ENOBUFS;
  return call == CORE_CALL_send;
}

/* The kernel is short of memory, while the socket is writable: sending is tried again by the timer, and nothing
 * spins. */
static void
test_shortage (CoreMode mode)
{
  CoreSession session;

  init_attached (&session, mode);
  core_wrap_begin ();
  core_wrap_set_fault (lets_send_fail, 0, TRUE);
  core_wrap_pause ();
  core_send_ping (session.peer);
  core_wrap_resume ();
  g_assert_cmpuint (core_session_run_for (&session, 250), <=, 5);
  g_assert_cmpuint (core_wrap_get_n (CORE_CALL_send), >=, 1);
  g_assert_cmpuint (core_wrap_get_n (CORE_CALL_send), <=, 5);
  (void) core_wrap_end ();
  assert_sent (&session, "");

  gint64 deadline = core_deadline ();
  while (session.connection->n_pongs_pending > 0)
    {
      if (core_session_is_ready (&session, 50))
        core_session_dispatch (&session);
      core_check_deadline (deadline, "a PONG");
    }
  assert_sent (&session, "pong");
  g_assert_cmpstr (session.trace->str, ==, "");
  core_session_clear (&session);
}

/* The peer hangs up while nothing can be sent. */
static void
test_full_then_exit (CoreMode mode)
{
  CoreSession session;

  init_attached (&session, mode);
  core_fill (session.connection->fd);
  core_send_ping (session.peer);
  core_send_exit (session.peer, 1);
  core_session_hang_up (&session);
  core_session_expect (&session, "exit(shutdown) closed(null)");
  core_session_clear (&session);
}

/* Sending is interrupted after any number of bytes: what arrives are whole messages. */
static void
test_partial_sends (CoreMode mode)
{
  for (gssize budget = 0; budget <= 4 * CORE_KEEPALIVE_SIZE; budget++)
    {
      CoreSession session;
      /* PINGs that were not answered at once are answered by one PONG. */
      gsize n_expected = (gsize) MIN (3, budget / CORE_KEEPALIVE_SIZE + 1);

      init_attached (&session, mode);
      core_send_ping (session.peer);
      core_send_ping (session.peer);
      core_send_ping (session.peer);
      core_wrap_set_send_budget (budget);
      core_session_dispatch (&session);
      core_wrap_set_send_budget (-1);
      core_session_settle (&session);

      g_autofree char *sent = core_receive (session.peer);
      g_assert_cmpuint (strlen (sent), ==, strlen ("pong ") * n_expected - 1);
      g_assert_null (strstr (sent, "garbage"));
      core_session_clear (&session);
    }
}

/* A PING that is added while a PONG is half sent follows it. */
static void
test_ping_after_half_a_pong (CoreMode mode)
{
  for (gssize budget = 1; budget < CORE_KEEPALIVE_SIZE; budget++)
    {
      CoreSession session;

      init_attached (&session, mode);
      core_send_ping (session.peer);
      core_wrap_set_send_budget (budget);
      core_session_dispatch (&session);
      _lxcmon_sender_add_ping (session.connection);
      _lxcmon_sender_flush (session.connection);
      core_wrap_set_send_budget (-1);
      core_session_settle (&session);
      assert_sent (&session, "pong ping");
      core_session_clear (&session);
    }
}

/* And the other way round: a PONG after half a PING. */
static void
test_pong_after_half_a_ping (CoreMode mode)
{
  for (gssize budget = 0; budget < CORE_KEEPALIVE_SIZE; budget++)
    {
      CoreSession session;

      init_attached (&session, mode);
      core_send_ping (session.peer);
      core_wrap_set_send_budget (budget);
      _lxcmon_sender_add_ping (session.connection);
      _lxcmon_sender_flush (session.connection);
      core_session_dispatch (&session);
      core_wrap_set_send_budget (-1);
      core_session_settle (&session);
      assert_sent (&session, "ping pong");
      core_session_clear (&session);
    }
}

static void
test_one_ping_unanswered (CoreMode mode)
{
  CoreSession session;

  init_attached (&session, mode);
  for (int i = 0; i < 3; i++)
    {
      _lxcmon_sender_add_ping (session.connection);
      _lxcmon_sender_flush (session.connection);
    }
  assert_sent (&session, "ping");
  core_send_pong (session.peer);
  core_session_settle (&session);
  _lxcmon_sender_add_ping (session.connection);
  _lxcmon_sender_flush (session.connection);
  assert_sent (&session, "ping");
  core_session_clear (&session);
}

/* The peer sends a PING and hangs up: no SIGPIPE, and all events are returned. */
static void
test_peer_has_gone (CoreMode mode)
{
  CoreSession session;

  init_attached (&session, mode);
  core_send_ping (session.peer);
  core_send_exit (session.peer, 2);
  core_send_ping (session.peer);
  core_session_hang_up (&session);
  core_session_expect (&session, "exit(reboot) closed(null)");
  core_session_clear (&session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/sender/attach-pings-once", test_attach_pings_once);
  core_test_add_modes ("/sender/pong", test_pong);
  core_test_add_modes ("/sender/pong-carries-nothing", test_pong_carries_nothing);
  core_test_add_modes ("/sender/pong-during-partial-message", test_pong_during_partial_message);
  core_test_add_modes ("/sender/burst", test_burst);
  core_test_add_modes ("/sender/full", test_full);
  core_test_add_modes ("/sender/shortage", test_shortage);
  core_test_add_modes ("/sender/full-then-exit", test_full_then_exit);
  core_test_add_modes ("/sender/partial-sends", test_partial_sends);
  core_test_add_modes ("/sender/ping-after-half-a-pong", test_ping_after_half_a_pong);
  core_test_add_modes ("/sender/pong-after-half-a-ping", test_pong_after_half_a_ping);
  core_test_add_modes ("/sender/one-ping-unanswered", test_one_ping_unanswered);
  core_test_add_modes ("/sender/peer-has-gone", test_peer_has_gone);

  return g_test_run ();
}
