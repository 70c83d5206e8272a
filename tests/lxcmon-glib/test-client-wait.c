/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Waiting for the container's end: both ways, with each outcome, several at once, and what happens to
 * those that wait when the client is detached, cancelled or loses its controller.
 */

#include "common/glib-session.h"
#include "common/glib-test.h"

typedef struct
{
  gboolean done;
  LxcmonExitStatus status;
  char *nick; /* of the error, or NULL */
} Wait;

static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_async_result_is_tagged (result, lxcmon_monitor_wait_exit_async));
  g_assert_false (wait->done);
  wait->status = lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, &error);
  wait->nick = error != NULL ? g_strdup (glib_error_nick (error)) : NULL;
  wait->done = TRUE;
}

static void
begin (GlibSession *session, GCancellable *cancellable, Wait *wait)
{
  lxcmon_monitor_wait_exit_async (LXCMON_MONITOR (session->client), cancellable, on_waited, wait);
  g_assert_false (wait->done);
}

static void
check (Wait *wait, LxcmonExitStatus status, const char *nick)
{
  glib_test_wait_until (wait->done);
  g_assert_cmpint (wait->status, ==, status);
  g_assert_cmpstr (wait->nick, ==, nick);
  g_clear_pointer (&wait->nick, g_free);
}

static void
test_statuses (void)
{
  for (gint status = -1; status <= 2; status++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      Wait waits[3] = { 0 };

      glib_session_attach (session);
      for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
        begin (session, NULL, &waits[i]);
      glib_session_finish (session, (LxcmonExitStatus) status);
      for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
        check (&waits[i], (LxcmonExitStatus) status, NULL);
    }
}

/* Waits from before the attach has its outcome on. */
static void
test_while_attaching (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Wait wait = { 0 };

  glib_session_begin_attach (session, NULL);
  begin (session, NULL, &wait);
  glib_session_finish_attach (session);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  check (&wait, LXCMON_EXIT_STATUS_SHUTDOWN, NULL);
}

static void
test_attach_fails (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Wait wait = { 0 };

  glib_session_attach_silent (session);
  begin (session, NULL, &wait);
  glib_session_die (session);
  check (&wait, LXCMON_EXIT_STATUS_UNKNOWN, "lost");
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "lost");
}

static void
test_already_seen (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Wait wait = { 0 };

  glib_session_attach (session);
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  begin (session, NULL, &wait);
  check (&wait, LXCMON_EXIT_STATUS_REBOOT, NULL);
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (session->client), NULL, NULL), ==,
                   LXCMON_EXIT_STATUS_REBOOT);
}

/* An unknown status is an answer and no error, though both are -1. */
static void
test_unknown_is_no_error (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GError) error = NULL;

  glib_session_attach (session);
  glib_session_send (session, "exit 7");
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (session->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_no_error (error);
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (LXCMON_MONITOR (session->client)), ==, 7);
}

static void
test_lost (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Wait waits[3] = { 0 };

  glib_session_attach (session);
  begin (session, NULL, &waits[0]);
  begin (session, NULL, &waits[1]);
  glib_session_die (session);
  check (&waits[0], LXCMON_EXIT_STATUS_UNKNOWN, "lost");
  check (&waits[1], LXCMON_EXIT_STATUS_UNKNOWN, "lost");
  /* And afterwards, the error that the client has. */
  begin (session, NULL, &waits[2]);
  check (&waits[2], LXCMON_EXIT_STATUS_UNKNOWN, "lost");
}

static void
test_not_attached (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };

  begin (session, NULL, &wait);
  check (&wait, LXCMON_EXIT_STATUS_UNKNOWN, "not-connected");
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (session->client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
}

static gpointer
cancel_in_thread (gpointer data)
{
  g_cancellable_cancel (data);
  return NULL;
}

/* Cancelling one leaves the client attached, and the others waiting. */
static void
test_cancelled (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Wait waits[4] = { 0 };

  glib_session_attach (session);
  begin (session, cancellable, &waits[0]);
  begin (session, NULL, &waits[1]);
  begin (session, cancellable, &waits[2]);
  GThread *thread = g_thread_new ("cancel", cancel_in_thread, cancellable);
  check (&waits[0], LXCMON_EXIT_STATUS_UNKNOWN, "cancelled");
  check (&waits[2], LXCMON_EXIT_STATUS_UNKNOWN, "cancelled");
  g_thread_join (thread);
  begin (session, cancellable, &waits[3]);
  check (&waits[3], LXCMON_EXIT_STATUS_UNKNOWN, "cancelled");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
  g_assert_false (waits[1].done);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  check (&waits[1], LXCMON_EXIT_STATUS_SHUTDOWN, NULL);
}

static void
test_detached (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Wait waits[2] = { 0 };

  glib_session_attach (session);
  begin (session, NULL, &waits[0]);
  begin (session, cancellable, &waits[1]);
  lxcmon_client_detach (session->client);
  check (&waits[0], LXCMON_EXIT_STATUS_UNKNOWN, "cancelled");
  check (&waits[1], LXCMON_EXIT_STATUS_UNKNOWN, "cancelled");
  g_cancellable_cancel (cancellable);
  glib_test_drain ();
}

static void
detach_on_exit (LxcmonClient *client, LxcmonExitStatus status, gpointer user_data)
{
  lxcmon_client_detach (client);
}

/* EXIT has come: calls return it, even if a handler detaches. */
static void
test_detached_in_handler (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Wait waits[2] = { 0 };

  glib_session_attach (session);
  g_signal_connect (session->client, "exit", G_CALLBACK (detach_on_exit), NULL);
  begin (session, NULL, &waits[0]);
  begin (session, NULL, &waits[1]);
  glib_session_send (session, "exit 2");
  check (&waits[0], LXCMON_EXIT_STATUS_REBOOT, NULL);
  check (&waits[1], LXCMON_EXIT_STATUS_REBOOT, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
}

static void
cancel_next (GObject *object, GAsyncResult *result, gpointer user_data)
{
  gpointer *data = user_data;

  g_cancellable_cancel (data[1]);
  on_waited (object, result, data[0]);
  glib_test_drain ();
}

/* The callback of one cancels the next, and runs the loop meanwhile. */
static void
test_cancelled_in_callback (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Wait waits[2] = { 0 };
  gpointer data[] = { &waits[0], cancellable };

  glib_session_attach (session);
  lxcmon_monitor_wait_exit_async (LXCMON_MONITOR (session->client), NULL, cancel_next, data);
  begin (session, cancellable, &waits[1]);
  glib_session_send (session, "exit 1");
  check (&waits[0], LXCMON_EXIT_STATUS_SHUTDOWN, NULL);
  check (&waits[1], LXCMON_EXIT_STATUS_SHUTDOWN, NULL);
}

/* A pending call holds a reference. */
static void
test_keeps_alive (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  LxcmonClient *client = session->client;
  Wait wait = { 0 };

  glib_session_attach (session);
  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  begin (session, NULL, &wait);
  glib_session_drop_client (session);
  g_assert_nonnull (client);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  check (&wait, LXCMON_EXIT_STATUS_SHUTDOWN, NULL);
  glib_test_wait_until (client == NULL);
  g_assert_cmpstr (session->signals->str, ==, "exit shutdown");
}

/* Blocks; the signals are emitted meanwhile. */
static const char *
wait_blocking (GlibSession *session, GCancellable *cancellable, LxcmonExitStatus expected)
{
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (session->client), cancellable, &error),
                   ==, expected);
  return error != NULL ? glib_error_nick (error) : NULL;
}

static void
test_blocking (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  g_assert_true (lxcmon_client_attach (session->client, NULL, NULL));
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  g_assert_cmpstr (wait_blocking (session, NULL, LXCMON_EXIT_STATUS_REBOOT), ==, NULL);
  g_assert_true (g_str_has_prefix (session->signals->str, "init 42, exit reboot"));
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "init 42, exit reboot, closed");
}

static void
test_blocking_lost (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_attach (session);
  glib_session_die (session);
  g_assert_cmpstr (wait_blocking (session, NULL, LXCMON_EXIT_STATUS_UNKNOWN), ==, "lost");
  g_assert_cmpstr (session->signals->str, ==, "closed lost");
}

static void
test_blocking_cancelled (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  glib_session_attach (session);
  GThread *thread = g_thread_new ("cancel", cancel_in_thread, cancellable);
  g_assert_cmpstr (wait_blocking (session, cancellable, LXCMON_EXIT_STATUS_UNKNOWN), ==,
                   "cancelled");
  g_thread_join (thread);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

/* From the waiting state through to the end in one call, both ways at once. */
static void
test_blocking_while_attaching (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Wait wait = { 0 };

  mock_set_reading (session->mock, FALSE);
  glib_session_begin_attach (session, NULL);
  begin (session, NULL, &wait);
  glib_session_wait_accepted (session);
  glib_session_send (session, "init 42");
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_cmpstr (wait_blocking (session, NULL, LXCMON_EXIT_STATUS_SHUTDOWN), ==, NULL);
  check (&wait, LXCMON_EXIT_STATUS_SHUTDOWN, NULL);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
}

/* Bindings dispose of what is left when a program ends. */
static void
test_disposed (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Wait wait = { 0 };

  glib_session_attach_silent (session);
  begin (session, NULL, &wait);
  g_object_run_dispose (G_OBJECT (session->client));
  check (&wait, LXCMON_EXIT_STATUS_UNKNOWN, "cancelled");
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "cancelled");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-wait/statuses", test_statuses);
  glib_test_add ("/client-wait/while-attaching", test_while_attaching);
  glib_test_add ("/client-wait/attach-fails", test_attach_fails);
  glib_test_add ("/client-wait/already-seen", test_already_seen);
  glib_test_add ("/client-wait/unknown-is-no-error", test_unknown_is_no_error);
  glib_test_add ("/client-wait/lost", test_lost);
  glib_test_add ("/client-wait/not-attached", test_not_attached);
  glib_test_add ("/client-wait/cancelled", test_cancelled);
  glib_test_add ("/client-wait/detached", test_detached);
  glib_test_add ("/client-wait/detached-in-handler", test_detached_in_handler);
  glib_test_add ("/client-wait/cancelled-in-callback", test_cancelled_in_callback);
  glib_test_add ("/client-wait/keeps-alive", test_keeps_alive);
  glib_test_add ("/client-wait/blocking", test_blocking);
  glib_test_add ("/client-wait/blocking-lost", test_blocking_lost);
  glib_test_add ("/client-wait/blocking-cancelled", test_blocking_cancelled);
  glib_test_add ("/client-wait/blocking-while-attaching", test_blocking_while_attaching);
  glib_test_add ("/client-wait/disposed", test_disposed);
  return g_test_run ();
}
