/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Attaching asynchronously: success, each way to fail with its code, and what is true of every
 * failure: no signal, state detached, the same error from finish and in the property.
 */

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* Held against every attach that has failed. */
static void
check_failed (GlibSession *session, const char *nick)
{
  const GError *error;

  g_assert_cmpstr (glib_session_finish_attach (session), ==, nick);
  error = lxcmon_monitor_get_error (LXCMON_MONITOR (session->client));
  g_assert_nonnull (error);
  g_assert_cmpstr (glib_error_nick (error), ==, nick);
  g_assert_cmpstr (error->message, ==, session->attach_error->message);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  glib_test_drain ();
  g_assert_cmpstr (session->signals->str, ==, "");
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] "), ==, 0);
}

static void
test_success (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  LxcmonMonitor *monitor = LXCMON_MONITOR (session->client);

  glib_session_begin_attach (session, NULL);
  /* The first connect is done when the call returns. */
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_QUEUED);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (monitor), ==, getpid ());
  g_assert_false (session->attach_done);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
  g_assert_null (lxcmon_monitor_get_error (monitor));
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (session->mock), ==, 1);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);
}

static void
test_without_callback (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_client_attach_async (session->client, NULL, NULL, NULL);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_ATTACHED);
}

static void
test_not_found (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_mock_controller_stop (session->mock);
  glib_session_begin_attach (session, NULL);
  g_assert_false (session->attach_done);
  check_failed (session, "not-found");
}

static void
test_invalid_name (void)
{
  static const char *const names[] = { "", ".", "..", "../x", "a/b", "a\nb", NULL };
  g_autoptr (GlibSession) session = glib_session_new ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_clear_object (&session->client);
      session->client = lxcmon_client_new (names[i]);
      glib_session_begin_attach (session, NULL);
      check_failed (session, "invalid-name");
    }
}

static void
test_refused (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_die (session);
  g_assert_true (g_file_test (session->path, G_FILE_TEST_EXISTS));
  glib_session_begin_attach (session, NULL);
  check_failed (session, "refused");
}

static void
test_untrusted (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  g_assert_cmpint (g_chmod (session->dir, 0777), ==, 0);
  glib_session_begin_attach (session, NULL);
  check_failed (session, "untrusted");
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (session->mock), ==, 0);
}

/* Root may access every file: the test runs as another user. */
static void
test_permission (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  gboolean root = geteuid () == 0;

  g_assert_cmpint (g_chmod (session->dir, root ? 0700 : 0), ==, 0);
  if (root)
    g_assert_cmpint (seteuid (65534), ==, 0);
  glib_session_begin_attach (session, NULL);
  if (root)
    g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpint (g_chmod (session->dir, 0700), ==, 0);
  check_failed (session, "permission");
}

static void
test_lost (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_attach_silent (session);
  glib_session_die (session);
  check_failed (session, "lost");
}

static void
test_lost_in_backlog (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  mock_set_accepting (session->mock, FALSE);
  glib_session_begin_attach (session, NULL);
  lxcmon_mock_controller_stop (session->mock);
  check_failed (session, "lost");
}

static void
test_protocol (void)
{
  static const char *const messages[] = {
    "hex 00000000", /* a length below the header's */
    "hex ffffffff", /* a length beyond all bounds */
    /* length, monitor program, version 2, procedure EXIT, type MESSAGE, serial, status OK */
    ("hex 0000001c12341234000000020000000100000002"
     "0000000100000000"),
  };

  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      glib_session_attach_silent (session);
      glib_session_send (session, messages[i]);
      check_failed (session, "protocol");
    }
}

static void
test_truncated (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_attach_silent (session);
  glib_session_send (session, "hex 0000002412");
  glib_session_die (session);
  check_failed (session, "truncated");
}

/* What else can happen: here no descriptor is left. */
static void
test_failed (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  struct rlimit limit, none;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  none = limit;
  none.rlim_cur = 0;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  glib_session_begin_attach (session, NULL);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  check_failed (session, "failed");

  glib_session_attach (session);
  g_assert_null (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)));
}

static void
on_second (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  (*(guint *) user_data)++;
}

/* Attaching twice fails, and the first attach does not suffer from it. */
static void
test_pending (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GError) error = NULL;
  guint n_pending = 0;

  glib_session_begin_attach (session, NULL);
  lxcmon_client_attach_async (session->client, NULL, on_second, &n_pending);
  g_assert_false (lxcmon_client_attach (session->client, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_assert_null (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)));
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  lxcmon_client_attach_async (session->client, NULL, on_second, &n_pending);
  glib_test_wait_until (n_pending == 2);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

static void
check_cancelled (GlibSession *session)
{
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "cancelled");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  glib_test_drain ();
  g_assert_cmpstr (session->signals->str, ==, "");
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] "), ==, 0);
}

static void
test_cancelled_before (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  glib_session_begin_attach (session, cancellable);
  check_cancelled (session);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (LXCMON_MONITOR (session->client)), ==, 0);
}

static gpointer
cancel_in_thread (gpointer data)
{
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_cancelled_from_thread (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  mock_set_reading (session->mock, FALSE);
  glib_session_begin_attach (session, cancellable);
  glib_session_wait_accepted (session);
  GThread *thread = g_thread_new ("cancel", cancel_in_thread, cancellable);
  check_cancelled (session);
  g_thread_join (thread);
}

/* The attach has succeeded: what is cancelled afterwards is no concern of the client's any more. */
static void
test_cancelled_too_late (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  glib_session_begin_attach (session, cancellable);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  g_cancellable_cancel (cancellable);
  glib_test_drain ();
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

static void
cancel_when_attached (GObject *object, GParamSpec *property, gpointer user_data)
{
  if (lxcmon_monitor_get_state (LXCMON_MONITOR (object)) == LXCMON_STATE_ATTACHED)
    g_cancellable_cancel (user_data);
}

/* The outcome is known, and only its callback has not been called: the cancellation does not change it. */
static void
test_cancelled_at_last (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_signal_connect (session->client, "notify::state", G_CALLBACK (cancel_when_attached),
                    cancellable);
  glib_session_begin_attach (session, cancellable);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  glib_test_drain ();
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

static void
test_detached_meanwhile (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  glib_session_begin_attach (session, cancellable);
  lxcmon_client_detach (session->client);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  check_cancelled (session);
  g_assert_null (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)));
}

/* A pending attach keeps the client alive. */
static void
test_dropped_meanwhile (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  LxcmonClient *client = session->client;

  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  glib_session_begin_attach (session, NULL);
  glib_session_drop_client (session);
  g_assert_nonnull (client);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  glib_test_wait_until (client == NULL);
}

/* Again on the same object: nothing of the last attach is left. */
static void
test_again (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  LxcmonMonitor *monitor = LXCMON_MONITOR (session->client);

  for (guint i = 0; i < 3; i++)
    {
      g_string_truncate (session->signals, 0);
      lxcmon_mock_controller_set_init_pid (session->mock, 42 + (gint) i);
      glib_session_start (session);
      glib_session_attach (session);
      g_assert_false (lxcmon_monitor_get_exited (monitor));
      g_assert_cmpint (lxcmon_monitor_get_exit_raw (monitor), ==, -1);
      g_assert_null (lxcmon_monitor_get_error (monitor));

      /* length, unknown program, version 1, procedure 1, type MESSAGE, serial, status OK */
      glib_session_send (session, "hex 0000001c0000007b000000010000000100000002"
                                  "0000000100000000");
      if (i == 1)
        glib_session_die (session);
      else
        glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      g_autofree char *expected
          = g_strdup_printf (i == 1 ? "init %u, closed lost" : "init %u, exit shutdown, closed",
                             42 + i);
      g_assert_cmpstr (session->signals->str, ==, expected);
    }
}

/* Detached in the middle, and attached again: the second attach has only its own events. */
static void
test_detach_and_again (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  glib_session_attach (session);
  glib_test_wait_until (session->signals->len > 0);
  glib_session_send (session, "exit 1");
  lxcmon_client_detach (session->client);
  /* Until the controller sees the client leave, its slot is taken. */
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  glib_session_attach (session);
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "init 42, exit reboot, closed");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-attach/success", test_success);
  glib_test_add ("/client-attach/without-callback", test_without_callback);
  glib_test_add ("/client-attach/not-found", test_not_found);
  glib_test_add ("/client-attach/invalid-name", test_invalid_name);
  glib_test_add ("/client-attach/refused", test_refused);
  glib_test_add ("/client-attach/untrusted", test_untrusted);
  glib_test_add ("/client-attach/permission", test_permission);
  glib_test_add ("/client-attach/lost", test_lost);
  glib_test_add ("/client-attach/lost-in-backlog", test_lost_in_backlog);
  glib_test_add ("/client-attach/protocol", test_protocol);
  glib_test_add ("/client-attach/truncated", test_truncated);
  glib_test_add ("/client-attach/failed", test_failed);
  glib_test_add ("/client-attach/pending", test_pending);
  glib_test_add ("/client-attach/cancelled-before", test_cancelled_before);
  glib_test_add ("/client-attach/cancelled-from-thread", test_cancelled_from_thread);
  glib_test_add ("/client-attach/cancelled-too-late", test_cancelled_too_late);
  glib_test_add ("/client-attach/cancelled-at-last", test_cancelled_at_last);
  glib_test_add ("/client-attach/detached-meanwhile", test_detached_meanwhile);
  glib_test_add ("/client-attach/dropped-meanwhile", test_dropped_meanwhile);
  glib_test_add ("/client-attach/again", test_again);
  glib_test_add ("/client-attach/detach-and-again", test_detach_and_again);
  return g_test_run ();
}
