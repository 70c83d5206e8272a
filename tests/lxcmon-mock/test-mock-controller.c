/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test controller as an object: its properties, starting, stopping and starting again, what is an
 * error, and that it may be used from any thread and dropped at any time.
 */

#include "common/glib-session.h"
#include "common/glib-test.h"

static void
count (GObject *object, GParamSpec *property, gpointer user_data)
{
  (*(guint *) user_data)++;
}

static void
test_properties (void)
{
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new ("/srv/web1.sock");
  guint n_clients, n_notified = 0;
  gint init_pid;

  g_object_get (mock, "init-pid", &init_pid, "n-clients", &n_clients, NULL);
  g_assert_cmpint (init_pid, ==, 0);
  g_assert_cmpuint (n_clients, ==, 0);

  g_signal_connect (mock, "notify::init-pid", G_CALLBACK (count), &n_notified);
  g_object_set (mock, "init-pid", 42, NULL);
  g_assert_cmpint (lxcmon_mock_controller_get_init_pid (mock), ==, 42);
  lxcmon_mock_controller_set_init_pid (mock, 42);
  g_assert_cmpuint (n_notified, ==, 1);
  lxcmon_mock_controller_set_init_pid (mock, 0);
  g_object_get (mock, "init-pid", &init_pid, NULL);
  g_assert_cmpint (init_pid, ==, 0);
  g_assert_cmpuint (n_notified, ==, 2);
}

static void
test_misuse (void)
{
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new ("/srv/web1.sock");
  g_autoptr (LxcmonMockController) nowhere = g_object_new (LXCMON_MOCK_TYPE_CONTROLLER, NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 4; i++)
    g_test_expect_message ("lxcmon-mock", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_null (lxcmon_mock_controller_new (NULL));
  lxcmon_mock_controller_set_init_pid (mock, -1);
  g_assert_false (lxcmon_mock_controller_send_bytes (mock, NULL, &error));
  g_assert_false (lxcmon_mock_controller_start (nowhere, &error));
  g_test_assert_expected_messages ();
  g_assert_no_error (error);
  g_assert_cmpint (lxcmon_mock_controller_get_init_pid (mock), ==, 0);
}

/* Before it is started, while it has no client, and after its end: all that sends is an error. */
static void
check_cannot_send (LxcmonMockController *mock, gboolean runs)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);
  GError *errors[5] = { NULL };
  guint n = 0;

  g_assert_false (lxcmon_mock_controller_send_bytes (mock, bytes, &errors[n++]));
  g_assert_false (lxcmon_mock_controller_send_init (mock, 1, &errors[n++]));
  g_assert_false (lxcmon_mock_controller_send_exit (mock, LXCMON_EXIT_STATUS_ERROR, &errors[n++]));
  g_assert_false (lxcmon_mock_controller_finish (mock, LXCMON_EXIT_STATUS_ERROR, &errors[n++]));
  if (!runs)
    g_assert_false (lxcmon_mock_controller_die (mock, &errors[n++]));
  for (guint i = 0; i < n; i++)
    {
      g_assert_error (errors[i], G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
      g_error_free (errors[i]);
    }
  g_assert_false (lxcmon_mock_controller_send_init (mock, 1, NULL));
}

static void
test_cannot_send (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  check_cannot_send (session->mock, TRUE);
  glib_session_attach (session);
  lxcmon_client_detach (session->client);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  check_cannot_send (session->mock, TRUE);
  glib_session_attach (session);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  check_cannot_send (session->mock, FALSE);
  lxcmon_mock_controller_stop (session->mock);
  check_cannot_send (session->mock, FALSE);
}

static void
test_not_started (void)
{
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new ("/srv/web1.sock");

  check_cannot_send (mock, FALSE);
  lxcmon_mock_controller_stop (mock);
  lxcmon_mock_controller_stop (mock);
}

static gboolean
exists (GlibSession *session)
{
  return g_file_test (session->path, G_FILE_TEST_EXISTS);
}

/* Each start is a new controller, with a first client of its own. */
static void
test_start_again (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  for (guint i = 0; i < 6; i++)
    {
      g_assert_true (exists (session));
      glib_session_new_client (session);
      g_string_truncate (session->signals, 0);
      glib_session_attach (session);
      glib_test_wait_until (session->signals->len > 0);
      g_assert_cmpstr (session->signals->str, ==, "init 42");
      if (i % 3 == 0)
        glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
      else if (i % 3 == 1)
        glib_session_die (session);
      if (i % 3 != 2)
        glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      g_assert_cmpint (exists (session), ==, i % 3 != 0);
      glib_session_start (session);
    }
}

static void
test_stop (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_attach (session);
  lxcmon_mock_controller_stop (session->mock);
  g_assert_false (exists (session));
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "closed lost");
  lxcmon_mock_controller_stop (session->mock);

  glib_session_start (session);
  glib_session_die (session);
  g_assert_true (exists (session));
  lxcmon_mock_controller_stop (session->mock);
  g_assert_false (exists (session));
}

/* It removes its own file only: one that another controller has made since stays. */
static void
test_stop_spares_others (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (LxcmonMockController) next = lxcmon_mock_controller_new (session->path);
  g_autoptr (GError) error = NULL;

  glib_session_attach (session);
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  g_assert_true (lxcmon_mock_controller_start (next, &error));
  lxcmon_mock_controller_stop (session->mock);
  g_assert_true (exists (session));
  g_assert_true (lxcmon_client_attach (session->client, NULL, &error) || error != NULL);
  g_clear_error (&error);

  /* And it does not start if another one listens there. */
  g_assert_false (lxcmon_mock_controller_start (session->mock, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_true (exists (session));
  lxcmon_mock_controller_stop (session->mock);
  g_assert_true (exists (session));
}

static void
test_cannot_start (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autofree char *nowhere = g_build_filename (session->dir, "nowhere", "web1.sock", NULL);
  g_autofree char *file = g_build_filename (session->dir, "file", NULL);
  const char *const paths[] = { nowhere, file, session->path };
  const GIOErrorEnum codes[]
      = { G_IO_ERROR_NOT_FOUND, G_IO_ERROR_ADDRESS_IN_USE, G_IO_ERROR_ADDRESS_IN_USE };

  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new (paths[i]);
      g_autoptr (GError) error = NULL;
      g_assert_false (lxcmon_mock_controller_start (mock, &error));
      g_assert_error (error, G_IO_ERROR, (gint) codes[i]);
      g_assert_false (lxcmon_mock_controller_start (mock, NULL));
    }
  g_assert_true (g_file_test (file, G_FILE_TEST_IS_REGULAR));
  g_assert_true (exists (session));
}

static void
note_thread (GObject *object, GParamSpec *property, gpointer user_data)
{
  GString *values = user_data;

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  g_string_append_printf (values, "%u ",
                          lxcmon_mock_controller_get_n_clients (LXCMON_MOCK_CONTROLLER (object)));
}

static void
test_n_clients (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) values = g_string_new (NULL);

  g_signal_connect (session->mock, "notify::n-clients", G_CALLBACK (note_thread), values);
  glib_session_attach (session);
  glib_test_wait_until (values->len == 2);
  lxcmon_client_detach (session->client);
  glib_test_wait_until (values->len == 4);
  g_assert_cmpstr (values->str, ==, "1 0 ");
}

/* Notified in the context that was thread-default when the controller was made, and in no other. */
static void
test_context (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  guint n_notified = 0;

  lxcmon_mock_controller_stop (session->mock);
  g_main_context_push_thread_default (context);
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new (session->path);
  g_main_context_pop_thread_default (context);
  g_signal_connect (mock, "notify::n-clients", G_CALLBACK (count), &n_notified);
  g_assert_true (lxcmon_mock_controller_start (mock, NULL));

  glib_session_attach (session);
  glib_test_drain ();
  g_assert_cmpuint (n_notified, ==, 0);
  g_assert_true (g_main_context_iteration (context, FALSE));
  g_assert_cmpuint (n_notified, ==, 1);
  lxcmon_mock_controller_stop (mock);
  g_assert_true (g_main_context_iteration (context, FALSE));
  g_assert_cmpuint (n_notified, ==, 2);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
}

/* Dropped in the middle of everything, with a client that is served and another that waits. */
static void
test_drop (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (session->path);
      LxcmonMockController *mock = session->mock;

      glib_session_attach (session);
      lxcmon_client_set_force (other, TRUE);
      lxcmon_client_attach_async (other, NULL, NULL, NULL);
      g_object_add_weak_pointer (G_OBJECT (mock), (gpointer *) &mock);
      if (i % 2 == 0)
        glib_test_drain ();
      g_object_unref (session->mock);
      glib_test_drain ();
      g_assert_null (mock);
      g_assert_false (exists (session));
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      g_assert_cmpstr (session->signals->str, ==, "closed lost");
      glib_test_wait_until (lxcmon_monitor_get_error (LXCMON_MONITOR (other)) != NULL);
      session->mock = lxcmon_mock_controller_new (session->path);
    }
}

static void
test_many (void)
{
  guint n = glib_test_is_slow () ? 20 : 100;
  char *dir = glib_test_make_dir ();
  g_autofree GlibSession **sessions = g_new (GlibSession *, n);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("web%u", i);
      sessions[i] = glib_session_new_at (dir, name);
      lxcmon_mock_controller_set_init_pid (sessions[i]->mock, (gint) i + 1);
      glib_session_begin_attach (sessions[i], NULL);
    }
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *expected = g_strdup_printf ("init %u", i + 1);
      glib_test_wait_until (sessions[i]->signals->len > 0);
      g_assert_cmpstr (sessions[i]->signals->str, ==, expected);
      glib_session_free (sessions[i]);
    }
  glib_test_remove_dir (dir);
}

static gpointer
use_from_thread (gpointer data)
{
  LxcmonMockController *mock = data;

  for (guint i = 0; i < 200; i++)
    {
      lxcmon_mock_controller_set_init_pid (mock, (gint) i);
      mock_set_accepting (mock, i % 2 == 0);
      mock_set_reading (mock, i % 2 == 0);
      g_assert_cmpint (lxcmon_mock_controller_get_init_pid (mock), >=, 0);
      g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (mock), <=, 1);
      lxcmon_mock_controller_send_init (mock, 1, NULL);
      if (i % 10 == 0)
        lxcmon_mock_controller_die (mock, NULL);
      if (i % 5 == 0)
        lxcmon_mock_controller_start (mock, NULL);
      if (i % 50 == 0)
        lxcmon_mock_controller_stop (mock);
    }
  return NULL;
}

/* Four threads at once call whatever there is, also starting and stopping. */
static void
test_threads (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("use", use_from_thread, session->mock);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  mock_set_accepting (session->mock, TRUE);
  mock_set_reading (session->mock, TRUE);
  glib_session_start (session);
  glib_session_attach (session);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/mock-controller/properties", test_properties);
  glib_test_add ("/mock-controller/misuse", test_misuse);
  glib_test_add ("/mock-controller/cannot-send", test_cannot_send);
  glib_test_add ("/mock-controller/not-started", test_not_started);
  glib_test_add ("/mock-controller/start-again", test_start_again);
  glib_test_add ("/mock-controller/stop", test_stop);
  glib_test_add ("/mock-controller/stop-spares-others", test_stop_spares_others);
  glib_test_add ("/mock-controller/cannot-start", test_cannot_start);
  glib_test_add ("/mock-controller/n-clients", test_n_clients);
  glib_test_add ("/mock-controller/context", test_context);
  glib_test_add ("/mock-controller/drop", test_drop);
  glib_test_add ("/mock-controller/many", test_many);
  glib_test_add ("/mock-controller/threads", test_threads);
  return g_test_run ();
}
