/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a scan of the runtime directory changes: which rows appear, which leave, which are to be
 * attached, and why others are not. Does not wait, and does not connect.
 */

#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-process.h>

#include "lxcmon-status-xml-private.h"

/* Scans for a listener that is expected, after which there is the one scan for safety. */
#define EARLY_SCANS_MAX 20

/* ---- A socket that has a listener ---- */

/* The controller's pid: the status XML has it at hand, and is a hint. A walk over /proc takes longer. */
static gint
find_controller (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket)
{
  gint known = lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) row);

  if (row->asked)
    return known;
  row->asked = TRUE;
  gint pid = _lxcmon_status_xml_find_controller (row->socket_path);
  if (lxcmon_process_has_socket (pid, socket->listener))
    return pid;
  if (socket->controller_pid == 0)
    lxcmon_runtime_dir_find_controllers (scan);
  return socket->controller_pid;
}

static void
observe (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket,
         const GError *error)
{
  _lxcmon_host_row_observe (row, find_controller (row, scan, socket), error);
}

/* libvirtd needs the slot. A session that the row has is closed. */
static void
observe_managed (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error
      = _lxcmon_host_driver_error (row->host, lxcmon_monitor_get_name ((LxcmonMonitor *) row));

  if (row->phase == LXCMON_ROW_ATTACHED)
    row->asked = lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) row) != 0;
  row->due = 0;
  observe (row, scan, socket, error);
}

/* Another client has the slot. It is checked again now and then, and with every scan. */
static void
observe_busy (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket)
{
  const GError *known = lxcmon_monitor_get_error ((LxcmonMonitor *) row);
  g_autoptr (GError) error = NULL;

  /* An attach that met the other client names it. */
  if (row->n_tries > 0 && g_error_matches (known, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY))
    error = g_error_copy (known);
  else
    error = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                         "another client has the client slot of %s's controller",
                         lxcmon_monitor_get_name ((LxcmonMonitor *) row));
  if (g_get_monotonic_time () >= row->due)
    _lxcmon_host_row_retry_later (row);
  observe (row, scan, socket, error);
}

static void
update_row (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket)
{
  LxcmonHost *host = row->host;
  gboolean is_new = row->file != socket->file;

  /* The end of a session's controller is reported by the session, whatever has its name now. */
  if (row->phase == LXCMON_ROW_CLOSED || (row->phase == LXCMON_ROW_REBOOTING && !is_new)
      || (row->phase == LXCMON_ROW_ATTACHED && !_lxcmon_host_driver_manages (host)))
    return;

  if (is_new)
    {
      row->file = socket->file;
      row->n_tries = 0;
      row->due = 0;
      row->asked = FALSE;
    }
  if (_lxcmon_host_driver_manages (host))
    observe_managed (row, scan, socket);
  else if (socket->n_served > 0 && !host->force)
    observe_busy (row, scan, socket);
  else if (g_get_monotonic_time () >= row->due)
    {
      row->phase = LXCMON_ROW_DETACHED;
      row->due = LXCMON_HOST_NEVER;
      g_queue_push_tail (&host->pending, g_object_ref (row));
    }
}

/* A row that is new goes to @appeared. */
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
      if (row->phase != LXCMON_ROW_CLOSED || row->reporting || row->file == socket->file)
        {
          update_row (row, scan, socket);
          return;
        }
      /* It has ended, and another container of its name has appeared. */
      _lxcmon_host_row_remove (row);
      if (_lxcmon_monitor_list_get_epoch (list) != epoch
          || lxcmon_monitor_list_lookup (list, socket->name) != NULL)
        return;
    }

  LxcmonHostRow *row = _lxcmon_host_row_new (self, socket);
  row->serial = self->serial;
  update_row (row, scan, socket);
  g_ptr_array_add (appeared, row);
}

/* A socket that is bound and has no listener is most likely about to get one, which nothing reports. */
static void
expect_listener (LxcmonHost *self)
{
  if (self->n_early_scans < EARLY_SCANS_MAX)
    {
      self->n_early_scans++;
      _lxcmon_host_scan_soon (self);
    }
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
        expect_listener (self);
      if (socket->listener != 0 && !g_hash_table_contains (self->ended, &socket->file))
        apply_socket (self, scan, socket, appeared);
    }
}

/* ---- Rows whose sockets have no listener ---- */

static GPtrArray *
find_missed (LxcmonHost *self)
{
  guint n = g_list_model_get_n_items ((GListModel *) self);
  GPtrArray *missed = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonHostRow) row = g_list_model_get_item ((GListModel *) self, i);
      if (row->serial != self->serial)
        g_ptr_array_add (missed, g_steal_pointer (&row));
    }
  return missed;
}

static void
miss_row (LxcmonHostRow *row)
{
  gint64 now = g_get_monotonic_time ();

  row->has_listener = FALSE;
  if (row->phase == LXCMON_ROW_CLOSED && !row->reporting && now >= row->due)
    _lxcmon_host_row_remove (row);
  else if (row->phase == LXCMON_ROW_DETACHED && now >= row->reboot_until)
    _lxcmon_host_row_remove (row);
  else if (row->phase == LXCMON_ROW_DETACHED)
    {
      row->phase = LXCMON_ROW_REBOOTING;
      row->due = row->reboot_until;
    }
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
        miss_row (row);
    }
}

/* ---- The scan ---- */

/* Forgets the containers that have ended and whose sockets have no listener any more. */
static void
update_ended (LxcmonHost *self, LxcmonRuntimeDir *scan, gsize n)
{
  GHashTable *still = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  for (gsize i = 0; i < n && g_hash_table_size (self->ended) > 0; i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);
      if (socket->listener != 0 && g_hash_table_contains (self->ended, &socket->file))
        g_hash_table_add (still, g_memdup2 (&socket->file, sizeof socket->file));
    }
  g_hash_table_unref (self->ended);
  self->ended = still;
}

/* Where the host was stopped meanwhile, the rows belong to no list. */
static void
add_rows (LxcmonHost *self, GPtrArray *appeared, guint epoch)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);

  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    _lxcmon_monitor_list_add (list, appeared);
  else
    for (guint i = 0; i < appeared->len; i++)
      ((LxcmonHostRow *) appeared->pdata[i])->host = NULL;
}

static void
set_n_unlisted (LxcmonHost *self, guint n)
{
  if (self->n_unlisted == n)
    return;
  self->n_unlisted = n;
  g_object_notify ((GObject *) self, "n-unlisted");
}

static void
apply_scan (LxcmonHost *self, LxcmonRuntimeDir *scan)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);
  gsize n = scan != NULL ? lxcmon_runtime_dir_get_n_sockets (scan) : 0;
  guint n_unlisted = scan != NULL ? (guint) lxcmon_runtime_dir_get_n_unlisted (scan) : 0;
  guint epoch = _lxcmon_monitor_list_get_epoch (list);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new_with_free_func (g_object_unref);

  self->serial++;
  update_ended (self, scan, n);
  apply_sockets (self, scan, n, appeared);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    miss_rows (self);
  add_rows (self, appeared, epoch);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    set_n_unlisted (self, n_unlisted);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    _lxcmon_monitor_list_started (list, NULL);
}

/* The list stays as it is, and the directory is scanned again. */
static void
handle_failure (LxcmonHost *self, const LxcmonError *error)
{
  if (_lxcmon_monitor_list_is_starting (_lxcmon_host_get_list (self)))
    {
      g_autoptr (GError) why = _lxcmon_monitor_error_new (error);
      _lxcmon_monitor_list_started (_lxcmon_host_get_list (self), why);
      return;
    }
  _lxcmon_host_warn_once (self, "the list of containers cannot be updated", error->message);
  self->scan_at = g_get_monotonic_time () + LXCMON_HOST_SHORTAGE_US;
}

/*< private >
 * _lxcmon_host_scan:
 *
 * Scans the runtime directory, and updates the list. The host may be stopped afterwards. A directory that
 * is not there is no error: it may appear.
 */
void
_lxcmon_host_scan (LxcmonHost *self)
{
  static const LxcmonDriver none = { .running = FALSE };
  LxcmonError error = { 0 };

  _lxcmon_host_watch_update (self);
  LxcmonRuntimeDir *scan = lxcmon_runtime_dir_scan (self->runtime_dir, &error);
  if (scan == NULL && error.code != LXCMON_MONITOR_ERROR_NOT_FOUND)
    {
      handle_failure (self, &error);
      return;
    }

  self->warned = self->warned && (self->monitor == NULL || self->shortage_until != 0);
  _lxcmon_host_driver_update (self, scan != NULL ? lxcmon_runtime_dir_get_driver (scan) : &none);
  apply_scan (self, scan);
  lxcmon_runtime_dir_free (scan);
}
