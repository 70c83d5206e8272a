/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Attaching while blocking. It iterates the thread-default main context: what is emitted meanwhile comes in
 * order, other sources run, handlers may detach and attach, and the outcomes are those of the asynchronous
 * form.
 */

#include "common/glib-session.h"
#include "common/glib-test.h"

static void
note_state (GObject *object, GParamSpec *property, gpointer user_data)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_STATE);
  LxcmonState state = lxcmon_monitor_get_state (LXCMON_MONITOR (object));

  g_string_append_printf (user_data, "%s ", g_enum_get_value (class, state)->value_nick);
}

/* Attaches. Returns the error's nick or NULL. */
static const char *
attach (GlibSession *session, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  gboolean attached = lxcmon_client_attach (session->client, cancellable, &error);

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

static gboolean
count_run (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_REMOVE;
}

/* Other sources of the context run while the call blocks, those of other contexts do not. */
static void
test_iterates (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) idle = g_idle_source_new ();
  guint n_here = 0, n_there = 0;

  g_main_context_push_thread_default (context);
  g_source_set_callback (idle, count_run, &n_here, NULL);
  g_source_set_priority (idle, G_PRIORITY_HIGH);
  g_source_attach (idle, context);
  guint there = g_idle_add_full (G_PRIORITY_HIGH, count_run, &n_there, NULL);
  g_assert_cmpstr (attach (session, NULL), ==, NULL);
  g_assert_cmpuint (n_here, ==, 1);
  g_assert_cmpuint (n_there, ==, 0);
  g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon] events"), ==, 1);
  lxcmon_client_detach (session->client);
  g_main_context_pop_thread_default (context);
  g_source_remove (there);
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

/* The container starts and ends before attach returns: each signal is emitted once, and in order. */
static void
test_short_life (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  mock_set_reading (session->mock, FALSE);
  GThread *thread = g_thread_new ("finish", finish_when_accepted, session);
  g_assert_cmpstr (attach (session, NULL), ==, NULL);
  g_thread_join (thread);
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
  /* The error is not asked for. */
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

/* A handler of a notification detaches meanwhile. */
static void
test_detached_by_handler (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  g_signal_connect (session->client, "notify::state", G_CALLBACK (detach_at_once), NULL);
  g_assert_cmpstr (attach (session, NULL), ==, "cancelled");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
}

/* A handler attaches again meanwhile: the first call is cancelled, the second one has an outcome of its own. */
static void
attach_again (GObject *object, GParamSpec *property, gpointer user_data)
{
  GlibSession *session = user_data;

  g_signal_handlers_disconnect_by_func (object, attach_again, user_data);
  lxcmon_client_detach (session->client);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  glib_session_begin_attach (session, NULL);
}

static void
test_attached_by_handler (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  g_signal_connect (session->client, "notify::state", G_CALLBACK (attach_again), session);
  g_assert_cmpstr (attach (session, NULL), ==, "cancelled");
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

/* A handler of one client's attaches another one, and blocks in there. */
static void
attach_other (LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  g_assert_cmpstr (attach (user_data, NULL), ==, NULL);
}

static void
test_in_handler (void)
{
  g_autoptr (GlibSession) first = glib_session_new ();
  g_autoptr (GlibSession) second = glib_session_new ();

  lxcmon_mock_controller_set_init_pid (first->mock, 42);
  g_signal_connect (first->client, "init", G_CALLBACK (attach_other), second);
  g_assert_cmpstr (attach (first, NULL), ==, NULL);
  glib_test_wait_until (first->signals->len > 0);
  glib_test_wait_until (glib_session_get_state (second) == LXCMON_STATE_ATTACHED);
  g_assert_cmpstr (first->signals->str, ==, "init 42");
}

/* The application drops its reference meanwhile: the call has one. */
static void
drop (GObject *object, GParamSpec *property, gpointer user_data)
{
  glib_session_drop_client (user_data);
}

static void
test_dropped_by_handler (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  LxcmonClient *client = session->client;

  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  g_signal_connect (client, "notify::state", G_CALLBACK (drop), session);
  g_assert_true (lxcmon_client_attach (client, NULL, NULL));
  g_assert_null (client);
}

/* An attach is under way already: that one goes on, and this call fails. */
static void
test_after_async (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_begin_attach (session, NULL);
  g_assert_cmpstr (attach (session, NULL), ==, "pending");
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  g_assert_cmpstr (attach (session, NULL), ==, "pending");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-blocking/success", test_success);
  glib_test_add ("/client-blocking/iterates", test_iterates);
  glib_test_add ("/client-blocking/short-life", test_short_life);
  glib_test_add ("/client-blocking/partial-message", test_partial_message);
  glib_test_add ("/client-blocking/not-found", test_not_found);
  glib_test_add ("/client-blocking/lost", test_lost);
  glib_test_add ("/client-blocking/protocol", test_protocol);
  glib_test_add ("/client-blocking/cancelled-before", test_cancelled_before);
  glib_test_add ("/client-blocking/cancelled-from-thread", test_cancelled_from_thread);
  glib_test_add ("/client-blocking/detached-by-handler", test_detached_by_handler);
  glib_test_add ("/client-blocking/attached-by-handler", test_attached_by_handler);
  glib_test_add ("/client-blocking/dropped-by-handler", test_dropped_by_handler);
  glib_test_add ("/client-blocking/in-handler", test_in_handler);
  glib_test_add ("/client-blocking/after-async", test_after_async);
  return g_test_run ();
}
