/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the rows of a host: their order, by the bytes of their names, and what the host emits for them. It
 * does not know how containers are found.
 */

#include "lxcmon-rows-private.h"

#include "lxcmon-emission-private.h"
#include "lxcmon-waits-private.h"

#include <lxcmon/lxcmon-process.h>
#include <string.h>

/* So many ends are remembered at least. */
#define ENDED_MIN 64

static int
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return strcmp (lxcmon_monitor_get_name ((LxcmonMonitor *) a),
                 lxcmon_monitor_get_name ((LxcmonMonitor *) b));
}

static int
compare_pointed (gconstpointer a, gconstpointer b)
{
  return compare (*(gconstpointer *) a, *(gconstpointer *) b, NULL);
}

/* Finds the first row whose name is not less than @name. Returns whether it has that name. */
static gboolean
find (LxcmonRows *self, const char *name, guint *position)
{
  GListModel *model = G_LIST_MODEL (self->list);
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

void
_lxcmon_rows_init (LxcmonRows *self, GObject *host)
{
  self->host = host;
  self->list = g_list_store_new (LXCMON_TYPE_MONITOR);
  self->context = g_main_context_ref_thread_default ();
  self->ended = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

void
_lxcmon_rows_clear (LxcmonRows *self)
{
  g_clear_object (&self->list);
  g_clear_pointer (&self->ended, g_hash_table_unref);
  g_clear_pointer (&self->names, g_strfreev);
  g_clear_pointer (&self->context, g_main_context_unref);
}

/*< private >
 * _lxcmon_rows_want:
 * @name: a container's, which has no row
 *
 * Returns: whether it is to have one
 */
gboolean
_lxcmon_rows_want (LxcmonRows *self, const char *name)
{
  return self->names == NULL || g_strv_contains ((const char *const *) self->names, name);
}

/*< private >
 * _lxcmon_rows_lookup:
 *
 * Returns: (transfer none) (nullable): the row of a name
 */
LxcmonRow *
_lxcmon_rows_lookup (LxcmonRows *self, const char *name)
{
  guint position;

  if (!find (self, name, &position))
    return NULL;
  g_autoptr (LxcmonMonitor) row = g_list_model_get_item (G_LIST_MODEL (self->list), position);
  return (LxcmonRow *) row; /* the list holds a reference too */
}

/*< private >
 * _lxcmon_rows_copy:
 *
 * Returns: (transfer full): the rows of now, for a walk during which handlers may change the list
 */
GPtrArray *
_lxcmon_rows_copy (LxcmonRows *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->list));
  GPtrArray *rows = g_ptr_array_new_full (n, g_object_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (rows, g_list_model_get_item (G_LIST_MODEL (self->list), i));
  return rows;
}

/*< private >
 * _lxcmon_rows_add:
 * @rows: of #LxcmonRow, with names that the list does not have
 *
 * Adds rows: with one change of the list if it is empty, one after the other otherwise. A handler may
 * stop the host, or run a main loop in which another backend takes over: then the other rows are not added.
 */
void
_lxcmon_rows_add (LxcmonRows *self, GPtrArray *rows)
{
  guint epoch = self->epoch, handover = self->handover;

  for (guint i = 0; i < rows->len; i++)
    {
      _lxcmon_monitor_set_context (rows->pdata[i], self->context);
      _lxcmon_monitor_set_watched (rows->pdata[i], TRUE);
    }
  g_ptr_array_sort (rows, compare_pointed);
  if (rows->len > 0 && g_list_model_get_n_items (G_LIST_MODEL (self->list)) == 0)
    {
      g_list_store_splice (self->list, 0, 0, rows->pdata, rows->len);
      return;
    }
  for (guint i = 0; i < rows->len && self->epoch == epoch && self->handover == handover; i++)
    g_list_store_insert_sorted (self->list, rows->pdata[i], compare, NULL);
}

/* A row was removed from the list, as its container has ended or the host was stopped. Calls that wait for its end
 * fail with @why. A row that is closed keeps its state, which says how it ended. */
static void
end_row (LxcmonMonitor *monitor, gboolean has_ended, gboolean quietly, const GError *why)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);
  GList *waits = _lxcmon_waits_steal (_lxcmon_monitor_get_waits (monitor));

  _lxcmon_monitor_set_watched (monitor, FALSE);
  if (quietly && model.state != LXCMON_STATE_CLOSED)
    _lxcmon_monitor_set_detached (monitor);
  else if (model.state != LXCMON_STATE_CLOSED)
    {
      model.state = LXCMON_STATE_DETACHED;
      model.running = model.running && !has_ended;
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
_lxcmon_rows_remove (LxcmonRows *self, LxcmonRow *row)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) row;
  g_autoptr (LxcmonMonitor) alive = g_object_ref (monitor);
  g_autoptr (LxcmonMonitor) found = NULL;
  guint position;

  if (!find (self, lxcmon_monitor_get_name (monitor), &position))
    return;
  found = g_list_model_get_item (G_LIST_MODEL (self->list), position);
  if (found != monitor)
    return;

  g_autoptr (GError) lost = _lxcmon_row_new_unseen_error (row);
  /* Its timers are those of the backend, which may end before the row. */
  _lxcmon_row_unwatch_end (row);
  _lxcmon_row_set_data (row, NULL, NULL);
  g_list_store_remove (self->list, position);
  end_row (monitor, TRUE, FALSE, lost);
}

/*< private >
 * _lxcmon_rows_remove_all:
 *
 * Removes all rows, with one change of the list: the host is stopped.
 */
void
_lxcmon_rows_remove_all (LxcmonRows *self)
{
  gboolean quietly = g_atomic_int_get (&self->disposed);
  g_autoptr (GPtrArray) removed = _lxcmon_rows_copy (self);
  g_autoptr (GError) cancelled
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the host was stopped");

  if (removed->len > 0)
    g_list_store_remove_all (self->list);
  g_hash_table_remove_all (self->ended);
  for (guint i = 0; i < removed->len; i++)
    end_row (removed->pdata[i], FALSE, quietly, cancelled);
}

/* ---- Runs that have ended ---- */

typedef struct
{
  gint pid;
  guint64 start; /* see LxcmonRow */
} Run;

/* Whether the process of a run is gone, so that it can hardly be listed any more. */
static gboolean
is_gone (gpointer name, gpointer value, gpointer user_data)
{
  const Run *run = value;

  return lxcmon_process_get_start_ticks (run->pid) != run->start;
}

static void
remember_end (LxcmonRows *self, LxcmonRow *row)
{
  const Run run
      = { lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) row), row->controller_start };

  if (run.start == 0)
    return;
  if (g_hash_table_size (self->ended) >= MAX (self->ended_max, ENDED_MIN))
    {
      g_hash_table_foreach_remove (self->ended, is_gone, NULL);
      self->ended_max = 2 * g_hash_table_size (self->ended);
    }
  g_hash_table_replace (self->ended, g_strdup (lxcmon_monitor_get_name ((LxcmonMonitor *) row)),
                        g_memdup2 (&run, sizeof run));
}

/*< private >
 * _lxcmon_rows_has_ended:
 *
 * Returns: whether the end of a run of this host was reported: libvirtd may list it until it has noticed the end too
 */
gboolean
_lxcmon_rows_has_ended (LxcmonRows *self, const char *name, gint controller_pid)
{
  const Run *run = g_hash_table_lookup (self->ended, name);

  if (run == NULL || run->pid != controller_pid)
    return FALSE;
  guint64 start = lxcmon_process_get_start_ticks (controller_pid);
  return start == 0 || start == run->start;
}

/* ---- Reports ---- */

/* A step: the host's own signal, after the monitor's. */
static void
emit (GObject *host, gpointer data)
{
  _lxcmon_emission_run (data, host);
}

/*< private >
 * _lxcmon_rows_report:
 * @self: the rows of a host that is started
 * @row: one of them, to which the caller holds a reference
 *
 * Like _lxcmon_monitor_report(), with what the row knows of init's end. The host's own signal is a step that
 * runs after the monitor's handlers and notifications, or earlier if one of them runs a main loop. It runs
 * before the steps that are already queued, which belong to later events.
 */
void
_lxcmon_rows_report (LxcmonRows *self, LxcmonRow *row, LxcmonReport report,
                     const LxcmonModel *model, const GError *error)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) row;
  LxcmonModel full = *model;

  if (g_atomic_int_get (&self->disposed))
    return;
  _lxcmon_row_add_init_end (row, &full);
  if (model->controller_pid != _lxcmon_monitor_get_model (monitor)->controller_pid)
    row->controller_start = model->controller_start;
  if (report == LXCMON_REPORT_CLOSED && model->end != LXCMON_END_NONE)
    {
      remember_end (self, row);
      row->controller_start = 0; /* that run is over */
      _lxcmon_monitor_await_init_end (monitor, &full, _lxcmon_row_steal_init_fd (row));
    }
  if (report != LXCMON_REPORT_CHANGED)
    _lxcmon_main_source_push_first (self->source, self->host, emit,
                                    _lxcmon_emission_new (&self->epoch, monitor, report, model,
                                                          error),
                                    _lxcmon_emission_free);
  _lxcmon_monitor_report (monitor, report, &full, error);
}

/*< private >
 * _lxcmon_rows_notify:
 *
 * Notifies a property of the host, unless it is being disposed of.
 */
void
_lxcmon_rows_notify (LxcmonRows *self, const char *property)
{
  if (!g_atomic_int_get (&self->disposed))
    g_object_notify (self->host, property);
}
