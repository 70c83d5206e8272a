/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns when a host does something: scans, rows whose timeout has expired, rows to be attached. While
 * nothing happens and nothing is expected, its source never wakes up.
 */

#include "lxcmon-host-private.h"

/* There is a minimum time between scans; while changes keep coming, scans need at most a sixth of the
 * time. */
#define SCAN_DISTANCE_US (50 * G_TIME_SPAN_MILLISECOND)
#define SCAN_FACTOR      5

/* After a scan that has failed: when to scan again. */
#define RETRY_US (1 * G_TIME_SPAN_SECOND)

/* After which attaching goes on at the next dispatch, so that other sources are dispatched. */
#define DISPATCH_US (4 * G_TIME_SPAN_MILLISECOND)

static guint
get_epoch (LxcmonHost *self)
{
  return _lxcmon_monitor_list_get_epoch (_lxcmon_host_get_list (self));
}

/* Whether there is something left to do: a handler may stop the host, start it again, or fork. */
static gboolean
is_current (LxcmonHost *self, guint epoch)
{
  return get_epoch (self) == epoch
         && !_lxcmon_main_source_was_forked (
             _lxcmon_monitor_list_get_source (_lxcmon_host_get_list (self)));
}

static gint64
get_next_scan (LxcmonHost *self)
{
  gint64 at = MIN (self->scan_at, self->safety_at);
  gint64 driver_at = self->driver.running ? self->driver.ask_at : self->driver.wait_until;

  if (driver_at != 0)
    at = MIN (at, driver_at);
  return MAX (at, self->scan_not_before);
}

/* A main loop in a handler dispatches the host again: what it would scan is being scanned. */
static void
scan (LxcmonHost *self, gint64 now)
{
  guint epoch = get_epoch (self);

  self->scanning = epoch;
  self->scan_at = LXCMON_HOST_NEVER;
  if (now >= self->safety_at)
    self->safety_at = LXCMON_HOST_NEVER;
  gint64 took = _lxcmon_host_scan (self);
  if (!is_current (self, epoch))
    return;

  self->scanning = 0;
  self->scan_not_before
      = g_get_monotonic_time () + (took >= 0 ? MAX (SCAN_DISTANCE_US, took * SCAN_FACTOR) : RETRY_US);
  if (took < 0)
    self->scan_at = self->scan_not_before;
  else
    _lxcmon_monitor_list_started (_lxcmon_host_get_list (self), NULL);
}

/* The timeout of a row has expired. The row may be removed from the list by this. */
static void
expire_row (LxcmonHostRow *row)
{
  if (row->phase == LXCMON_ROW_REBOOTING)
    _lxcmon_host_row_give_up_reboot (row);
  else if (row->phase == LXCMON_ROW_CLOSED && !row->has_listener)
    _lxcmon_host_row_remove (row);
  else
    {
      /* The scan decides; until then there is nothing to wait for. */
      row->due = 0;
      _lxcmon_host_scan_soon (row->host);
    }
}

/* A handler may change the list meanwhile: a row that has left it has no host. Returns when the next row's
 * time is over. */
static gint64
expire_rows (LxcmonHost *self, gint64 now)
{
  g_autoptr (GPtrArray) rows = _lxcmon_host_copy_rows (self);
  gint64 next = LXCMON_HOST_NEVER;

  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonHostRow *row = rows->pdata[i];

      if (row->host == NULL || row->due == 0 || row->reporting)
        continue;
      if (now < row->due)
        next = MIN (next, row->due);
      else
        expire_row (row);
    }
  return next;
}

static void
attach_some (LxcmonHost *self, gint64 now)
{
  guint epoch = get_epoch (self);

  if (now >= self->shortage_until)
    self->shortage_until = 0;
  while (is_current (self, epoch) && self->shortage_until == 0
         && g_get_monotonic_time () < now + DISPATCH_US)
    {
      g_autoptr (LxcmonHostRow) row = g_queue_pop_head (&self->pending);

      if (row == NULL)
        return;
      if (row->host != NULL && row->phase == LXCMON_ROW_DETACHED && row->session == NULL)
        _lxcmon_host_row_attach (row);
    }
}

static gboolean
on_dispatch (gpointer user_data)
{
  g_autoptr (LxcmonHost) self = g_object_ref (user_data);
  guint epoch = get_epoch (self);
  gint64 now = g_get_monotonic_time ();
  gint64 next = LXCMON_HOST_NEVER;

  if (!is_current (self, epoch))
    return G_SOURCE_REMOVE;
  g_source_set_ready_time (self->source, -1);
  /* The remaining steps of earlier events come first. */
  _lxcmon_main_source_run_steps (_lxcmon_monitor_list_get_source (_lxcmon_host_get_list (self)));
  if (is_current (self, epoch) && self->scanning != epoch && now >= get_next_scan (self))
    scan (self, now);
  if (is_current (self, epoch) && self->scanning != epoch)
    next = expire_rows (self, now);
  if (is_current (self, epoch))
    attach_some (self, g_get_monotonic_time ());
  if (!is_current (self, epoch))
    return G_SOURCE_CONTINUE;

  /* The dispatch that scans wakes the host itself, when it has done so. */
  if (self->scanning != epoch)
    _lxcmon_host_wake (self, MIN (next, get_next_scan (self)));
  if (!g_queue_is_empty (&self->pending))
    _lxcmon_host_wake (self, self->shortage_until);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

void
_lxcmon_host_dispatch_start (LxcmonHost *self)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };

  self->source = g_source_new (&funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "[lxcmon] host");
  g_source_set_callback (self->source, on_dispatch, self, NULL);
  /* A main loop in a handler still scans and attaches. */
  g_source_set_can_recurse (self->source, TRUE);
  g_source_attach (self->source, _lxcmon_monitor_list_get_context (_lxcmon_host_get_list (self)));
  self->ended = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->scan_at = self->safety_at = LXCMON_HOST_NEVER;
  self->scan_not_before = self->shortage_until = 0;
  self->scanning = 0;
  self->warned = FALSE;
  _lxcmon_host_scan_soon (self);
}

void
_lxcmon_host_dispatch_stop (LxcmonHost *self)
{
  g_autoptr (GPtrArray) rows = _lxcmon_host_copy_rows (self);

  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonHostRow *row = rows->pdata[i];
      row->host = NULL;
      g_clear_pointer (&row->session, _lxcmon_session_close);
    }
  g_queue_clear_full (&self->pending, g_object_unref);
  g_clear_pointer (&self->ended, g_hash_table_unref);
}
