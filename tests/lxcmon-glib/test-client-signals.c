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

  return g_test_run ();
}
