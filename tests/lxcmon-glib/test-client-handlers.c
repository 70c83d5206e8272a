/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What handlers may do, in each signal, in notifications and in the callback of an attach: detach, attach
 * again, drop the last reference, here or in another thread, run a main loop, fork. Three messages and end of
 * file are pending together, and other clients of the same context are ready at the same time: nothing
 * changes for them.
 */

#include <string.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

typedef enum
{
  DETACH,
  DETACH_AND_ATTACH,
  DROP,
  DROP_IN_THREAD,
  NESTED_LOOP,
  ITERATE,
  FORK,
  N_ACTIONS
} Action;

static const char *const action_names[N_ACTIONS]
    = { "detach", "detach-and-attach", "drop", "drop-in-thread", "nested-loop", "iterate", "fork" };

/* When the action happens: in a signal, a notification, or the callback of a call. */
static const char *const points[] = {
  "init",
  "exit",
  "exit::reboot",
  "closed",
  "notify::state-attached",
  "notify::state-exited",
  "notify::state-closed",
  "notify::init-pid",
  "notify::end",
  "attach-callback",
  "wait-callback",
};

#define N_OTHERS 2

typedef struct
{
  GlibSession *session;
  Action action;
  LxcmonState state; /* at which notify::state acts */
  guint n_acted;
  char *signals_then; /* what had been emitted when the action was done */
  gboolean attached_again;
} Scene;

/* Whether all that the first controller sent has been emitted. */
static gboolean
is_over (GlibSession *session)
{
  return strstr (session->signals->str, "closed") != NULL;
}

static gboolean
quit_when_over (gpointer user_data)
{
  gpointer *data = user_data;
  Scene *scene = data[0];

  if (!is_over (scene->session) && g_get_monotonic_time () < *(gint64 *) data[2])
    return G_SOURCE_CONTINUE;
  g_main_loop_quit (data[1]);
  return G_SOURCE_REMOVE;
}

/* Runs a main loop until the client has emitted everything. The signal whose handler this is reaches the
 * record only when the handler has returned, so that in "closed" there is nothing to wait for. */
static void
run_nested_loop (Scene *scene)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  gint64 deadline = glib_session_get_state (scene->session) == LXCMON_STATE_CLOSED
                        ? 0
                        : glib_test_get_deadline ();
  gpointer data[] = { scene, loop, &deadline };
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_callback (source, quit_when_over, data, NULL);
  g_source_attach (source, NULL);
  g_main_loop_run (loop);
  if (deadline != 0)
    g_assert_true (is_over (scene->session));
}

static void
on_attached_again (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Scene *scene = user_data;
  g_autoptr (GError) error = NULL;

  lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, &error);
  g_assert_no_error (error);
  g_assert_false (scene->attached_again);
  scene->attached_again = TRUE;
}

static gpointer
unref_in_thread (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

/* Nothing is emitted in the child, and dropping its client leaves the parent's connection alone. */
static int
run_in_child (gpointer data)
{
  Scene *scene = data;
  gsize length = scene->session->signals->len;

  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  glib_session_drop_client (scene->session);
  return scene->session->signals->len == length;
}

static void
act (Scene *scene)
{
  GlibSession *session = scene->session;

  if (scene->n_acted++ > 0)
    return;

  switch (scene->action)
    {
    case DETACH:
      lxcmon_client_detach (session->client);
      g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
      break;
    case DETACH_AND_ATTACH:
      lxcmon_client_detach (session->client);
      mock_set_reading (session->mock, TRUE);
      glib_session_start (session);
      lxcmon_client_attach_async (session->client, NULL, on_attached_again, scene);
      break;
    case DROP:
      glib_session_drop_client (session);
      break;
    case DROP_IN_THREAD:
      g_thread_join (g_thread_new ("drop", unref_in_thread, g_steal_pointer (&session->client)));
      break;
    case NESTED_LOOP:
      run_nested_loop (scene);
      break;
    case ITERATE:
      g_main_context_iteration (NULL, FALSE);
      break;
    case FORK:
      {
        GlibTestChild child = glib_test_fork (run_in_child, scene);
        g_assert_cmpint (glib_test_join (&child), ==, TRUE);
      }
      break;
    case N_ACTIONS:
    default:
      g_assert_not_reached ();
    }
  scene->signals_then = g_strdup (session->signals->str);
}

static void
on_init (LxcmonClient *client, gint pid, gpointer user_data)
{
  act (user_data);
}

static void
on_exit_signal (LxcmonClient *client, LxcmonExitStatus status, gpointer user_data)
{
  act (user_data);
}

static void
on_closed (LxcmonClient *client, const GError *error, gpointer user_data)
{
  act (user_data);
}

static void
on_notify (LxcmonClient *client, GParamSpec *property, gpointer user_data)
{
  Scene *scene = user_data;

  if (scene->state == LXCMON_STATE_DETACHED
      || lxcmon_monitor_get_state (LXCMON_MONITOR (client)) == scene->state)
    act (scene);
}

static void
on_attached (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Scene *scene = user_data;
  g_autoptr (GError) error = NULL;

  lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, &error);
  if (error != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  scene->session->attaching = FALSE;
  if (scene->state == LXCMON_STATE_CONNECTING)
    act (scene);
}

static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, &error), ==,
                   LXCMON_EXIT_STATUS_REBOOT);
  g_assert_no_error (error);
  act (user_data);
}

/* The acting handler is connected before the record. */
static void
connect_point (Scene *scene, const char *point)
{
  LxcmonClient *client = scene->session->client;

  if (g_str_equal (point, "init"))
    g_signal_connect (client, point, G_CALLBACK (on_init), scene);
  else if (g_str_has_prefix (point, "exit"))
    g_signal_connect (client, point, G_CALLBACK (on_exit_signal), scene);
  else if (g_str_equal (point, "closed"))
    g_signal_connect (client, point, G_CALLBACK (on_closed), scene);
  else if (g_str_equal (point, "attach-callback"))
    scene->state = LXCMON_STATE_CONNECTING;
  else if (g_str_equal (point, "wait-callback"))
    scene->state = LXCMON_STATE_EXITED;
  else if (g_str_equal (point, "notify::init-pid") || g_str_equal (point, "notify::end"))
    g_signal_connect (client, point, G_CALLBACK (on_notify), scene);
  else
    {
      scene->state = g_str_has_suffix (point, "attached") ? LXCMON_STATE_ATTACHED
                     : g_str_has_suffix (point, "exited") ? LXCMON_STATE_EXITED
                                                          : LXCMON_STATE_CLOSED;
      g_signal_connect (client, "notify::state", G_CALLBACK (on_notify), scene);
    }
}

/* A session whose controller sends all of its messages before the loop runs. */
static GlibSession *
new_ready (const char *dir, const char *name)
{
  GlibSession *session = glib_session_new_at (dir, name);

  mock_set_reading (session->mock, FALSE);
  return session;
}

static void
send_all (GlibSession *session)
{
  gint64 deadline = glib_test_get_deadline ();

  while (lxcmon_mock_controller_get_n_clients (session->mock) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  glib_session_send (session, "init 42 init 43 exit 2");
  glib_session_die (session);
}

/* What may be emitted from the moment of the action on. */
static void
check_after (Scene *scene, const char *point)
{
  GlibSession *session = scene->session;

  g_assert_cmpuint (scene->n_acted, >, 0);
  switch (scene->action)
    {
    case DETACH:
    case DROP:
    case DROP_IN_THREAD:
      {
        /* The emission that the action was done in goes on to the record, and nothing else. */
        const char *rest = session->signals->str + strlen (scene->signals_then);
        const char *comma = strstr (g_str_has_prefix (rest, ", ") ? rest + 2 : rest, ", ");
        g_assert_null (comma);
        if (g_str_has_prefix (point, "notify") || g_str_has_suffix (point, "callback"))
          g_assert_cmpstr (rest, ==, "");
      }
      break;
    case DETACH_AND_ATTACH:
      g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
      glib_session_finish (session, LXCMON_EXIT_STATUS_ERROR);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      g_assert_true (g_str_has_suffix (session->signals->str, "exit error, closed"));
      break;
    case NESTED_LOOP:
    case ITERATE:
      {
        /* Each signal once; those of a nested loop are recorded before the one whose handler ran it. */
        g_auto (GStrv) emitted = g_strsplit (session->signals->str, ", ", -1);
        g_assert_cmpuint (g_strv_length (emitted), ==, 4);
        g_assert_true (g_strv_contains ((const char *const *) emitted, "init 42"));
        g_assert_true (g_strv_contains ((const char *const *) emitted, "init 43"));
        g_assert_true (g_strv_contains ((const char *const *) emitted, "exit reboot"));
        g_assert_true (g_strv_contains ((const char *const *) emitted, "closed"));
        g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_CLOSED);
        /* A signal comes before the notifications in whose handlers the loop is run. */
        if (g_str_has_prefix (point, "notify"))
          g_assert_cmpstr (session->signals->str, ==, "init 42, init 43, exit reboot, closed");
      }
      break;
    case FORK:
      g_assert_cmpstr (session->signals->str, ==, "init 42, init 43, exit reboot, closed");
      break;
    case N_ACTIONS:
    default:
      g_assert_not_reached ();
    }
}

static void
run_scene (const char *point, Action action)
{
  char *dir = glib_test_make_dir ();
  GlibSession *others[N_OTHERS];
  Scene scene = { .action = action };

  scene.session = glib_session_new_at (dir, "web1");
  mock_set_reading (scene.session->mock, FALSE);
  g_clear_object (&scene.session->client);
  scene.session->client = lxcmon_client_new_for_path (scene.session->path);
  connect_point (&scene, point);
  glib_session_record (scene.session);
  /* One is ready before the scene's client, one after it. */
  for (guint i = 0; i < N_OTHERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("other%u", i);
      others[i] = new_ready (dir, name);
    }
  glib_session_begin_attach (others[0], NULL);
  scene.session->attaching = TRUE;
  lxcmon_client_attach_async (scene.session->client, NULL, on_attached, &scene);
  if (g_str_equal (point, "wait-callback"))
    lxcmon_monitor_wait_exit_async (LXCMON_MONITOR (scene.session->client), NULL, on_waited,
                                    &scene);
  glib_session_begin_attach (others[1], NULL);
  send_all (others[0]);
  send_all (scene.session);
  send_all (others[1]);

  LxcmonClient *client = scene.session->client;
  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  for (guint i = 0; i < N_OTHERS; i++)
    {
      glib_test_wait_until (is_over (others[i]));
      g_assert_cmpstr (others[i]->signals->str, ==, "init 42, init 43, exit reboot, closed");
    }
  glib_test_wait_until (scene.n_acted > 0 && !scene.session->attaching);
  if (action == DETACH_AND_ATTACH)
    glib_test_wait_until (scene.attached_again);
  if (action == NESTED_LOOP || action == ITERATE || action == FORK)
    glib_test_wait_until (glib_session_get_state (scene.session) == LXCMON_STATE_CLOSED);
  glib_test_drain ();
  check_after (&scene, point);
  if (action == DROP || action == DROP_IN_THREAD)
    g_assert_null (client);
  else
    g_object_remove_weak_pointer (G_OBJECT (client), (gpointer *) &client);

  g_free (scene.signals_then);
  glib_session_free (scene.session);
  for (guint i = 0; i < N_OTHERS; i++)
    glib_session_free (others[i]);
  glib_test_remove_dir (dir);
}

static void
test_scene (gconstpointer data)
{
  guint number = GPOINTER_TO_UINT (data);

  run_scene (points[number / N_ACTIONS], (Action) (number % N_ACTIONS));
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (points) * N_ACTIONS; i++)
    {
      g_autofree char *path = g_strdup_printf ("/client-handlers/%s/%s", points[i / N_ACTIONS],
                                               action_names[i % N_ACTIONS]);
      g_strdelimit (path + strlen ("/client-handlers/"), ":", '-');
      glib_test_add_data (path, test_scene, GUINT_TO_POINTER (i));
    }
  return g_test_run ();
}
