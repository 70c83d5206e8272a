/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Following a reboot: the same client attaches to the new controller, again and again; what ends the wait
 * for it, and what is not followed.
 */

#include <string.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* Longer than any test runs. */
#define LONG_MS 60000

static GlibSession *
new_following (guint ms)
{
  GlibSession *session = glib_session_new ();

  lxcmon_mock_controller_set_init_pid (session->mock, 1000);
  lxcmon_client_set_reboot_timeout (session->client, ms);
  glib_session_attach (session);
  glib_test_wait_until (session->signals->len > 0);
  return session;
}

/* The controller ends with a reboot. */
static void
reboot (GlibSession *session)
{
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CONNECTING);
}

static void
wait_for_signals (GlibSession *session, const char *expected)
{
  glib_test_wait_until (strlen (session->signals->str) >= strlen (expected));
  g_assert_cmpstr (session->signals->str, ==, expected);
}

static void
test_often (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);

  for (gint i = 1; i <= 50; i++)
    {
      g_string_truncate (session->signals, 0);
      reboot (session);
      g_assert_cmpstr (session->signals->str, ==, "exit reboot, closed");
      lxcmon_mock_controller_set_init_pid (session->mock, 1000 + i);
      glib_session_start (session);
      g_autofree char *expected = g_strdup_printf ("exit reboot, closed, init %d", 1000 + i);
      wait_for_signals (session, expected);
      g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
      g_assert_cmpint (lxcmon_monitor_get_init_pid (LXCMON_MONITOR (session->client)), ==,
                       1000 + i);
      g_assert_false (lxcmon_monitor_get_exited (LXCMON_MONITOR (session->client)));
    }
  /* Only reboots are followed. */
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
}

/* The new controller is there before the loop runs again. */
static void
test_there_already (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);

  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  glib_session_start (session);
  wait_for_signals (session, "init 1000, exit reboot, closed, init 1000");
}

static void
note_state (GObject *object, GParamSpec *property, gpointer user_data)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_STATE);
  LxcmonState state = lxcmon_monitor_get_state (LXCMON_MONITOR (object));

  g_string_append_printf (user_data, "%s ", g_enum_get_value (class, state)->value_nick);
}

static void
test_states (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);
  g_autoptr (GString) states = g_string_new (NULL);

  g_signal_connect (session->client, "notify::state", G_CALLBACK (note_state), states);
  reboot (session);
  glib_session_start (session);
  wait_for_signals (session, "init 1000, exit reboot, closed, init 1000");
  g_assert_cmpstr (states->str, ==, "exited closed connecting queued attached ");
}

static void
test_times_out (void)
{
  g_autoptr (GlibSession) session = new_following (200);
  LxcmonMonitor *monitor = LXCMON_MONITOR (session->client);
  gint64 start;

  /* A new value takes effect with the next attach. */
  lxcmon_client_set_reboot_timeout (session->client, 0);
  start = g_get_monotonic_time ();
  reboot (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_DETACHED);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 200 * G_TIME_SPAN_MILLISECOND);
  g_assert_error (lxcmon_monitor_get_error (monitor), LXCMON_MONITOR_ERROR,
                  LXCMON_MONITOR_ERROR_TIMED_OUT);
  g_assert_cmpstr (session->signals->str, ==, "init 1000, exit reboot, closed");
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);

  /* And it can be attached by hand. */
  glib_session_start (session);
  glib_session_attach (session);
  g_assert_null (lxcmon_monitor_get_error (monitor));
}

static void
test_not_followed (void)
{
  for (gint status = -1; status <= 1; status++)
    {
      g_autoptr (GlibSession) session = new_following (LONG_MS);

      glib_session_finish (session, (LxcmonExitStatus) status);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      glib_test_drain ();
      g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_CLOSED);
      g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
    }
}

static void
test_lost_is_not_followed (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);

  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
}

/* The old controller's socket stays there after the reboot, and is not taken for a new one. */
static void
test_old_socket_stays (void)
{
  g_autoptr (GlibSession) session = new_following (300);

  glib_session_send (session, "exit 2");
  glib_session_die (session);
  g_assert_true (g_file_test (session->path, G_FILE_TEST_EXISTS));
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_DETACHED);
  g_assert_error (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)), LXCMON_MONITOR_ERROR,
                  LXCMON_MONITOR_ERROR_TIMED_OUT);
}

static void
test_detach (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);

  reboot (session);
  lxcmon_client_detach (session->client);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  glib_session_start (session);
  glib_test_drain ();
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (session->mock), ==, 0);
  g_assert_cmpstr (session->signals->str, ==, "init 1000, exit reboot, closed");
}

static void
test_drop (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);
  LxcmonClient *client = session->client;

  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  reboot (session);
  glib_session_drop_client (session);
  g_assert_null (client);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
}

static void
on_closed_act (LxcmonClient *client, const GError *error, gpointer user_data)
{
  if (GPOINTER_TO_INT (user_data) != 0)
    g_object_run_dispose (G_OBJECT (client));
  else
    lxcmon_client_detach (client);
}

/* A handler of "closed" detaches: the reboot is not followed. */
static void
test_detach_in_closed (void)
{
  for (gint i = 0; i < 2; i++)
    {
      g_autoptr (GlibSession) session = new_following (LONG_MS);

      g_signal_connect (session->client, "closed", G_CALLBACK (on_closed_act), GINT_TO_POINTER (i));
      glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
      glib_test_wait_until (glib_test_count_sources (NULL, "[lxcmon]") == 0);
      glib_test_drain ();
      g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
    }
}

/* A handler of "closed" runs a main loop: the next run may begin in there. */
static void
start_and_loop (LxcmonClient *client, const GError *error, gpointer user_data)
{
  GlibSession *session = user_data;

  g_assert_cmpint (lxcmon_monitor_get_end (LXCMON_MONITOR (client)), ==, LXCMON_END_REBOOT);
  lxcmon_mock_controller_set_init_pid (session->mock, 1001);
  glib_session_start (session);
  wait_for_signals (session, "init 1000, exit reboot, closed, init 1001");
  g_assert_cmpint (lxcmon_monitor_get_end (LXCMON_MONITOR (client)), ==, LXCMON_END_NONE);
}

static void
test_loop_in_closed (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);
  gulong handler
      = g_signal_connect (session->client, "closed", G_CALLBACK (start_and_loop), session);

  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  wait_for_signals (session, "init 1000, exit reboot, closed, init 1001");
  g_signal_handler_disconnect (session->client, handler);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  wait_for_signals (session, "init 1000, exit reboot, closed, init 1001, exit shutdown, closed");
}

/* The last reference is dropped in a handler of "closed": the reboot is not followed. */
static void
drop_client (LxcmonClient *client, const GError *error, gpointer user_data)
{
  glib_session_drop_client (user_data);
}

static void
test_drop_in_closed (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);

  g_signal_connect (session->client, "closed", G_CALLBACK (drop_client), session);
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  glib_test_wait_until (session->client == NULL);
  glib_test_drain ();
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
}

static void
test_attach_while_following (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);

  reboot (session);
  glib_session_begin_attach (session, NULL);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "pending");
  glib_session_start (session);
  wait_for_signals (session, "init 1000, exit reboot, closed, init 1000");
}

/* The new controller ends before it accepts the client: the next one is waited for. */
static void
test_dies_before_accepting (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);

  reboot (session);
  mock_set_reading (session->mock, FALSE);
  lxcmon_mock_controller_set_init_pid (session->mock, 0);
  for (guint i = 0; i < 3; i++)
    {
      glib_session_start (session);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_QUEUED);
      glib_session_wait_accepted (session);
      glib_session_die (session);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CONNECTING);
      g_assert_null (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)));
    }
  mock_set_reading (session->mock, TRUE);
  lxcmon_mock_controller_set_init_pid (session->mock, 1001);
  glib_session_start (session);
  wait_for_signals (session, "init 1000, exit reboot, closed, init 1001");
}

/* Another client has the new controller's slot by the time that it is seen: that is the outcome. */
static void
test_busy (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (session->path);

  reboot (session);
  glib_session_start (session);
  g_assert_true (lxcmon_client_attach (other, NULL, NULL));
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_DETACHED);
  g_assert_error (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)), LXCMON_MONITOR_ERROR,
                  LXCMON_MONITOR_ERROR_BUSY);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 1);
}

static gpointer
start_later (gpointer data)
{
  GlibSession *session = data;

  glib_session_start (session);
  while (lxcmon_mock_controller_get_n_clients (session->mock) == 0)
    g_thread_yield ();
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  return NULL;
}

/* A stale socket of the new controller is not a new run; the wait for the next one's end blocks. */
static void
test_wait_exit_blocking (void)
{
  g_autoptr (GlibSession) session = new_following (LONG_MS);
  g_autoptr (LxcmonMockController) short_lived = lxcmon_mock_controller_new (session->path);
  g_autoptr (GError) error = NULL;

  reboot (session);
  /* The last run has ended. */
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (session->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_REBOOT);
  g_assert_no_error (error);
  g_assert_true (lxcmon_mock_controller_start (short_lived, NULL));
  g_assert_true (lxcmon_mock_controller_die (short_lived, NULL));
  glib_test_drain ();
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_CONNECTING);

  lxcmon_mock_controller_stop (short_lived);
  GThread *thread = g_thread_new ("start", start_later, session);
  /* The next run begins with its connection. */
  glib_test_wait_until (!lxcmon_monitor_get_exited (LXCMON_MONITOR (session->client)));
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (session->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_no_error (error);
  g_thread_join (thread);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-reboot/often", test_often);
  glib_test_add ("/client-reboot/there-already", test_there_already);
  glib_test_add ("/client-reboot/states", test_states);
  glib_test_add ("/client-reboot/times-out", test_times_out);
  glib_test_add ("/client-reboot/not-followed", test_not_followed);
  glib_test_add ("/client-reboot/lost-is-not-followed", test_lost_is_not_followed);
  glib_test_add ("/client-reboot/old-socket-stays", test_old_socket_stays);
  glib_test_add ("/client-reboot/detach", test_detach);
  glib_test_add ("/client-reboot/drop", test_drop);
  glib_test_add ("/client-reboot/detach-in-closed", test_detach_in_closed);
  glib_test_add ("/client-reboot/loop-in-closed", test_loop_in_closed);
  glib_test_add ("/client-reboot/drop-in-closed", test_drop_in_closed);
  glib_test_add ("/client-reboot/attach-while-following", test_attach_while_following);
  glib_test_add ("/client-reboot/dies-before-accepting", test_dies_before_accepting);
  glib_test_add ("/client-reboot/busy", test_busy);
  glib_test_add ("/client-reboot/wait-exit-blocking", test_wait_exit_blocking);
  return g_test_run ();
}
