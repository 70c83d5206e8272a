/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is received and how it ends: nothing that was sent is lost, and the end comes last. The decoder's own
 * cases are run again here, with a connection.
 */

#include "common/core-oracle.h"
#include "common/core-peer.h"
#include "common/core-session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STORY "attached init(3869) exit(reboot) closed(null)"

/* Everything was sent and the peer has hung up before the first dispatch. libvirt's own client loses EXIT
 * here. */
static void
test_all_pending (CoreMode mode)
{
  CoreSession session;
  CoreSession *self = &session;

  core_session_init (self, mode);
  for (int i = 0; i < 1000; i++)
    {
      g_string_truncate (self->trace, 0);
      core_session_attach_pair (self, NULL);
      g_assert_cmpuint (core_drain (self->peer), ==, CORE_KEEPALIVE_SIZE);
      core_send_story (self->peer);
      core_session_hang_up (self);
      core_session_expect (self, STORY);
    }
  core_session_clear (self);
}

/* The same, but the peer has not read our PING: recv returns ECONNRESET after what was sent. */
static void
test_all_pending_reset (CoreMode mode)
{
  CoreSession session;
  CoreSession *self = &session;

  core_session_init (self, mode);
  for (int i = 0; i < 1000; i++)
    {
      g_string_truncate (self->trace, 0);
      core_session_attach_pair (self, NULL);
      core_send_story (self->peer);
      core_session_hang_up (self);
      core_session_expect (self, STORY);
    }
  core_session_clear (self);
}

/* The end without EXIT is LOST, by end of file and by ECONNRESET. */
static void
test_lost (CoreMode mode)
{
  CoreSession clean, reset;

  core_session_init_pair (&clean, mode);
  core_drain (clean.peer);
  core_send_init (clean.peer, 7);
  core_session_hang_up (&clean);
  core_session_expect (&clean, "attached init(7) closed(lost)");
  g_assert_cmpint (clean.error.system_errno, ==, 0);
  g_assert_cmpstr (
      clean.error.message, ==,
      "the controller closed the connection without EXIT: how the container ended is not "
      "known");
  core_session_clear (&clean);

  core_session_init_pair (&reset, mode);
  core_send_init (reset.peer, 7);
  core_session_hang_up (&reset);
  core_session_expect (&reset, "attached init(7) closed(lost)");
  g_assert_cmpint (reset.error.system_errno, ==, ECONNRESET);
  core_session_clear (&reset);
}

/* The peer can still read, and sends nothing more. */
static void
test_shutdown_write (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_story (session.peer);
  g_assert_no_errno (shutdown (session.peer, SHUT_WR));
  core_session_expect (&session, STORY);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (session.hub), ==, 0);
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end"); /* we have hung up too */
  core_session_clear (&session);
}

/* Sends @bytes in pieces that end at the cuts, dispatching in between, then hangs up. */
static void
send_in_pieces (CoreSession *self, const guint8 *bytes, gsize size, const gsize *cuts, gsize n_cuts)
{
  gsize start = 0;

  for (gsize i = 0; i <= n_cuts; i++)
    {
      gsize end = i < n_cuts ? cuts[i] : size;

      core_send (self->peer, bytes + start, end - start);
      core_session_settle (self);
      start = end;
    }
  core_session_hang_up (self);
}

static void
test_every_split (CoreMode mode)
{
  g_autoptr (GByteArray) story = core_new_story ();
  CoreSession session;

  core_session_init (&session, mode);
  for (gsize first = 1; first < story->len; first++)
    for (gsize second = first; second < story->len; second += 5)
      {
        gsize cuts[] = { first, second };

        g_string_truncate (session.trace, 0);
        core_session_attach_pair (&session, NULL);
        send_in_pieces (&session, story->data, story->len, cuts, second > first ? 2 : 1);
        core_session_expect (&session, STORY);
      }
  core_session_clear (&session);
}

static void
test_byte_by_byte (CoreMode mode)
{
  g_autoptr (GByteArray) story = core_new_story ();
  CoreSession session;

  core_session_init_pair (&session, mode);
  for (gsize i = 0; i < story->len; i++)
    {
      const char *expected = i < CORE_INIT_SIZE - 1 ? ""
                             : i < story->len - 1   ? "attached init(3869)"
                                                    : "attached init(3869) exit(reboot)";

      core_send (session.peer, story->data + i, 1);
      core_session_expect (&session, expected);
    }
  core_session_hang_up (&session);
  core_session_expect (&session, STORY);
  core_session_clear (&session);
}

static void
test_every_truncation (CoreMode mode)
{
  g_autoptr (GByteArray) story = core_new_story ();

  for (gsize size = 0; size <= story->len; size++)
    {
      const char *expected = size == 0                ? "failed(lost)"
                             : size < CORE_INIT_SIZE  ? "failed(truncated)"
                             : size == CORE_INIT_SIZE ? "attached init(3869) closed(lost)"
                             : size < story->len      ? "attached init(3869) closed(truncated)"
                                                      : STORY;
      CoreSession session;

      core_session_init_pair (&session, mode);
      core_send (session.peer, story->data, size);
      core_session_hang_up (&session);
      core_session_expect (&session, expected);
      if (size == 0)
        g_assert_cmpstr (session.error.message, ==,
                         "the controller closed the connection without accepting it");
      core_session_clear (&session);
    }
}

/* What is invalid or truncated after EXIT does not matter. */
static void
test_garbage_after_exit (CoreMode mode)
{
  static const guint8 garbage[40] = { 0xff, 0xff, 0xff, 0xff };

  for (gsize size = 1; size <= sizeof garbage; size++)
    {
      CoreSession session;

      core_session_init_pair (&session, mode);
      core_send_story (session.peer);
      core_send (session.peer, garbage, size);
      core_session_hang_up (&session);
      core_session_expect (&session, STORY);
      core_session_clear (&session);
    }
}

/* Each of 544 flipped bits leads a connection where the protocol says. */
static void
test_flips (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  for (guint i = 0; i < (CORE_INIT_SIZE + CORE_EXIT_SIZE) * 8; i++)
    {
      g_autoptr (GByteArray) bytes = core_new_story ();

      bytes->data[i / 8] ^= (guint8) (1u << i % 8);
      g_byte_array_append (bytes, core_shutdown_bytes, CORE_EXIT_SIZE);
      g_autofree char *decoded = core_oracle_decode (bytes->data, bytes->len);
      g_autofree char *expected = core_oracle_trace (decoded);

      g_string_truncate (session.trace, 0);
      core_session_attach_pair (&session, NULL);
      core_send_array (session.peer, bytes);
      core_session_hang_up (&session);
      core_session_expect (&session, expected);
    }
  core_session_clear (&session);
}

/* Events are passed on as they were sent, in any order and number. */
static void
test_odd_orders (CoreMode mode)
{
  static const struct
  {
    const char *sent; /* i: INIT 1, e: EXIT shutdown, r: EXIT reboot */
    const char *trace;
  } orders[] = {
    { "e", "attached exit(shutdown) closed(null)" },
    { "ei", "attached exit(shutdown) init(1) closed(null)" },
    { "ii", "attached init(1) init(1) closed(lost)" },
    { "er", "attached exit(shutdown) exit(reboot) closed(null)" },
    { "ieir", "attached init(1) exit(shutdown) init(1) exit(reboot) closed(null)" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      CoreSession session;

      core_session_init_pair (&session, mode);
      for (const char *step = orders[i].sent; *step != '\0'; step++)
        if (*step == 'i')
          core_send_init (session.peer, 1);
        else
          core_send_exit (session.peer, *step == 'e' ? 1 : 2);
      core_session_hang_up (&session);
      core_session_expect (&session, orders[i].trace);
      core_session_clear (&session);
    }
}

static void
test_unknown_status (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_exit (session.peer, 3);
  core_send_exit (session.peer, -1);
  core_send_exit (session.peer, G_MININT);
  core_session_expect (&session,
                       "attached exit(unknown:3) exit(unknown:-1) exit(unknown:-2147483648)");
  core_session_clear (&session);
}

/* The first client gets INIT, any other has missed it. */
static void
test_missed_init (CoreMode mode)
{
  CoreSession first, late;

  core_session_init_pair (&first, mode);
  core_send_init (first.peer, 5);
  core_session_expect (&first, "attached init(5)");
  g_assert_false (lxcmon_connection_get_missed_init (first.connection));
  g_assert_cmpint (lxcmon_connection_get_init_pid (first.connection), ==, 5);
  core_session_clear (&first);

  core_session_init_pair (&late, mode);
  core_send_pong (late.peer);
  core_session_expect (&late, "attached");
  g_assert_true (lxcmon_connection_get_missed_init (late.connection));
  g_assert_cmpint (lxcmon_connection_get_init_pid (late.connection), ==, 0);
  core_session_clear (&late);
}

/* Descriptors that a peer sends are not accepted. */
static void
test_descriptors_are_refused (CoreMode mode)
{
  union
  {
    char bytes[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control = { .bytes = { 0 } };
  struct iovec part = { .iov_base = (void *) core_init_bytes, .iov_len = CORE_INIT_SIZE };
  struct msghdr message = { .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  CoreSession session;

  core_session_init_pair (&session, mode);
  int n_before = core_count_descriptors ();
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (header), &session.peer, sizeof session.peer);
  g_assert_cmpint (sendmsg (session.peer, &message, 0), ==, CORE_INIT_SIZE);
  core_session_expect (&session, "attached init(3869)");
  g_assert_cmpint (core_count_descriptors (), ==, n_before);
  core_session_clear (&session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/reader/all-pending", test_all_pending);
  core_test_add_modes ("/reader/all-pending-reset", test_all_pending_reset);
  core_test_add_modes ("/reader/lost", test_lost);
  core_test_add_modes ("/reader/shutdown-write", test_shutdown_write);
  core_test_add_modes ("/reader/every-split", test_every_split);
  core_test_add_modes ("/reader/byte-by-byte", test_byte_by_byte);
  core_test_add_modes ("/reader/every-truncation", test_every_truncation);
  core_test_add_modes ("/reader/garbage-after-exit", test_garbage_after_exit);
  core_test_add_modes ("/reader/flips", test_flips);
  core_test_add_modes ("/reader/odd-orders", test_odd_orders);
  core_test_add_modes ("/reader/unknown-status", test_unknown_status);
  core_test_add_modes ("/reader/missed-init", test_missed_init);
  core_test_add_modes ("/reader/descriptors-are-refused", test_descriptors_are_refused);

  return g_test_run ();
}
