/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the library logs: nothing by default, and on request each change of a connection's state, with the
 * container's name in a field of its own. Each case runs in a process of its own.
 */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

static void
run_lives (GlibSession *session)
{
  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  glib_session_attach (session);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  glib_session_start (session);
  glib_session_attach (session);
  lxcmon_client_detach (session->client);
  lxcmon_mock_controller_stop (session->mock);
  g_assert_false (lxcmon_client_attach (session->client, NULL, NULL));
}

static void
test_silent_subprocess (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  run_lives (session);
}

/* GTest writes lines that begin with "#" or "ok"; the library writes nothing. */
static void
test_silent (void)
{
  g_unsetenv ("G_MESSAGES_DEBUG");
  g_test_trap_subprocess ("/client-log/silent/subprocess", 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout_unmatched ("*lxcmon*→*");
  g_test_trap_assert_stdout_unmatched ("*attached*");
  g_test_trap_assert_stdout_unmatched ("*web1*");
  g_test_trap_assert_stderr ("");
}

typedef struct
{
  GString *lines;
} Capture;

static const char *
find_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0)
      return fields[i].value;
  return NULL;
}

static GLogWriterOutput
capture (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  Capture *self = user_data;
  const char *domain = find_field (fields, n_fields, "GLIB_DOMAIN");

  if (g_strcmp0 (domain, "lxcmon") != 0)
    return g_log_writer_default (level, fields, n_fields, NULL);

  g_string_append_printf (self->lines, "%s|%s|%s|%s\n",
                          (level & G_LOG_LEVEL_WARNING) != 0 ? "warning" : "debug",
                          find_field (fields, n_fields, "LXCMON_CONTAINER"),
                          find_field (fields, n_fields, "LXCMON_STATE"),
                          find_field (fields, n_fields, "MESSAGE"));
  return G_LOG_WRITER_HANDLED;
}

static void
test_debug_subprocess (void)
{
  /* Each attach has a connection of its own. */
  static const char expected[] = "debug|web1|connecting|web1: detached → connecting\n"
                                 "debug|web1|queued|web1: connecting → queued\n"
                                 "debug|web1|attached|web1: queued → attached\n"
                                 "debug|web1|attached|web1: how init ends will not be known: "
                                 "cannot open a pidfd of init (pid 42): No such process\n"
                                 "debug|web1|exited|web1: attached → exited\n"
                                 "debug|web1|closed|web1: exited → closed\n"
                                 "debug|web1|connecting|web1: detached → connecting\n"
                                 "debug|web1|queued|web1: connecting → queued\n"
                                 "debug|web1|attached|web1: queued → attached\n"
                                 "debug|web1|attached|web1: how init ends will not be known: "
                                 "cannot open a pidfd of init (pid 42): No such process\n"
                                 "debug|web1|connecting|web1: detached → connecting\n"
                                 "debug|web1|detached|web1: connecting → detached\n";
  Capture captured = { g_string_new (NULL) };
  g_autoptr (GlibSession) session = NULL;

  g_log_set_writer_func (capture, &captured, NULL);
  session = glib_session_new ();
  run_lives (session);
  g_assert_cmpstr (captured.lines->str, ==, expected);
  g_string_free (captured.lines, TRUE);
}

static void
test_debug (void)
{
  g_setenv ("G_MESSAGES_DEBUG", "lxcmon", TRUE);
  g_test_trap_subprocess ("/client-log/debug/subprocess", 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_unsetenv ("G_MESSAGES_DEBUG");
}

/* A misconfiguration is logged by default: a socket that others may connect to. */
static void
test_warning_subprocess (void)
{
  Capture captured = { g_string_new (NULL) };
  g_autoptr (GlibSession) session = NULL;

  g_log_set_writer_func (capture, &captured, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR);
  session = glib_session_new ();
  g_assert_cmpint (chmod (session->path, 0777), ==, 0);
  glib_session_attach (session);
  g_assert_true (g_str_has_prefix (captured.lines->str, "warning|web1|connecting|web1: "));
  g_assert_nonnull (strstr (captured.lines->str, session->path));
  g_string_free (captured.lines, TRUE);
}

static void
test_warning (void)
{
  g_test_trap_subprocess ("/client-log/warning/subprocess", 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  g_test_add_func ("/client-log/silent/subprocess", test_silent_subprocess);
  g_test_add_func ("/client-log/debug/subprocess", test_debug_subprocess);
  g_test_add_func ("/client-log/warning/subprocess", test_warning_subprocess);
  glib_test_add ("/client-log/silent", test_silent);
  glib_test_add ("/client-log/debug", test_debug);
  glib_test_add ("/client-log/warning", test_warning);
  return g_test_run ();
}
