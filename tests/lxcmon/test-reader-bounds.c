/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What reading costs: no allocation for an event, fixed memory for what is skipped, bounded work for each
 * dispatch, and nothing at all while nothing comes.
 */

#include "common/core-peer.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <lxcmon/lxcmon-connection-private.h>

/* From the first byte to the last event nothing is allocated. */
static void
test_no_allocation (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  session.counts_only = TRUE;
  core_send_story (session.peer);
  core_send_ping (session.peer);
  core_session_hang_up (&session);

  core_wrap_begin ();
  core_session_settle (&session);
  (void) core_wrap_end ();
  g_assert_cmpuint (core_wrap_get_n_allocations (), ==, 0);
  g_assert_cmpuint (session.n_exits, ==, 1);
  core_session_assert_state (&session, "closed");
  core_session_clear (&session);
}

/* A message of 16 MiB for an unknown program, then EXIT. */
static void
test_skip_in_fixed_memory (CoreMode mode)
{
  static const guint8 zeros[65536];
  CoreMessage big = { 16 * 1024 * 1024, 0xabcd, 1, 1, 2, 0, 0, .payload_size = 0 };
  g_autoptr (GByteArray) header = g_byte_array_new ();
  gsize left = big.length - 28;
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_put_message (header, &big);
  core_send_array (session.peer, header);
  core_wrap_begin ();
  while (left > 0)
    {
      gsize n = MIN (left, sizeof zeros);

      core_send (session.peer, zeros, n);
      core_session_settle (&session);
      left -= n;
    }
  (void) core_wrap_end ();
  g_assert_cmpuint (core_wrap_get_n_allocations (), ==, 0);
  core_send_exit (session.peer, 1);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached exit(shutdown) closed(null)");
  g_assert_cmpuint (lxcmon_decoder_get_skipped (&session.connection->decoder), ==, 1);
  core_session_clear (&session);
}

/* The largest length, then silence: nothing to do, nothing kept. */
static void
test_silence (CoreMode mode)
{
  CoreMessage big = { LXCMON_MESSAGE_LENGTH_MAX, 0xabcd, 1, 1, 2, 0, 0, .payload_size = 0 };
  g_autoptr (GByteArray) header = g_byte_array_new ();
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_put_message (header, &big);
  core_send_array (session.peer, header);
  core_session_settle (&session);
  g_assert_false (core_session_is_ready (&session, 50));
  core_session_assert_state (&session, "queued");
  core_session_hang_up (&session);
  core_session_expect (&session, "failed(truncated)");
  core_session_clear (&session);
}

typedef struct
{
  int fd;
  guint n_messages;
} Flood;

static gpointer
send_flood (gpointer data)
{
  const Flood *flood = data;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint i = 0; i < flood->n_messages; i++)
    {
      CoreMessage message = core_init_message (i + 1);

      core_put_message (bytes, &message);
    }
  core_send_array (flood->fd, bytes);
  return NULL;
}

static void
count_inits (CoreSession *self, const char *event)
{
  guint *n_inits = self->hook_data;

  if (g_str_has_prefix (event, "init"))
    {
      g_autofree char *expected = g_strdup_printf ("init(%u)", ++*n_inits);

      g_assert_cmpstr (event, ==, expected);
    }
}

/* Ten thousand messages in one write: all in order, and the work of each dispatch is bounded. */
static void
test_flood (CoreMode mode)
{
  guint n_inits = 0;
  guint n_at_most = mode == CORE_DISPATCHED ? 1024 : 1;
  gint64 deadline = core_deadline ();
  CoreSession session;

  core_session_init_pair (&session, mode);
  session.counts_only = TRUE;
  session.hook = count_inits;
  session.hook_data = &n_inits;
  Flood flood = { .fd = session.peer, .n_messages = 10000 };
  GThread *thread = g_thread_new ("flood", send_flood, &flood);

  while (n_inits < flood.n_messages)
    {
      guint n_before = n_inits;

      if (core_session_is_ready (&session, 50))
        core_session_dispatch (&session);
      g_assert_cmpuint (n_inits - n_before, <=, n_at_most);
      core_check_deadline (deadline, "ten thousand messages");
    }
  g_thread_join (thread);
  g_assert_cmpuint (n_inits, ==, 10000);
  core_session_clear (&session);
}

static void
test_skipped_is_logged (CoreMode mode)
{
  CoreMessage unknown = { 0, 0xabcd, 7, 3, 2, 0, 1, .payload_size = 4 };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_put_message (bytes, &unknown);
  core_send_array (session.peer, bytes);
  core_session_expect (&session, "attached");
  g_assert_cmpstr (session.log->str, ==, ""); /* not asked for */

  core_session_set_debug (&session);
  core_send_array (session.peer, bytes);
  core_session_settle (&session);
  g_assert_cmpstr (
      session.log->str, ==,
      "debug: skipped the message at offset 32: program 0x0000abcd version 7 procedure "
      "3 type 2 status 1, 32 bytes\n");
  g_assert_cmpuint (lxcmon_decoder_get_skipped (&session.connection->decoder), ==, 2);
  core_session_clear (&session);
}

static void
test_extended (CoreMode mode)
{
  CoreMessage longer = core_exit_message (1);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CoreSession session;

  longer.payload_size = 9;
  core_put_message (bytes, &longer);
  core_session_init_pair (&session, mode);
  core_send_array (session.peer, bytes);
  core_session_expect (&session, "attached exit(shutdown)");
  g_assert_cmpuint (lxcmon_decoder_get_extended (&session.connection->decoder), ==, 1);
  g_assert_cmpuint (lxcmon_decoder_get_skipped (&session.connection->decoder), ==, 0);
  core_session_clear (&session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/reader/bounds/no-allocation", test_no_allocation);
  core_test_add_modes ("/reader/bounds/skip-in-fixed-memory", test_skip_in_fixed_memory);
  core_test_add_modes ("/reader/bounds/silence", test_silence);
  core_test_add_modes ("/reader/bounds/flood", test_flood);
  core_test_add_modes ("/reader/bounds/skipped-is-logged", test_skipped_is_logged);
  core_test_add_modes ("/reader/bounds/extended", test_extended);

  return g_test_run ();
}
