/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The decoder on what a controller really sends: golden bytes, the captures, every way of cutting
 * them into pieces, every truncation, and the counters. What is hostile: test-decoder-hostile.c.
 */

#include "common/core-bytes.h"
#include "common/core-oracle.h"
#include "common/core-test.h"

#include <string.h>

/* Decodes one message that must be complete, with nothing after it. */
static LxcmonMessage
decode_one (const guint8 *bytes, gsize size)
{
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  LxcmonMessage message = { 0 };
  LxcmonError error;

  g_assert_cmpint (lxcmon_decoder_next (decoder, &bytes, &size, &message, &error), ==,
                   LXCMON_DECODE_MESSAGE);
  g_assert_cmpuint (size, ==, 0);
  g_assert_true (lxcmon_decoder_finish (decoder, &error));
  lxcmon_decoder_free (decoder);

  return message;
}

static void
test_golden_init (void)
{
  LxcmonMessage message = decode_one (core_init_bytes, CORE_INIT_SIZE);

  g_assert_cmpint (message.kind, ==, LXCMON_MESSAGE_INIT);
  g_assert_cmpuint (message.length, ==, 36);
  g_assert_cmpuint (message.offset, ==, 0);
  g_assert_cmphex (message.program, ==, 0x12341234);
  g_assert_cmpuint (message.version, ==, 1);
  g_assert_cmpint (message.procedure, ==, 2);
  g_assert_cmpint (message.type, ==, 2);
  g_assert_cmpuint (message.serial, ==, 1);
  g_assert_cmpint (message.status, ==, 0);
  g_assert_cmpint (message.pid, ==, 3869);
  g_assert_cmpint (message.exit_raw, ==, 0);
}

static void
test_golden_exit (void)
{
  LxcmonMessage shutdown = decode_one (core_shutdown_bytes, CORE_EXIT_SIZE);
  LxcmonMessage reboot = decode_one (core_reboot_bytes, CORE_EXIT_SIZE);

  g_assert_cmpint (shutdown.kind, ==, LXCMON_MESSAGE_EXIT);
  g_assert_cmpuint (shutdown.length, ==, 32);
  g_assert_cmpint (shutdown.procedure, ==, 1);
  g_assert_cmpuint (shutdown.serial, ==, 1);
  g_assert_cmpint (shutdown.exit_raw, ==, 1);
  g_assert_cmpint (shutdown.pid, ==, 0);
  g_assert_cmpint (reboot.kind, ==, LXCMON_MESSAGE_EXIT);
  g_assert_cmpint (reboot.exit_raw, ==, 2);
}

static void
test_golden_keepalive (void)
{
  LxcmonMessage ping = decode_one (core_ping_bytes, CORE_KEEPALIVE_SIZE);
  LxcmonMessage pong = decode_one (core_pong_bytes, CORE_KEEPALIVE_SIZE);

  g_assert_cmpint (ping.kind, ==, LXCMON_MESSAGE_PING);
  g_assert_cmphex (ping.program, ==, 0x6b656570);
  g_assert_cmpuint (ping.serial, ==, 0);
  g_assert_cmpint (pong.kind, ==, LXCMON_MESSAGE_PONG);
}

static const struct
{
  const char *file;
  const char *decoded;
} captures[] = {
  { "shutdown.bin", "init(3869) exit(1) end" },
  { "reboot.bin", "init(3917) exit(2) end" },
  { "killed.bin", "init(3882) end" },
  { "pong.bin", "init(3999) pong exit(1) end" },
  { "reattach-shutdown.bin", "exit(1) end" },
  { "call-refused.bin", "init(4025) skipped exit(1) end" },
};

static void
test_captures (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (captures); i++)
    {
      g_autofree char *path
          = g_test_build_filename (G_TEST_DIST, "..", "data", "captures", captures[i].file, NULL);
      g_autofree char *bytes = NULL;
      g_autofree char *whole = NULL;
      g_autofree char *bytewise = NULL;
      gsize size;
      GError *error = NULL;

      g_file_get_contents (path, &bytes, &size, &error);
      g_assert_no_error (error);
      whole = core_library_decode ((guint8 *) bytes, size, core_chunk_all, NULL);
      bytewise = core_library_decode ((guint8 *) bytes, size, core_chunk_byte, NULL);
      g_assert_cmpstr (whole, ==, captures[i].decoded);
      g_assert_cmpstr (bytewise, ==, captures[i].decoded);
    }
}

/* Cuts at fixed places: the first piece, the second piece, the rest. */
static gsize
chunk_cut (gsize left, gpointer data)
{
  gsize *cuts = data;
  gsize n = cuts[0];

  cuts[0] = cuts[1];
  cuts[1] = G_MAXSIZE;
  return MIN (n, left);
}

static void
test_every_split (void)
{
  g_autoptr (GByteArray) story = core_new_story ();

  for (gsize first = 1; first < story->len; first++)
    for (gsize second = 1; second <= story->len - first; second++)
      {
        gsize cuts[] = { first, second };
        g_autofree char *text = core_library_decode (story->data, story->len, chunk_cut, cuts);

        g_assert_cmpstr (text, ==, "init(3869) exit(2) end");
      }
}

static void
test_random_chunks (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autofree char *expected = NULL;

  /* A message of odd length, so that those after it are not aligned. */
  for (int i = 0; i < 40; i++)
    {
      CoreMessage odd = { 0, 0xabcd, 7, 1, 2, 0, 0, .payload_size = (gsize) (i % 16) };

      core_put_message (bytes, &odd);
      g_byte_array_append (bytes, core_init_bytes, CORE_INIT_SIZE);
      g_byte_array_append (bytes, core_ping_bytes, CORE_KEEPALIVE_SIZE);
      g_byte_array_append (bytes, core_shutdown_bytes, CORE_EXIT_SIZE);
    }
  expected = core_oracle_decode (bytes->data, bytes->len);
  g_assert_true (g_str_has_suffix (expected, "skipped init(3869) ping exit(1) end"));

  for (int i = 0; i < 500; i++)
    {
      g_autofree char *text
          = core_library_decode (bytes->data, bytes->len, core_chunk_random, random);

      g_assert_cmpstr (text, ==, expected);
    }
}

static void
test_every_truncation (void)
{
  g_autoptr (GByteArray) story = core_new_story ();

  for (gsize size = 0; size <= story->len; size++)
    {
      g_autofree char *whole = core_library_decode (story->data, size, core_chunk_all, NULL);
      g_autofree char *bytewise = core_library_decode (story->data, size, core_chunk_byte, NULL);
      const char *expected = size == 0                ? "end"
                             : size < CORE_INIT_SIZE  ? "truncated"
                             : size == CORE_INIT_SIZE ? "init(3869) end"
                             : size < story->len      ? "init(3869) truncated"
                                                      : "init(3869) exit(2) end";

      g_assert_cmpstr (whole, ==, expected);
      g_assert_cmpstr (bytewise, ==, expected);
    }
}

static char *
truncation_message (gsize size)
{
  g_autoptr (GByteArray) story = core_new_story ();
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  const guint8 *cursor = story->data;
  LxcmonMessage message;
  LxcmonError error;

  while (lxcmon_decoder_next (decoder, &cursor, &size, &message, &error) == LXCMON_DECODE_MESSAGE)
    ;
  g_assert_false (lxcmon_decoder_finish (decoder, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_TRUNCATED);
  lxcmon_decoder_free (decoder);
  return g_strdup (error.message);
}

/* The error says where the stream ends, inside which part, and how many bytes were received. */
static void
test_truncation_messages (void)
{
  g_autofree char *in_length = truncation_message (3);
  g_autofree char *in_header = truncation_message (36 + 20);
  g_autofree char *in_payload = truncation_message (36 + 30);

  g_assert_cmpstr (in_length, ==, "the stream ends at offset 3 inside a length: 3 of 4 bytes");
  g_assert_cmpstr (in_header, ==,
                   "the stream ends at offset 56 inside the header of the message that begins at "
                   "offset 36: 20 of 32 bytes");
  g_assert_cmpstr (in_payload, ==,
                   "the stream ends at offset 66 inside the payload of the message that begins at "
                   "offset 36: 30 of 32 bytes");
}

/* In the middle of what is skipped, too, it is known how much has come. */
static void
test_truncation_in_skipped (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CoreMessage big = { 1000, 0xabcd, 1, 1, 2, 0, 0, .payload_size = 0 };
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  LxcmonMessage message;
  LxcmonError error;

  core_put_message (bytes, &big);
  core_put_zeros (bytes, 472);
  const guint8 *cursor = bytes->data;
  gsize size = bytes->len;
  g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, &error), ==,
                   LXCMON_DECODE_NEED_MORE);
  g_assert_false (lxcmon_decoder_finish (decoder, &error));
  g_assert_cmpstr (error.message, ==,
                   "the stream ends at offset 500 inside the payload of the message that begins at "
                   "offset 0: 500 of 1000 bytes");
  lxcmon_decoder_free (decoder);
}

static void
test_counters (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CoreMessage unknown = { 0, 0xabcd, 1, 1, 2, 0, 0, .payload_size = 12 };
  CoreMessage longer = core_init_message (1);
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  LxcmonMessage message;

  longer.payload_size = 16;
  core_put_message (bytes, &unknown);
  core_put_message (bytes, &longer);
  g_byte_array_append (bytes, core_ping_bytes, CORE_KEEPALIVE_SIZE);
  const guint8 *cursor = bytes->data;
  gsize size = bytes->len;

  while (lxcmon_decoder_next (decoder, &cursor, &size, &message, NULL) == LXCMON_DECODE_MESSAGE)
    ;
  g_assert_cmpuint (lxcmon_decoder_get_skipped (decoder), ==, 1);
  g_assert_cmpuint (lxcmon_decoder_get_extended (decoder), ==, 1);
  g_assert_cmpuint (lxcmon_decoder_get_offset (decoder), ==, bytes->len);

  lxcmon_decoder_reset (decoder);
  g_assert_cmpuint (lxcmon_decoder_get_skipped (decoder), ==, 0);
  g_assert_cmpuint (lxcmon_decoder_get_extended (decoder), ==, 0);
  g_assert_cmpuint (lxcmon_decoder_get_offset (decoder), ==, 0);
  lxcmon_decoder_free (decoder);
}

/* After an error nothing is decoded any more, until the decoder is reset. */
static void
test_error_is_sticky (void)
{
  static const guint8 too_short[4] = { 0, 0, 0, 27 };
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  const guint8 *cursor = too_short;
  gsize size = sizeof too_short;
  LxcmonMessage message;
  LxcmonError error;

  g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, &error), ==,
                   LXCMON_DECODE_ERROR);
  cursor = core_init_bytes;
  size = CORE_INIT_SIZE;
  g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, &error), ==,
                   LXCMON_DECODE_ERROR);
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_PROTOCOL);
  g_assert_cmpstr (error.message, ==,
                   "the stream was found to be invalid in the message at offset 0");

  lxcmon_decoder_reset (decoder);
  cursor = core_init_bytes;
  size = CORE_INIT_SIZE;
  g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, &error), ==,
                   LXCMON_DECODE_MESSAGE);
  g_assert_cmpint (message.pid, ==, 3869);
  lxcmon_decoder_free (decoder);
}

static void
test_nothing_at_all (void)
{
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  const guint8 *cursor = NULL;
  gsize size = 0;
  LxcmonMessage message;

  g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, NULL), ==,
                   LXCMON_DECODE_NEED_MORE);
  g_assert_true (lxcmon_decoder_finish (decoder, NULL));
  lxcmon_decoder_free (decoder);
  lxcmon_decoder_free (NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/decoder/golden/init", test_golden_init);
  core_test_add ("/decoder/golden/exit", test_golden_exit);
  core_test_add ("/decoder/golden/keepalive", test_golden_keepalive);
  core_test_add ("/decoder/captures", test_captures);
  core_test_add ("/decoder/every-split", test_every_split);
  core_test_add ("/decoder/random-chunks", test_random_chunks);
  core_test_add ("/decoder/every-truncation", test_every_truncation);
  core_test_add ("/decoder/truncation-messages", test_truncation_messages);
  core_test_add ("/decoder/truncation-in-skipped", test_truncation_in_skipped);
  core_test_add ("/decoder/counters", test_counters);
  core_test_add ("/decoder/error-is-sticky", test_error_is_sticky);
  core_test_add ("/decoder/nothing-at-all", test_nothing_at_all);

  return g_test_run ();
}
