/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What lxcmon encodes is byte for byte what libvirt encodes, and nothing is written after the end of a
 * buffer.
 */

#include "common/core-bytes.h"
#include "common/core-test.h"

#include <lxcmon/lxcmon-encode.h>

static void
test_golden (void)
{
  guint8 bytes[LXCMON_ENCODED_SIZE];
  gsize size;

  size = lxcmon_encode_init (bytes, sizeof bytes, 3869);
  core_assert_bytes (bytes, size, core_init_bytes, CORE_INIT_SIZE);
  size = lxcmon_encode_exit (bytes, sizeof bytes, LXCMON_EXIT_STATUS_SHUTDOWN);
  core_assert_bytes (bytes, size, core_shutdown_bytes, CORE_EXIT_SIZE);
  size = lxcmon_encode_exit (bytes, sizeof bytes, LXCMON_EXIT_STATUS_REBOOT);
  core_assert_bytes (bytes, size, core_reboot_bytes, CORE_EXIT_SIZE);
  size = lxcmon_encode_ping (bytes, sizeof bytes);
  core_assert_bytes (bytes, size, core_ping_bytes, CORE_KEEPALIVE_SIZE);
  size = lxcmon_encode_pong (bytes, sizeof bytes);
  core_assert_bytes (bytes, size, core_pong_bytes, CORE_KEEPALIVE_SIZE);
}

/* Numbers are sent as they are, wrong ones too: a test's controller may want to. */
static void
test_numbers (void)
{
  static const int numbers[] = { 0, 1, -1, 3, G_MAXINT, G_MININT };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      guint8 bytes[LXCMON_ENCODED_SIZE];

      g_assert_cmpuint (lxcmon_encode_init (bytes, sizeof bytes, numbers[i]), ==, CORE_INIT_SIZE);
      g_assert_cmphex (core_get_word (bytes + 28), ==, numbers[i] < 0 ? 0xffffffff : 0);
      g_assert_cmphex (core_get_word (bytes + 32), ==, (guint32) numbers[i]);
      g_assert_cmpuint (lxcmon_encode_exit (bytes, sizeof bytes, numbers[i]), ==, CORE_EXIT_SIZE);
      g_assert_cmphex (core_get_word (bytes + 28), ==, (guint32) numbers[i]);
    }
}

/* Memory of exactly that size: a sanitizer sees a byte too many. */
static void
test_small_buffers (void)
{
  for (gsize size = 0; size <= 40; size++)
    {
      g_autofree guint8 *bytes = g_malloc (size + (size == 0));

      g_assert_cmpuint (lxcmon_encode_init (bytes, size, 1), ==, size < 36 ? 0 : 36);
      g_assert_cmpuint (lxcmon_encode_exit (bytes, size, 1), ==, size < 32 ? 0 : 32);
      g_assert_cmpuint (lxcmon_encode_ping (bytes, size), ==, size < 28 ? 0 : 28);
      g_assert_cmpuint (lxcmon_encode_pong (bytes, size), ==, size < 28 ? 0 : 28);
    }
}

/* A size beyond what XDR can count is as good as any. */
static void
test_huge_size (void)
{
  guint8 bytes[LXCMON_ENCODED_SIZE];

  g_assert_cmpuint (lxcmon_encode_ping (bytes, G_MAXSIZE), ==, CORE_KEEPALIVE_SIZE);
  core_assert_bytes (bytes, CORE_KEEPALIVE_SIZE, core_ping_bytes, CORE_KEEPALIVE_SIZE);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/encode/golden", test_golden);
  core_test_add ("/encode/numbers", test_numbers);
  core_test_add ("/encode/small-buffers", test_small_buffers);
  core_test_add ("/encode/huge-size", test_huge_size);

  return g_test_run ();
}
