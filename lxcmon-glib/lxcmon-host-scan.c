/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a scan of the runtime directory changes: which rows appear, which leave, and which have a new
 * controller. Does not wait, and does not connect.
 */

#include "lxcmon-host-private.h"

static void
warn_once (gboolean *warned, const LxcmonError *error)
{
  if (!*warned)
    g_warning ("the list of containers cannot be updated: %s", error->message);
  *warned = TRUE;
}

static void
handle_failure (LxcmonHost *self, const LxcmonError *error)
{
  if (_lxcmon_monitor_list_is_starting (_lxcmon_host_get_list (self)))
    {
      g_autoptr (GError) why = _lxcmon_monitor_error_new (error);
      _lxcmon_monitor_list_started (_lxcmon_host_get_list (self), why);
    }
  else if (_lxcmon_host_is_shortage (error))
    {
      warn_once (&self->warned_shortage, error);
      self->scan_at = g_get_monotonic_time () + LXCMON_HOST_SHORTAGE_US;
    }
  else
    warn_once (&self->warned_error, error);
}

/* Forgets the containers that have ended and whose sockets have no listener any more. */
static void
update_ended (LxcmonHost *self, LxcmonRuntimeDir *scan, gsize n)
{
  if (g_hash_table_size (self->ended) == 0)
    return;

  GHashTable *still = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  for (gsize i = 0; i < n; i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);
      if (socket->listener != 0 && g_hash_table_contains (self->ended, &socket->file))
        g_hash_table_add (still, g_memdup2 (&socket->file, sizeof socket->file));
    }
  g_hash_table_unref (self->ended);
  self->ended = still;
}

/* What a scan does with a socket that has a listener. A row that is new goes to @appeared. */
static void
apply_socket (LxcmonHost *self, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket,
              GPtrArray *appeared)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);
  LxcmonMonitor *known = lxcmon_monitor_list_lookup (list, socket->name);
  guint epoch = _lxcmon_monitor_list_get_epoch (list);

  if (known != NULL)
    {
      g_autoptr (LxcmonHostRow) row = (LxcmonHostRow *) g_object_ref (known);

      row->serial = self->serial;
      if (row->mode != LXCMON_ROW_CLOSED || row->reporting || row->file == socket->file)
        {
          _lxcmon_host_update_row (row, scan, socket);
          return;
        }
      /* It has ended, and another container of its name has appeared. */
      _lxcmon_host_remove (row);
      if (_lxcmon_monitor_list_get_epoch (list) != epoch
          || lxcmon_monitor_list_lookup (list, socket->name) != NULL)
        return;
    }

  LxcmonHostRow *row = _lxcmon_host_row_new (self, socket);
  row->serial = self->serial;
  _lxcmon_host_set_mode (row, LXCMON_ROW_PENDING, 0);
  _lxcmon_host_update_row (row, scan, socket);
  g_ptr_array_add (appeared, row);
}

static void
apply_sockets (LxcmonHost *self, LxcmonRuntimeDir *scan, gsize n, GPtrArray *appeared)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);
  guint epoch = _lxcmon_monitor_list_get_epoch (list);

  for (gsize i = 0; i < n && _lxcmon_monitor_list_get_epoch (list) == epoch; i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);

      if (socket->listener == 0 && socket->bound)
        _lxcmon_host_expect_listener (self);
      if (socket->listener != 0 && !g_hash_table_contains (self->ended, &socket->file))
        apply_socket (self, scan, socket, appeared);
    }
}

/* The rows that the scan has not seen. */
static GPtrArray *
find_missed (LxcmonHost *self)
{
  guint n = _lxcmon_host_get_n_rows (self);
  GPtrArray *missed = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonHostRow) row = _lxcmon_host_dup_row (self, i);
      if (row->serial != self->serial)
        g_ptr_array_add (missed, g_steal_pointer (&row));
    }
  return missed;
}

/* A handler may change the list meanwhile: a row that has left it has no host. */
static void
miss_rows (LxcmonHost *self)
{
  g_autoptr (GPtrArray) missed = find_missed (self);

  for (guint i = 0; i < missed->len; i++)
    {
      LxcmonHostRow *row = missed->pdata[i];
      if (row->host != NULL)
        _lxcmon_host_miss_row (row);
    }
}

static void
set_n_unlisted (LxcmonHost *self, LxcmonRuntimeDir *scan)
{
  guint n = scan != NULL ? (guint) lxcmon_runtime_dir_get_n_unlisted (scan) : 0;

  if (self->n_unlisted == n)
    return;
  self->n_unlisted = n;
  g_object_notify ((GObject *) self, "n-unlisted");
}

/* Where the host was stopped meanwhile, the rows belong to no list. */
static void
add_rows (LxcmonHost *self, GPtrArray *appeared, guint epoch)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);

  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    {
      self->n_changes += appeared->len;
      _lxcmon_monitor_list_add (list, appeared);
      return;
    }
  for (guint i = 0; i < appeared->len; i++)
    ((LxcmonHostRow *) appeared->pdata[i])->host = NULL;
}

static void
apply_scan (LxcmonHost *self, LxcmonRuntimeDir *scan)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);
  gsize n = scan != NULL ? lxcmon_runtime_dir_get_n_sockets (scan) : 0;
  guint epoch = _lxcmon_monitor_list_get_epoch (list);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new_with_free_func (g_object_unref);

  self->serial++;
  update_ended (self, scan, n);
  apply_sockets (self, scan, n, appeared);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    miss_rows (self);
  add_rows (self, appeared, epoch);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    set_n_unlisted (self, scan);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    _lxcmon_monitor_list_started (list, NULL);
}

/*< private >
 * _lxcmon_host_scan:
 *
 * Scans the runtime directory, and updates the list. The host may be stopped afterwards. A directory that
 * is not there is no error: it may appear.
 *
 * Returns: whether the directory could be scanned
 */
gboolean
_lxcmon_host_scan (LxcmonHost *self)
{
  static const LxcmonDriver none = { .running = FALSE };
  LxcmonError error = { 0 };

  _lxcmon_host_watch_update (self);
  LxcmonRuntimeDir *scan = lxcmon_runtime_dir_scan (self->runtime_dir, &error);
  if (scan == NULL && error.code != LXCMON_MONITOR_ERROR_NOT_FOUND)
    {
      handle_failure (self, &error);
      return FALSE;
    }

  self->warned_error = self->warned_error && self->monitor == NULL;
  _lxcmon_host_driver_update (self, scan != NULL ? lxcmon_runtime_dir_get_driver (scan) : &none);
  apply_scan (self, scan);
  lxcmon_runtime_dir_free (scan);
  return TRUE;
}
