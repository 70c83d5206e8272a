/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The decoder on golden bytes with one bit flipped, each of 544, followed by a good EXIT, and with
 * two bits of the header flipped. What each flip must lead to is worked out here field by field, from
 * the protocol's description; the sums are compared with what libvirt's own client does.
 */

#include "common/core-bytes.h"
#include "common/core-oracle.h"
#include "common/core-test.h"

#include <string.h>

typedef enum
{
  FLIP_BOTH,       /* the message and the EXIT after it are decoded */
  FLIP_DROPPED,    /* the message is skipped, the EXIT is delivered */
  FLIP_CLOSE,      /* nothing is delivered */
  FLIP_THEN_CLOSE, /* the message is delivered and takes a part of the next one with it */
  FLIP_STALL,      /* waits for bytes that do not come */
  N_FLIPS
} Flip;

/* What follows from a length with @bit flipped, of a message of @size bytes that needs as many. */
static Flip
expect_length (guint bit, guint size)
{
  guint64 length = size ^ (G_GUINT64_CONSTANT (1) << bit);

  if (length < size || length > 33554432 + 4)
    return FLIP_CLOSE; /* too short for its payload, or beyond libvirt's limit */
  if (length > size + 32)
    return FLIP_STALL;
  return FLIP_THEN_CLOSE;
}

/* @word: the field's number, from the length on; @bit: in the word, from the lowest. */
static Flip
expect (guint word, guint bit, gboolean is_init)
{
  switch (word)
    {
    case 0:
      return expect_length (bit, is_init ? CORE_INIT_SIZE : CORE_EXIT_SIZE);
    case 1: /* another program; libvirt's client closes here */
      return FLIP_DROPPED;
    case 2: /* another version of the monitor program */
      return FLIP_CLOSE;
    case 3: /* another procedure: never the other known one, which is two bits away */
      return FLIP_DROPPED;
    case 4: /* stream (3) and stream hole (6) are skipped, a call (0) and the rest are not */
      return bit == 0 || bit == 2 ? FLIP_DROPPED : FLIP_CLOSE;
    case 5: /* any serial will do */
      return FLIP_BOTH;
    case 6: /* not ok */
      return FLIP_DROPPED;
    case 7: /* EXIT: any status is passed on; INIT: a pid beyond 2^32 */
      return is_init ? FLIP_CLOSE : FLIP_BOTH;
    default: /* INIT: the highest bit makes it a pid that no process has */
      return bit == 31 ? FLIP_CLOSE : FLIP_BOTH;
    }
}

static const char *
describe (Flip flip, const char *event)
{
  static const char *const patterns[] = {
    [FLIP_BOTH] = "%s exit(2) end", [FLIP_DROPPED] = "skipped exit(2) end",
    [FLIP_CLOSE] = "error",         [FLIP_THEN_CLOSE] = "%s error",
    [FLIP_STALL] = "truncated",
  };
  static char text[64];

  /* The patterns are written above. */
  g_strlcpy (text, patterns[flip], sizeof text);
  if (g_str_has_prefix (text, "%s"))
    g_snprintf (text, sizeof text, "%s%s", event, patterns[flip] + strlen ("%s"));
  return text;
}

static void
flip_all (const guint8 *message, gsize size, gboolean is_init, guint counts[N_FLIPS])
{
  for (guint i = 0; i < size * 8; i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      guint word = i / 32;
      guint bit = i % 32;
      Flip flip = expect (word, bit, is_init);
      g_autofree char *event = NULL;

      g_byte_array_append (bytes, message, (guint) size);
      g_byte_array_append (bytes, core_reboot_bytes, CORE_EXIT_SIZE);
      bytes->data[word * 4 + 3 - bit / 8] ^= (guint8) (1u << bit % 8);
      if (is_init)
        event = g_strdup_printf ("init(%u)", core_get_word (bytes->data + 32));
      else
        event = g_strdup_printf ("exit(%d)", (gint32) core_get_word (bytes->data + 28));

      g_autofree char *whole = core_library_decode (bytes->data, bytes->len, core_chunk_all, NULL);
      g_autofree char *bytewise
          = core_library_decode (bytes->data, bytes->len, core_chunk_byte, NULL);
      g_autofree char *oracle = core_oracle_decode (bytes->data, bytes->len);

      g_assert_cmpstr (whole, ==, describe (flip, event));
      g_assert_cmpstr (bytewise, ==, whole);
      g_assert_cmpstr (oracle, ==, whole);
      counts[flip]++;
    }
}

/*
 * libvirt's client: 96 both, 68 dropped, 104 close, 20 stall. Ours differs in three ways and one
 * more: another program is skipped (32 from close to dropped), a payload that is short closes (1 from
 * dropped to close), a header that makes no sense closes without waiting for the rest, and a pid that
 * no process has closes (33 from both to close).
 */
static void
test_init (void)
{
  guint counts[N_FLIPS] = { 0 };

  flip_all (core_init_bytes, CORE_INIT_SIZE, TRUE, counts);
  g_assert_cmpuint (counts[FLIP_BOTH], ==, 63);
  g_assert_cmpuint (counts[FLIP_DROPPED], ==, 98);
  g_assert_cmpuint (counts[FLIP_CLOSE], ==, 104);
  g_assert_cmpuint (counts[FLIP_THEN_CLOSE], ==, 4);
  g_assert_cmpuint (counts[FLIP_STALL], ==, 19);
}

/* libvirt's client: 64 both, 68 dropped, 105 close, 19 stall. */
static void
test_exit (void)
{
  guint counts[N_FLIPS] = { 0 };

  flip_all (core_shutdown_bytes, CORE_EXIT_SIZE, FALSE, counts);
  g_assert_cmpuint (counts[FLIP_BOTH], ==, 64);
  g_assert_cmpuint (counts[FLIP_DROPPED], ==, 98);
  g_assert_cmpuint (counts[FLIP_CLOSE], ==, 70);
  g_assert_cmpuint (counts[FLIP_THEN_CLOSE], ==, 5);
  g_assert_cmpuint (counts[FLIP_STALL], ==, 19);
}

/* Two bits of the header: the decoder's two ways and the reference agree on all of them. */
static void
flip_pairs (const guint8 *message, gsize size)
{
  guint8 bytes[CORE_INIT_SIZE + CORE_EXIT_SIZE];
  guint n = 0;

  memcpy (bytes, message, size);
  memcpy (bytes + size, core_reboot_bytes, CORE_EXIT_SIZE);
  for (guint i = 0; i < 28 * 8; i++)
    for (guint j = i + 1; j < 28 * 8; j++)
      {
        bytes[i / 8] ^= (guint8) (1u << i % 8);
        bytes[j / 8] ^= (guint8) (1u << j % 8);

        g_autofree char *whole
            = core_library_decode (bytes, size + CORE_EXIT_SIZE, core_chunk_all, NULL);
        g_autofree char *bytewise
            = core_library_decode (bytes, size + CORE_EXIT_SIZE, core_chunk_byte, NULL);
        g_autofree char *oracle = core_oracle_decode (bytes, size + CORE_EXIT_SIZE);

        g_assert_cmpstr (bytewise, ==, whole);
        g_assert_cmpstr (oracle, ==, whole);
        n++;
        bytes[i / 8] ^= (guint8) (1u << i % 8);
        bytes[j / 8] ^= (guint8) (1u << j % 8);
      }
  g_assert_cmpuint (n, ==, 24976);
}

static void
test_init_pairs (void)
{
  flip_pairs (core_init_bytes, CORE_INIT_SIZE);
}

static void
test_exit_pairs (void)
{
  flip_pairs (core_shutdown_bytes, CORE_EXIT_SIZE);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/decoder/flips/init", test_init);
  core_test_add ("/decoder/flips/exit", test_exit);
  core_test_add ("/decoder/flips/init-pairs", test_init_pairs);
  core_test_add ("/decoder/flips/exit-pairs", test_exit_pairs);

  return g_test_run ();
}
