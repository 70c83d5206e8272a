/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns plans: what an event or a list changes, in the order in which it is to happen. Each change is a step that runs
 * before all later events. It does not know why something changes.
 */

#include "lxcmon-libvirt-plan-private.h"

typedef LxcmonLibvirtBackend Backend;
typedef LxcmonLibvirtRun Run;
typedef LxcmonRow Row;
typedef LxcmonLibvirtDomain Domain;
typedef LxcmonLibvirtPlan Plan;
typedef LxcmonLibvirtStep Step;

static LxcmonRows *
get_rows (Backend *self)
{
  return _lxcmon_backend_get_rows (LXCMON_BACKEND (self));
}

static Run *
get_run (Row *row)
{
  return _lxcmon_libvirt_row_get_run (row);
}

/* How the init of a run has ended is asked when that is reported: so the row gets the next pidfd afterwards. */
static void
take_next_init (Row *row)
{
  Run *run = get_run (row);

  if (run == NULL || run->next_init_fd < 0)
    return;
  _lxcmon_row_set_init_fd (row, run->next_init_fd);
  run->next_init_fd = -1;
}

static void
report_row (Backend *self, const Step *step)
{
  if (step->report == LXCMON_REPORT_INIT)
    take_next_init (step->row);
  _lxcmon_rows_report (get_rows (self), step->row, step->report, &step->model, step->error);
}

/* A container that has ended may still be in the list. */
static void
add_rows (Backend *self, const Step *step)
{
  LxcmonRows *rows = get_rows (self);
  guint epoch = _lxcmon_backend_get_epoch (LXCMON_BACKEND (self));

  for (guint i = 0; i < step->rows->len; i++)
    {
      Row *before = _lxcmon_rows_lookup (rows, lxcmon_monitor_get_name (step->rows->pdata[i]));

      if (before != NULL)
        _lxcmon_rows_remove (rows, before);
      if (_lxcmon_backend_get_epoch (LXCMON_BACKEND (self)) != epoch)
        return;
    }
  _lxcmon_rows_add (rows, step->rows);
}

/* A step: the row has stayed in the list for the linger timeout. */
static void
remove_lingering_row (Backend *self, const Step *step)
{
  _lxcmon_rows_remove (get_rows (self), step->row);
}

static gboolean
on_linger_timeout (gpointer user_data)
{
  Run *run = user_data;
  Step *step = _lxcmon_libvirt_step_new (run->backend, remove_lingering_row);

  step->row = g_object_ref (run->row);
  _lxcmon_libvirt_step_push (step);
  return G_SOURCE_REMOVE;
}

static void
remove_row (Backend *self, const Step *step)
{
  guint linger = get_rows (self)->linger_timeout;

  if (linger > 0 && get_run (step->row) != NULL)
    _lxcmon_libvirt_run_start_timer (get_run (step->row), get_rows (self)->context, linger,
                                     on_linger_timeout);
  else
    _lxcmon_rows_remove (get_rows (self), step->row);
}

static Step *
plan_step (Plan *self, LxcmonLibvirtStepFunc func)
{
  Step *step = _lxcmon_libvirt_step_new (self->backend, func);

  g_queue_push_tail (&self->steps, step);
  return step;
}

/*< private >
 * _lxcmon_libvirt_plan_report:
 * @error: (transfer full) (nullable): of "closed"
 *
 * Plans a report.
 */
void
_lxcmon_libvirt_plan_report (Plan *self, Row *row, LxcmonReport what, const LxcmonModel *model,
                             GError *error)
{
  Step *step = plan_step (self, report_row);

  step->row = g_object_ref (row);
  step->report = what;
  step->model = *model;
  step->error = error;
}

void
_lxcmon_libvirt_plan_removal (Plan *self, Row *row)
{
  plan_step (self, remove_row)->row = g_object_ref (row);
  if (get_run (row) != NULL)
    g_hash_table_remove (self->backend->by_uuid, get_run (row)->uuid);
}

/*< private >
 * _lxcmon_libvirt_plan_addition:
 *
 * Plans to add a row: together with others if the list is empty. Otherwise each is a step, so that the list
 * is right when a handler runs a main loop.
 */
void
_lxcmon_libvirt_plan_addition (Plan *self, Row *row)
{
  gboolean is_empty = g_list_model_get_n_items (G_LIST_MODEL (get_rows (self->backend)->list)) == 0;
  Step *step = g_queue_peek_tail (&self->steps);

  if (!is_empty || step == NULL || step->func != add_rows)
    {
      step = plan_step (self, add_rows);
      step->rows = g_ptr_array_new_with_free_func (g_object_unref);
    }
  g_ptr_array_add (step->rows, g_object_ref (row));
}

void
_lxcmon_libvirt_plan_push (Plan *self)
{
  Step *step;

  while ((step = g_queue_pop_tail (&self->steps)) != NULL)
    _lxcmon_libvirt_step_push_first (step);
}

/*< private >
 * _lxcmon_libvirt_row_linger:
 * @ms: for how long
 *
 * A row that has ended leaves the list later. It may not be the backend's yet.
 */
void
_lxcmon_libvirt_row_linger (Backend *self, Row *row, guint ms)
{
  static const Domain none = { .uuid = "" };

  if (get_run (row) == NULL)
    _lxcmon_libvirt_row_adopt (row, self, &none);
  _lxcmon_libvirt_run_start_timer (get_run (row), get_rows (self)->context, ms, on_linger_timeout);
}
