/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The signals that a client has of its own, beside the interface's of the same names: whoever connects
 * hears of each event, and once, whichever of the two he got hold of.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

static const char *const names[] = { "init", "exit", "closed" };

typedef struct
{
  GString *heard;
  LxcmonClient *to_detach;
} Ear;

static void
on_init (LxcmonMonitor *monitor, int pid, Ear *ear)
{
  g_string_append_printf (ear->heard, "init %d ", pid);
}

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, Ear *ear)
{
  g_string_append_printf (ear->heard, "exit %d ", (int) status);
  if (ear->to_detach != NULL)
    lxcmon_client_detach (ear->to_detach);
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, Ear *ear)
{
  g_string_append_printf (ear->heard, "closed %s ",
                          error == NULL ? "well" : glib_error_nick (error));
}

static const GCallback handlers[]
    = { G_CALLBACK (on_init), G_CALLBACK (on_exit_signal), G_CALLBACK (on_closed) };

static void
ear_connect (Ear *self, LxcmonClient *client, GType type, const char *detail)
{
  self->heard = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GQuark quark = detail != NULL && i == 1 ? g_quark_from_string (detail) : 0;
      GClosure *closure = g_cclosure_new (handlers[i], self, NULL);

      g_signal_connect_closure_by_id (client, g_signal_lookup (names[i], type), quark, closure,
                                      FALSE);
    }
}

static void
ear_assert (Ear *self, const char *expected)
{
  g_assert_cmpstr (self->heard->str, ==, expected);
  g_string_free (g_steal_pointer (&self->heard), TRUE);
}

/* One life of a container: INIT, EXIT, end of file. */
static void
live (GlibSession *session, LxcmonExitStatus status)
{
  glib_session_attach (session);
  glib_session_send (session, "init 42");
  glib_session_finish (session, status);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  glib_test_drain ();
}

static void
test_two (void)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GSignalQuery ours, general;

      g_signal_query (g_signal_lookup (names[i], LXCMON_TYPE_CLIENT), &ours);
      g_signal_query (g_signal_lookup (names[i], LXCMON_TYPE_MONITOR), &general);
      g_assert_cmpuint (ours.itype, ==, LXCMON_TYPE_CLIENT);
      g_assert_cmpuint (general.itype, ==, LXCMON_TYPE_MONITOR);
      g_assert_cmpuint (ours.signal_flags, ==, general.signal_flags);
      g_assert_cmpuint (ours.n_params, ==, general.n_params);
      g_assert_cmpuint (ours.param_types[0], ==, general.param_types[0]);
    }
}

static void
test_heard_once (gconstpointer data)
{
  GType type = data != NULL ? LXCMON_TYPE_MONITOR : LXCMON_TYPE_CLIENT;
  g_autoptr (GlibSession) session = glib_session_new ();
  Ear ear = { 0 };

  ear_connect (&ear, session->client, type, NULL);
  live (session, LXCMON_EXIT_STATUS_REBOOT);
  ear_assert (&ear, "init 42 exit 2 closed well ");
}

static void
test_both (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Ear ours = { 0 }, general = { 0 };

  ear_connect (&general, session->client, LXCMON_TYPE_MONITOR, NULL);
  ear_connect (&ours, session->client, LXCMON_TYPE_CLIENT, NULL);
  live (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  ear_assert (&ours, "init 42 exit 1 closed well ");
  ear_assert (&general, "init 42 exit 1 closed well ");
}

static void
test_detail (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Ear reboots = { 0 }, shutdowns = { 0 };

  ear_connect (&reboots, session->client, LXCMON_TYPE_MONITOR, "reboot");
  ear_connect (&shutdowns, session->client, LXCMON_TYPE_MONITOR, "shutdown");
  live (session, LXCMON_EXIT_STATUS_REBOOT);
  ear_assert (&reboots, "init 42 exit 2 closed well ");
  ear_assert (&shutdowns, "init 42 closed well ");
}

/* Nothing is emitted after detach() has returned, of neither. */
static void
test_detach_between (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Ear ours = { .to_detach = session->client }, general = { 0 };

  ear_connect (&general, session->client, LXCMON_TYPE_MONITOR, NULL);
  ear_connect (&ours, session->client, LXCMON_TYPE_CLIENT, NULL);
  glib_session_attach (session);
  glib_session_send (session, "init 42");
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_DETACHED);
  glib_test_drain ();
  ear_assert (&ours, "init 42 exit 1 ");
  ear_assert (&general, "init 42 ");
}

/* A group for the interface resolves the names by it, and not by the object that it is given. */
static void
test_group (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  GSignalGroup *group = g_signal_group_new (LXCMON_TYPE_MONITOR);
  Ear ear = { .heard = g_string_new (NULL) };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_signal_group_connect (group, names[i], handlers[i], &ear);
  g_signal_group_set_target (group, session->client);
  live (session, LXCMON_EXIT_STATUS_ERROR);
  ear_assert (&ear, "init 42 exit 0 closed well ");
  g_object_unref (group);
}

typedef struct
{
  Ear ear;
  int pid; /* at which it connects */
} Late;

static void
connect_general (LxcmonMonitor *monitor, int pid, Late *late)
{
  if (pid == late->pid)
    ear_connect (&late->ear, LXCMON_CLIENT (monitor), LXCMON_TYPE_MONITOR, NULL);
}

/* All of them are pending when a handler connects by the interface's id: it hears the rest. */
static void
test_connected_meanwhile (gconstpointer data)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) messages = g_string_new ("init 1");
  g_autoptr (GString) rest = g_string_new (NULL);
  Late late = { .pid = GPOINTER_TO_INT (data) };

  for (int pid = 2; pid <= 30; pid++)
    {
      g_string_append_printf (messages, " init %d", pid);
      if (pid > late.pid)
        g_string_append_printf (rest, "init %d ", pid);
    }
  g_string_append (messages, " exit 1");
  g_string_append (rest, "exit 1 closed well ");
  g_signal_connect (session->client, "init", G_CALLBACK (connect_general), &late);
  glib_session_attach_silent (session);
  glib_session_send (session, messages->str);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  ear_assert (&late.ear, rest->str);
}

static void
count_init (LxcmonMonitor *monitor, int pid, guint *n)
{
  ++*n;
}

/* No controller says so much in one go; who connected before hears of it all, of whichever of the two. */
static void
test_flood (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) flood = g_string_new (NULL);
  guint n_ours = 0, n_general = 0;

  for (guint i = 0; i < 500; i++)
    g_string_append (flood, i > 0 ? " init 42" : "init 42");
  g_signal_connect (session->client, "init", G_CALLBACK (count_init), &n_ours);
  g_signal_connect_closure_by_id (session->client, g_signal_lookup ("init", LXCMON_TYPE_MONITOR), 0,
                                  g_cclosure_new (G_CALLBACK (count_init), &n_general, NULL),
                                  FALSE);
  glib_session_attach (session);
  glib_session_send (session, flood->str);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpuint (n_ours, >=, 500);
  g_assert_cmpuint (n_general, ==, n_ours);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  glib_test_add ("/client-signals/two", test_two);
  glib_test_add_data ("/client-signals/heard-once/class", test_heard_once, NULL);
  glib_test_add_data ("/client-signals/heard-once/interface", test_heard_once, "interface");
  glib_test_add ("/client-signals/both", test_both);
  glib_test_add ("/client-signals/detail", test_detail);
  glib_test_add ("/client-signals/detach-between", test_detach_between);
  glib_test_add ("/client-signals/group", test_group);
  glib_test_add_data ("/client-signals/connected-meanwhile/first", test_connected_meanwhile,
                      GINT_TO_POINTER (1));
  glib_test_add_data ("/client-signals/connected-meanwhile/later", test_connected_meanwhile,
                      GINT_TO_POINTER (28));
  glib_test_add ("/client-signals/flood", test_flood);

  return g_test_run ();
}
