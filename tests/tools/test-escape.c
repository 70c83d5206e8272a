/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers escape.c: what is not changed, and what becomes \xHH: every control character, and every kind
 * of byte that is not UTF-8.
 */

#include "escape.h"

#include <glib.h>
#include <string.h>

static void
expect (const char *text, const char *escaped)
{
  g_autofree char *found = escape_for_line (text);

  g_assert_cmpstr (found, ==, escaped);
}

static void
test_as_it_is (void)
{
  expect ("", "");
  expect ("web1", "web1");
  expect (" a  b ", " a  b ");
  expect ("back\\slash \"quote\"", "back\\slash \"quote\"");
  expect ("zoë 日本 \xf0\x9f\x90\xa7", "zoë 日本 \xf0\x9f\x90\xa7");
}

static void
test_control_characters (void)
{
  for (char c = 1; c < 0x20; c++)
    {
      char text[] = { 'a', c, 'b', '\0' };
      g_autofree char *escaped = g_strdup_printf ("a\\x%02Xb", c);
      expect (text, escaped);
    }
  expect ("\x7f", "\\x7F");
  expect ("\xc2\x85", "\\xC2\\x85");
  expect ("\xc2\x9b"
          "31m",
          "\\xC2\\x9B31m");
  expect ("a\nb\r\n", "a\\x0Ab\\x0D\\x0A");
  expect ("\033[31mred", "\\x1B[31mred");
}

static void
test_not_utf8 (void)
{
  expect ("\xff", "\\xFF");
  expect ("a\x80z", "a\\x80z");
  expect ("\xc0\xaf", "\\xC0\\xAF");
  expect ("\xed\xa0\x80", "\\xED\\xA0\\x80");
  expect ("\xe6\x97", "\\xE6\\x97");
  expect ("\xe6\x97x", "\\xE6\\x97x");
  expect ("\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80");
  expect ("\xc3\xab\xff\n", "ë\\xFF\\x0A");
}

/* Whatever comes in, one line of valid UTF-8 comes out. */
static void
test_any_bytes (void)
{
  for (int i = 0; i < 2000; i++)
    {
      char text[33] = { 0 };
      for (guint k = 0; k < sizeof text - 1; k++)
        text[k] = (char) g_test_rand_int_range (1, 256);
      g_autofree char *line = escape_for_line (text);

      g_assert_true (g_utf8_validate (line, -1, NULL));
      for (const char *c = line; *c != '\0'; c = g_utf8_next_char (c))
        g_assert_false (g_unichar_iscntrl (g_utf8_get_char (c)));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tool/escape/as-it-is", test_as_it_is);
  g_test_add_func ("/tool/escape/control-characters", test_control_characters);
  g_test_add_func ("/tool/escape/not-utf8", test_not_utf8);
  g_test_add_func ("/tool/escape/any-bytes", test_any_bytes);

  return g_test_run ();
}
