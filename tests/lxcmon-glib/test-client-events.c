/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What becomes of events: the signals and their details, the order of signals and notifications, what
 * a handler finds in the properties, that each property is notified when it changes and only then, and
 * that nothing that was sent is lost.
 */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

static void append (GString *log, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
append (GString *log, const char *format, ...)
{
  va_list args;

  if (log->len > 0)
    g_string_append_c (log, ' ');
  va_start (args, format);
  g_string_append_vprintf (log, format, args);
  va_end (args);
}

/* This process is the controller. */
static gboolean
is_of_us (const char *property)
{
  return g_str_equal (property, "controller-pid") || g_str_equal (property, "started-at")
         || g_str_equal (property, "life");
}

/* Appends "property=value", an error as its nick. */
static void
on_notify (GObject *object, GParamSpec *property, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_object_get_property (object, property->name, &value);
  if (G_VALUE_HOLDS_ENUM (&value))
    append (user_data, "%s=%s", property->name,
            g_enum_get_value (G_PARAM_SPEC_ENUM (g_param_spec_get_redirect_target (property)
                                                     ? g_param_spec_get_redirect_target (property)
                                                     : property)
                                  ->enum_class,
                              g_value_get_enum (&value))
                ->value_nick);
  else if (G_VALUE_HOLDS (&value, G_TYPE_ERROR))
    append (user_data, "%s=%s", property->name,
            g_value_get_boxed (&value) != NULL ? glib_error_nick (g_value_get_boxed (&value))
                                               : "none");
  else
    {
      g_autofree char *contents = g_strdup_value_contents (&value);
      append (user_data, "%s=%s", property->name, is_of_us (property->name) ? "us" : contents);
    }
}

static void
on_init (LxcmonClient *client, gint pid, gpointer user_data)
{
  g_assert_cmpint (lxcmon_monitor_get_init_pid (LXCMON_MONITOR (client)), ==, pid);
  append (user_data, "INIT");
}

static void
on_exit_signal (LxcmonClient *client, LxcmonExitStatus status, gpointer user_data)
{
  g_assert_true (lxcmon_monitor_get_exited (LXCMON_MONITOR (client)));
  g_assert_cmpint (lxcmon_monitor_get_exit_status (LXCMON_MONITOR (client)), ==, status);
  append (user_data, "EXIT");
}

static void
on_closed (LxcmonClient *client, const GError *error, gpointer user_data)
{
  const GError *property = lxcmon_monitor_get_error (LXCMON_MONITOR (client));

  g_assert_cmpint (lxcmon_monitor_get_state (LXCMON_MONITOR (client)), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpint (property != NULL, ==, error != NULL);
  if (error != NULL)
    g_assert_cmpstr (property->message, ==, error->message);
  g_assert_cmpint (lxcmon_monitor_get_end (LXCMON_MONITOR (client)), !=, LXCMON_END_NONE);
  append (user_data, "CLOSED");
}

static void
watch_all (LxcmonClient *client, GString *log)
{
  g_signal_connect (client, "notify", G_CALLBACK (on_notify), log);
  g_signal_connect (client, "init", G_CALLBACK (on_init), log);
  g_signal_connect (client, "exit", G_CALLBACK (on_exit_signal), log);
  g_signal_connect (client, "closed", G_CALLBACK (on_closed), log);
}

/* A whole run, and a second one on the same object: each change is notified once, after its signal. */
static void
test_order (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) log = g_string_new (NULL);

  watch_all (session->client, log);
  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  glib_session_attach (session);
  glib_session_send (session, "init 42 init 43 exit 1 exit 1 exit 2");
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (
      log->str, ==,
      "state=queued controller-pid=us started-at=us life=us state=attached running=TRUE "
      "INIT init-pid=42 INIT INIT init-pid=43 "
      "EXIT state=exited running=FALSE exited=TRUE exit-status=shutdown exit-raw=1 end=shutdown EXIT "
      "EXIT exit-status=reboot exit-raw=2 end=reboot EXIT CLOSED state=closed");

  g_string_truncate (log, 0);
  lxcmon_mock_controller_set_init_pid (session->mock, 0);
  glib_session_start (session);
  glib_session_attach (session);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  lxcmon_client_detach (session->client);
  g_assert_cmpstr (
      log->str, ==,
      "state=queued init-pid=0 exited=FALSE exit-status=unknown exit-raw=-1 end=none "
      "state=attached running=TRUE CLOSED state=closed running=FALSE end=lost error=lost "
      "state=detached");
}

static void
test_order_of_failures (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) log = g_string_new (NULL);

  watch_all (session->client, log);
  lxcmon_mock_controller_stop (session->mock);
  glib_session_begin_attach (session, NULL);
  glib_session_finish_attach (session);
  g_assert_cmpstr (log->str, ==, "error=not-found");

  g_string_truncate (log, 0);
  glib_session_start (session);
  glib_session_attach_silent (session);
  glib_session_die (session);
  glib_session_finish_attach (session);
  g_assert_cmpstr (log->str, ==,
                   "state=queued controller-pid=us started-at=us life=us error=none state=detached "
                   "error=lost");

  g_string_truncate (log, 0);
  glib_session_start (session);
  glib_session_begin_attach (session, NULL);
  lxcmon_client_detach (session->client);
  g_assert_cmpstr (log->str, ==, "state=queued error=none state=detached");
}

typedef struct
{
  const char *sent;
  const char *nick;
  LxcmonExitStatus status;
  gint raw;
} ExitCase;

static const ExitCase exit_cases[] = {
  { "exit 0", "error", LXCMON_EXIT_STATUS_ERROR, 0 },
  { "exit 1", "shutdown", LXCMON_EXIT_STATUS_SHUTDOWN, 1 },
  { "exit 2", "reboot", LXCMON_EXIT_STATUS_REBOOT, 2 },
  { "exit 3", "unknown", LXCMON_EXIT_STATUS_UNKNOWN, 3 },
  { "exit -1", "unknown", LXCMON_EXIT_STATUS_UNKNOWN, -1 },
  { "exit 2147483647", "unknown", LXCMON_EXIT_STATUS_UNKNOWN, G_MAXINT },
};

static void
count_exit (LxcmonClient *client, LxcmonExitStatus status, gpointer user_data)
{
  (*(guint *) user_data)++;
}

/* Each status reaches the handlers of its own detail and no others. */
static void
test_exit_detail (gconstpointer data)
{
  static const char *const nicks[] = { "error", "shutdown", "reboot", "unknown" };
  const ExitCase *test = data;
  g_autoptr (GlibSession) session = glib_session_new ();
  LxcmonMonitor *monitor = LXCMON_MONITOR (session->client);
  guint n_heard[G_N_ELEMENTS (nicks)] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (nicks); i++)
    {
      g_autofree char *signal = g_strconcat ("exit::", nicks[i], NULL);
      g_signal_connect (session->client, signal, G_CALLBACK (count_exit), &n_heard[i]);
    }
  glib_session_attach (session);
  glib_session_send (session, test->sent);
  glib_test_wait_until (session->signals->len > 0);

  for (guint i = 0; i < G_N_ELEMENTS (nicks); i++)
    g_assert_cmpuint (n_heard[i], ==, g_str_equal (nicks[i], test->nick));
  g_autofree char *expected = g_strdup_printf ("exit %s", test->nick);
  g_assert_cmpstr (session->signals->str, ==, expected);
  g_assert_cmpint (lxcmon_monitor_get_exit_status (monitor), ==, test->status);
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (monitor), ==, test->raw);
  g_assert_true (lxcmon_monitor_get_exited (monitor));
}

/* All messages of a run are in the socket before the loop runs for the first time. */
static void
test_pending_together (void)
{
  guint n_rounds = glib_test_is_slow () ? 100 : 1000;
  g_autofree char *dir = glib_test_make_dir ();

  for (guint i = 0; i < n_rounds; i++)
    {
      GlibSession *session = glib_session_new_at (dir, "web1");
      LxcmonMockController *mock = session->mock;

      lxcmon_mock_controller_set_init_pid (mock, 42);
      glib_session_begin_attach (session, NULL);
      while (lxcmon_mock_controller_get_n_clients (mock) == 0)
        g_thread_yield ();
      glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
      while (lxcmon_mock_controller_get_n_clients (mock) == 1)
        g_thread_yield ();
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      g_assert_cmpstr (session->signals->str, ==, "init 42, exit shutdown, closed");
      g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
      glib_session_free (session);
    }
  glib_test_remove_dir (g_steal_pointer (&dir));
}

/* Bytes come one by one, and the loop runs after each. */
static void
test_byte_by_byte (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GBytes) bytes = glib_encode ("init 42 ping exit 1");

  glib_session_attach (session);
  for (gsize i = 0; i < g_bytes_get_size (bytes); i++)
    {
      g_autoptr (GBytes) piece = g_bytes_new_from_bytes (bytes, i, 1);
      g_assert_true (lxcmon_mock_controller_send_bytes (session->mock, piece, NULL));
      glib_test_drain ();
    }
  glib_test_wait_until (lxcmon_monitor_get_exited (LXCMON_MONITOR (session->client)));
  g_assert_cmpstr (session->signals->str, ==, "init 42, exit shutdown");
}

/* What is no event of a container changes nothing. */
static void
test_skipped (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) log = g_string_new (NULL);

  glib_session_attach (session);
  watch_all (session->client, log);
  /* length, unknown program, version 1, procedure 1, type MESSAGE, serial, status OK */
  glib_session_send (session, "hex 0000001c0000007b000000010000000100000002"
                              "0000000100000000 "
                              "hex 0000001c0000007b000000010000000100000002"
                              "0000000100000000 init 42");
  glib_test_wait_until (session->signals->len > 0);
  g_assert_cmpstr (log->str, ==, "INIT init-pid=42");
}

/* A later client gets no INIT, and finds the pid in the status XML. */
static void
test_late (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autofree char *path = g_build_filename (session->dir, "web1.xml", NULL);
  g_autofree char *text
      = g_strdup_printf ("<domstatus pid='%d'><init pid='4711'/></domstatus>", getpid ());
  g_autoptr (GError) error = NULL;
  const struct timespec long_ago[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };

  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  glib_session_attach (session);
  glib_test_wait_until (session->signals->len > 0);
  lxcmon_client_detach (session->client);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  /* libvirtd, whose file this is, has not been there for long. */
  g_assert_no_errno (utimensat (AT_FDCWD, session->dir, long_ago, 0));
  glib_session_attach (session);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (LXCMON_MONITOR (session->client)), ==, 4711);
  glib_test_drain ();
  g_assert_cmpstr (session->signals->str, ==, "init 42");
  lxcmon_client_detach (session->client);

  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  g_assert_cmpint (lxcmon_client_attach (session->client, NULL, NULL), ==, TRUE);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (LXCMON_MONITOR (session->client)), ==, 4711);
}

/* After the last signal nothing comes any more. */
static void
test_end_is_the_end (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_attach (session);
  glib_session_send (session, "exit 1 hex 00000003");
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "exit shutdown, closed");
  glib_test_drain ();
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
}

typedef struct
{
  const char *title;
  const char *sent;
  const char *expected;
  LxcmonEnd end;
  const char *description; /* how it begins */
} EndCase;

static const EndCase end_cases[] = {
  { "lost", "init 42", "init 42, closed lost", LXCMON_END_LOST, "its controller ended" },
  { "truncated", "init 42 hex 0000002412", "init 42, closed truncated", LXCMON_END_LOST,
    "its controller ended" },
  /* The container may still run. */
  { "protocol", "init 42 hex 00000003", "init 42, closed protocol", LXCMON_END_NONE,
    "still running, no longer watched: " },
  { "exit", "init 42 exit 0", "init 42, exit error, closed", LXCMON_END_ERROR,
    "ended with an error" },
  { "shutdown", "init 42 exit 1", "init 42, exit shutdown, closed", LXCMON_END_SHUTDOWN,
    "shut down" },
  { "reboot", "init 42 exit 2", "init 42, exit reboot, closed", LXCMON_END_REBOOT, "rebooted" },
  { "unknown", "init 42 exit 3", "init 42, exit unknown, closed", LXCMON_END_UNKNOWN,
    "ended with the unknown status 3" },
};

static void
test_end (gconstpointer data)
{
  const EndCase *test = data;
  g_autoptr (GlibSession) session = glib_session_new ();
  const GError *error;

  glib_session_attach (session);
  glib_session_send (session, test->sent);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, test->expected);
  error = lxcmon_monitor_get_error (LXCMON_MONITOR (session->client));
  g_assert_cmpint (error == NULL, ==, g_str_has_suffix (test->expected, "closed"));
  g_assert_cmpint (lxcmon_monitor_get_end (LXCMON_MONITOR (session->client)), ==, test->end);
  g_autofree char *description = lxcmon_monitor_describe_end (LXCMON_MONITOR (session->client));
  g_assert_true (g_str_has_prefix (description, test->description));
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-events/order", test_order);
  glib_test_add ("/client-events/order-of-failures", test_order_of_failures);
  for (guint i = 0; i < G_N_ELEMENTS (exit_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/client-events/exit-detail/%d", exit_cases[i].raw);
      glib_test_add_data (path, test_exit_detail, &exit_cases[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (end_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/client-events/end/%s", end_cases[i].title);
      glib_test_add_data (path, test_end, &end_cases[i]);
    }
  glib_test_add ("/client-events/pending-together", test_pending_together);
  glib_test_add ("/client-events/byte-by-byte", test_byte_by_byte);
  glib_test_add ("/client-events/skipped", test_skipped);
  glib_test_add ("/client-events/late", test_late);
  glib_test_add ("/client-events/end-is-the-end", test_end_is_the_end);
  return g_test_run ();
}
