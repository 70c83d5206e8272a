/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns when the direct backend does something: scans, rows whose timeout has expired, rows to be attached. While
 * nothing happens and nothing is expected, its source never wakes up.
 */

#include "lxcmon-direct-private.h"

/* There is a minimum time between scans; while changes keep coming, scans need at most a sixth of the
 * time. */
#define SCAN_DISTANCE_US (50 * G_TIME_SPAN_MILLISECOND)
#define SCAN_FACTOR      5

/* After a scan that has failed: when to scan again. */
#define RETRY_US (1 * G_TIME_SPAN_SECOND)

/* After which attaching goes on at the next dispatch, so that other sources are dispatched. */
#define DISPATCH_US (4 * G_TIME_SPAN_MILLISECOND)

/* Whether there is something left to do: a handler may stop the host, start it again, or fork. */
static gboolean
is_current (LxcmonDirectBackend *self, guint epoch)
{
  return _lxcmon_direct_get_epoch (self) == epoch
         && !_lxcmon_main_source_was_forked (_lxcmon_direct_get_rows (self)->source);
}

static gint64
get_next_scan (LxcmonDirectBackend *self)
{
  gint64 at = MIN (self->scan_at, self->safety_at);
  gint64 driver_at = self->driver.running ? self->driver.ask_at : self->driver.wait_until;

  if (driver_at != 0)
    at = MIN (at, driver_at);
  return MAX (at, self->scan_not_before);
}

/* A main loop in a handler dispatches the host again: what it would scan is being scanned. */
static void
scan (LxcmonDirectBackend *self, gint64 now)
{
  guint epoch = _lxcmon_direct_get_epoch (self);

  self->scanning = epoch;
  self->scan_at = LXCMON_DIRECT_NEVER;
  if (now >= self->safety_at)
    self->safety_at = LXCMON_DIRECT_NEVER;
  gint64 took = _lxcmon_direct_scan (self);
  if (!is_current (self, epoch))
    return;

  self->scanning = 0;
  self->scan_not_before = g_get_monotonic_time ()
                          + (took >= 0 ? MAX (SCAN_DISTANCE_US, took * SCAN_FACTOR) : RETRY_US);
  if (took < 0)
    self->scan_at = self->scan_not_before;
  else if (!self->on_standby && !self->is_listed)
    {
      self->is_listed = TRUE;
      _lxcmon_backend_report ((LxcmonBackend *) self, LXCMON_BACKEND_LISTED, NULL);
    }
}

/* The timeout of a row has expired. The row may be removed from the list by this. */
static void
expire_row (LxcmonRow *row)
{
  if (row->phase == LXCMON_DIRECT_REBOOTING)
    _lxcmon_direct_row_give_up_reboot (row);
  else if (row->phase == LXCMON_DIRECT_CLOSED && !row->has_listener)
    _lxcmon_direct_row_remove (row);
  else
    {
      /* The scan decides; until then there is nothing to wait for. */
      row->due = 0;
      _lxcmon_direct_scan_soon (row->direct);
    }
}

/* A row whose handlers still run is due when they have returned. */
static gboolean
is_due (LxcmonRow *row, gint64 now)
{
  return row->direct != NULL && row->due != 0 && now >= row->due && !row->reporting;
}

static gint64
find_next_due (GPtrArray *rows)
{
  gint64 next = LXCMON_DIRECT_NEVER;

  for (guint i = 0; i < rows->len; i++)
    {
      const LxcmonRow *row = rows->pdata[i];

      if (row->direct != NULL && row->due != 0 && !row->reporting)
        next = MIN (next, row->due);
    }
  return next;
}

/* A handler may change the list meanwhile, or run a main loop, which expires the other rows. */
static void
expire_rows (LxcmonDirectBackend *self, gint64 now)
{
  if (now < self->rows_at)
    return;

  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (_lxcmon_direct_get_rows (self));
  for (guint i = 0; i < rows->len; i++)
    if (is_due (rows->pdata[i], now))
      expire_row (rows->pdata[i]);

  g_autoptr (GPtrArray) left = _lxcmon_rows_copy (_lxcmon_direct_get_rows (self));
  self->rows_at = find_next_due (left);
}

/* Whether there is a row to attach. The rows of a scan get into the list one after the other, and a handler may run
 * a main loop meanwhile: the others wait. */
static gboolean
has_pending (LxcmonDirectBackend *self)
{
  LxcmonRow *row = g_queue_peek_head (&self->pending);

  if (row == NULL || row->direct == NULL)
    return row != NULL;
  return _lxcmon_rows_lookup (_lxcmon_direct_get_rows (self),
                              lxcmon_monitor_get_name ((LxcmonMonitor *) row))
         == row;
}

static void
attach_some (LxcmonDirectBackend *self, gint64 now)
{
  guint epoch = _lxcmon_direct_get_epoch (self);

  if (now >= self->shortage_until)
    self->shortage_until = 0;
  while (is_current (self, epoch) && self->shortage_until == 0 && has_pending (self)
         && g_get_monotonic_time () < now + DISPATCH_US)
    {
      g_autoptr (LxcmonRow) row = g_queue_pop_head (&self->pending);

      if (row->direct != NULL && row->phase == LXCMON_DIRECT_DETACHED && row->session == NULL)
        _lxcmon_direct_row_attach (row);
    }
}

/* When there is something to do again. What is being scanned is not scanned again, and changes its rows. */
static gint64
get_next_dispatch (LxcmonDirectBackend *self)
{
  gint64 next = LXCMON_DIRECT_NEVER;

  if (self->scanning != _lxcmon_direct_get_epoch (self))
    next = MIN (self->rows_at, get_next_scan (self));
  if (has_pending (self))
    next = MIN (next, self->shortage_until);
  return next;
}

/* The source stays ready meanwhile, so that a main loop in a handler goes on with what is left. */
static gboolean
on_dispatch (gpointer user_data)
{
  g_autoptr (LxcmonDirectBackend) self = g_object_ref (user_data);
  g_autoptr (GObject) host = g_object_ref (_lxcmon_direct_get_rows (self)->host);
  guint epoch = _lxcmon_direct_get_epoch (self);
  gint64 now = g_get_monotonic_time ();

  if (!is_current (self, epoch))
    return G_SOURCE_REMOVE;
  /* What is left of earlier events comes first. */
  _lxcmon_main_source_run_steps (_lxcmon_direct_get_rows (self)->source);
  if (is_current (self, epoch) && self->scanning != epoch && now >= get_next_scan (self))
    scan (self, now);
  if (is_current (self, epoch) && self->scanning != epoch)
    expire_rows (self, now);
  if (is_current (self, epoch))
    attach_some (self, g_get_monotonic_time ());
  if (!is_current (self, epoch))
    return G_SOURCE_CONTINUE;

  gint64 next = get_next_dispatch (self);
  g_source_set_ready_time (self->source, next != LXCMON_DIRECT_NEVER ? next : -1);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

void
_lxcmon_direct_dispatch_start (LxcmonDirectBackend *self)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };

  self->source = g_source_new (&funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "[lxcmon] direct");
  g_source_set_callback (self->source, on_dispatch, self, NULL);
  /* A main loop in a handler still scans and attaches. */
  g_source_set_can_recurse (self->source, TRUE);
  g_source_attach (self->source, _lxcmon_direct_get_rows (self)->context);
  self->ended = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->scan_at = self->safety_at = self->rows_at = LXCMON_DIRECT_NEVER;
  self->scan_not_before = self->shortage_until = 0;
  self->scanning = 0;
  self->warned = FALSE;
  _lxcmon_direct_scan_soon (self);
}

/*< private >
 * _lxcmon_direct_release_rows:
 *
 * The rows are not the direct backend's any more.
 */
void
_lxcmon_direct_release_rows (LxcmonDirectBackend *self)
{
  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (_lxcmon_direct_get_rows (self));

  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonRow *row = rows->pdata[i];
      if (row->direct == self)
        _lxcmon_direct_row_release (row);
    }
  g_queue_clear_full (&self->pending, g_object_unref);
  g_hash_table_remove_all (self->ended);
  self->rows_at = LXCMON_DIRECT_NEVER;
  self->shortage_until = 0;
  self->scanning = 0;
  self->is_listed = FALSE;
}

void
_lxcmon_direct_dispatch_stop (LxcmonDirectBackend *self)
{
  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  _lxcmon_direct_release_rows (self);
  g_clear_pointer (&self->ended, g_hash_table_unref);
}
