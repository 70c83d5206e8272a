/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the dispatch of a host: the scan, the deadlines, and attaching, and how much is done at a time.
 */

#include "lxcmon-host-private.h"

/* Scans keep a distance, and take at most a sixth of the time while changes keep coming. */
#define SCAN_DISTANCE_US (50 * G_TIME_SPAN_MILLISECOND)
#define SCAN_FACTOR      5

/* After which attaching goes on at the next dispatch, so that the loop's other sources are dispatched. */
#define DISPATCH_US (4 * G_TIME_SPAN_MILLISECOND)

static gboolean
is_due (gint64 at, gint64 now)
{
  return at != 0 && now >= at;
}

static guint
get_epoch (LxcmonHost *self)
{
  return _lxcmon_monitor_list_get_epoch (_lxcmon_host_get_list (self));
}

static void
maybe_scan (LxcmonHost *self, gint64 now)
{
  gint64 driver_at = self->driver.running ? self->driver.ask_at : self->driver.wait_until;
  gboolean safety = is_due (self->safety_at, now);
  guint n_changes = self->n_changes;

  if (!safety && !is_due (self->scan_at, now) && !is_due (driver_at, now))
    return;

  self->scan_at = 0;
  if (safety)
    self->safety_at = 0;
  if (!_lxcmon_host_scan (self) || self->source == NULL)
    return;
  /* A change that no hint has reported: there may be more of them. */
  if (safety && self->n_changes != n_changes)
    self->safety_at = g_get_monotonic_time () + LXCMON_HOST_SAFETY_US;

  gint64 end = g_get_monotonic_time ();
  self->scan_not_before = end + MAX (SCAN_DISTANCE_US, (end - now) * SCAN_FACTOR);
  if (self->scan_at != 0)
    self->scan_at = MAX (self->scan_at, self->scan_not_before);
}

/* The rows whose deadlines have passed; sets the time of the next one. */
static GPtrArray *
find_due_rows (LxcmonHost *self, gint64 now)
{
  guint n = _lxcmon_host_get_n_rows (self);
  GPtrArray *due = g_ptr_array_new_with_free_func (g_object_unref);

  self->due_at = 0;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonHostRow) row = _lxcmon_host_dup_row (self, i);

      if (_lxcmon_host_row_is_due (row, now))
        g_ptr_array_add (due, g_steal_pointer (&row));
      else
        self->due_at = _lxcmon_host_earlier (
            self->due_at, _lxcmon_host_earlier (row->deadline, row->reboot_until));
    }
  return due;
}

static void
handle_deadlines (LxcmonHost *self, gint64 now)
{
  if (!is_due (self->due_at, now))
    return;

  g_autoptr (GPtrArray) due = find_due_rows (self, now);
  for (guint i = 0; i < due->len; i++)
    {
      LxcmonHostRow *row = due->pdata[i];
      if (row->host != NULL)
        _lxcmon_host_handle_deadline (row, now);
    }
}

static void
attach_some (LxcmonHost *self, gint64 now)
{
  guint epoch = get_epoch (self);

  if (is_due (self->shortage_until, now))
    self->shortage_until = 0;
  while (get_epoch (self) == epoch && self->n_pending > 0 && self->shortage_until == 0
         && g_get_monotonic_time () < now + DISPATCH_US)
    {
      if (self->cursor >= _lxcmon_host_get_n_rows (self))
        self->cursor = 0;
      g_autoptr (LxcmonHostRow) row = _lxcmon_host_dup_row (self, self->cursor++);
      if (row->mode == LXCMON_ROW_PENDING)
        _lxcmon_host_attach (row);
    }
}

static gboolean
on_dispatch (gpointer user_data)
{
  g_autoptr (LxcmonHost) self = g_object_ref (user_data);
  guint epoch = get_epoch (self);
  gint64 now = g_get_monotonic_time ();

  /* What is left of earlier events comes first. */
  _lxcmon_main_source_run_steps (_lxcmon_monitor_list_get_source (_lxcmon_host_get_list (self)));
  if (get_epoch (self) == epoch)
    maybe_scan (self, now);
  if (get_epoch (self) == epoch)
    handle_deadlines (self, now);
  if (get_epoch (self) == epoch)
    attach_some (self, g_get_monotonic_time ());
  if (get_epoch (self) == epoch)
    _lxcmon_host_schedule (self);

  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

void
_lxcmon_host_work_start (LxcmonHost *self)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };

  self->source = g_source_new (&funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "[lxcmon] host");
  g_source_set_callback (self->source, on_dispatch, self, NULL);
  g_source_attach (self->source, _lxcmon_monitor_list_get_context (_lxcmon_host_get_list (self)));
  self->ended = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->scan_not_before = 0;
  _lxcmon_host_scan_soon (self);
}

void
_lxcmon_host_work_stop (LxcmonHost *self)
{
  guint n = _lxcmon_host_get_n_rows (self);

  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonHostRow) row = _lxcmon_host_dup_row (self, i);
      row->host = NULL;
      _lxcmon_host_row_close (row);
    }
  g_clear_pointer (&self->ended, g_hash_table_unref);
  self->scan_at = self->safety_at = self->due_at = self->shortage_until = 0;
  self->cursor = self->n_pending = 0;
  self->warned_error = self->warned_shortage = FALSE;
}
