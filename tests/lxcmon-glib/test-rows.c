/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Many containers of one list, again and again: INIT, EXIT and end of file of all of them are pending together,
 * and each makes its signals, once and in order.
 */

#include "common/glib-session.h"
#include "common/glib-test.h"

#define N_CONTAINERS 50

typedef struct
{
  GHashTable *logs; /* a GString for each name */
  guint n_removed;
} Many;

static void
note (Many *self, LxcmonMonitor *monitor, const char *entry)
{
  GString *log = g_hash_table_lookup (self->logs, lxcmon_monitor_get_name (monitor));

  if (log == NULL)
    {
      log = g_string_new (NULL);
      g_hash_table_insert (self->logs, g_strdup (lxcmon_monitor_get_name (monitor)), log);
    }
  g_string_append_printf (log, "%s ", entry);
}

static void
note_init (LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  note (user_data, monitor, "init");
}

static void
note_exit (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  note (user_data, monitor, "exit");
}

static void
note_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  note (user_data, monitor, error == NULL ? "closed" : "closed-with-error");
}

static void
note_list_init (LxcmonHost *list, LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  note (user_data, monitor, "INIT");
}

static void
note_list_exit (LxcmonHost *list, LxcmonMonitor *monitor, LxcmonExitStatus status,
                gpointer user_data)
{
  note (user_data, monitor, "EXIT");
}

static void
note_list_closed (LxcmonHost *list, LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  note (user_data, monitor, "CLOSED");
}

static void
connect_added (GListModel *list, guint position, guint removed, guint added, gpointer user_data)
{
  Many *self = user_data;

  self->n_removed += removed;
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (list, i);
      g_signal_connect (monitor, "init", G_CALLBACK (note_init), self);
      g_signal_connect (monitor, "exit", G_CALLBACK (note_exit), self);
      g_signal_connect (monitor, "closed", G_CALLBACK (note_closed), self);
    }
}

static void
free_log (gpointer data)
{
  g_string_free (data, TRUE);
}

static gboolean
are_all_queued (LxcmonHost *host)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (host));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (G_LIST_MODEL (host), i);
      if (lxcmon_monitor_get_state (monitor) != LXCMON_STATE_QUEUED)
        return FALSE;
    }
  return n == N_CONTAINERS;
}

/* All messages of each container are in its socket before the loop runs. */
static void
run_many (LxcmonHost *host, LxcmonMockController **mocks)
{
  Many many = { g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_log) };
  GHashTableIter iter;
  gpointer log;

  g_signal_connect (host, "items-changed", G_CALLBACK (connect_added), &many);
  g_signal_connect (host, "init", G_CALLBACK (note_list_init), &many);
  g_signal_connect (host, "exit", G_CALLBACK (note_list_exit), &many);
  g_signal_connect (host, "closed", G_CALLBACK (note_list_closed), &many);
  for (guint i = 0; i < N_CONTAINERS; i++)
    g_assert_true (lxcmon_mock_controller_start (mocks[i], NULL));
  lxcmon_host_start_async (host, NULL, NULL, NULL);
  glib_test_wait_until (are_all_queued (host));
  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      while (lxcmon_mock_controller_get_n_clients (mocks[i]) == 0)
        g_thread_yield ();
      g_assert_true (lxcmon_mock_controller_send_init (mocks[i], 7, NULL));
      g_assert_true (lxcmon_mock_controller_finish (mocks[i], LXCMON_EXIT_STATUS_SHUTDOWN, NULL));
    }
  glib_test_wait_until (many.n_removed == N_CONTAINERS);
  g_assert_cmpuint (g_hash_table_size (many.logs), ==, N_CONTAINERS);
  g_hash_table_iter_init (&iter, many.logs);
  while (g_hash_table_iter_next (&iter, NULL, &log))
    g_assert_cmpstr (((GString *) log)->str, ==, "init INIT exit EXIT closed CLOSED ");
  lxcmon_host_stop (host);
  g_signal_handlers_disconnect_by_data (host, &many);
  g_hash_table_unref (many.logs);
}

static void
test_pending_together (void)
{
  char *dir = glib_test_make_dir ();
  g_autoptr (LxcmonHost) host = lxcmon_host_new (dir);
  guint n_rounds = glib_test_is_slow () ? 2 : 20;
  LxcmonMockController *mocks[N_CONTAINERS];

  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/c%02u.sock", dir, i);
      mocks[i] = lxcmon_mock_controller_new (path);
      mock_set_reading (mocks[i], FALSE);
    }
  for (guint i = 0; i < n_rounds; i++)
    run_many (host, mocks);
  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      lxcmon_mock_controller_stop (mocks[i]);
      g_object_unref (mocks[i]);
    }
  glib_test_remove_dir (dir);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/rows/pending-together", test_pending_together);
  return g_test_run ();
}
