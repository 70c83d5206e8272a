/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the order of a list's rows, by the bytes of their names, and the removal of rows from the list.
 */

#include "lxcmon-rows-private.h"

#include "lxcmon-monitor-private.h"
#include "lxcmon-waits-private.h"

#include <string.h>

int
_lxcmon_rows_compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return strcmp (lxcmon_monitor_get_name ((LxcmonMonitor *) a),
                 lxcmon_monitor_get_name ((LxcmonMonitor *) b));
}

int
_lxcmon_rows_compare_pointed (gconstpointer a, gconstpointer b)
{
  return _lxcmon_rows_compare (*(gconstpointer *) a, *(gconstpointer *) b, NULL);
}

/*< private >
 * _lxcmon_rows_find:
 * @position: (out): the first row whose name is not less than @name
 *
 * Returns: whether it has that name
 */
gboolean
_lxcmon_rows_find (GListStore *rows, const char *name, guint *position)
{
  GListModel *model = G_LIST_MODEL (rows);
  guint low = 0, high = g_list_model_get_n_items (model);
  gboolean found = FALSE;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      g_autoptr (LxcmonMonitor) row = g_list_model_get_item (model, middle);
      int order = strcmp (lxcmon_monitor_get_name (row), name);

      found = found || order == 0;
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  *position = low;
  return found;
}

/* A row was removed from the list. Calls that wait for its end fail with @why. A row that is closed keeps
 * its state, which says how it ended. */
static void
end_row (LxcmonMonitor *monitor, gboolean quietly, const GError *why)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);
  GList *waits = _lxcmon_waits_steal (_lxcmon_monitor_get_waits (monitor));

  _lxcmon_monitor_set_watched (monitor, FALSE);
  if (quietly && model.state != LXCMON_STATE_CLOSED)
    _lxcmon_monitor_set_detached (monitor);
  else if (model.state != LXCMON_STATE_CLOSED && model.state != LXCMON_STATE_DETACHED)
    {
      model.state = LXCMON_STATE_DETACHED;
      _lxcmon_monitor_report (monitor, LXCMON_REPORT_CHANGED, &model, NULL);
    }
  _lxcmon_waits_return (waits, LXCMON_EXIT_STATUS_UNKNOWN, why);
}

/*< private >
 * _lxcmon_rows_remove:
 *
 * Removes a row, if it is in the list: its container has ended.
 */
void
_lxcmon_rows_remove (GListStore *rows, LxcmonMonitor *monitor)
{
  g_autoptr (LxcmonMonitor) alive = g_object_ref (monitor);
  g_autoptr (LxcmonMonitor) row = NULL;
  guint position;

  if (!_lxcmon_rows_find (rows, lxcmon_monitor_get_name (monitor), &position))
    return;
  row = g_list_model_get_item (G_LIST_MODEL (rows), position);
  if (row != monitor)
    return;

  g_autoptr (GError) lost
      = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST,
                     "%s has ended while it was not attached, and it is not known how",
                     lxcmon_monitor_get_name (monitor));
  g_list_store_remove (rows, position);
  end_row (monitor, FALSE, lost);
}

/*< private >
 * _lxcmon_rows_remove_all:
 *
 * @quietly: whether nothing is to be notified
 *
 * Removes all rows, with one change of the list: it is stopped.
 */
void
_lxcmon_rows_remove_all (GListStore *rows, gboolean quietly)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (rows));
  g_autoptr (GPtrArray) removed = g_ptr_array_new_full (n, g_object_unref);
  g_autoptr (GError) cancelled
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the list was stopped");

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (removed, g_list_model_get_item (G_LIST_MODEL (rows), i));
  if (n > 0)
    g_list_store_remove_all (rows);
  for (guint i = 0; i < n; i++)
    end_row (removed->pdata[i], quietly, cancelled);
}
