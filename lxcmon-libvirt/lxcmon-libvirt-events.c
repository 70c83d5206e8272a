/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what becomes of libvirt's words: which of them start a container, end it, or say that we have
 * missed something. Nothing is invented: where an end was not seen, "closed" says so. Nothing is told
 * twice: a container's id tells one life of it from the next.
 *
 * All that is to be done stands in one queue of steps. Nothing is decided before all that was there
 * first is done, and deciding calls no handler: so a main loop within a handler, in which the next event
 * comes, goes on exactly where the handler was called, and who called it finds nothing left.
 *
 * A handler may stop the host at any step: then nothing more is said of what was before.
 */

#include "lxcmon-libvirt-host-private.h"

#include <string.h>

typedef enum
{
  STEP_EVENT,   /* decide what an event means */
  STEP_LIST,    /* decide what a list changes */
  STEP_ADD,     /* a row comes into the list */
  STEP_ADD_ALL, /* many at once */
  STEP_BEGIN,   /* the row has a new life */
  STEP_INIT,
  STEP_EXIT,
  STEP_CLOSED,
  STEP_REMOVE, /* the row leaves the list */
} StepKind;

struct _LxcmonLibvirtStep
{
  StepKind kind;
  LxcmonLibvirtMonitor *row;   /* NULL for INIT of one that an earlier step adds */
  LxcmonLibvirtDomain *domain; /* of EVENT, ADD, BEGIN, and INIT */
  GPtrArray *domains;          /* of LIST and ADD_ALL */
  GError *error;               /* of CLOSED; may be NULL */
  LxcmonExitStatus status;     /* of EXIT */
  gint pid;                    /* of INIT, where it is told already */
  gboolean told;               /* by the row itself: now it is the list's turn */
  LxcmonLibvirtEventKind event_kind;
  gint event_detail;
  guint serial; /* of EVENT and LIST */
};

typedef struct _LxcmonLibvirtStep Step;

void
_lxcmon_libvirt_step_free (LxcmonLibvirtStep *step)
{
  g_clear_object (&step->row);
  g_clear_error (&step->error);
  g_clear_pointer (&step->domain, _lxcmon_libvirt_domain_free);
  g_clear_pointer (&step->domains, g_ptr_array_unref);
  g_free (step);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Step, _lxcmon_libvirt_step_free)

static Step *
add_step (LxcmonLibvirtHost *self, StepKind kind, LxcmonLibvirtMonitor *row)
{
  Step *step = g_new0 (Step, 1);

  step->kind = kind;
  step->row = row != NULL ? g_object_ref (row) : NULL;
  g_queue_push_tail (&self->steps, step);
  return step;
}

static Step *
add_step_for (LxcmonLibvirtHost *self, StepKind kind, LxcmonLibvirtMonitor *row,
              const LxcmonLibvirtDomain *domain)
{
  Step *step = add_step (self, kind, row);

  step->domain = _lxcmon_libvirt_domain_copy (domain);
  return step;
}

/* ---- Deciding ---- */

/* The container has ended with EXIT. */
static void
add_exit (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, LxcmonExitStatus status)
{
  add_step (self, STEP_EXIT, row)->status = status;
  add_step (self, STEP_CLOSED, row);
}

/* The container has ended in a way that EXIT does not tell, or did not tell us. */
static void
add_end (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, LxcmonMonitorError code,
         const char *why)
{
  add_step (self, STEP_CLOSED, row)->error
      = g_error_new (LXCMON_MONITOR_ERROR, (int) code, "%s: %s",
                     lxcmon_monitor_get_name (LXCMON_MONITOR (row)), why);
  add_step (self, STEP_REMOVE, row);
}

static void
decide_stopped (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, int detail)
{
  switch (detail)
    {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      add_exit (self, row, LXCMON_EXIT_STATUS_SHUTDOWN);
      add_step (self, STEP_REMOVE, row);
      break;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
      add_end (self, row, LXCMON_MONITOR_ERROR_DESTROYED, "it was destroyed through libvirt");
      break;
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      add_end (self, row, LXCMON_MONITOR_ERROR_LOST, "its controller went without EXIT");
      break;
    default:
      /* Crashed, migrated, saved, and what newer versions may add: so far no LXC container ends so. */
      add_end (self, row, LXCMON_MONITOR_ERROR_LOST, "libvirt does not say that it was shut down");
      break;
    }
}

static void
decide_started (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row,
                const LxcmonLibvirtDomain *domain)
{
  if (row != NULL && _lxcmon_libvirt_monitor_get_id (row) != domain->id)
    {
      add_end (self, row, LXCMON_MONITOR_ERROR_LOST, "its end was not seen");
      row = NULL;
    }
  if (row != NULL && _lxcmon_libvirt_monitor_get_init_told (row))
    return;

  if (row == NULL)
    add_step_for (self, STEP_ADD, NULL, domain);
  add_step_for (self, STEP_INIT, row, domain);
}

/* The row stays. */
static void
decide_rebooted (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row,
                 const LxcmonLibvirtDomain *domain)
{
  if (row == NULL)
    {
      decide_started (self, NULL, domain);
      return;
    }
  add_exit (self, row, LXCMON_EXIT_STATUS_REBOOT);
  add_step_for (self, STEP_BEGIN, row, domain);
  add_step_for (self, STEP_INIT, row, domain);
}

/* Until the list has been compared, an event says more of its container than the list does. */
static void
remember (LxcmonLibvirtHost *self, const char *uuid, guint serial)
{
  if (self->is_listed)
    return;
  if (self->heard_serial != serial)
    g_hash_table_remove_all (self->heard);
  self->heard_serial = serial;
  g_hash_table_add (self->heard, g_strdup (uuid));
}

static void
decide_event (LxcmonLibvirtHost *self, const Step *step)
{
  const LxcmonLibvirtDomain *domain = step->domain;
  LxcmonLibvirtMonitor *row = g_hash_table_lookup (self->by_uuid, domain->uuid);

  remember (self, domain->uuid, step->serial);
  switch (step->event_kind)
    {
    case LXCMON_LIBVIRT_EVENT_STARTED:
      decide_started (self, row, domain);
      break;
    case LXCMON_LIBVIRT_EVENT_STOPPED:
      if (row != NULL)
        decide_stopped (self, row, step->event_detail);
      break;
    case LXCMON_LIBVIRT_EVENT_REBOOTED:
      decide_rebooted (self, row, domain);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Whether a container's event has said what the list would say. */
static gboolean
was_heard (LxcmonLibvirtHost *self, const char *uuid)
{
  return g_hash_table_contains (self->heard, uuid);
}

/* Whether what is listed is the life that the row is about. */
static gboolean
is_same_life (LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *listed)
{
  gint id = _lxcmon_libvirt_monitor_get_id (row);

  return id == listed->id || id == 0;
}

/* Compares a row with what the list has of its uuid. */
static void
compare (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *listed)
{
  if (listed == NULL)
    add_end (self, row, LXCMON_MONITOR_ERROR_LOST,
             "it ended while the connection to libvirtd was lost");
  else if (!is_same_life (row, listed))
    add_end (self, row, LXCMON_MONITOR_ERROR_LOST,
             "it ended and was started again while the connection to libvirtd was lost");
  else
    /* The list may know what an event did not. */
    add_step_for (self, STEP_BEGIN, row, listed);
}

static void
compare_rows (LxcmonLibvirtHost *self, GHashTable *listed)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->rows));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonLibvirtMonitor) row = g_list_model_get_item (G_LIST_MODEL (self->rows), i);
      const char *uuid = _lxcmon_libvirt_monitor_get_uuid (row);

      if (!was_heard (self, uuid))
        compare (self, row, g_hash_table_lookup (listed, uuid));
    }
}

/* The rows become those of libvirtd's list, but for the containers that its events have told of since. */
static void
decide_list (LxcmonLibvirtHost *self, const Step *step)
{
  g_autoptr (GHashTable) listed = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *appeared
      = g_ptr_array_new_with_free_func ((GDestroyNotify) _lxcmon_libvirt_domain_free);

  if (self->heard_serial != step->serial)
    g_hash_table_remove_all (self->heard);
  self->heard_serial = step->serial;
  for (guint i = 0; i < step->domains->len; i++)
    {
      LxcmonLibvirtDomain *domain = step->domains->pdata[i];
      LxcmonLibvirtMonitor *row = g_hash_table_lookup (self->by_uuid, domain->uuid);

      g_hash_table_insert (listed, domain->uuid, domain);
      if (!was_heard (self, domain->uuid) && (row == NULL || !is_same_life (row, domain)))
        g_ptr_array_add (appeared, _lxcmon_libvirt_domain_copy (domain));
    }
  compare_rows (self, listed);
  add_step (self, STEP_ADD_ALL, NULL)->domains = appeared;
  self->is_listed = TRUE;
  g_hash_table_remove_all (self->heard);
}

/* What is decided comes before all that is there already. */
static void
decide (LxcmonLibvirtHost *self, const Step *step)
{
  GQueue later = self->steps;

  g_queue_init (&self->steps);
  if (step->kind == STEP_EVENT)
    decide_event (self, step);
  else
    decide_list (self, step);
  while (!g_queue_is_empty (&later))
    g_queue_push_tail_link (&self->steps, g_queue_pop_head_link (&later));
}

/* ---- Doing ---- */

/* At once where there is nothing yet, one after the other otherwise. */
static void
add_all (LxcmonLibvirtHost *self, GPtrArray *domains)
{
  if (g_list_model_get_n_items (G_LIST_MODEL (self->rows)) == 0)
    {
      _lxcmon_libvirt_host_add_all (self, domains);
      return;
    }
  for (guint i = domains->len; i > 0; i--)
    {
      add_step_for (self, STEP_ADD, NULL, domains->pdata[i - 1]);
      g_queue_push_head_link (&self->steps, g_queue_pop_tail_link (&self->steps));
    }
}

/* What the row tells now, the list tells next. */
static void
tell_by_row (LxcmonLibvirtHost *self, const Step *step)
{
  LxcmonLibvirtMonitor *found
      = step->row != NULL ? step->row : g_hash_table_lookup (self->by_uuid, step->domain->uuid);
  g_autoptr (LxcmonLibvirtMonitor) row = g_object_ref (found);
  Step *next = add_step (self, step->kind, row);

  g_queue_push_head_link (&self->steps, g_queue_pop_tail_link (&self->steps));
  next->told = TRUE;
  next->status = step->status;
  next->error = step->error != NULL ? g_error_copy (step->error) : NULL;
  next->pid = lxcmon_monitor_get_init_pid (LXCMON_MONITOR (row));
  /* The next step may be done, and gone, before these return. */
  if (step->kind == STEP_EXIT)
    _lxcmon_libvirt_monitor_tell_exit (row, step->status);
  else if (step->kind == STEP_CLOSED)
    _lxcmon_libvirt_monitor_tell_closed (row, step->error);
  else
    _lxcmon_libvirt_monitor_tell_init (row);
}

static void
tell_by_list (LxcmonLibvirtHost *self, const Step *step)
{
  LxcmonMonitorList *list = LXCMON_MONITOR_LIST (self);
  LxcmonMonitor *monitor = LXCMON_MONITOR (step->row);

  if (step->kind == STEP_EXIT)
    lxcmon_monitor_list_emit_exit (list, monitor, step->status);
  else if (step->kind == STEP_CLOSED)
    lxcmon_monitor_list_emit_closed (list, monitor, step->error);
  else
    lxcmon_monitor_list_emit_init (list, monitor, step->pid);
}

static void
do_step (LxcmonLibvirtHost *self, const Step *step)
{
  switch (step->kind)
    {
    case STEP_EVENT:
    case STEP_LIST:
      decide (self, step);
      break;
    case STEP_ADD:
      _lxcmon_libvirt_host_add (self, step->domain);
      break;
    case STEP_ADD_ALL:
      add_all (self, step->domains);
      break;
    case STEP_BEGIN:
      _lxcmon_libvirt_monitor_begin (step->row, step->domain);
      break;
    case STEP_INIT:
    case STEP_EXIT:
    case STEP_CLOSED:
      if (step->told)
        tell_by_list (self, step);
      else
        tell_by_row (self, step);
      break;
    case STEP_REMOVE:
      _lxcmon_libvirt_host_remove (self, step->row);
      break;
    default:
      g_assert_not_reached ();
    }
}

/*< private >
 * _lxcmon_libvirt_host_do_steps:
 * @self: a host that the caller has taken a reference to
 *
 * Does what is left to be done of all that was told so far. Called within a handler, it goes on behind
 * what that is told.
 */
void
_lxcmon_libvirt_host_do_steps (LxcmonLibvirtHost *self)
{
  guint epoch = self->epoch;

  while (!_lxcmon_libvirt_host_has_left (self, epoch) && !g_queue_is_empty (&self->steps))
    {
      g_autoptr (Step) step = g_queue_pop_head (&self->steps);
      do_step (self, step);
    }
}

/*< private >
 * _lxcmon_libvirt_host_take_event:
 * @self: a host that the caller has taken a reference to
 */
void
_lxcmon_libvirt_host_take_event (LxcmonLibvirtHost *self, const LxcmonLibvirtEvent *event,
                                 guint serial)
{
  Step *step = add_step_for (self, STEP_EVENT, NULL, event->domain);

  step->event_kind = event->kind;
  step->event_detail = event->detail;
  step->serial = serial;
  _lxcmon_libvirt_host_do_steps (self);
}

/*< private >
 * _lxcmon_libvirt_host_take_list:
 * @self: a host that the caller has taken a reference to
 *
 * Makes the rows those of libvirtd's list, but for the containers that its events have told of since.
 */
void
_lxcmon_libvirt_host_take_list (LxcmonLibvirtHost *self, GPtrArray *domains, guint serial)
{
  Step *step = add_step (self, STEP_LIST, NULL);

  step->domains = g_ptr_array_ref (domains);
  step->serial = serial;
  _lxcmon_libvirt_host_do_steps (self);
}
