/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers exit-code.c: the code of every error and of every status, as the numbers that scripts depend
 * on.
 */

#include "exit-code.h"

static const struct
{
  LxcmonMonitorError error;
  int code;
} errors[] = {
  { LXCMON_MONITOR_ERROR_FAILED, 1 },       { LXCMON_MONITOR_ERROR_NOT_FOUND, 7 },
  { LXCMON_MONITOR_ERROR_PERMISSION, 8 },   { LXCMON_MONITOR_ERROR_REFUSED, 1 },
  { LXCMON_MONITOR_ERROR_BUSY, 6 },         { LXCMON_MONITOR_ERROR_UNTRUSTED, 1 },
  { LXCMON_MONITOR_ERROR_INVALID_NAME, 1 }, { LXCMON_MONITOR_ERROR_PROTOCOL, 1 },
  { LXCMON_MONITOR_ERROR_TRUNCATED, 1 },    { LXCMON_MONITOR_ERROR_LOST, 5 },
  { LXCMON_MONITOR_ERROR_DESTROYED, 5 },    { LXCMON_MONITOR_ERROR_TIMED_OUT, 124 },
};

static void
test_errors (void)
{
  g_autoptr (GEnumClass) all = g_type_class_ref (LXCMON_TYPE_MONITOR_ERROR);

  g_assert_cmpuint (all->n_values, ==, G_N_ELEMENTS (errors));
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (LXCMON_MONITOR_ERROR, errors[i].error, "why");
      g_assert_cmpint (exit_code_for_error (error), ==, errors[i].code);
    }
}

/* The same numbers have no meaning in another domain. */
static void
test_other_domains (void)
{
  for (int code = 0; code < 16; code++)
    {
      g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, code, "why");
      g_assert_cmpint (exit_code_for_error (error), ==, 1);
    }
}

static void
test_unknown_error (void)
{
  g_autoptr (GError) error = g_error_new_literal (LXCMON_MONITOR_ERROR, 99, "why");

  g_assert_cmpint (exit_code_for_error (error), ==, 1);
}

static void
test_statuses (void)
{
  g_assert_cmpint (exit_code_for_status (LXCMON_EXIT_STATUS_SHUTDOWN), ==, 0);
  g_assert_cmpint (exit_code_for_status (LXCMON_EXIT_STATUS_REBOOT), ==, 3);
  g_assert_cmpint (exit_code_for_status (LXCMON_EXIT_STATUS_ERROR), ==, 4);
  g_assert_cmpint (exit_code_for_status (LXCMON_EXIT_STATUS_UNKNOWN), ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tool/exit-code/errors", test_errors);
  g_test_add_func ("/tool/exit-code/other-domains", test_other_domains);
  g_test_add_func ("/tool/exit-code/unknown-error", test_unknown_error);
  g_test_add_func ("/tool/exit-code/statuses", test_statuses);

  return g_test_run ();
}
