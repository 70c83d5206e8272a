/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what libvirt's events and lists mean: which of them start a container, which end it, and which show
 * that something was missed. Nothing is invented: if an end was not seen, "closed" says so. Nothing is
 * reported twice: a container's id differs from one life to the next.
 *
 * Each event and each list is a step. It decides what changes, without calling code of the app, and makes a
 * plan: steps that run before all later events. So a decision is made when all earlier plans have run, and
 * a main loop in a handler continues exactly where the handler was called.
 *
 * Plans change the rows' models, and which rows are in the list. Decisions themselves change the rows' ids
 * and the table of uuids, so that the next decision starts from them.
 */

#include "lxcmon-libvirt-host-private.h"

typedef LxcmonLibvirtStep Step;

/* ---- Plans ---- */

/* What is decided, in the order in which it is to happen. */
typedef struct
{
  LxcmonLibvirtHost *host;
  GQueue steps;
} Plan;

static void
report_row (LxcmonLibvirtHost *self, const Step *step)
{
  _lxcmon_monitor_list_report (LXCMON_MONITOR_LIST (self), LXCMON_MONITOR (step->row), step->report,
                               &step->model, step->error);
}

static void
add_rows (LxcmonLibvirtHost *self, const Step *step)
{
  _lxcmon_monitor_list_add (LXCMON_MONITOR_LIST (self), step->rows);
}

static void
remove_row (LxcmonLibvirtHost *self, const Step *step)
{
  _lxcmon_monitor_list_remove (LXCMON_MONITOR_LIST (self), LXCMON_MONITOR (step->row));
}

static Step *
plan_step (Plan *self, LxcmonLibvirtStepFunc func)
{
  Step *step = _lxcmon_libvirt_step_new (self->host, func);

  g_queue_push_tail (&self->steps, step);
  return step;
}

/* Plans a report; @error is taken over. */
static void
plan_report (Plan *self, LxcmonLibvirtMonitor *row, LxcmonReport what, const LxcmonModel *model,
             GError *error)
{
  Step *step = plan_step (self, report_row);

  step->row = g_object_ref (row);
  step->report = what;
  step->model = *model;
  step->error = error;
}

static void
plan_removal (Plan *self, LxcmonLibvirtMonitor *row)
{
  GHashTable *by_uuid = self->host->by_uuid;

  plan_step (self, remove_row)->row = g_object_ref (row);
  if (g_hash_table_lookup (by_uuid, row->uuid) == row)
    g_hash_table_remove (by_uuid, row->uuid);
}

/* Makes the row of a container that has appeared; it has still to be added to the list. */
static LxcmonLibvirtMonitor *
make_row (LxcmonLibvirtHost *self, const LxcmonLibvirtDomain *domain)
{
  LxcmonLibvirtMonitor *row = _lxcmon_libvirt_monitor_new (domain);

  g_hash_table_replace (self->by_uuid, row->uuid, row);
  return row;
}

static void
plan_addition (Plan *self, LxcmonLibvirtMonitor *row)
{
  Step *step = plan_step (self, add_rows);

  step->rows = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (step->rows, g_object_ref (row));
}

static void
plan_push (Plan *self)
{
  Step *step;

  while ((step = g_queue_pop_tail (&self->steps)) != NULL)
    _lxcmon_libvirt_step_push_first (self->host, step);
}

/* ---- Starts and ends ---- */

/* The container has ended with EXIT. */
static void
end_with_exit (Plan *plan, LxcmonLibvirtMonitor *row, LxcmonExitStatus status, LxcmonEnd end)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));

  model.state = LXCMON_STATE_EXITED;
  model.exited = TRUE;
  model.exit_status = status;
  model.end = end;
  plan_report (plan, row, LXCMON_REPORT_EXIT, &model, NULL);
  model.state = LXCMON_STATE_CLOSED;
  plan_report (plan, row, LXCMON_REPORT_CLOSED, &model, NULL);
}

/* The container has ended without EXIT, or EXIT was not seen. */
static void
end_without_exit (Plan *plan, LxcmonLibvirtMonitor *row, LxcmonMonitorError code, const char *why)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));

  model.state = LXCMON_STATE_CLOSED;
  model.end = code == LXCMON_MONITOR_ERROR_DESTROYED ? LXCMON_END_DESTROYED : LXCMON_END_LOST;
  plan_report (plan, row, LXCMON_REPORT_CLOSED, &model,
               g_error_new (LXCMON_MONITOR_ERROR, (int) code, "%s: %s",
                            lxcmon_monitor_get_name (LXCMON_MONITOR (row)), why));
  plan_removal (plan, row);
}

/* The start of a life was seen. */
static void
begin (Plan *plan, LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *domain,
       const LxcmonModel *model)
{
  row->id = domain->id;
  row->init_reported = TRUE;
  plan_report (plan, row, LXCMON_REPORT_INIT, model, NULL);
}

/* What a domain adds to what is known of the life that its row is about. */
static LxcmonModel
complete (LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *domain)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));

  if (model.controller_pid == 0)
    model.controller_pid = domain->controller_pid;
  if (model.init_pid == 0)
    model.init_pid = domain->init_pid;
  return model;
}

/* ---- Events ---- */

static void
decide_stopped (Plan *plan, LxcmonLibvirtMonitor *row, int detail)
{
  switch (detail)
    {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      end_with_exit (plan, row, LXCMON_EXIT_STATUS_SHUTDOWN, LXCMON_END_SHUTDOWN);
      plan_removal (plan, row);
      break;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
      end_without_exit (plan, row, LXCMON_MONITOR_ERROR_DESTROYED,
                        "it was destroyed through libvirt");
      break;
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      end_without_exit (plan, row, LXCMON_MONITOR_ERROR_LOST, "its controller ended without EXIT");
      break;
    default:
      /* Crashed, migrated, saved, and what newer versions may add: no LXC container has ended so yet. */
      end_without_exit (plan, row, LXCMON_MONITOR_ERROR_LOST,
                        "libvirt does not say that it was shut down");
      break;
    }
}

static LxcmonLibvirtMonitor *
find_by_name (LxcmonLibvirtHost *self, const char *name)
{
  return (LxcmonLibvirtMonitor *) lxcmon_monitor_list_lookup (LXCMON_MONITOR_LIST (self), name);
}

static void
decide_started (Plan *plan, LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *domain)
{
  LxcmonLibvirtMonitor *before = row != NULL ? row : find_by_name (plan->host, domain->name);

  /* A uuid, or a name, belongs to one container at a time. */
  if (before != NULL && (before != row || row->id != domain->id))
    {
      end_without_exit (plan, before, LXCMON_MONITOR_ERROR_LOST, "its end was not seen");
      row = NULL;
    }
  if (row == NULL)
    {
      row = make_row (plan->host, domain);
      plan_addition (plan, row);
    }
  if (!row->init_reported)
    {
      LxcmonModel model = complete (row, domain);
      begin (plan, row, domain, &model);
    }
}

/* The row stays in the list. */
static void
decide_rebooted (Plan *plan, LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *domain)
{
  const LxcmonModel next = _lxcmon_libvirt_model_new (domain);

  if (row == NULL)
    {
      decide_started (plan, NULL, domain);
      return;
    }
  end_with_exit (plan, row, LXCMON_EXIT_STATUS_REBOOT, LXCMON_END_REBOOT);
  begin (plan, row, domain, &next);
}

/* Forgets which containers were reported by another connection than this one. */
static void
set_connection (LxcmonLibvirtHost *self, guint serial)
{
  if (self->reported_serial != serial)
    g_hash_table_remove_all (self->reported);
  self->reported_serial = serial;
}

/*< private >
 * _lxcmon_libvirt_host_apply_event:
 *
 * A step: something has happened to a container. If that was reported before the list is applied, it is
 * newer than what the list says of the container.
 */
void
_lxcmon_libvirt_host_apply_event (LxcmonLibvirtHost *self, const Step *step)
{
  const LxcmonLibvirtDomain *domain = step->event->domain;
  LxcmonLibvirtMonitor *row = g_hash_table_lookup (self->by_uuid, domain->uuid);
  Plan plan = { self, G_QUEUE_INIT };

  if (!self->is_listed)
    {
      set_connection (self, step->event->serial);
      g_hash_table_add (self->reported, g_strdup (domain->uuid));
    }
  switch (step->event->type)
    {
    case LXCMON_LIBVIRT_EVENT_STARTED:
      decide_started (&plan, row, domain);
      break;
    case LXCMON_LIBVIRT_EVENT_STOPPED:
      if (row != NULL)
        decide_stopped (&plan, row, step->event->detail);
      break;
    case LXCMON_LIBVIRT_EVENT_REBOOTED:
      decide_rebooted (&plan, row, domain);
      break;
    case LXCMON_LIBVIRT_EVENT_LISTED:
    case LXCMON_LIBVIRT_EVENT_LOST:
    case LXCMON_LIBVIRT_EVENT_FAILED:
    default:
      g_assert_not_reached ();
    }
  plan_push (&plan);
}

/* ---- Lists ---- */

static gboolean
was_reported (LxcmonLibvirtHost *self, const char *uuid)
{
  return g_hash_table_contains (self->reported, uuid);
}

/* Whether an event has reported something newer about the container, or about another one of its name. */
static gboolean
is_outdated (LxcmonLibvirtHost *self, const LxcmonLibvirtDomain *listed)
{
  LxcmonLibvirtMonitor *found = find_by_name (self, listed->name);

  return was_reported (self, listed->uuid) || (found != NULL && was_reported (self, found->uuid));
}

/* Whether what is listed is the life that the row is about. */
static gboolean
is_same_life (LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *listed)
{
  return row->id == listed->id || row->id == 0;
}

/* Compares a row with what the list has of its uuid. */
static void
compare_row (Plan *plan, LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *listed)
{
  if (listed == NULL)
    end_without_exit (plan, row, LXCMON_MONITOR_ERROR_LOST,
                      "it ended while the connection to libvirtd was lost");
  else if (!is_same_life (row, listed))
    end_without_exit (plan, row, LXCMON_MONITOR_ERROR_LOST,
                      "it ended and was started again while the connection to libvirtd was lost");
  else
    {
      LxcmonModel model = complete (row, listed);
      row->id = listed->id;
      plan_report (plan, row, LXCMON_REPORT_CHANGED, &model, NULL);
    }
}

static void
compare_rows (Plan *plan, GHashTable *listed)
{
  GListModel *rows = G_LIST_MODEL (plan->host);
  guint n = g_list_model_get_n_items (rows);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonLibvirtMonitor) row = g_list_model_get_item (rows, i);

      if (!was_reported (plan->host, row->uuid))
        compare_row (plan, row, g_hash_table_lookup (listed, row->uuid));
    }
}

/* Adds the rows of containers that have appeared: with one change of the list if it is empty. Otherwise each
 * is a step, so that the list is right when a handler runs a main loop. */
static void
plan_additions (Plan *plan, GPtrArray *appeared)
{
  guint n_rows = g_list_model_get_n_items (G_LIST_MODEL (plan->host));
  GPtrArray *rows = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < appeared->len; i++)
    g_ptr_array_add (rows, g_object_ref (make_row (plan->host, appeared->pdata[i])));
  if (n_rows == 0)
    {
      plan_step (plan, add_rows)->rows = rows;
      return;
    }
  for (guint i = 0; i < rows->len; i++)
    plan_addition (plan, rows->pdata[i]);
  g_ptr_array_unref (rows);
}

/*< private >
 * _lxcmon_libvirt_host_apply_list:
 *
 * A step: the rows become what the list has, but for the containers of which the same connection has
 * reported events before it.
 */
void
_lxcmon_libvirt_host_apply_list (LxcmonLibvirtHost *self, const Step *step)
{
  g_autoptr (GHashTable) listed = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new ();
  Plan plan = { self, G_QUEUE_INIT };

  set_connection (self, step->event->serial);
  for (guint i = 0; i < step->event->domains->len; i++)
    {
      LxcmonLibvirtDomain *domain = step->event->domains->pdata[i];
      LxcmonLibvirtMonitor *row = g_hash_table_lookup (self->by_uuid, domain->uuid);

      g_hash_table_insert (listed, domain->uuid, domain);
      if (!is_outdated (self, domain) && (row == NULL || !is_same_life (row, domain)))
        g_ptr_array_add (appeared, domain);
    }
  compare_rows (&plan, listed);
  plan_additions (&plan, appeared);
  self->is_listed = TRUE;
  g_hash_table_remove_all (self->reported);
  plan_push (&plan);
}
