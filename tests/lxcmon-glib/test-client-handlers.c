/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Everything that an app may do, from inside everything that runs code of the app's: detach, attach
 * again, drop the last reference, run the main loop. Three messages and end of file are in one read,
 * and other clients of the same context are ready at the same time: they must not notice.
 */

#include <string.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

typedef enum
{
  DETACH,
  DETACH_AND_ATTACH,
  DROP,
  NESTED_LOOP,
  ITERATE,
  N_ACTIONS
} Action;

static const char *const action_names[N_ACTIONS]
    = { "detach", "detach-and-attach", "drop", "nested-loop", "iterate" };

/* Where the action happens: a signal, or the callback of attaching. */
static const char *const places[] = {
  "init",
  "exit",
  "exit::reboot",
  "closed",
  "notify::state-attached",
  "notify::state-exited",
  "notify::state-closed",
  "notify::init-pid",
  "attach-callback",
};

#define N_OTHERS 2

typedef struct
{
  GlibSession *session;
  Action action;
  LxcmonState state; /* at which notify::state acts */
  guint n_acted;
  char *signals_then; /* what had been said when the action was done */
  gboolean attached_again;
} Scene;

/* Whether all that the first controller sent has been said. */
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

/* Runs a main loop until the client has said everything. The signal whose handler this is reaches the
 * record only when the handler has returned, so from "closed" there is nothing to wait for. */
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
    case NESTED_LOOP:
      run_nested_loop (scene);
      break;
    case ITERATE:
      g_main_context_iteration (NULL, FALSE);
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

/* The action comes first, the record is behind it: what is said to others of the same signal counts. */
static void
connect_place (Scene *scene, const char *place)
{
  LxcmonClient *client = scene->session->client;

  if (g_str_equal (place, "init"))
    g_signal_connect (client, place, G_CALLBACK (on_init), scene);
  else if (g_str_has_prefix (place, "exit"))
    g_signal_connect (client, place, G_CALLBACK (on_exit_signal), scene);
  else if (g_str_equal (place, "closed"))
    g_signal_connect (client, place, G_CALLBACK (on_closed), scene);
  else if (g_str_equal (place, "attach-callback"))
    scene->state = LXCMON_STATE_CONNECTING;
  else if (g_str_equal (place, "notify::init-pid"))
    g_signal_connect (client, place, G_CALLBACK (on_notify), scene);
  else
    {
      scene->state = g_str_has_suffix (place, "attached")   ? LXCMON_STATE_ATTACHED
                     : g_str_has_suffix (place, "exited") ? LXCMON_STATE_EXITED
                                                          : LXCMON_STATE_CLOSED;
      g_signal_connect (client, "notify::state", G_CALLBACK (on_notify), scene);
    }
}

/* A session whose controller will have sent all it has before the loop runs. */
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

/* What may be said from the moment of the action on. */
static void
check_after (Scene *scene, const char *place)
{
  GlibSession *session = scene->session;

  g_assert_cmpuint (scene->n_acted, >, 0);
  switch (scene->action)
    {
    case DETACH:
    case DROP:
      {
        /* The emission that the action was done in goes on to the record, and nothing else. */
        const char *rest = session->signals->str + strlen (scene->signals_then);
        const char *comma = strstr (g_str_has_prefix (rest, ", ") ? rest + 2 : rest, ", ");
        g_assert_null (comma);
        if (g_str_has_prefix (place, "notify") || g_str_equal (place, "attach-callback"))
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
        /* Each message once; those that a nested loop said stand before the one it was run in. */
        g_auto (GStrv) said = g_strsplit (session->signals->str, ", ", -1);
        g_assert_cmpuint (g_strv_length (said), ==, 4);
        g_assert_true (g_strv_contains ((const char *const *) said, "init 42"));
        g_assert_true (g_strv_contains ((const char *const *) said, "init 43"));
        g_assert_true (g_strv_contains ((const char *const *) said, "exit reboot"));
        g_assert_true (g_strv_contains ((const char *const *) said, "closed"));
        g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_CLOSED);
        /* A signal whose notification the loop was run in is told in that loop, before the next one. */
        if (g_str_has_prefix (place, "notify"))
          g_assert_cmpstr (session->signals->str, ==, "init 42, init 43, exit reboot, closed");
      }
      break;
    case N_ACTIONS:
    default:
      g_assert_not_reached ();
    }
}

static void
run_scene (const char *place, Action action)
{
  char *dir = glib_test_make_dir ();
  GlibSession *others[N_OTHERS];
  Scene scene = { .action = action };

  scene.session = glib_session_new_at (dir, "web1");
  mock_set_reading (scene.session->mock, FALSE);
  g_clear_object (&scene.session->client);
  scene.session->client = lxcmon_client_new_for_path (scene.session->path);
  connect_place (&scene, place);
  glib_session_record (scene.session);
  /* One is ready before the scene's client, one behind it. */
  for (guint i = 0; i < N_OTHERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("other%u", i);
      others[i] = new_ready (dir, name);
    }
  glib_session_begin_attach (others[0], NULL);
  scene.session->attaching = TRUE;
  lxcmon_client_attach_async (scene.session->client, NULL, on_attached, &scene);
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
  if (action == NESTED_LOOP || action == ITERATE)
    glib_test_wait_until (glib_session_get_state (scene.session) == LXCMON_STATE_CLOSED);
  glib_test_drain ();
  check_after (&scene, place);
  if (action == DROP)
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

  run_scene (places[number / N_ACTIONS], (Action) (number % N_ACTIONS));
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (places) * N_ACTIONS; i++)
    {
      g_autofree char *path = g_strdup_printf ("/client-handlers/%s/%s", places[i / N_ACTIONS],
                                               action_names[i % N_ACTIONS]);
      g_strdelimit (path + strlen ("/client-handlers/"), ":", '-');
      glib_test_add_data (path, test_scene, GUINT_TO_POINTER (i));
    }
  return g_test_run ();
}
