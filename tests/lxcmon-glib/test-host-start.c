/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a list of monitors emits, and in what order: the list changes, the monitor's signal, the monitor's
 * notifications, the list's signal, and in the end the list changes again. What handlers of each of them may
 * do. The list is a host's.
 */

#include <string.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* ---- A host with one container, whose messages are all in the socket before the first event ---- */

typedef struct Scenario Scenario;

typedef struct
{
  const char *title;
  void (*act) (Scenario *self);
} Action;

struct Scenario
{
  char *dir;
  LxcmonMockController *mock;
  LxcmonHost *host;
  LxcmonMonitor *monitor; /* held while the scenario is there */
  GString *log;
  const char *act_at; /* the entry of the log at which to act */
  const Action *action;
  gboolean acted;
  GlibTestChild child;
};

/* All entries of a run. The monitor's are in lower case, the list's in upper case. */
static const char life[] = "ADDED init init-pid INIT exit exited EXIT closed state CLOSED REMOVED";

static void
add_entry (Scenario *self, const char *entry)
{
  if (self->log->len > 0)
    g_string_append_c (self->log, ' ');
  g_string_append (self->log, entry);
  if (self->acted || g_strcmp0 (entry, self->act_at) != 0)
    return;

  self->acted = TRUE;
  g_string_append (self->log, " |");
  self->action->act (self);
}

static void
on_monitor_init (LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, pid);
  add_entry (user_data, "init");
}

static void
on_monitor_exit (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  g_assert_true (lxcmon_monitor_get_exited (monitor));
  add_entry (user_data, "exit");
}

static void
on_monitor_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_CLOSED);
  add_entry (user_data, "closed");
}

/* One property for each event. */
static void
on_monitor_notify (LxcmonMonitor *monitor, GParamSpec *property, gpointer user_data)
{
  if (strcmp (property->name, "init-pid") == 0 || strcmp (property->name, "exited") == 0
      || (strcmp (property->name, "state") == 0
          && lxcmon_monitor_get_state (monitor) == LXCMON_STATE_CLOSED))
    add_entry (user_data, property->name);
}

static void
on_list_init (LxcmonHost *list, LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  g_assert_cmpint (pid, ==, 7);
  add_entry (user_data, "INIT");
}

static void
on_list_exit (LxcmonHost *list, LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  g_assert_cmpint (status, ==, LXCMON_EXIT_STATUS_SHUTDOWN);
  add_entry (user_data, "EXIT");
}

static void
on_list_closed (LxcmonHost *list, LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
  add_entry (user_data, "CLOSED");
}

/* The callbacks of calls have entries of their own, if they are to act. */
static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_assert_cmpint (lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, NULL), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
  add_entry (user_data, "waited");
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_assert_true (lxcmon_host_start_finish (LXCMON_HOST (object), result, NULL));
  add_entry (user_data, "STARTED");
}

static void
on_items_changed (GListModel *list, guint position, guint removed, guint added, gpointer user_data)
{
  Scenario *self = user_data;

  if (added == 0)
    {
      add_entry (self, "REMOVED");
      return;
    }
  if (self->monitor == NULL)
    {
      self->monitor = g_list_model_get_item (list, position);
      g_signal_connect (self->monitor, "init", G_CALLBACK (on_monitor_init), self);
      g_signal_connect (self->monitor, "exit", G_CALLBACK (on_monitor_exit), self);
      g_signal_connect (self->monitor, "closed", G_CALLBACK (on_monitor_closed), self);
      g_signal_connect (self->monitor, "notify", G_CALLBACK (on_monitor_notify), self);
      if (g_strcmp0 (self->act_at, "waited") == 0)
        lxcmon_monitor_wait_exit_async (self->monitor, NULL, on_waited, self);
    }
  add_entry (self, "ADDED");
}

static void
scenario_init (Scenario *self, const char *act_at, const Action *action)
{
  *self = (Scenario){ .dir = glib_test_make_dir (), .act_at = act_at, .action = action };
  g_autofree char *path = g_build_filename (self->dir, "web1.sock", NULL);

  self->log = g_string_new (NULL);
  self->mock = lxcmon_mock_controller_new (path);
  mock_set_reading (self->mock, FALSE);
  g_assert_true (lxcmon_mock_controller_start (self->mock, NULL));
  self->host = lxcmon_host_new (self->dir);
  g_signal_connect (self->host, "items-changed", G_CALLBACK (on_items_changed), self);
  g_signal_connect (self->host, "init", G_CALLBACK (on_list_init), self);
  g_signal_connect (self->host, "exit", G_CALLBACK (on_list_exit), self);
  g_signal_connect (self->host, "closed", G_CALLBACK (on_list_closed), self);
}

static void
stop_host (Scenario *self)
{
  if (self->host != NULL)
    lxcmon_host_stop (self->host);
}

static void
scenario_clear (Scenario *self)
{
  stop_host (self);
  glib_test_drain ();
  if (self->monitor != NULL)
    g_signal_handlers_disconnect_by_data (self->monitor, self);
  g_clear_object (&self->monitor);
  if (self->host != NULL)
    g_signal_handlers_disconnect_by_data (self->host, self);
  g_clear_object (&self->host);
  glib_test_drain ();
  lxcmon_mock_controller_stop (self->mock);
  g_object_unref (self->mock);
  glib_test_remove_dir (self->dir);
  g_string_free (self->log, TRUE);
}

static LxcmonState
get_state (Scenario *self)
{
  return self->monitor != NULL ? lxcmon_monitor_get_state (self->monitor) : LXCMON_STATE_DETACHED;
}

static void
wait_accepted (Scenario *self)
{
  gint64 deadline = glib_test_get_deadline ();

  while (lxcmon_mock_controller_get_n_clients (self->mock) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
}

/* Starts the host, and writes INIT, EXIT and end of file before the loop runs again, unless the host was
 * stopped by then. */
static void
run_life (Scenario *self)
{
  gboolean started = g_strcmp0 (self->act_at, "STARTED") == 0;

  lxcmon_host_start_async (self->host, NULL, started ? on_started : NULL, self);
  glib_test_wait_until (self->acted || get_state (self) == LXCMON_STATE_QUEUED);
  if (get_state (self) != LXCMON_STATE_QUEUED)
    return;

  wait_accepted (self);
  g_assert_true (lxcmon_mock_controller_send_init (self->mock, 7, NULL));
  g_assert_true (lxcmon_mock_controller_finish (self->mock, LXCMON_EXIT_STATUS_SHUTDOWN, NULL));
}

static gboolean
has_entry (Scenario *self, const char *entry)
{
  g_auto (GStrv) entries = g_strsplit (self->log->str, " ", -1);

  return g_strv_contains ((const char *const *) entries, entry);
}

static void
test_order (void)
{
  Scenario self;

  scenario_init (&self, NULL, NULL);
  run_life (&self);
  glib_test_wait_until (has_entry (&self, "REMOVED"));
  g_assert_cmpstr (self.log->str, ==, life);
  scenario_clear (&self);
}

/* ---- What handlers do ---- */

/* Runs a main loop until the container has ended and the loop has nothing to do. */
static void
act_nested_loop (Scenario *self)
{
  if (self->monitor != NULL && get_state (self) >= LXCMON_STATE_ATTACHED)
    glib_test_wait_until (get_state (self) == LXCMON_STATE_CLOSED);
  glib_test_drain ();
}

static void
act_iterate (Scenario *self)
{
  g_main_context_iteration (NULL, FALSE);
}

static void
act_stop (Scenario *self)
{
  stop_host (self);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (self->host)), ==, 0);
}

static void
act_restart (Scenario *self)
{
  stop_host (self);
  lxcmon_host_start_async (self->host, NULL, NULL, NULL);
}

static void
act_drop (Scenario *self)
{
  g_clear_object (&self->host);
}

static gpointer
unref_in_thread (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

static void
act_drop_in_thread (Scenario *self)
{
  g_thread_join (g_thread_new ("drop", unref_in_thread, g_steal_pointer (&self->host)));
}

/* Nothing is emitted in the child, and stopping its host there leaves the parent's connection alone. */
static int
run_in_child (gpointer data)
{
  Scenario *self = data;
  gsize length = self->log->len;

  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  gboolean silent = self->log->len == length;
  self->acted = TRUE;
  stop_host (self);
  g_clear_object (&self->host);
  return silent;
}

static void
act_fork (Scenario *self)
{
  self->child = glib_test_fork (run_in_child, self);
  g_assert_cmpint (glib_test_join (&self->child), ==, TRUE);
}

static const Action actions[] = {
  { "nested-loop", act_nested_loop },
  { "iterate", act_iterate },
  { "stop", act_stop },
  { "restart", act_restart },
  { "drop", act_drop },
  { "drop-in-thread", act_drop_in_thread },
  { "fork", act_fork },
};

static const char *const points[] = {
  "STARTED", "ADDED", "init",   "init-pid", "INIT",   "exit",    "exited",
  "waited",  "EXIT",  "closed", "state",    "CLOSED", "REMOVED",
};

static guint
count_entries (Scenario *self, const char *entry)
{
  g_auto (GStrv) entries = g_strsplit (self->log->str, " ", -1);
  guint n = 0;

  for (guint i = 0; entries[i] != NULL; i++)
    n += g_str_equal (entries[i], entry);
  return n;
}

static guint
find_entry (Scenario *self, const char *entry)
{
  g_auto (GStrv) entries = g_strsplit (self->log->str, " ", -1);
  guint i = 0;

  while (entries[i] != NULL && !g_str_equal (entries[i], entry))
    i++;
  return i;
}

/* Signals come in order, each once: a main loop in a handler of the monitor's runs the list's first. Only
 * notifications may come later, and then each comes once too. */
static void
assert_order (Scenario *self)
{
  static const char *const order[]
      = { "ADDED", "init", "INIT", "exit", "EXIT", "closed", "CLOSED", "REMOVED" };
  static const char *const notified[] = { "init-pid", "exited", "state" };

  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    {
      g_assert_cmpuint (count_entries (self, order[i]), ==, 1);
      if (i > 0)
        g_assert_cmpuint (find_entry (self, order[i - 1]), <, find_entry (self, order[i]));
    }
  for (guint i = 0; i < G_N_ELEMENTS (notified); i++)
    {
      g_assert_cmpuint (count_entries (self, notified[i]), ==, 1);
      g_assert_cmpuint (find_entry (self, order[1 + 2 * i]), <, find_entry (self, notified[i]));
    }
}

/* After a stop the list changes, and no signal of the monitor's nor of the list's comes. */
static void
assert_silent_after (Scenario *self)
{
  const char *rest = strchr (self->log->str, '|') + 1;
  g_auto (GStrv) entries = g_strsplit (rest, " ", -1);

  for (guint i = 0; entries[i] != NULL; i++)
    g_assert_false (g_strv_contains ((const char *const[]){ "init", "INIT", "exit", "EXIT",
                                                            "closed", "CLOSED", NULL },
                                     entries[i]));
}

static void
test_action (gconstpointer data)
{
  guint number = GPOINTER_TO_UINT (data);
  const Action *action = &actions[number % G_N_ELEMENTS (actions)];
  Scenario self;

  scenario_init (&self, points[number / G_N_ELEMENTS (actions)], action);
  run_life (&self);
  glib_test_wait_until (self.acted);
  if (action->act == act_nested_loop || action->act == act_iterate)
    {
      glib_test_wait_until (has_entry (&self, "REMOVED"));
      glib_test_drain ();
      assert_order (&self);
    }
  else if (action->act == act_fork)
    {
      glib_test_wait_until (has_entry (&self, "REMOVED"));
      g_string_replace (self.log, " |", "", 0);
      g_string_replace (self.log, "STARTED ", "", 0);
      g_string_replace (self.log, " waited", "", 0);
      g_assert_cmpstr (self.log->str, ==, life);
    }
  else
    {
      glib_test_drain ();
      if (action->act != act_restart)
        glib_test_wait_until (glib_test_count_sources (NULL, "[lxcmon]") == 0);
      assert_silent_after (&self);
    }
  scenario_clear (&self);
}

/* A handler connects another one of the list's: that one receives the list's signal, which comes later. */
static void
count_late (LxcmonHost *list, LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  (*(guint *) user_data)++;
}

static guint n_late;

static void
act_connect (Scenario *self)
{
  g_signal_connect (self->host, "init", G_CALLBACK (count_late), &n_late);
}

static void
test_connected_meanwhile (void)
{
  static const Action connect = { "connect", act_connect };
  Scenario self;

  n_late = 0;
  scenario_init (&self, "init", &connect);
  run_life (&self);
  glib_test_wait_until (has_entry (&self, "REMOVED"));
  g_assert_cmpuint (n_late, ==, 1);
  scenario_clear (&self);
}

/* ---- The last reference is dropped in another thread, while events come in this one ---- */

static gpointer
unref_later (gpointer data)
{
  gpointer *host_and_n = data;

  for (guint n = GPOINTER_TO_UINT (host_and_n[1]); n > 0; n--)
    g_thread_yield ();
  g_object_unref (host_and_n[0]);
  return NULL;
}

static void
test_dropped_elsewhere (void)
{
  guint n_rounds = glib_test_is_slow () ? 20 : 100;

  for (guint i = 0; i < n_rounds; i++)
    {
      Scenario self;

      scenario_init (&self, NULL, NULL);
      LxcmonHost *host = self.host;
      gpointer data[] = { host, GUINT_TO_POINTER (i % 25) };
      g_object_add_weak_pointer (G_OBJECT (host), (gpointer *) &host);
      g_assert_true (g_main_context_acquire (NULL));
      run_life (&self);
      self.host = NULL;
      GThread *thread = g_thread_new ("drop", unref_later, data);
      glib_test_wait_until (host == NULL);
      g_thread_join (thread);
      g_main_context_release (NULL);
      glib_test_drain ();
      g_assert_true (g_str_has_prefix (life, self.log->str)
                     || g_str_has_suffix (self.log->str, "REMOVED"));
      scenario_clear (&self);
    }
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/host-start/order", test_order);
  for (guint i = 0; i < G_N_ELEMENTS (points) * G_N_ELEMENTS (actions); i++)
    {
      g_autofree char *path
          = g_strdup_printf ("/host-start/in/%s/%s", points[i / G_N_ELEMENTS (actions)],
                             actions[i % G_N_ELEMENTS (actions)].title);
      glib_test_add_data (path, test_action, GUINT_TO_POINTER (i));
    }
  glib_test_add ("/host-start/connected-meanwhile", test_connected_meanwhile);
  glib_test_add ("/host-start/dropped-elsewhere", test_dropped_elsewhere);
  return g_test_run ();
}
