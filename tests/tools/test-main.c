/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers the command line up to the verb: help and version of the command and of each verb, and every
 * kind of wrong usage: exit code 2, a message, and nothing on standard output.
 */

#include <string.h>

#include "room.h"

static const char *const verbs[] = { "watch", "wait", "list", "simulate", "decode" };

static void
test_help (Room *room)
{
  static const char *const options[] = { "--help", "-h" };

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      Command *command = command_start (options[i], NULL);
      command_expect_line (command, "Usage:");
      command_expect_line (command, "  lxcmon VERB \\[OPTION…\\] \\[ARGUMENT…\\]");
      command_expect_end (command, 0,
                          "(?s:.+)\nVerbs:\n"
                          "  watch .+\n  wait .+\n  list .+\n  simulate .+\n  decode .+\n\n(?s:.+)",
                          NOTHING);
    }
}

static void
test_help_of_verbs (Room *room)
{
  static const char *const options[] = {
    ("(?s:.+)--timeout=DURATION .+\n(?s:.+)--json .+\n(?s:.+)--runtime-dir=DIR .+\n(?s:.+)"
     "--direct .+\n(?s:.+)--connect=URI .+\n(?s:.+)--force .+\n(?s:.+)--wait-if-busy .+\n(?s:.+)--quiet .+\n(?s:.+)--no-follow "
     ".+\n(?s:.+)"),
    "(?s:.+)--timeout=DURATION .+\n(?s:.+)--runtime-dir=DIR .+\n(?s:.+)--direct .+\n(?s:.+)--connect=URI .+\n(?s:.+)--force .+\n(?s:.+)--wait-if-busy .+\n(?s:.+)--quiet .+\n(?s:.+)",
    "(?s:.+)--json .+\n(?s:.+)--runtime-dir=DIR .+\n(?s:.+)--direct .+\n(?s:.+)--connect=URI .+\n(?s:.+)--quiet .+\n(?s:.+)",
    ("(?s:.+)--quiet .+\n(?s:.+)--init-pid=N .+\n(?s:.+)--exit=STATUS .+\n(?s:.+)"
     "--after=DURATION .+\n(?s:.+)--repeat=N .+\n(?s:.+)"),
    "(?s:.+)--json .+\n(?s:.+)--hex .+\n(?s:.+)"
  };

  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *usage = g_strdup_printf ("  lxcmon %s \\[OPTION…\\].*", verbs[i]);
      Command *command = command_start (verbs[i], "--help", NULL);
      command_expect_line (command, "Usage:");
      command_expect_line (command, usage);
      command_expect_end (command, 0, options[i], NOTHING);
    }
}

static void
test_version (Room *room)
{
  g_autofree char *version = g_strdup_printf ("lxcmon %s\n", g_getenv ("LXCMON_VERSION"));

  command_expect_end (command_start ("--version", NULL), 0, version, NOTHING);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    command_expect_end (command_start (verbs[i], "--version", NULL), 0, version, NOTHING);
}

static void
expect_usage (Command *command, const char *why)
{
  g_autofree char *messages
      = g_strdup_printf ("lxcmon: %s\nTry \"lxcmon --help\", or \"lxcmon VERB --help\"\\.\n", why);

  command_expect_end (command, 2, NOTHING, messages);
}

static void
test_verbs (Room *room)
{
  expect_usage (command_start (NULL, NULL), "a verb is missing");
  expect_usage (command_start ("", NULL), "there is no verb \"\"");
  expect_usage (command_start ("Watch", NULL), "there is no verb \"Watch\"");
  expect_usage (command_start ("--json", "watch", NULL), "there is no verb \"--json\"");
  expect_usage (command_start ("a\n\033[31m\xff", NULL),
                "there is no verb \"a\\\\x0A\\\\x1B\\[31m\\\\xFF\"");
}

static void
test_arguments (Room *room)
{
  expect_usage (command_start ("list", "a", NULL), "list: no arguments are expected");
  expect_usage (command_start ("wait", NULL), "wait: name one container");
  expect_usage (command_start ("wait", "a", "b", NULL), "wait: name one container");
  expect_usage (command_start ("simulate", NULL), "simulate: the path of one socket is expected");
  expect_usage (command_start ("decode", "a", "b", NULL), "decode: at most one file can be given");
}

static void
test_unknown_options (Room *room)
{
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      expect_usage (command_start (verbs[i], "--bogus", NULL), ".*--bogus.*");
      expect_usage (command_start (verbs[i], "-x", NULL), ".*-x.*");
    }
  expect_usage (command_start ("wait", "--json", "a", NULL), ".*--json.*");
  expect_usage (command_start ("wait", "--no-follow", "a", NULL), ".*--no-follow.*");
  expect_usage (command_start ("decode", "--timeout", "1s", NULL), ".*--timeout.*");
  expect_usage (command_start ("list", "--timeout", "1s", NULL), ".*--timeout.*");
  expect_usage (command_start ("list", "--force", NULL), ".*--force.*");
  expect_usage (command_start ("watch", "--hex", "a", NULL), ".*--hex.*");
}

static void
test_option_values (Room *room)
{
  expect_usage (command_start ("watch", "a", "--timeout", NULL), ".*--timeout.*");
  expect_usage (command_start ("watch", "a", "--runtime-dir", NULL), ".*--runtime-dir.*");
  expect_usage (command_start ("watch", "--timeout=5x", "a", NULL),
                "\"5x\" is not a duration such as 500ms, 10s or 5m");
  expect_usage (command_start ("wait", "--timeout=0", "a", NULL),
                "--timeout must be longer than 0");
  expect_usage (command_start ("wait", "--timeout=9999h", "a", NULL),
                "\"9999h\" is too long; the longest duration is .+");
}

static void
test_force (Room *room)
{
  const char *why = "--force is only for --direct: otherwise a running libvirtd has its containers";

  expect_usage (command_start ("watch", "--force", NULL), why);
  expect_usage (command_start ("watch", "--force", "a", NULL), why);
  expect_usage (command_start ("wait", "--force", room->path, NULL), why);
}

/* What is needed to go through libvirtd is loaded by lxcmon-glib, and only if a libvirtd is running. */
static void
test_links_no_libvirt (Room *room)
{
  const char *argv[] = { "ldd", g_getenv ("LXCMON_COMMAND"), NULL };
  g_autofree char *libraries = NULL;
  g_autoptr (GError) error = NULL;
  int status = 0;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &libraries, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  g_assert_nonnull (strstr (libraries, "liblxcmon-glib"));
  g_assert_null (strstr (libraries, "libvirt"));
}

/* Messages about wrong usage are printed with --quiet too. */
static void
test_usage_is_not_quiet (Room *room)
{
  expect_usage (command_start ("wait", "--quiet", NULL), "wait: name one container");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/main/help", test_help);
  room_test_add ("/tool/main/help-of-verbs", test_help_of_verbs);
  room_test_add ("/tool/main/version", test_version);
  room_test_add ("/tool/main/verbs", test_verbs);
  room_test_add ("/tool/main/arguments", test_arguments);
  room_test_add ("/tool/main/unknown-options", test_unknown_options);
  room_test_add ("/tool/main/option-values", test_option_values);
  room_test_add ("/tool/main/force", test_force);
  room_test_add ("/tool/main/links-no-libvirt", test_links_no_libvirt);
  room_test_add ("/tool/main/usage-is-not-quiet", test_usage_is_not_quiet);

  return g_test_run ();
}
