/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what libvirt's events and lists mean: which of them start a container, which end it, and which
 * show that something was missed. Nothing is invented: if an end was not seen, "closed" says so. Nothing
 * is reported twice: a container's id differs from one run to the next.
 *
 * Each event and each list is a step. It decides what changes, without calling code of the application,
 * and makes a plan: steps that run before all later events. So a decision is made when all earlier plans
 * have run, and a main loop in a handler continues exactly where the handler was called.
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

typedef LxcmonLibvirtHost Host;
typedef LxcmonLibvirtMonitor Row;
typedef LxcmonLibvirtDomain Domain;
typedef LxcmonLibvirtStep Step;

/* ---- Plans ---- */

/* What is decided, in the order in which it is to happen. */
typedef struct
{
  Host *host;
  GQueue steps;
} Plan;

static void
report_row (Host *self, const Step *step)
{
  _lxcmon_monitor_list_report (LXCMON_MONITOR_LIST (self), LXCMON_MONITOR (step->row), step->report,
                               &step->model, step->error);
}

static void
add_rows (Host *self, const Step *step)
{
  _lxcmon_monitor_list_add (LXCMON_MONITOR_LIST (self), step->rows);
}

static void
remove_row (Host *self, const Step *step)
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
plan_report (Plan *self, Row *row, LxcmonReport what, const LxcmonModel *model, GError *error)
{
  Step *step = plan_step (self, report_row);

  step->row = g_object_ref (row);
  step->report = what;
  step->model = *model;
  step->error = error;
}

static void
plan_removal (Plan *self, Row *row)
{
  plan_step (self, remove_row)->row = g_object_ref (row);
  g_hash_table_remove (self->host->by_uuid, row->uuid);
}

/* Makes the row of a container that has appeared; it has still to be added to the list. */
static Row *
make_row (Host *self, const Domain *domain)
{
  Row *row = _lxcmon_libvirt_monitor_new (domain);

  g_hash_table_replace (self->by_uuid, row->uuid, row);
  return row;
}

/* Plans to add a row: together with others if the list is empty. Otherwise each is a step, so that the list
 * is right when a handler runs a main loop. */
static void
plan_addition (Plan *self, Row *row)
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
end_with_exit (Plan *plan, Row *row, LxcmonExitStatus status, LxcmonEnd end)
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
clear_held (Row *row)
{
  row->held = NULL;
  if (row->hold_timer != NULL)
    g_source_destroy (row->hold_timer);
  g_clear_pointer (&row->hold_timer, g_source_unref);
}

/* The container has ended without EXIT, or EXIT was not seen. */
static void
end_without_exit (Plan *plan, Row *row, LxcmonMonitorError code, const char *why)
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
end_held (Plan *plan, Row *row)
{
  if (row->held != NULL)
    end_without_exit (plan, row, LXCMON_MONITOR_ERROR_LOST, row->held);
}

/* A step: no other event has followed. */
static void
apply_held (Host *self, const Step *step)
{
  Plan plan = { self, G_QUEUE_INIT };

  end_held (&plan, step->row);
  plan_push (&plan);
}

static gboolean
on_hold_timeout (gpointer user_data)
{
  Row *row = user_data;
  Step *step = _lxcmon_libvirt_step_new (row->host, apply_held);

  step->row = g_object_ref (row);
  _lxcmon_libvirt_step_push (row->host, step);
  return G_SOURCE_REMOVE;
}

/* Holds an end. The timer is destroyed before the row, and before the host is stopped. */
static void
hold (Host *self, Row *row, const char *why)
{
  row->held = why;
  row->host = self;
  row->hold_timer = g_timeout_source_new (HOLD_MS);
  g_source_set_static_name (row->hold_timer, "[lxcmon] libvirt end held");
  g_source_set_callback (row->hold_timer, on_hold_timeout, row, NULL);
  g_source_attach (row->hold_timer, _lxcmon_monitor_list_get_context (LXCMON_MONITOR_LIST (self)));
}

/* Adds what a domain contains to what is known of the run that its row is about. */
static LxcmonModel
complete (Row *row, const Domain *domain)
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
decide_stopped (Plan *plan, Row *row, int detail)
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
static Row *
find_by_name (Host *self, const char *name)
{
  Row *row = (Row *) lxcmon_monitor_list_lookup (LXCMON_MONITOR_LIST (self), name);

  return row != NULL && g_hash_table_lookup (self->by_uuid, row->uuid) == row ? row : NULL;
}

static void
decide_started (Plan *plan, Row *row, const Domain *domain)
{
  Row *before = row != NULL ? row : find_by_name (plan->host, domain->name);

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
      const LxcmonModel model = complete (row, domain);
      row->init_reported = TRUE;
      plan_report (plan, row, LXCMON_REPORT_INIT, &model, NULL);
    }
}

/* The row stays in the list. */
static void
decide_rebooted (Plan *plan, Row *row, const Domain *domain)
{
  const LxcmonModel next = _lxcmon_libvirt_model_new (domain);

  if (row == NULL)
    {
      decide_started (plan, NULL, domain);
      return;
    }
  end_with_exit (plan, row, LXCMON_EXIT_STATUS_REBOOT, LXCMON_END_REBOOT);
  row->id = domain->id;
  row->init_reported = TRUE;
  plan_report (plan, row, LXCMON_REPORT_INIT, &next, NULL);
}

/*< private >
 * _lxcmon_libvirt_host_apply_event:
 *
 * A step: something has happened to a container. If that was reported before the list is applied, it is
 * newer than what the list says of the container.
 */
void
_lxcmon_libvirt_host_apply_event (Host *self, const Step *step)
{
  const Domain *domain = step->event->domain;
  Row *row = g_hash_table_lookup (self->by_uuid, domain->uuid);
  Plan plan = { self, G_QUEUE_INIT };

  if (!self->is_listed)
    g_hash_table_insert (self->reported, g_strdup (domain->uuid),
                         GUINT_TO_POINTER (step->event->serial));
  if (row != NULL && row->held != NULL && step->event->detail != VIR_DOMAIN_EVENT_STOPPED_DESTROYED)
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

/* Whether a connection has reported an event of a container before its list. */
static gboolean
was_reported (Host *self, const char *uuid, guint serial)
{
  return g_hash_table_lookup (self->reported, uuid) == GUINT_TO_POINTER (serial);
}

/* Whether an event has reported something newer about the container, or about another one of its name. */
static gboolean
is_outdated (Host *self, const Domain *listed, guint serial)
{
  Row *found = find_by_name (self, listed->name);

  return was_reported (self, listed->uuid, serial)
         || (found != NULL && was_reported (self, found->uuid, serial));
}

/* Whether the listed domain is the run that the row is about. */
static gboolean
is_same_life (Row *row, const Domain *listed)
{
  return row->id == listed->id || row->id == 0;
}

/* Compares a row with what the list has of its uuid. */
static void
compare_row (Plan *plan, Row *row, const Domain *listed)
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
compare_rows (Plan *plan, GHashTable *listed, guint serial)
{
  GListModel *rows = G_LIST_MODEL (plan->host);
  guint n = g_list_model_get_n_items (rows);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonLibvirtMonitor) row = g_list_model_get_item (rows, i);

      if (!was_reported (plan->host, row->uuid, serial))
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
_lxcmon_libvirt_host_apply_list (Host *self, const Step *step)
{
  g_autoptr (GHashTable) listed = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new ();
  Plan plan = { self, G_QUEUE_INIT };

  for (guint i = 0; i < step->event->domains->len; i++)
    {
      Domain *domain = step->event->domains->pdata[i];
      Row *row = g_hash_table_lookup (self->by_uuid, domain->uuid);

      g_hash_table_insert (listed, domain->uuid, domain);
      if (!is_outdated (self, domain, step->event->serial)
          && (row == NULL || !is_same_life (row, domain)))
        g_ptr_array_add (appeared, domain);
    }
  compare_rows (&plan, listed, step->event->serial);
  for (guint i = 0; i < appeared->len; i++)
    plan_addition (&plan, make_row (self, appeared->pdata[i]));
  self->is_listed = TRUE;
  g_hash_table_remove_all (self->reported);
  plan_push (&plan);
}

/* ---- The end of a connection ---- */

/*< private >
 * _lxcmon_libvirt_host_end_held:
 *
 * Plans to report all ends that are held, since no event will follow.
 *
 * Returns: whether there are any
 */
gboolean
_lxcmon_libvirt_host_end_held (Host *self)
{
  g_autoptr (GList) rows = g_hash_table_get_values (self->by_uuid);
  Plan plan = { self, G_QUEUE_INIT };

  for (GList *link = rows; link != NULL; link = link->next)
    end_held (&plan, link->data);
  gboolean any = !g_queue_is_empty (&plan.steps);
  plan_push (&plan);

  return any;
}

/*< private >
 * _lxcmon_libvirt_host_forget:
 *
 * Forgets all containers, when the host is stopped.
 */
void
_lxcmon_libvirt_host_forget (Host *self)
{
  g_autoptr (GList) rows = g_hash_table_get_values (self->by_uuid);

  for (GList *link = rows; link != NULL; link = link->next)
    clear_held (link->data);
  g_hash_table_remove_all (self->by_uuid);
  g_hash_table_remove_all (self->reported);
  self->is_listed = FALSE;
}
