/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what becomes of libvirt's words: which of them start a container, end it, or say that we have
 * missed something. Nothing is invented: where an end was not seen, "closed" says so. Nothing is told
 * twice: a container's id tells one life of it from the next.
 *
 * A handler may stop the host at any step: then nothing more is said of what was before.
 */

#include "lxcmon-libvirt-host-private.h"

#include <string.h>

typedef enum
{
  STEP_EXIT,
  STEP_CLOSED,
  STEP_REMOVE, /* the row leaves the list */
  STEP_BEGIN,  /* the row has a new life */
  STEP_INIT
} StepKind;

struct _LxcmonLibvirtStep
{
  StepKind kind;
  LxcmonExitStatus status;     /* of EXIT */
  GError *error;               /* of CLOSED; may be NULL */
  LxcmonLibvirtDomain *domain; /* of BEGIN */
};

static void
add_step (LxcmonLibvirtMonitor *row, LxcmonLibvirtStep step)
{
  g_queue_push_tail (_lxcmon_libvirt_monitor_get_steps (row), g_memdup2 (&step, sizeof step));
}

void
_lxcmon_libvirt_step_free (LxcmonLibvirtStep *step)
{
  g_clear_error (&step->error);
  g_clear_pointer (&step->domain, _lxcmon_libvirt_domain_free);
  g_free (step);
}

/* The row tells it first, the list second. */
static void
do_step (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, const LxcmonLibvirtStep *step)
{
  LxcmonMonitor *monitor = LXCMON_MONITOR (row);
  guint epoch = self->epoch;
  gint pid;

  switch (step->kind)
    {
    case STEP_EXIT:
      _lxcmon_libvirt_monitor_tell_exit (row, step->status);
      if (!_lxcmon_libvirt_host_has_left (self, epoch))
        lxcmon_monitor_list_emit_exit (LXCMON_MONITOR_LIST (self), monitor, step->status);
      break;
    case STEP_CLOSED:
      _lxcmon_libvirt_monitor_tell_closed (row, step->error);
      if (!_lxcmon_libvirt_host_has_left (self, epoch))
        lxcmon_monitor_list_emit_closed (LXCMON_MONITOR_LIST (self), monitor, step->error);
      break;
    case STEP_REMOVE:
      _lxcmon_libvirt_host_remove (self, row);
      break;
    case STEP_BEGIN:
      _lxcmon_libvirt_monitor_begin (row, step->domain);
      break;
    case STEP_INIT:
      pid = lxcmon_monitor_get_init_pid (monitor);
      _lxcmon_libvirt_monitor_tell_init (row);
      if (!_lxcmon_libvirt_host_has_left (self, epoch))
        lxcmon_monitor_list_emit_init (LXCMON_MONITOR_LIST (self), monitor, pid);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Does what a row has still to do. A handler may run a main loop in which the row's next event comes:
 * that one does what is left of this one first, and this one then finds nothing left. Returns whether
 * the host goes on. */
static gboolean
do_steps (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row)
{
  g_autoptr (LxcmonLibvirtMonitor) alive = g_object_ref (row);
  GQueue *steps = _lxcmon_libvirt_monitor_get_steps (alive);
  guint epoch = self->epoch;
  LxcmonLibvirtStep *step;

  while (!_lxcmon_libvirt_host_has_left (self, epoch) && (step = g_queue_pop_head (steps)) != NULL)
    {
      do_step (self, alive, step);
      _lxcmon_libvirt_step_free (step);
    }
  return !_lxcmon_libvirt_host_has_left (self, epoch);
}

/* The container has ended with EXIT. */
static void
add_exit (LxcmonLibvirtMonitor *row, LxcmonExitStatus status)
{
  add_step (row, (LxcmonLibvirtStep){ .kind = STEP_EXIT, .status = status });
  add_step (row, (LxcmonLibvirtStep){ .kind = STEP_CLOSED });
}

/* The container has ended in a way that EXIT does not tell, or did not tell us. */
static void
add_end (LxcmonLibvirtMonitor *row, LxcmonMonitorError code, const char *why)
{
  GError *error = g_error_new (LXCMON_MONITOR_ERROR, (int) code, "%s: %s",
                               lxcmon_monitor_get_name (LXCMON_MONITOR (row)), why);

  add_step (row, (LxcmonLibvirtStep){ .kind = STEP_CLOSED, .error = error });
  add_step (row, (LxcmonLibvirtStep){ .kind = STEP_REMOVE });
}

static void
take_stopped (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, int detail)
{
  switch (detail)
    {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      add_exit (row, LXCMON_EXIT_STATUS_SHUTDOWN);
      add_step (row, (LxcmonLibvirtStep){ .kind = STEP_REMOVE });
      break;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
      add_end (row, LXCMON_MONITOR_ERROR_DESTROYED, "it was destroyed through libvirt");
      break;
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      add_end (row, LXCMON_MONITOR_ERROR_LOST, "its controller went without EXIT");
      break;
    default:
      /* Crashed, migrated, saved, and what newer versions may add: so far no LXC container ends so. */
      add_end (row, LXCMON_MONITOR_ERROR_LOST, "libvirt does not say that it was shut down");
      break;
    }
  do_steps (self, row);
}

static void
take_started (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *domain)
{
  if (row != NULL && _lxcmon_libvirt_monitor_get_id (row) != domain->id)
    {
      add_end (row, LXCMON_MONITOR_ERROR_LOST, "its end was not seen");
      if (!do_steps (self, row))
        return;
      row = NULL;
    }
  if (row != NULL && _lxcmon_libvirt_monitor_get_init_told (row))
    return;

  guint epoch = self->epoch;
  if (row == NULL)
    row = _lxcmon_libvirt_host_add (self, domain);
  if (_lxcmon_libvirt_host_has_left (self, epoch))
    return;
  add_step (row, (LxcmonLibvirtStep){ .kind = STEP_INIT });
  do_steps (self, row);
}

/* The row stays. */
static void
take_rebooted (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row,
               const LxcmonLibvirtDomain *domain)
{
  if (row == NULL)
    {
      take_started (self, NULL, domain);
      return;
    }
  add_exit (row, LXCMON_EXIT_STATUS_REBOOT);
  add_step (row, (LxcmonLibvirtStep){ .kind = STEP_BEGIN,
                                      .domain = _lxcmon_libvirt_domain_copy (domain) });
  add_step (row, (LxcmonLibvirtStep){ .kind = STEP_INIT });
  do_steps (self, row);
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

/* Finds a row that has nothing left to do: a handler may be at work for it further up. */
static LxcmonLibvirtMonitor *
find_row (LxcmonLibvirtHost *self, const char *uuid)
{
  LxcmonLibvirtMonitor *row = g_hash_table_lookup (self->by_uuid, uuid);

  if (row != NULL && !g_queue_is_empty (_lxcmon_libvirt_monitor_get_steps (row)))
    {
      do_steps (self, row);
      row = g_hash_table_lookup (self->by_uuid, uuid);
    }
  return row;
}

/*< private >
 * _lxcmon_libvirt_host_take_event:
 * @self: a host that the caller has taken a reference to
 */
void
_lxcmon_libvirt_host_take_event (LxcmonLibvirtHost *self, const LxcmonLibvirtEvent *event,
                                 guint serial)
{
  guint epoch = self->epoch;
  LxcmonLibvirtMonitor *row = find_row (self, event->domain->uuid);

  if (_lxcmon_libvirt_host_has_left (self, epoch))
    return;
  remember (self, event->domain->uuid, serial);
  switch (event->kind)
    {
    case LXCMON_LIBVIRT_EVENT_STARTED:
      take_started (self, row, event->domain);
      break;
    case LXCMON_LIBVIRT_EVENT_STOPPED:
      if (row != NULL)
        take_stopped (self, row, event->detail);
      break;
    case LXCMON_LIBVIRT_EVENT_REBOOTED:
      take_rebooted (self, row, event->domain);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Compares a row with what the list has of its uuid. */
static void
compare (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row, const LxcmonLibvirtDomain *listed)
{
  gint id = _lxcmon_libvirt_monitor_get_id (row);

  if (listed == NULL)
    add_end (row, LXCMON_MONITOR_ERROR_LOST, "it ended while the connection to libvirtd was lost");
  else if (id != listed->id && id != 0)
    add_end (row, LXCMON_MONITOR_ERROR_LOST,
             "it ended and was started again while the connection to libvirtd was lost");
  else
    /* The list may know what an event did not. */
    _lxcmon_libvirt_monitor_begin (row, listed);
  do_steps (self, row);
}

/* Whether a container's event has said what the list would say. */
static gboolean
was_heard (LxcmonLibvirtHost *self, const char *uuid)
{
  return g_hash_table_contains (self->heard, uuid);
}

static GPtrArray *
copy_rows (LxcmonLibvirtHost *self)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->rows));

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (rows, g_list_model_get_item (G_LIST_MODEL (self->rows), i));
  return rows;
}

/* Returns whether no handler has stopped the host, or let the next connection come. */
static gboolean
compare_rows (LxcmonLibvirtHost *self, GHashTable *listed, guint serial)
{
  g_autoptr (GPtrArray) rows = copy_rows (self);
  guint epoch = self->epoch;

  for (guint i = 0; i < rows->len; i++)
    {
      const char *uuid = _lxcmon_libvirt_monitor_get_uuid (rows->pdata[i]);

      if (find_row (self, uuid) == rows->pdata[i] && !was_heard (self, uuid))
        compare (self, rows->pdata[i], g_hash_table_lookup (listed, uuid));
      if (_lxcmon_libvirt_host_has_left (self, epoch) || self->list_serial != serial)
        return FALSE;
    }
  return TRUE;
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
  g_autoptr (GHashTable) listed = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new ();

  self->list_serial = serial;
  if (self->heard_serial != serial)
    g_hash_table_remove_all (self->heard);
  self->heard_serial = serial;
  for (guint i = 0; i < domains->len; i++)
    {
      LxcmonLibvirtDomain *domain = domains->pdata[i];
      g_hash_table_insert (listed, domain->uuid, domain);
    }

  if (!compare_rows (self, listed, serial))
    return;
  for (guint i = 0; i < domains->len; i++)
    {
      LxcmonLibvirtDomain *domain = domains->pdata[i];
      if (!was_heard (self, domain->uuid) && !g_hash_table_contains (self->by_uuid, domain->uuid))
        g_ptr_array_add (appeared, domain);
    }
  self->is_listed = TRUE;
  g_hash_table_remove_all (self->heard);
  _lxcmon_libvirt_host_add_all (self, appeared);
}
