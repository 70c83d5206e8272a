/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Attaching and detaching in handlers of notifications, while an attach is just beginning, fails or is
 * given up: each call has an outcome of its own, once. Main loops in handlers, and clients that are detached
 * or dropped while another one is finalized.
 */

#include <string.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* One call of attach_async. */
typedef struct
{
  guint n_done;
  char *nick; /* of its error, or NULL */
} Call;

typedef struct
{
  GlibSession *session;
  const char *when; /* the state whose notification acts, or NULL for any notification */
  gboolean detach;
  gboolean attach;
  gboolean drop;
  gboolean acted;
  Call inner;
} Handler;

static void
on_done (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Call *call = user_data;
  g_autoptr (GError) error = NULL;

  call->n_done++;
  if (!lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, &error))
    call->nick = g_strdup (glib_error_nick (error));
}

static void
on_notify (GObject *object, GParamSpec *property, gpointer user_data)
{
  Handler *handler = user_data;
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_STATE);
  LxcmonState state = lxcmon_monitor_get_state (LXCMON_MONITOR (object));

  if (handler->acted
      || (handler->when != NULL
          && strcmp (g_enum_get_value (class, state)->value_nick, handler->when) != 0))
    return;

  handler->acted = TRUE;
  if (handler->detach)
    lxcmon_client_detach (LXCMON_CLIENT (object));
  if (handler->attach)
    {
      mock_set_reading (handler->session->mock, TRUE);
      glib_session_start (handler->session);
      lxcmon_client_attach_async (LXCMON_CLIENT (object), NULL, on_done, &handler->inner);
    }
  if (handler->drop)
    glib_session_drop_client (handler->session);
}

static void
call_attach (GlibSession *session, GCancellable *cancellable, Call *call)
{
  lxcmon_client_attach_async (session->client, cancellable, on_done, call);
}

static void
wait_for (Call *call, const char *nick)
{
  glib_test_wait_until (call->n_done > 0);
  glib_test_drain ();
  g_assert_cmpuint (call->n_done, ==, 1);
  g_assert_cmpstr (call->nick, ==, nick);
  g_clear_pointer (&call->nick, g_free);
}

/* The attach has just begun, and its first notification gives it up. */
static void
test_detach_beginning (void)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      g_autoptr (GCancellable) cancellable = i % 2 == 0 ? g_cancellable_new () : NULL;
      Handler handler = { session, "queued", .detach = TRUE, .attach = i >= 2 };
      Call call = { 0 };

      g_signal_connect (session->client, "notify::state", G_CALLBACK (on_notify), &handler);
      call_attach (session, cancellable, &call);
      wait_for (&call, "cancelled");
      if (handler.attach)
        {
          wait_for (&handler.inner, NULL);
          g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
          /* The cancellable was the first attach's. */
          if (cancellable != NULL)
            g_cancellable_cancel (cancellable);
          glib_test_drain ();
          g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
        }
      else
        g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
    }
}

/* The attach fails at once or later, and the notification of that attaches again. */
static void
test_attach_failing (void)
{
  static const char *const signals[] = { "notify::state", "notify::error" };

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      Handler handler = { session, "detached", .attach = TRUE };
      Call call = { 0 };

      g_signal_connect (session->client, signals[i / 2], G_CALLBACK (on_notify), &handler);
      if (i % 2 == 0)
        {
          mock_set_reading (session->mock, FALSE);
          call_attach (session, NULL, &call);
          glib_session_wait_accepted (session);
          glib_session_die (session);
          wait_for (&call, "lost");
        }
      else if (i / 2 == 1)
        {
          lxcmon_mock_controller_stop (session->mock);
          call_attach (session, NULL, &call);
          wait_for (&call, "not-found");
        }
      else
        continue;
      wait_for (&handler.inner, NULL);
      g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
      g_assert_null (lxcmon_monitor_get_error (LXCMON_MONITOR (session->client)));
    }
}

/* The user gives an attach up, and the notification of that attaches again. */
static void
test_attach_detaching (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Handler handler = { session, "detached", .attach = TRUE };
  Call call = { 0 };

  g_signal_connect (session->client, "notify::state", G_CALLBACK (on_notify), &handler);
  call_attach (session, NULL, &call);
  lxcmon_client_detach (session->client);
  g_assert_true (handler.acted);
  wait_for (&call, "cancelled");
  wait_for (&handler.inner, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

/* The same for one that was attached: only the second attach has an outcome that is waited for. */
static void
test_attach_leaving (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Handler handler = { session, "detached", .attach = TRUE };

  glib_session_attach (session);
  g_signal_connect (session->client, "notify::state", G_CALLBACK (on_notify), &handler);
  lxcmon_client_detach (session->client);
  wait_for (&handler.inner, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
}

/* Dropped while it fails: the call still returns. */
static void
test_drop_failing (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Handler handler = { session, NULL, .drop = TRUE };
  LxcmonClient *client = session->client;
  Call call = { 0 };

  glib_session_die (session);
  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  g_signal_connect (client, "notify::error", G_CALLBACK (on_notify), &handler);
  call_attach (session, NULL, &call);
  wait_for (&call, "refused");
  g_assert_null (client);
}

/* A handler of one notification detaches: those that are still to come do so in there, and none comes after
 * it. */
static void
detach_and_watch (GObject *object, GParamSpec *property, gpointer user_data)
{
  gboolean *quiet = user_data;

  if (lxcmon_monitor_get_state (LXCMON_MONITOR (object)) != LXCMON_STATE_EXITED)
    return;
  lxcmon_client_detach (LXCMON_CLIENT (object));
  *quiet = TRUE;
}

/* GObject runs the handlers again if a property is notified in a handler of its own notification. */
static void
check_quiet (GObject *object, GParamSpec *property, gpointer user_data)
{
  if (*(gboolean *) user_data)
    g_assert_cmpstr (property->name, ==, "state");
}

static void
test_nothing_after_detach (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  gboolean quiet = FALSE;

  glib_session_attach (session);
  g_signal_connect (session->client, "notify", G_CALLBACK (check_quiet), &quiet);
  g_signal_connect (session->client, "notify::state", G_CALLBACK (detach_and_watch), &quiet);
  glib_session_send (session, "exit 1");
  glib_test_wait_until (quiet);
  glib_test_drain ();
  /* The signal comes before the notifications. */
  g_assert_cmpstr (session->signals->str, ==, "exit shutdown");
  g_assert_true (lxcmon_monitor_get_exited (LXCMON_MONITOR (session->client)));
}

/* Attached, and a main loop in a handler of that: the container ends in there, and a handler of "closed"
 * attaches again, before the first attach has returned. */
typedef struct
{
  GlibSession *session;
  Call second;
  gboolean acted;
} Ending;

static void
end_in_loop (GObject *object, GParamSpec *property, gpointer user_data)
{
  Ending *ending = user_data;

  if (ending->acted || glib_session_get_state (ending->session) != LXCMON_STATE_ATTACHED)
    return;
  ending->acted = TRUE;
  glib_session_finish (ending->session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (g_str_has_suffix (ending->session->signals->str, "closed"));
}

static void
attach_when_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  Ending *ending = user_data;

  glib_session_start (ending->session);
  lxcmon_client_attach_async (ending->session->client, NULL, on_done, &ending->second);
}

static void
test_attach_unreturned (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GlibSession) session = glib_session_new ();
      g_autoptr (GCancellable) cancellable = i == 0 ? NULL : g_cancellable_new ();
      Ending ending = { session };
      Call first = { 0 };

      g_signal_connect (session->client, "notify::state", G_CALLBACK (end_in_loop), &ending);
      g_signal_connect (session->client, "closed", G_CALLBACK (attach_when_closed), &ending);
      call_attach (session, cancellable, &first);
      wait_for (&first, NULL);
      wait_for (&ending.second, NULL);
      g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
      g_signal_handlers_disconnect_by_data (session->client, &ending);
    }
}

/* A main loop in the handler of a notification, and one in the handler of a signal: the next events come in
 * these. The order of events is the order in which they are taken from the hub. */
static void
loop_until (GlibSession *session, const char *signal)
{
  glib_test_wait_until (g_strstr_len (session->signals->str, -1, signal) != NULL);
}

static void
loop_until_init (LxcmonClient *client, GParamSpec *property, gpointer user_data)
{
  if (lxcmon_monitor_get_init_pid (LXCMON_MONITOR (client)) != 0)
    loop_until (user_data, "init");
}

static void
loop_until_closed (LxcmonClient *client, gint pid, gpointer user_data)
{
  loop_until (user_data, "closed");
}

static void
test_loops_in_loops (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_attach (session);
  g_signal_connect (session->client, "notify::init-pid", G_CALLBACK (loop_until_init), session);
  g_signal_connect (session->client, "init", G_CALLBACK (loop_until_closed), session);
  glib_session_send (session, "init 5");
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  loop_until (session, "closed");
  glib_test_drain ();
  g_assert_cmpstr (session->signals->str, ==, "init 5, exit shutdown, closed");
  g_signal_handlers_disconnect_by_data (session->client, session);
}

static void
log_notified (GObject *object, GParamSpec *property, GString *log)
{
  g_string_append_printf (log, "%s ", property->name);
}

static void
log_exit (LxcmonClient *client, LxcmonExitStatus status, GString *log)
{
  g_string_append (log, "EXIT ");
}

static void
log_closed (LxcmonClient *client, const GError *error, GString *log)
{
  g_string_append (log, "CLOSED ");
}

static void
loop_when_exited (GObject *object, GParamSpec *property, GlibSession *session)
{
  if (glib_session_get_state (session) == LXCMON_STATE_EXITED)
    loop_until (session, "closed");
}

/* A loop in the first of an event's notifications: the next signal comes in there, and then the notifications
 * that are left of both, each of them once. */
static void
test_loop_among_notifications (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) log = g_string_new (NULL);

  glib_session_attach (session);
  g_signal_connect (session->client, "notify::state", G_CALLBACK (loop_when_exited), session);
  g_signal_connect (session->client, "notify::exited", G_CALLBACK (log_notified), log);
  g_signal_connect (session->client, "notify::exit-status", G_CALLBACK (log_notified), log);
  g_signal_connect (session->client, "notify::end", G_CALLBACK (log_notified), log);
  g_signal_connect (session->client, "exit", G_CALLBACK (log_exit), log);
  g_signal_connect (session->client, "closed", G_CALLBACK (log_closed), log);
  glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
  loop_until (session, "closed");
  glib_test_drain ();
  g_assert_cmpstr (log->str, ==, "EXIT CLOSED exited exit-status end ");
  g_signal_handlers_disconnect_by_data (session->client, session);
  g_signal_handlers_disconnect_by_data (session->client, log);
}

/* Events of two clients of one context are pending. The first one is finalized, which detaches the second one or
 * drops it: that one emits nothing. */
static void
detach_other (gpointer other, GObject *gone)
{
  lxcmon_client_detach (other);
}

static void
drop_other (gpointer other, GClosure *closure)
{
  glib_session_drop_client (other);
}

static void
drop_itself (LxcmonClient *client, gint pid, GlibSession *session)
{
  glib_session_drop_client (session);
}

static void
ignore (void)
{
}

static void
test_end_of_another (gconstpointer data)
{
  gboolean drop = GPOINTER_TO_INT (data);
  g_autoptr (GlibSession) first = glib_session_new ();
  g_autoptr (GlibSession) second = glib_session_new ();

  glib_session_attach (first);
  glib_session_attach (second);
  g_signal_connect (first->client, "init", G_CALLBACK (drop_itself), first);
  if (drop)
    g_signal_connect_data (first->client, "closed", G_CALLBACK (ignore), second, drop_other, 0);
  else
    g_object_weak_ref (G_OBJECT (first->client), detach_other, second->client);
  glib_session_send (second, "init 6");
  loop_until (second, "init 6");
  /* No event is pending any more: the first message makes the first event. */
  glib_test_drain ();
  glib_session_send (first, "init 5");
  glib_session_send (second, "init 6");
  glib_test_wait_until (first->client == NULL);
  glib_test_drain ();
  g_assert_cmpstr (second->signals->str, ==, "init 6");
  g_assert_true (drop ? second->client == NULL
                      : glib_session_get_state (second) == LXCMON_STATE_DETACHED);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-reentry/detach-beginning", test_detach_beginning);
  glib_test_add ("/client-reentry/attach-failing", test_attach_failing);
  glib_test_add ("/client-reentry/attach-detaching", test_attach_detaching);
  glib_test_add ("/client-reentry/attach-leaving", test_attach_leaving);
  glib_test_add ("/client-reentry/drop-failing", test_drop_failing);
  glib_test_add ("/client-reentry/nothing-after-detach", test_nothing_after_detach);
  glib_test_add ("/client-reentry/attach-unreturned", test_attach_unreturned);
  glib_test_add ("/client-reentry/loops-in-loops", test_loops_in_loops);
  glib_test_add ("/client-reentry/loop-among-notifications", test_loop_among_notifications);
  glib_test_add_data ("/client-reentry/end-of-another/detach", test_end_of_another,
                      GINT_TO_POINTER (FALSE));
  glib_test_add_data ("/client-reentry/end-of-another/drop", test_end_of_another,
                      GINT_TO_POINTER (TRUE));
  return g_test_run ();
}
