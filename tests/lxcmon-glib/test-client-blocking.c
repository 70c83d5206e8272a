/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Attaching while blocking: it consumes nothing, emits none of the three signals and runs no main
 * context; what has come is emitted when the loop runs. Its failures are those of the other way.
 */

#include "common/glib-session.h"
#include "common/glib-test.h"

static gboolean
count_run (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_CONTINUE;
}

static void
note_state (GObject *object, GParamSpec *property, gpointer user_data)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_STATE);
  LxcmonState state = lxcmon_monitor_get_state (LXCMON_MONITOR (object));

  g_string_append_printf (user_data, "%s ", g_enum_get_value (class, state)->value_nick);
}

/* Attaches with a source in the context that is always ready. Returns the error's nick or NULL. */
static const char *
attach (GlibSession *session, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  guint n_runs = 0;
  guint source = g_idle_add_full (G_PRIORITY_HIGH, count_run, &n_runs, NULL);

  gboolean attached = lxcmon_client_attach (session->client, cancellable, &error);
  g_assert_cmpuint (n_runs, ==, 0);
  g_assert_cmpstr (session->signals->str, ==, "");
  g_source_remove (source);
  g_assert_cmpint (attached, ==, error == NULL);
  return error != NULL ? glib_error_nick (error) : NULL;
}

static void
test_success (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) states = g_string_new (NULL);

  g_signal_connect (session->client, "notify::state", G_CALLBACK (note_state), states);
  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  g_assert_cmpstr (attach (session, NULL), ==, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpstr (states->str, ==, "queued attached ");

  glib_test_wait_until (session->signals->len > 0);
  g_assert_cmpstr (session->signals->str, ==, "init 42");
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "init 42, exit shutdown, closed");
}

static gpointer
finish_when_accepted (gpointer data)
{
  GlibSession *session = data;
  gint64 deadline = glib_test_get_deadline ();

  while (lxcmon_mock_controller_get_n_clients (session->mock) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  glib_session_send (session, "init 42 init 43");
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  return NULL;
}

/* All of a container's life is over when attach looks: it is still there for the loop. */
static void
test_consumes_nothing (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  mock_set_reading (session->mock, FALSE);
  GThread *thread = g_thread_new ("finish", finish_when_accepted, session);
  g_assert_cmpstr (attach (session, NULL), ==, NULL);
  g_thread_join (thread);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "init 42, init 43, exit reboot, closed");
}

static gpointer
send_in_pieces (gpointer data)
{
  GlibSession *session = data;
  g_autoptr (GBytes) init = glib_encode ("init 42");
  gint64 deadline = glib_test_get_deadline ();

  while (lxcmon_mock_controller_get_n_clients (session->mock) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  for (gsize i = 0; i < g_bytes_get_size (init); i++)
    {
      g_autoptr (GBytes) piece = g_bytes_new_from_bytes (init, i, 1);
      g_autoptr (GError) error = NULL;
      lxcmon_mock_controller_send_bytes (session->mock, piece, &error);
      g_assert_no_error (error);
    }
  return NULL;
}

static void
test_partial_message (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  mock_set_reading (session->mock, FALSE);
  GThread *thread = g_thread_new ("pieces", send_in_pieces, session);
  g_assert_cmpstr (attach (session, NULL), ==, NULL);
  g_thread_join (thread);
  glib_test_wait_until (session->signals->len > 0);
  g_assert_cmpstr (session->signals->str, ==, "init 42");
}

static void
check_failed (GlibSession *session, const char *nick)
{
  const GError *error = lxcmon_monitor_get_error (LXCMON_MONITOR (session->client));

  g_assert_nonnull (error);
  g_assert_cmpstr (glib_error_nick (error), ==, nick);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  glib_test_drain ();
  g_assert_cmpstr (session->signals->str, ==, "");
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
}

static void
test_not_found (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_mock_controller_stop (session->mock);
  g_assert_cmpstr (attach (session, NULL), ==, "not-found");
  check_failed (session, "not-found");
  /* Without somewhere to put the error. */
  g_assert_false (lxcmon_client_attach (session->client, NULL, NULL));
  check_failed (session, "not-found");
}

/* What a thread does as soon as the client is accepted. */
typedef struct
{
  GlibSession *session;
  const char *bytes;
  gboolean die;
  GCancellable *cancellable;
} Script;

static gpointer
run_script (gpointer data)
{
  const Script *script = data;
  gint64 deadline = glib_test_get_deadline ();

  while (lxcmon_mock_controller_get_n_clients (script->session->mock) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  if (script->bytes != NULL)
    glib_session_send (script->session, script->bytes);
  if (script->die)
    glib_session_die (script->session);
  if (script->cancellable != NULL)
    g_cancellable_cancel (script->cancellable);
  return NULL;
}

static void
attach_with_script (Script script, const char *expected)
{
  mock_set_reading (script.session->mock, FALSE);
  GThread *thread = g_thread_new ("script", run_script, &script);
  g_assert_cmpstr (attach (script.session, script.cancellable), ==, expected);
  g_thread_join (thread);
}

static void
test_lost (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  attach_with_script ((Script){ session, .die = TRUE }, "lost");
  check_failed (session, "lost");
}

static void
test_protocol (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  attach_with_script ((Script){ session, .bytes = "hex 00000003" }, "protocol");
  check_failed (session, "protocol");
}

static void
test_cancelled_before (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  g_assert_cmpstr (attach (session, cancellable), ==, "cancelled");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
}

static void
test_cancelled_from_thread (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  attach_with_script ((Script){ session, .cancellable = cancellable }, "cancelled");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  g_assert_null (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)));

  g_cancellable_reset (cancellable);
  mock_set_reading (session->mock, TRUE);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  g_assert_cmpstr (attach (session, cancellable), ==, NULL);
}

static void
detach_at_once (GObject *object, GParamSpec *property, gpointer user_data)
{
  lxcmon_client_detach (LXCMON_CLIENT (object));
}

/* A handler of the one thing that is notified meanwhile detaches. */
static void
test_detached_by_handler (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  g_signal_connect (session->client, "notify::state", G_CALLBACK (detach_at_once), NULL);
  g_assert_cmpstr (attach (session, NULL), ==, "cancelled");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
}

/* Blocks behind an attach that is under way: there is one outcome only, and it is the first's. */
static void
test_after_async (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_begin_attach (session, NULL);
  g_assert_cmpstr (attach (session, NULL), ==, "pending");
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-blocking/success", test_success);
  glib_test_add ("/client-blocking/consumes-nothing", test_consumes_nothing);
  glib_test_add ("/client-blocking/partial-message", test_partial_message);
  glib_test_add ("/client-blocking/not-found", test_not_found);
  glib_test_add ("/client-blocking/lost", test_lost);
  glib_test_add ("/client-blocking/protocol", test_protocol);
  glib_test_add ("/client-blocking/cancelled-before", test_cancelled_before);
  glib_test_add ("/client-blocking/cancelled-from-thread", test_cancelled_from_thread);
  glib_test_add ("/client-blocking/detached-by-handler", test_detached_by_handler);
  glib_test_add ("/client-blocking/after-async", test_after_async);
  return g_test_run ();
}
