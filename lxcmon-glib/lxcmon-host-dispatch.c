/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a host does when: scans, rows whose time is over, rows to be attached. While nothing happens
 * and nothing is expected, its source never wakes up.
 */

#include "lxcmon-host-private.h"

/* Scans keep a distance, and take at most a sixth of the time while changes keep coming. */
#define SCAN_DISTANCE_US (50 * G_TIME_SPAN_MILLISECOND)
#define SCAN_FACTOR      5

/* After which attaching goes on at the next dispatch, so that other sources are dispatched. */
#define DISPATCH_US (4 * G_TIME_SPAN_MILLISECOND)

static guint
get_epoch (LxcmonHost *self)
{
  return _lxcmon_monitor_list_get_epoch (_lxcmon_host_get_list (self));
}

static gint64
get_next_scan (LxcmonHost *self)
{
  gint64 at = MIN (self->scan_at, self->safety_at);
  gint64 driver_at = self->driver.running ? self->driver.ask_at : self->driver.wait_until;

  return driver_at != 0 ? MIN (at, driver_at) : at;
}

static void
scan (LxcmonHost *self, gint64 now)
{
  self->scan_at = LXCMON_HOST_NEVER;
  if (now >= self->safety_at)
    self->safety_at = LXCMON_HOST_NEVER;
  _lxcmon_host_scan (self);

  gint64 end = g_get_monotonic_time ();
  self->scan_not_before = end + MAX (SCAN_DISTANCE_US, (end - now) * SCAN_FACTOR);
  if (self->scan_at != LXCMON_HOST_NEVER)
    self->scan_at = MAX (self->scan_at, self->scan_not_before);
}

/* A row's time is over. It may have left the list afterwards. */
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
      _lxcmon_host_scan_soon (row->host);
      if (row->phase == LXCMON_ROW_CLOSED)
        row->due = 0;
    }
}

/* Finds the rows whose time is over, and when the next one's is. */
static GPtrArray *
find_expired (LxcmonHost *self, gint64 now, gint64 *next)
{
  guint n = g_list_model_get_n_items ((GListModel *) self);
  GPtrArray *expired = g_ptr_array_new_with_free_func (g_object_unref);

  *next = LXCMON_HOST_NEVER;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonHostRow) row = g_list_model_get_item ((GListModel *) self, i);

      if (row->due == 0 || row->reporting)
        continue;
      if (now < row->due)
        *next = MIN (*next, row->due);
      else
        g_ptr_array_add (expired, g_steal_pointer (&row));
    }
  return expired;
}

/* A handler may change the list meanwhile: a row that has left it has no host. */
static gint64
expire_rows (LxcmonHost *self, gint64 now)
{
  gint64 next;
  g_autoptr (GPtrArray) expired = find_expired (self, now, &next);

  for (guint i = 0; i < expired->len; i++)
    {
      LxcmonHostRow *row = expired->pdata[i];
      if (row->host != NULL)
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
  while (get_epoch (self) == epoch && self->shortage_until == 0
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

  g_source_set_ready_time (self->source, -1);
  /* What is left of earlier events comes first. */
  _lxcmon_main_source_run_steps (_lxcmon_monitor_list_get_source (_lxcmon_host_get_list (self)));
  if (get_epoch (self) == epoch && now >= get_next_scan (self))
    scan (self, now);
  if (get_epoch (self) == epoch)
    next = expire_rows (self, now);
  if (get_epoch (self) == epoch)
    attach_some (self, g_get_monotonic_time ());
  if (get_epoch (self) != epoch)
    return G_SOURCE_CONTINUE;

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
  g_source_attach (self->source, _lxcmon_monitor_list_get_context (_lxcmon_host_get_list (self)));
  self->ended = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->scan_at = self->safety_at = LXCMON_HOST_NEVER;
  self->scan_not_before = self->shortage_until = 0;
  self->warned = FALSE;
  _lxcmon_host_scan_soon (self);
}

void
_lxcmon_host_dispatch_stop (LxcmonHost *self)
{
  guint n = g_list_model_get_n_items ((GListModel *) self);

  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonHostRow) row = g_list_model_get_item ((GListModel *) self, i);
      row->host = NULL;
      g_clear_pointer (&row->session, _lxcmon_session_close);
    }
  g_queue_clear_full (&self->pending, g_object_unref);
  g_clear_pointer (&self->ended, g_hash_table_unref);
}
