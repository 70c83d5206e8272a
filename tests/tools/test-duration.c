/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers duration.c: each unit, no unit, the bounds, and texts that are not durations.
 */

#include "duration.h"

static const struct
{
  const char *text;
  guint ms;
} durations[] = {
  { "0", 0 },
  { "0ms", 0 },
  { "7", 7000 },
  { "500ms", 500 },
  { "10s", 10000 },
  { "5m", 300000 },
  { "2h", 7200000 },
  { "007s", 7000 },
  { "2147483647ms", G_MAXINT },
  { "2147483s", 2147483000 },
  { "596h", 2145600000 },
};

static void
test_durations (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (durations); i++)
    {
      g_autoptr (GError) error = NULL;
      guint ms = 1;

      g_assert_true (duration_parse (durations[i].text, &ms, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (ms, ==, durations[i].ms);
    }
}

static void
expect_refused (const char *text, const char *why)
{
  g_autoptr (GError) error = NULL;
  guint ms = 42;

  g_assert_false (duration_parse (text, &ms, &error));
  g_assert_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
  g_assert_nonnull (g_strstr_len (error->message, -1, why));
  g_assert_cmpuint (ms, ==, 42);
}

static void
test_no_durations (void)
{
  static const char *const texts[]
      = { "",    "s",  "ms",   "-1s", "+1s",  " 1s", "1 s", "1s ", "1.5s", "1e3", "0x1",
          "10S", "1d", "1min", "1sm", "1,5s", "ten", "1\n", "1µs", "\xff", NULL };

  for (guint i = 0; texts[i] != NULL; i++)
    expect_refused (texts[i], "is not a duration such as 500ms, 10s or 5m");
}

static void
test_too_long (void)
{
  static const char *const texts[] = { "2147483648ms",
                                       "2147484s",
                                       "2147484",
                                       "35792m",
                                       "597h",
                                       "18446744073709551615ms",
                                       "18446744073709551616",
                                       "99999999999999999999999h",
                                       NULL };

  for (guint i = 0; texts[i] != NULL; i++)
    expect_refused (texts[i], "is too long; the longest duration is 2147483s");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tool/duration/units", test_durations);
  g_test_add_func ("/tool/duration/none", test_no_durations);
  g_test_add_func ("/tool/duration/too-long", test_too_long);

  return g_test_run ();
}
