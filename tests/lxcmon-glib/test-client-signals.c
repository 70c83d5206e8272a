/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The signals of a client, which are those of its class LxcmonMonitor: the ways to connect to them, the
 * detail of "exit", and handlers that connect or detach while events are pending.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

static const char *const names[] = { "init", "exit", "closed" };

typedef struct
{
  GString *received;
  LxcmonClient *to_detach;
} Receiver;

static void
on_init (LxcmonMonitor *monitor, int pid, Receiver *receiver)
{
  g_string_append_printf (receiver->received, "init %d ", pid);
}

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, Receiver *receiver)
{
  g_string_append_printf (receiver->received, "exit %d ", (int) status);
  if (receiver->to_detach != NULL)
    lxcmon_client_detach (receiver->to_detach);
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, Receiver *receiver)
{
  g_string_append_printf (receiver->received, "closed %s ",
                          error == NULL ? "well" : glib_error_nick (error));
}

static const GCallback handlers[]
    = { G_CALLBACK (on_init), G_CALLBACK (on_exit_signal), G_CALLBACK (on_closed) };

static void
receiver_connect (Receiver *self, LxcmonClient *client, GType type, const char *detail)
{
  self->received = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GQuark quark = detail != NULL && i == 1 ? g_quark_from_string (detail) : 0;
      GClosure *closure = g_cclosure_new (handlers[i], self, NULL);

      g_signal_connect_closure_by_id (client, g_signal_lookup (names[i], type), quark, closure,
                                      FALSE);
    }
}

static void
receiver_assert (Receiver *self, const char *expected)
{
  g_assert_cmpstr (self->received->str, ==, expected);
  g_string_free (g_steal_pointer (&self->received), TRUE);
}

/* One run of a container: INIT, EXIT, end of file. */
static void
run_life (GlibSession *session, LxcmonExitStatus status)
{
  glib_session_attach (session);
  glib_session_send (session, "init 42");
  glib_session_finish (session, status);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  glib_test_drain ();
}

/* There is one set of signals: a client has none of its own. */
static void
test_one_set (void)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
  guint n_own;

  g_free (g_signal_list_ids (LXCMON_TYPE_CLIENT, &n_own));
  g_assert_cmpuint (n_own, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      guint id = g_signal_lookup (names[i], LXCMON_TYPE_CLIENT);
      GSignalQuery query;

      g_assert_cmpuint (id, ==, g_signal_lookup (names[i], LXCMON_TYPE_MONITOR));
      g_signal_query (id, &query);
      g_assert_cmpuint (query.itype, ==, LXCMON_TYPE_MONITOR);
      g_assert_cmpuint (query.n_params, ==, 1);
      g_assert_cmpint ((query.signal_flags & G_SIGNAL_DETAILED) != 0, ==, i == 1);
    }
}

static void
test_received_once (gconstpointer data)
{
  GType type = data != NULL ? LXCMON_TYPE_MONITOR : LXCMON_TYPE_CLIENT;
  g_autoptr (GlibSession) session = glib_session_new ();
  Receiver receiver = { 0 };

  receiver_connect (&receiver, session->client, type, NULL);
  run_life (session, LXCMON_EXIT_STATUS_REBOOT);
  receiver_assert (&receiver, "init 42 exit 2 closed well ");
}

static void
test_detail (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Receiver reboots = { 0 }, shutdowns = { 0 };

  receiver_connect (&reboots, session->client, LXCMON_TYPE_MONITOR, "reboot");
  receiver_connect (&shutdowns, session->client, LXCMON_TYPE_MONITOR, "shutdown");
  run_life (session, LXCMON_EXIT_STATUS_REBOOT);
  receiver_assert (&reboots, "init 42 exit 2 closed well ");
  receiver_assert (&shutdowns, "init 42 closed well ");
}

/* The first of two handlers detaches: the emission goes on, as GObject has it, and no other one follows. */
static void
test_detach_between (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Receiver first = { .to_detach = session->client }, second = { 0 };

  receiver_connect (&first, session->client, LXCMON_TYPE_MONITOR, NULL);
  receiver_connect (&second, session->client, LXCMON_TYPE_MONITOR, NULL);
  glib_session_attach (session);
  glib_session_send (session, "init 42");
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_DETACHED);
  glib_test_drain ();
  receiver_assert (&first, "init 42 exit 1 ");
  receiver_assert (&second, "init 42 exit 1 ");
}

static void
test_group (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  GSignalGroup *group = g_signal_group_new (LXCMON_TYPE_MONITOR);
  Receiver receiver = { .received = g_string_new (NULL) };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_signal_group_connect (group, names[i], handlers[i], &receiver);
  g_signal_group_set_target (group, session->client);
  run_life (session, LXCMON_EXIT_STATUS_ERROR);
  receiver_assert (&receiver, "init 42 exit 0 closed well ");
  g_object_unref (group);
}

typedef struct
{
  Receiver receiver;
  int pid; /* at which it connects */
} Late;

static void
connect_receiver (LxcmonMonitor *monitor, int pid, Late *late)
{
  if (pid == late->pid)
    receiver_connect (&late->receiver, LXCMON_CLIENT (monitor), LXCMON_TYPE_MONITOR, NULL);
}

/* All events are pending when a handler connects another one: that one receives all that follow. */
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
  g_signal_connect (session->client, "init", G_CALLBACK (connect_receiver), &late);
  glib_session_attach_silent (session);
  glib_session_send (session, messages->str);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  receiver_assert (&late.receiver, rest->str);
}

typedef struct
{
  LxcmonMonitor *monitor;
  guint n_emitted;
  guint n_other; /* dispatches of another source until the flood is over */
} Flood;

static void
count_init (LxcmonMonitor *monitor, int pid, Flood *flood)
{
  flood->n_emitted++;
  g_assert_cmpint (pid, ==, flood->n_emitted);
}

static gboolean
count_dispatch (gpointer user_data)
{
  Flood *flood = user_data;

  flood->n_other += flood->n_emitted > 0 && !lxcmon_monitor_get_exited (flood->monitor);
  return G_SOURCE_CONTINUE;
}

/* No controller sends so much at once. All of it is emitted, and other sources are dispatched meanwhile. */
static void
test_flood (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (GString) messages = g_string_new ("init 1");
  Flood flood = { LXCMON_MONITOR (session->client) };

  for (guint i = 2; i <= 3000; i++)
    g_string_append_printf (messages, " init %u", i);
  g_signal_connect (session->client, "init", G_CALLBACK (count_init), &flood);
  glib_session_attach (session);
  guint other = g_timeout_add_full (G_PRIORITY_DEFAULT, 0, count_dispatch, &flood, NULL);
  glib_session_send (session, messages->str);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_source_remove (other);
  g_assert_cmpuint (flood.n_emitted, ==, 3000);
  g_assert_cmpuint (flood.n_other, >=, 2);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  glib_test_add ("/client-signals/one-set", test_one_set);
  glib_test_add_data ("/client-signals/received-once/client", test_received_once, NULL);
  glib_test_add_data ("/client-signals/received-once/monitor", test_received_once, "monitor");
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
