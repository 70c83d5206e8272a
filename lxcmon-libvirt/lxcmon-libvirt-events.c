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

#include "lxcmon-libvirt-plan-private.h"

/* Destroyed was reported within 9 ms after Failed. */
#define HOLD_MS 250

/* How often to look for the ends of controllers that cannot be watched. */
#define ASK_AGAIN_MS 1000

typedef LxcmonLibvirtBackend Backend;
typedef LxcmonLibvirtRun Run;
typedef LxcmonRow Row;
typedef LxcmonLibvirtDomain Domain;
typedef LxcmonLibvirtStep Step;
typedef LxcmonLibvirtPlan Plan;

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

/* Makes the row of a container that has appeared; it has still to be added to the list. */
static Row *
make_row (Backend *self, Domain *domain)
{
  Row *row = _lxcmon_libvirt_row_new (self, domain);

  g_hash_table_replace (self->by_uuid, get_run (row)->uuid, row);
  return row;
}

/* ---- Starts and ends ---- */

/* The container has ended with EXIT. */
static void
end_with_exit (Plan *plan, Row *row, LxcmonExitStatus status, LxcmonEnd end)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));

  model.state = LXCMON_STATE_EXITED;
  model.running = FALSE;
  model.exited = TRUE;
  model.exit_status = status;
  model.end = end;
  _lxcmon_libvirt_plan_report (plan, row, LXCMON_REPORT_EXIT, &model, NULL);
  model.state = LXCMON_STATE_CLOSED;
  _lxcmon_libvirt_plan_report (plan, row, LXCMON_REPORT_CLOSED, &model, NULL);
}

static void
clear_held (Row *row)
{
  Run *run = get_run (row);

  if (run == NULL)
    return;
  run->held = NULL;
  _lxcmon_libvirt_run_clear_timer (run);
}

/* The container has ended without EXIT, or that was not seen. */
static void
end_without_exit (Plan *plan, Row *row, LxcmonEnd end, const char *why)
{
  LxcmonMonitorError code
      = end == LXCMON_END_DESTROYED ? LXCMON_MONITOR_ERROR_DESTROYED : LXCMON_MONITOR_ERROR_LOST;
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));

  model.state = LXCMON_STATE_CLOSED;
  model.running = FALSE;
  model.end = end;
  clear_held (row);
  _lxcmon_libvirt_plan_report (plan, row, LXCMON_REPORT_CLOSED, &model,
                               g_error_new (LXCMON_MONITOR_ERROR, (int) code, "%s: %s",
                                            lxcmon_monitor_get_name (LXCMON_MONITOR (row)), why));
  _lxcmon_libvirt_plan_removal (plan, row);
}

static void
end_held (Plan *plan, Row *row)
{
  if (get_run (row)->held != NULL)
    end_without_exit (plan, row, LXCMON_END_LOST, get_run (row)->held);
}

/* A step: no other event has followed. */
static void
apply_held (Backend *self, const Step *step)
{
  Plan plan = { self, G_QUEUE_INIT };

  if (get_run (step->row) != NULL)
    end_held (&plan, step->row);
  _lxcmon_libvirt_plan_push (&plan);
}

static gboolean
on_hold_timeout (gpointer user_data)
{
  Run *run = user_data;
  Step *step = _lxcmon_libvirt_step_new (run->backend, apply_held);

  step->row = g_object_ref (run->row);
  _lxcmon_libvirt_step_push (step);
  return G_SOURCE_REMOVE;
}

/* The container does not run any more, and how its init ended is asked at once. */
static void
hold (Plan *plan, Row *row, const char *why)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));
  Run *run = get_run (row);

  run->held = why;
  _lxcmon_libvirt_run_start_timer (run, get_rows (plan->backend)->context, HOLD_MS,
                                   on_hold_timeout);
  model.running = FALSE;
  _lxcmon_libvirt_plan_report (plan, row, LXCMON_REPORT_CHANGED, &model, NULL);
}

/* Adds what a domain contains to what is known of the run that its row is about, which has not ended. */
static LxcmonModel
complete (Row *row, Domain *domain)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (row));

  if (row->init_fd < 0)
    _lxcmon_row_set_init_fd (row, _lxcmon_libvirt_domain_steal_init_fd (domain));
  model.source = LXCMON_SOURCE_LIBVIRT;
  model.state = LXCMON_STATE_ATTACHED;
  model.running = get_run (row)->held == NULL;
  _lxcmon_model_set_uuid (&model, domain->uuid);
  if (model.controller_pid == 0)
    _lxcmon_model_set_controller (&model, domain->controller_pid);
  if (model.init_pid == 0)
    model.init_pid = domain->init_pid;
  return model;
}

/* Takes down that a connection has reported an event of a container before its list. */
static void
set_reported (Backend *self, const char *uuid, guint serial)
{
  g_hash_table_insert (self->reported, g_strdup (uuid), GUINT_TO_POINTER (serial));
}

/* ---- Events ---- */

static void
decide_stopped (Plan *plan, Row *row, int detail)
{
  switch (detail)
    {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      end_with_exit (plan, row, LXCMON_EXIT_STATUS_SHUTDOWN, LXCMON_END_SHUTDOWN);
      _lxcmon_libvirt_plan_removal (plan, row);
      break;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
      end_without_exit (plan, row, LXCMON_END_DESTROYED, "it was destroyed through libvirt");
      break;
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      hold (plan, row, "its controller ended without EXIT");
      break;
    default:
      /* Crashed, migrated, saved, and what newer versions may add: no LXC container has ended so yet. */
      hold (plan, row, "libvirt does not say that it was shut down");
      break;
    }
}

/* Whether a row has not ended: it may still be in the list afterwards. */
static gboolean
is_open (Backend *self, Row *row)
{
  if (get_run (row) == NULL)
    return lxcmon_monitor_get_state (LXCMON_MONITOR (row)) != LXCMON_STATE_CLOSED;
  return g_hash_table_lookup (self->by_uuid, get_run (row)->uuid) == row;
}

/* Finds a row, which may be another backend's, unless it has ended. */
static Row *
find_by_name (Backend *self, const char *name)
{
  Row *row = _lxcmon_rows_lookup (get_rows (self), name);

  return row != NULL && is_open (self, row) ? row : NULL;
}

/* A closed row of another backend stays for the linger timeout, and until its next run has to begin. */
static void
linger_left_row (Plan *plan, Row *row)
{
  gint64 left_ms = (row->reboot_until - g_get_monotonic_time ()) / G_TIME_SPAN_MILLISECOND;
  guint ms = (guint) MAX (left_ms, (gint64) get_rows (plan->backend)->linger_timeout);

  if (ms == 0)
    {
      _lxcmon_libvirt_plan_removal (plan, row);
      return;
    }
  _lxcmon_libvirt_row_linger (plan->backend, row, ms);
}

/* A row of another backend that is not in the list. If it is not known which controller it is about, nothing was
 * reported of it. */
static void
end_left_row (Plan *plan, Row *row)
{
  if (!is_open (plan->backend, row))
    linger_left_row (plan, row);
  else if (row->controller_start == 0)
    _lxcmon_libvirt_plan_removal (plan, row);
  else
    end_without_exit (plan, row, LXCMON_END_UNKNOWN, "it ended while nobody was attached to it");
}

/* Finds the row that another backend has left, if it is about the run of @domain, or waits for it after a
 * reboot. A name alone never joins two runs. */
static Row *
adopt_row (Plan *plan, Domain *domain, guint serial)
{
  Backend *self = plan->backend;
  Row *row = _lxcmon_rows_lookup (get_rows (self), domain->name);
  gboolean is_next = row != NULL && row->reboot_until > g_get_monotonic_time ();

  if (row == NULL || (get_run (row) != NULL && (!is_next || is_open (self, row))))
    return NULL;
  if (!is_next && !_lxcmon_row_is_run_of (row, domain->controller_pid))
    return NULL;

  row->reboot_until = 0;
  _lxcmon_libvirt_row_adopt (row, self, domain);
  g_hash_table_replace (self->by_uuid, get_run (row)->uuid, g_object_ref (row));
  get_run (row)->init_reported = is_next || lxcmon_monitor_get_init_pid (LXCMON_MONITOR (row)) != 0;
  if (is_next)
    {
      const LxcmonModel next = _lxcmon_libvirt_model_new (domain);
      get_run (row)->next_init_fd = _lxcmon_libvirt_domain_steal_init_fd (domain);
      _lxcmon_libvirt_plan_report (plan, row, LXCMON_REPORT_INIT, &next, NULL);
      set_reported (self, domain->uuid, serial);
    }
  return row;
}

static void
decide_started (Plan *plan, Row *row, Domain *domain)
{
  Row *before = row != NULL ? row : find_by_name (plan->backend, domain->name);

  /* A uuid, or a name, belongs to one container at a time. */
  if (before != NULL && get_run (before) == NULL)
    end_left_row (plan, before);
  else if (before != NULL && (before != row || get_run (row)->id != domain->id))
    {
      end_without_exit (plan, before, LXCMON_END_UNKNOWN, "its end was not seen");
      row = NULL;
    }
  if (row == NULL && !_lxcmon_rows_want (get_rows (plan->backend), domain->name))
    return;
  if (row == NULL)
    {
      row = make_row (plan->backend, domain);
      _lxcmon_libvirt_plan_addition (plan, row);
    }
  /* Another backend may have seen it run already. */
  const LxcmonModel model = complete (row, domain);
  _lxcmon_libvirt_plan_report (plan, row,
                               get_run (row)->init_reported ? LXCMON_REPORT_CHANGED
                                                            : LXCMON_REPORT_INIT,
                               &model, NULL);
  get_run (row)->init_reported = TRUE;
}

/* The row stays in the list, unless the host does not follow reboots. */
static void
decide_rebooted (Plan *plan, Row *row, Domain *domain)
{
  const LxcmonModel next = _lxcmon_libvirt_model_new (domain);

  if (row == NULL)
    {
      decide_started (plan, NULL, domain);
      return;
    }
  /* The list had the next run already. */
  if (domain->id != 0 && get_run (row)->id == domain->id)
    return;
  end_with_exit (plan, row, LXCMON_EXIT_STATUS_REBOOT, LXCMON_END_REBOOT);
  if (get_rows (plan->backend)->reboot_timeout == 0)
    {
      _lxcmon_libvirt_plan_removal (plan, row);
      decide_started (plan, NULL, domain);
      return;
    }
  get_run (row)->id = domain->id;
  get_run (row)->init_reported = TRUE;
  get_run (row)->next_init_fd = _lxcmon_libvirt_domain_steal_init_fd (domain);
  _lxcmon_libvirt_plan_report (plan, row, LXCMON_REPORT_INIT, &next, NULL);
}

/*< private >
 * _lxcmon_libvirt_backend_apply_event:
 *
 * A step: something has happened to a container. If that was reported before the list is applied, it is
 * newer than what the list says of the container.
 */
void
_lxcmon_libvirt_backend_apply_event (Backend *self, const Step *step)
{
  Domain *domain = step->event->domain;
  Row *row = g_hash_table_lookup (self->by_uuid, domain->uuid);
  Plan plan = { self, G_QUEUE_INIT };

  if (!self->is_listed)
    set_reported (self, domain->uuid, step->event->serial);
  if (row == NULL && step->event->type != LXCMON_LIBVIRT_EVENT_STOPPED)
    row = adopt_row (&plan, domain, step->event->serial);
  if (row != NULL && get_run (row)->held != NULL
      && step->event->detail != VIR_DOMAIN_EVENT_STOPPED_DESTROYED)
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
  _lxcmon_libvirt_plan_push (&plan);
}

/* ---- Lists ---- */

/* Whether a connection has reported an event of a container before its list. */
static gboolean
was_reported (Backend *self, const char *uuid, guint serial)
{
  return g_hash_table_lookup (self->reported, uuid) == GUINT_TO_POINTER (serial);
}

/* Whether an event has reported something newer about the container, or about another one of its name. */
static gboolean
is_outdated (Backend *self, const Domain *listed, guint serial)
{
  Row *found = find_by_name (self, listed->name);

  return was_reported (self, listed->uuid, serial)
         || (found != NULL && get_run (found) != NULL
             && was_reported (self, get_run (found)->uuid, serial));
}

/* Whether the listed domain is the run that the row is about. */
static gboolean
is_same_run (Row *row, const Domain *listed)
{
  return get_run (row)->id == listed->id || get_run (row)->id == 0;
}

/* Compares a row with what the list has of its uuid. */
static void
compare_row (Plan *plan, Row *row, Domain *listed)
{
  if (listed == NULL)
    end_without_exit (plan, row, LXCMON_END_UNKNOWN,
                      "it ended while the connection to libvirtd was lost");
  else if (!is_same_run (row, listed))
    end_without_exit (plan, row, LXCMON_END_UNKNOWN,
                      "it ended and was started again while the connection to libvirtd was lost");
  else
    {
      LxcmonModel model = complete (row, listed);
      get_run (row)->id = listed->id;
      _lxcmon_libvirt_plan_report (plan, row, LXCMON_REPORT_CHANGED, &model, NULL);
    }
}

static void
compare_rows (Plan *plan, GHashTable *listed, guint serial)
{
  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (get_rows (plan->backend));

  for (guint i = 0; i < rows->len; i++)
    {
      Row *row = rows->pdata[i];
      const Run *run = get_run (row);

      _lxcmon_row_unwatch_end (row);
      if (run == NULL)
        end_left_row (plan, row);
      else if (is_open (plan->backend, row) && !was_reported (plan->backend, run->uuid, serial))
        compare_row (plan, row, g_hash_table_lookup (listed, run->uuid));
    }
}

/* Ends are watched only while there is no list. */
static void
stop_asking (Backend *self)
{
  if (self->ask_again != NULL)
    g_source_destroy (self->ask_again);
  g_clear_pointer (&self->ask_again, g_source_unref);
}

/*< private >
 * _lxcmon_libvirt_backend_apply_list:
 *
 * A step: the rows become what the list has, but for the containers of which the same connection has
 * reported events before it.
 */
void
_lxcmon_libvirt_backend_apply_list (Backend *self, const Step *step)
{
  g_autoptr (GHashTable) listed = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new ();
  Plan plan = { self, G_QUEUE_INIT };

  for (guint i = 0; i < step->event->domains->len; i++)
    {
      Domain *domain = step->event->domains->pdata[i];
      Row *row = g_hash_table_lookup (self->by_uuid, domain->uuid);

      /* libvirtd has not noticed its end yet. */
      if (row == NULL
          && _lxcmon_rows_has_ended (get_rows (self), domain->name, domain->controller_pid))
        continue;
      g_hash_table_insert (listed, domain->uuid, domain);
      if (row == NULL && !was_reported (self, domain->uuid, step->event->serial))
        row = adopt_row (&plan, domain, step->event->serial);
      if (!is_outdated (self, domain, step->event->serial)
          && (row == NULL || !is_same_run (row, domain))
          && _lxcmon_rows_want (get_rows (self), domain->name))
        g_ptr_array_add (appeared, domain);
    }
  stop_asking (self);
  compare_rows (&plan, listed, step->event->serial);
  for (guint i = 0; i < appeared->len; i++)
    _lxcmon_libvirt_plan_addition (&plan, make_row (self, appeared->pdata[i]));
  self->is_listed = TRUE;
  g_hash_table_remove_all (self->reported);
  _lxcmon_libvirt_plan_push (&plan);
}

/* ---- The end of a connection ---- */

/* A step: a controller has ended while libvirtd could not report it. */
static void
apply_unseen_end (Backend *self, const Step *step)
{
  Plan plan = { self, G_QUEUE_INIT };

  if (!self->is_listed && get_run (step->row) != NULL && is_open (self, step->row))
    end_without_exit (&plan, step->row, LXCMON_END_UNKNOWN,
                      "it ended while the connection to libvirtd was lost");
  _lxcmon_libvirt_plan_push (&plan);
}

static gboolean
on_controller_end (gpointer user_data)
{
  Run *run = user_data;
  Step *step = _lxcmon_libvirt_step_new (run->backend, apply_unseen_end);

  step->row = g_object_ref (run->row);
  _lxcmon_libvirt_step_push (step);
  return G_SOURCE_REMOVE;
}

/* libvirtd may have ended before it could report the end of a controller: that cannot be watched any more. Returns
 * whether the row need not be asked again. */
static gboolean
watch_end (Backend *self, Row *row)
{
  Run *run = get_run (row);
  gboolean is_watched
      = _lxcmon_row_watch_end (row, get_rows (self)->context, on_controller_end, run);

  if (!is_watched && _lxcmon_row_has_ended (row))
    on_controller_end (run);
  return is_watched || row->controller_start == 0;
}

static gboolean
on_ask_again (gpointer user_data)
{
  _lxcmon_libvirt_backend_watch_ends (user_data);
  return G_SOURCE_REMOVE;
}

/* There are no descriptors left, or the kernel is older than pidfds. */
static void
ask_again (Backend *self)
{
  stop_asking (self);
  self->ask_again = g_timeout_source_new (ASK_AGAIN_MS);
  g_source_set_static_name (self->ask_again, "[lxcmon] controllers' ends");
  g_source_set_callback (self->ask_again, on_ask_again, self, NULL);
  g_source_attach (self->ask_again, get_rows (self)->context);
}

/*< private >
 * _lxcmon_libvirt_backend_watch_ends:
 *
 * Watches for the ends of the controllers, since no event will report them.
 */
void
_lxcmon_libvirt_backend_watch_ends (Backend *self)
{
  GHashTableIter iter;
  gboolean all = TRUE;
  gpointer row;

  g_hash_table_iter_init (&iter, self->by_uuid);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    all = watch_end (self, row) && all;
  if (!all)
    ask_again (self);
}

/*< private >
 * _lxcmon_libvirt_backend_end_held:
 *
 * Plans to report all ends that are held, since no event will follow.
 *
 * Returns: whether there are any
 */
gboolean
_lxcmon_libvirt_backend_end_held (Backend *self)
{
  g_autoptr (GList) rows = g_hash_table_get_values (self->by_uuid);
  Plan plan = { self, G_QUEUE_INIT };

  for (GList *link = rows; link != NULL; link = link->next)
    end_held (&plan, link->data);
  gboolean any = !g_queue_is_empty (&plan.steps);
  _lxcmon_libvirt_plan_push (&plan);

  return any;
}

/*< private >
 * _lxcmon_libvirt_backend_forget:
 *
 * Forgets all containers. Their rows stay as they are, and are no backend's.
 */
void
_lxcmon_libvirt_backend_forget (Backend *self)
{
  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (get_rows (self));

  stop_asking (self);
  g_hash_table_remove_all (self->reported);
  g_hash_table_remove_all (self->by_uuid);
  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonRow *row = rows->pdata[i];
      const Run *run = get_run (row);

      if (run == NULL || run->backend != self)
        continue;
      _lxcmon_row_unwatch_end (row);
      _lxcmon_row_set_data (row, NULL, NULL);
    }
  self->is_listed = FALSE;
}
