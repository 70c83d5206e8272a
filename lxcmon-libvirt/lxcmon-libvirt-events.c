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
 *
 * If a container is destroyed, libvirtd may report first that its controller has ended. An end that is
 * neither a shutdown nor a destruction is therefore held for a moment, to learn whether a destruction
 * follows. It is reported before any other event of its container.
 */

#include "lxcmon-libvirt-host-private.h"

/* Destroyed was reported within 9 ms after Failed. */
#define HOLD_MS 250

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

/* Plans to add a row: together with others if the list is empty. Otherwise each is a step, so that the list
 * is right when a handler runs a main loop. */
static void
plan_addition (Plan *self, LxcmonLibvirtMonitor *row)
{
  gboolean is_empty = g_list_model_get_n_items (G_LIST_MODEL (self->host)) == 0;
  Step *step = g_queue_peek_tail (&self->steps);

  if (!is_empty || step == NULL || step->func != add_rows)
    {
      step = plan_step (self, add_rows);
      step->rows = g_ptr_array_new_with_free_func (g_object_unref);
    }
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

static void
clear_held (LxcmonLibvirtMonitor *row)
{
  row->held = NULL;
  if (row->hold_timer != NULL)
    g_source_destroy (row->hold_timer);
  g_clear_pointer (&row->hold_timer, g_source_unref);
}

/* The container has ended without EXIT, or EXIT was not seen. */
static void
end_without_exit (Plan *plan, LxcmonLibvirtMonitor *row, LxcmonMonitorError code, const char *why)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));

  model.state = LXCMON_STATE_CLOSED;
  model.end = code == LXCMON_MONITOR_ERROR_DESTROYED ? LXCMON_END_DESTROYED : LXCMON_END_LOST;
  clear_held (row);
  plan_report (plan, row, LXCMON_REPORT_CLOSED, &model,
               g_error_new (LXCMON_MONITOR_ERROR, (int) code, "%s: %s",
                            lxcmon_monitor_get_name (LXCMON_MONITOR (row)), why));
  plan_removal (plan, row);
}

static void
end_held (Plan *plan, LxcmonLibvirtMonitor *row)
{
  if (row->held != NULL)
    end_without_exit (plan, row, LXCMON_MONITOR_ERROR_LOST, row->held);
}

/* A step: no other event has followed. */
static void
apply_held (LxcmonLibvirtHost *self, const Step *step)
{
  Plan plan = { self, G_QUEUE_INIT };

  end_held (&plan, step->row);
  plan_push (&plan);
}

static gboolean
on_hold_timeout (gpointer user_data)
{
  LxcmonLibvirtMonitor *row = user_data;
  Step *step = _lxcmon_libvirt_step_new (row->host, apply_held);

  step->row = g_object_ref (row);
  _lxcmon_libvirt_step_push (row->host, step);
  return G_SOURCE_REMOVE;
}

/* Holds an end. The timer is destroyed before the row, and before the host is stopped. */
static void
hold (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, const char *why)
{
  row->held = why;
  row->host = self;
  row->hold_timer = g_timeout_source_new (HOLD_MS);
  g_source_set_static_name (row->hold_timer, "[lxcmon] libvirt end held");
  g_source_set_callback (row->hold_timer, on_hold_timeout, row, NULL);
  g_source_attach (row->hold_timer, _lxcmon_monitor_list_get_context (LXCMON_MONITOR_LIST (self)));
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
      hold (plan->host, row, "its controller ended without EXIT");
      break;
    default:
      /* Crashed, migrated, saved, and what newer versions may add: no LXC container has ended so yet. */
      hold (plan->host, row, "libvirt does not say that it was shut down");
      break;
    }
}

/* Finds a row, unless it is about to leave the list. */
static LxcmonLibvirtMonitor *
find_by_name (LxcmonLibvirtHost *self, const char *name)
{
  LxcmonMonitor *found = lxcmon_monitor_list_lookup (LXCMON_MONITOR_LIST (self), name);
  LxcmonLibvirtMonitor *row = (LxcmonLibvirtMonitor *) found;

  return row != NULL && g_hash_table_lookup (self->by_uuid, row->uuid) == row ? row : NULL;
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
  gboolean is_destroyed = step->event->type == LXCMON_LIBVIRT_EVENT_STOPPED
                          && step->event->detail == VIR_DOMAIN_EVENT_STOPPED_DESTROYED;
  Plan plan = { self, G_QUEUE_INIT };

  if (!self->is_listed)
    {
      set_connection (self, step->event->serial);
      g_hash_table_add (self->reported, g_strdup (domain->uuid));
    }
  if (row != NULL && row->held != NULL && !is_destroyed)
    {
      end_held (&plan, row);
      row = NULL;
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
  for (guint i = 0; i < appeared->len; i++)
    plan_addition (&plan, make_row (self, appeared->pdata[i]));
  self->is_listed = TRUE;
  g_hash_table_remove_all (self->reported);
  plan_push (&plan);
}

/* ---- The end of a connection ---- */

/* The rows whose end is held. */
static GPtrArray *
dup_held (LxcmonLibvirtHost *self)
{
  GPtrArray *held = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonLibvirtMonitor) row = g_list_model_get_item (G_LIST_MODEL (self), i);

      if (row->held != NULL)
        g_ptr_array_add (held, g_steal_pointer (&row));
    }
  return held;
}

/*< private >
 * _lxcmon_libvirt_host_end_held:
 *
 * Plans to report all ends that are held, since no event will follow.
 *
 * Returns: whether there are any
 */
gboolean
_lxcmon_libvirt_host_end_held (LxcmonLibvirtHost *self)
{
  g_autoptr (GPtrArray) held = dup_held (self);
  Plan plan = { self, G_QUEUE_INIT };

  for (guint i = 0; i < held->len; i++)
    end_held (&plan, held->pdata[i]);
  plan_push (&plan);
  return held->len > 0;
}

/*< private >
 * _lxcmon_libvirt_host_forget:
 *
 * Forgets all containers, when the host is stopped.
 */
void
_lxcmon_libvirt_host_forget (LxcmonLibvirtHost *self)
{
  g_autoptr (GPtrArray) held = dup_held (self);

  g_ptr_array_foreach (held, (GFunc) (void (*) (void)) clear_held, NULL);
  g_hash_table_remove_all (self->by_uuid);
  g_hash_table_remove_all (self->reported);
  self->is_listed = FALSE;
}
