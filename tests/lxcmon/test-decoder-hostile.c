/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The decoder on what no controller should send: lengths, programs, versions, procedures, types and
 * statuses of all kinds, payloads that are too short and too long, numbers beyond their range, and
 * the texts of the errors. Every case is decoded where it lies and byte by byte. Flipped bits:
 * test-decoder-flips.c.
 */

#include "common/core-bytes.h"
#include "common/core-oracle.h"
#include "common/core-test.h"
#include "common/core-wrap.h"

#include <string.h>

/* Decodes @bytes by both ways of the decoder and holds them to the same answer. */
static char *
decode (const GByteArray *bytes)
{
  char *whole = core_library_decode (bytes->data, bytes->len, core_chunk_all, NULL);
  g_autofree char *bytewise = core_library_decode (bytes->data, bytes->len, core_chunk_byte, NULL);
  g_autofree char *oracle = core_oracle_decode (bytes->data, bytes->len);

  g_assert_cmpstr (bytewise, ==, whole);
  g_assert_cmpstr (oracle, ==, whole);
  return whole;
}

/* The message alone, then EXIT reboot. */
static char *
decode_then_exit (const CoreMessage *message)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  core_put_message (bytes, message);
  g_byte_array_append (bytes, core_reboot_bytes, CORE_EXIT_SIZE);
  return decode (bytes);
}

#define assert_decodes(message, expected)                  \
  G_STMT_START                                             \
  {                                                        \
    g_autofree char *decoded = decode_then_exit (message); \
    g_assert_cmpstr (decoded, ==, expected);               \
  }                                                        \
  G_STMT_END

/* The error's text, of bytes that are no message. */
static char *
error_text (const GByteArray *bytes)
{
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  const guint8 *cursor = bytes->data;
  gsize size = bytes->len;
  LxcmonMessage message;
  LxcmonError error;
  LxcmonDecodeResult result;

  do
    result = lxcmon_decoder_next (decoder, &cursor, &size, &message, &error);
  while (result == LXCMON_DECODE_MESSAGE);
  g_assert_cmpint (result, ==, LXCMON_DECODE_ERROR);
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_PROTOCOL);
  lxcmon_decoder_free (decoder);

  return g_strdup (error.message);
}

/* INIT first, so that the offsets that the texts name are not 0. */
static void
assert_text (const CoreMessage *message, const char *expected)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *text = NULL;

  g_byte_array_append (bytes, core_init_bytes, CORE_INIT_SIZE);
  core_put_message (bytes, message);
  text = error_text (bytes);
  g_assert_cmpstr (text, ==, expected);
}

/* A bad length is rejected with its fourth byte, without waiting for the rest. */
static void
test_bad_lengths (void)
{
  static const guint32 bad[] = { 0,          1,          3,         4,        5,
                                 23,         27,         33554437,  33554440, 0x7fffffff,
                                 0x80000000, 0xffffffff, 0x12341234 };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autofree char *alone = NULL;
      g_autofree char *with_more = NULL;

      core_put_word (bytes, bad[i]);
      alone = decode (bytes);
      g_assert_cmpstr (alone, ==, "error");
      core_put_zeros (bytes, 60);
      with_more = decode (bytes);
      g_assert_cmpstr (with_more, ==, "error");
    }
}

/* From the smallest to the largest length: an unknown program waits for all of it. */
static void
test_good_lengths (void)
{
  static const guint32 good[] = { 28, 29, 30, 35, 36, 37, 64, 65536, 16777216, 33554435, 33554436 };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      CoreMessage message = { good[i], 0xabcd, 1, 1, 2, 0, 0, .payload_size = 0 };
      g_autofree char *short_of_all = NULL;

      core_put_message (bytes, &message);
      short_of_all = decode (bytes);
      g_assert_cmpstr (short_of_all, ==, good[i] == 28 ? "skipped end" : "truncated");
      if (good[i] > 65536)
        continue;
      g_autofree char *all = NULL;
      core_put_zeros (bytes, good[i] - 28);
      all = decode (bytes);
      g_assert_cmpstr (all, ==, "skipped end");
    }
}

static void
test_length_texts (void)
{
  CoreMessage shorter = { 27, CORE_MONITOR, 1, 2, 2, 1, 0, .payload_size = 0 };
  CoreMessage longer = { 0xffffffff, CORE_MONITOR, 1, 2, 2, 1, 0, .payload_size = 0 };

  assert_text (&shorter,
               "the length at offset 36 is 27, less than the 28 bytes that every message has");
  assert_text (&longer, "the length at offset 36 is 4294967295, more than libvirt's limit of "
                        "33554436");
}

/* What is skipped costs no memory, whatever its length; what follows is delivered. */
static void
test_skip_in_fixed_memory (void)
{
  enum
  {
    LENGTH = 16 * 1024 * 1024,
    PIECE = 65536,
  };
  g_autofree guint8 *zeros = g_malloc0 (PIECE);
  g_autoptr (GByteArray) header = g_byte_array_new ();
  CoreMessage big = { LENGTH, 0xabcd, 1, 1, 2, 0, 0, .payload_size = 0 };
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  LxcmonMessage message = { 0 };
  const guint8 *cursor;
  gsize size;

  core_put_message (header, &big);
  core_wrap_begin ();
  cursor = header->data;
  size = header->len;
  g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, NULL), ==,
                   LXCMON_DECODE_NEED_MORE);
  for (gsize left = LENGTH - 28; left > 0; left -= MIN (left, PIECE))
    {
      LxcmonDecodeResult expected = left > PIECE ? LXCMON_DECODE_NEED_MORE : LXCMON_DECODE_MESSAGE;

      cursor = zeros;
      size = MIN (left, PIECE);
      g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, NULL), ==, expected);
      g_assert_cmpuint (size, ==, 0);
    }
  g_assert_cmpint (message.kind, ==, LXCMON_MESSAGE_SKIPPED);
  g_assert_cmpuint (message.length, ==, LENGTH);

  cursor = core_reboot_bytes;
  size = CORE_EXIT_SIZE;
  g_assert_cmpint (lxcmon_decoder_next (decoder, &cursor, &size, &message, NULL), ==,
                   LXCMON_DECODE_MESSAGE);
  g_assert_cmpint (message.kind, ==, LXCMON_MESSAGE_EXIT);
  g_assert_cmpuint (message.offset, ==, LENGTH);
  (void) core_wrap_end ();
  g_assert_cmpuint (core_wrap_get_n_allocations (), ==, 0);
  lxcmon_decoder_free (decoder);
}

static void
test_procedures (void)
{
  static const guint32 unknown[] = { 0, 3, 4, 0x7fffffff, 0x80000000, 0xffffffff };

  for (gsize i = 0; i < G_N_ELEMENTS (unknown); i++)
    {
      CoreMessage message = { 0, CORE_MONITOR, 1, unknown[i], 2, 1, 0, .payload_size = 8 };
      CoreMessage keepalive = core_keepalive_message (unknown[i]);

      assert_decodes (&message, "skipped exit(2) end");
      assert_decodes (&keepalive, "skipped exit(2) end");
    }
}

static void
test_types (void)
{
  static const struct
  {
    guint32 type;
    gboolean skipped;
  } types[] = {
    { 0, FALSE }, { 1, TRUE },  { 3, TRUE },  { 4, FALSE },          { 5, TRUE },
    { 6, TRUE },  { 7, FALSE }, { 8, FALSE }, { 0x80000000, FALSE }, { 0xffffffff, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      const char *expected = types[i].skipped ? "skipped exit(2) end" : "error";
      CoreMessage event = core_init_message (1);
      CoreMessage unknown = { 0, 0xabcd, 1, 1, types[i].type, 0, 0, .payload_size = 0 };
      CoreMessage keepalive = core_keepalive_message (1);

      event.type = keepalive.type = types[i].type;
      assert_decodes (&event, expected);
      assert_decodes (&unknown, expected);
      /* A PING of another type is not known, and harmless. */
      assert_decodes (&keepalive, "skipped exit(2) end");
    }
}

static void
test_type_texts (void)
{
  CoreMessage call = core_init_message (1);
  CoreMessage unknown = core_init_message (1);

  call.type = 0;
  unknown.type = 0xffffffff;
  assert_text (&call,
               "the type at offset 52 is 0 (a call), which no controller sends to its client");
  assert_text (&unknown, "the type at offset 52 is -1, which no controller sends to its client");
}

/* An event with an error status is not an event: its payload is not known. */
static void
test_statuses (void)
{
  static const guint32 statuses[] = { 1, 2, 3, 99, 0x80000000, 0xffffffff };

  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      CoreMessage event = core_exit_message (1);
      CoreMessage empty = core_exit_message (1);
      CoreMessage ping = core_keepalive_message (1);

      event.status = empty.status = ping.status = statuses[i];
      empty.payload_size = 0;
      assert_decodes (&event, "skipped exit(2) end");
      assert_decodes (&empty, "skipped exit(2) end");
      assert_decodes (&ping, "ping exit(2) end");
    }
}

static void
test_versions (void)
{
  static const guint32 versions[] = { 0, 2, 0x7fffffff, 0xffffffff };

  for (gsize i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      CoreMessage event = core_exit_message (1);
      CoreMessage keepalive = core_keepalive_message (1);

      event.version = keepalive.version = versions[i];
      assert_decodes (&event, "error");
      assert_decodes (&keepalive, "skipped exit(2) end");
    }

  CoreMessage event = core_exit_message (1);
  event.version = 2;
  assert_text (&event, "the version at offset 44 is 2, and version 1 of the monitor program is the "
                       "only one known");
}

static void
test_serials (void)
{
  static const guint32 serials[] = { 0, 1, 77, 0xffffffff };

  for (gsize i = 0; i < G_N_ELEMENTS (serials); i++)
    {
      CoreMessage event = core_init_message (7);
      CoreMessage ping = core_keepalive_message (1);

      event.serial = ping.serial = serials[i];
      assert_decodes (&event, "init(7) exit(2) end");
      assert_decodes (&ping, "ping exit(2) end");
    }
}

/* One byte too few loses an event and ends the stream; more is what a newer controller may add. */
static void
test_payload_lengths (void)
{
  for (gsize size = 0; size <= 16; size++)
    {
      CoreMessage init = core_init_message (7);
      CoreMessage event = core_exit_message (1);
      CoreMessage ping = core_keepalive_message (1);

      init.payload_size = event.payload_size = ping.payload_size = size;
      assert_decodes (&init, size < 8 ? "error" : "init(7) exit(2) end");
      assert_decodes (&event, size < 4 ? "error" : "exit(1) exit(2) end");
      assert_decodes (&ping, "ping exit(2) end");
    }
}

/* A short payload shows in the length: it is refused as soon as the header has come. */
static void
test_short_payload_texts (void)
{
  CoreMessage init = core_init_message (7);
  CoreMessage event = core_exit_message (1);

  init.length = 35;
  init.payload_size = 0;
  event.length = 31;
  event.payload_size = 0;
  assert_text (&init, "the payload of INIT at offset 64 has 7 bytes, and needs 8");
  assert_text (&event, "the payload of EXIT at offset 64 has 3 bytes, and needs 4");
}

static void
test_exit_statuses (void)
{
  static const gint32 raws[] = { 0, 1, 2, 3, -1, 99, G_MAXINT32, G_MININT32 };

  for (gsize i = 0; i < G_N_ELEMENTS (raws); i++)
    {
      CoreMessage event = core_exit_message (raws[i]);
      g_autofree char *expected = g_strdup_printf ("exit(%d) exit(2) end", raws[i]);

      assert_decodes (&event, expected);
      g_assert_cmpint (lxcmon_exit_status_from_raw (raws[i]), ==,
                       raws[i] >= 0 && raws[i] <= 2 ? (LxcmonExitStatus) raws[i]
                                                    : LXCMON_EXIT_STATUS_UNKNOWN);
    }
}

static void
test_pids (void)
{
  static const guint64 bad[] = { 0,
                                 G_GUINT64_CONSTANT (0x80000000),
                                 G_GUINT64_CONSTANT (0x100000000),
                                 G_GUINT64_CONSTANT (0x100000001),
                                 G_GUINT64_CONSTANT (0x8000000000000000),
                                 G_MAXUINT64 };
  CoreMessage first = core_init_message (1);
  CoreMessage last = core_init_message (G_MAXINT32);
  CoreMessage none = core_init_message (0);
  CoreMessage huge = core_init_message (G_MAXUINT64);

  assert_decodes (&first, "init(1) exit(2) end");
  assert_decodes (&last, "init(2147483647) exit(2) end");
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      CoreMessage message = core_init_message (bad[i]);
      assert_decodes (&message, "error");
    }
  assert_text (&none, "the pid of INIT at offset 64 is 0, which is not a valid pid");
  assert_text (&huge,
               "the pid of INIT at offset 64 is 18446744073709551615, which is not a valid pid");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/decoder/hostile/bad-lengths", test_bad_lengths);
  core_test_add ("/decoder/hostile/good-lengths", test_good_lengths);
  core_test_add ("/decoder/hostile/length-texts", test_length_texts);
  core_test_add ("/decoder/hostile/skip-in-fixed-memory", test_skip_in_fixed_memory);
  core_test_add ("/decoder/hostile/procedures", test_procedures);
  core_test_add ("/decoder/hostile/types", test_types);
  core_test_add ("/decoder/hostile/type-texts", test_type_texts);
  core_test_add ("/decoder/hostile/statuses", test_statuses);
  core_test_add ("/decoder/hostile/versions", test_versions);
  core_test_add ("/decoder/hostile/serials", test_serials);
  core_test_add ("/decoder/hostile/payload-lengths", test_payload_lengths);
  core_test_add ("/decoder/hostile/short-payload-texts", test_short_payload_texts);
  core_test_add ("/decoder/hostile/exit-statuses", test_exit_statuses);
  core_test_add ("/decoder/hostile/pids", test_pids);

  return g_test_run ();
}
