/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How failures are worded: codes by errno, nicks, and messages that stay UTF-8 and one line whatever
 * bytes a path has, and however long it is.
 */

#include "common/core-test.h"

#include <errno.h>
#include <string.h>

#include <lxcmon/lxcmon-error-private.h>
#include <lxcmon/lxcmon.h>

static void
test_codes_by_errno (void)
{
  static const struct
  {
    int system_errno;
    LxcmonMonitorError code;
  } codes[] = {
    { ENOENT, LXCMON_MONITOR_ERROR_FAILED },
    { ENOTDIR, LXCMON_MONITOR_ERROR_FAILED },
    { EACCES, LXCMON_MONITOR_ERROR_PERMISSION },
    { EPERM, LXCMON_MONITOR_ERROR_PERMISSION },
    { ECONNREFUSED, LXCMON_MONITOR_ERROR_REFUSED },
    { EAGAIN, LXCMON_MONITOR_ERROR_BUSY },
    { ELOOP, LXCMON_MONITOR_ERROR_UNTRUSTED },
    { EPROTOTYPE, LXCMON_MONITOR_ERROR_UNTRUSTED },
    { ENAMETOOLONG, LXCMON_MONITOR_ERROR_INVALID_NAME },
    { ETIMEDOUT, LXCMON_MONITOR_ERROR_TIMED_OUT },
    { EMFILE, LXCMON_MONITOR_ERROR_FAILED },
    { ENOMEM, LXCMON_MONITOR_ERROR_FAILED },
    { EIO, LXCMON_MONITOR_ERROR_FAILED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      LxcmonError error;

      g_assert_false (_lxcmon_error_set_system (&error, codes[i].system_errno, "%s", "it"));
      g_assert_cmpint (error.code, ==, codes[i].code);
      g_assert_cmpint (error.system_errno, ==, codes[i].system_errno);
      g_assert_true (g_str_has_prefix (error.message, "it: "));
      g_assert_nonnull (strstr (error.message, g_strerror (codes[i].system_errno)));
    }
}

/* The error of a lack of descriptors says what to do. */
static void
test_advice (void)
{
  LxcmonError error;

  _lxcmon_error_set_system (&error, EMFILE, "cannot make a socket");
  g_assert_nonnull (strstr (error.message, "raise the process's limit"));
  _lxcmon_error_set_no_memory (&error);
  g_assert_cmpint (error.system_errno, ==, ENOMEM);
  g_assert_true (g_str_has_prefix (error.message, "cannot allocate: "));
}

static void
test_no_error_wanted (void)
{
  g_assert_false (_lxcmon_error_set (NULL, LXCMON_MONITOR_ERROR_BUSY, 0, "%s", "it"));
  g_assert_false (_lxcmon_error_set_system (NULL, EIO, "%s", "it"));
  g_assert_false (_lxcmon_error_set_no_memory (NULL));
}

/* A long text is cut wherever the limit falls: of a character, "?" is left. */
static void
test_cut (void)
{
  static const char *const characters[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

  for (gsize i = 0; i < G_N_ELEMENTS (characters); i++)
    for (gsize lead = 0; lead < 4; lead++)
      {
        GString *text = g_string_new (NULL);
        LxcmonError error;

        for (gsize n = 0; n < lead; n++)
          g_string_append_c (text, '-');
        while (text->len < 2 * LXCMON_ERROR_MESSAGE_SIZE)
          g_string_append (text, characters[i]);
        _lxcmon_error_set (&error, LXCMON_MONITOR_ERROR_FAILED, 0, "%s", text->str);
        g_assert_true (g_utf8_validate (error.message, -1, NULL));
        g_assert_cmpuint (strcspn (error.message, "?"), >=, LXCMON_ERROR_MESSAGE_SIZE - 4);
        error.message[strcspn (error.message, "?")] = '\0';
        g_assert_true (g_str_has_prefix (text->str, error.message));
        g_string_free (text, TRUE);
      }
}

/* A path may have any bytes. What would break a line, a terminal or a binding is replaced. */
static void
test_any_bytes (void)
{
  for (int byte = 1; byte < 256; byte++)
    {
      char path[] = { 'a', (char) byte, 'b', '\0' };
      LxcmonError error;

      _lxcmon_error_set_system (&error, ENOENT, "no socket at %s", path);
      g_assert_true (g_utf8_validate (error.message, -1, NULL));
      for (const char *cursor = error.message; *cursor != '\0'; cursor++)
        g_assert_false (g_ascii_iscntrl (*cursor));
      g_assert_nonnull (strstr (error.message, byte < 0x20 || byte >= 0x7f ? "a?b" : path));
    }
}

static void
test_good_characters_stay (void)
{
  LxcmonError error;

  _lxcmon_error_set (&error, LXCMON_MONITOR_ERROR_FAILED, 0, "%s",
                     "\"caf\xc3\xa9\" \xe2\x82\xac \xf0\x9f\x98\x80");
  g_assert_cmpstr (error.message, ==, "\"caf\xc3\xa9\" \xe2\x82\xac \xf0\x9f\x98\x80");
}

/* However long the path, the reason is not cut off. */
static void
test_reason_survives_long_path (void)
{
  g_autofree char *path = g_strnfill (4000, 'x');
  LxcmonError error;

  _lxcmon_error_set_system (&error, ENOENT, "no controller's socket at %s", path);
  g_assert_true (g_str_has_suffix (error.message, g_strerror (ENOENT)));
  g_assert_true (g_str_has_prefix (error.message, "no controller's socket at xxx"));
}

static void
test_nicks (void)
{
  static const char *const errors[]
      = { "failed",       "not-found", "permission", "refused", "busy",      "untrusted",
          "invalid-name", "protocol",  "truncated",  "lost",    "destroyed", "timed-out" };
  static const char *const states[]
      = { "detached", "connecting", "queued", "attached", "exited", "closed" };

  for (gsize i = 0; i < G_N_ELEMENTS (errors); i++)
    g_assert_cmpstr (lxcmon_monitor_error_to_string ((LxcmonMonitorError) i), ==, errors[i]);
  g_assert_cmpstr (lxcmon_monitor_error_to_string ((LxcmonMonitorError) 99), ==, "failed");
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    g_assert_cmpstr (lxcmon_state_to_string ((LxcmonState) i), ==, states[i]);
  g_assert_cmpstr (lxcmon_state_to_string ((LxcmonState) 99), ==, "invalid");

  g_assert_cmpstr (lxcmon_exit_status_to_string (LXCMON_EXIT_STATUS_ERROR), ==, "error");
  g_assert_cmpstr (lxcmon_exit_status_to_string (LXCMON_EXIT_STATUS_SHUTDOWN), ==, "shutdown");
  g_assert_cmpstr (lxcmon_exit_status_to_string (LXCMON_EXIT_STATUS_REBOOT), ==, "reboot");
  g_assert_cmpstr (lxcmon_exit_status_to_string (LXCMON_EXIT_STATUS_UNKNOWN), ==, "unknown");
  g_assert_cmpstr (lxcmon_exit_status_to_string ((LxcmonExitStatus) 99), ==, "unknown");
}

static void
test_version (void)
{
  g_assert_cmpstr (lxcmon_get_version (), ==, LXCMON_VERSION_S);
  g_assert_true (
      LXCMON_CHECK_VERSION (LXCMON_MAJOR_VERSION, LXCMON_MINOR_VERSION, LXCMON_MICRO_VERSION));
  g_assert_false (LXCMON_CHECK_VERSION (LXCMON_MAJOR_VERSION + 1, 0, 0));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/error/codes-by-errno", test_codes_by_errno);
  core_test_add ("/error/advice", test_advice);
  core_test_add ("/error/no-error-wanted", test_no_error_wanted);
  core_test_add ("/error/cut", test_cut);
  core_test_add ("/error/any-bytes", test_any_bytes);
  core_test_add ("/error/good-characters-stay", test_good_characters_stay);
  core_test_add ("/error/reason-survives-long-path", test_reason_survives_long_path);
  core_test_add ("/error/nicks", test_nicks);
  core_test_add ("/error/version", test_version);

  return g_test_run ();
}
