/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a scan of the runtime directory changes: which rows are added, removed and attached, and why
 * others are not attached. It does not wait, and does not connect.
 */

#include "lxcmon-host-private.h"

#include "lxcmon-status-xml-private.h"

/* How many scans are made for an expected listener. After them, there is only the final scan. */
#define EARLY_SCANS_MAX 20

/* ---- A socket that has a listener ---- */

/* Whether there may be a container. */
static gboolean
may_run (const LxcmonRuntimeSocket *socket)
{
  return socket->state == LXCMON_SOCKET_LISTENING || socket->state == LXCMON_SOCKET_UNKNOWN;
}

/* The controller's pid, as the status XML has it. */
static gint
find_controller (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket)
{
  if (row->asked)
    return lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) row);

  gint pid = _lxcmon_status_xml_find_controller (row->socket_path, socket);
  row->asked = pid != 0;
  return pid;
}

static void
observe (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket, const GError *error)
{
  _lxcmon_host_row_observe (row, find_controller (row, socket), error);
}

/* libvirtd needs the slot. */
static void
yield_to_driver (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error
      = _lxcmon_host_driver_error (row->host, lxcmon_monitor_get_name ((LxcmonMonitor *) row));

  if (row->phase == LXCMON_ROW_ATTACHED)
    {
      _lxcmon_host_row_yield (row, error);
      return;
    }
  row->due = 0;
  row->n_tries = 0;
  observe (row, socket, error);
}

/* Another client has the slot. It is checked again after some time, and with every scan. */
static void
observe_busy (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                                          "another client has the client slot of %s's controller",
                                          lxcmon_monitor_get_name ((LxcmonMonitor *) row));

  if (g_get_monotonic_time () >= row->due)
    _lxcmon_host_row_retry_later (row);
  observe (row, socket, error);
}

/* Whether another client has the slot cannot be seen: a host that queued up could take it from libvirtd. */
static void
observe_unknown (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error = g_error_new (
      LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED,
      "whether %s runs, and whether its controller has a client, is not known: it is in "
      "another network namespace, or sock_diag cannot be used; attach it by name to wait "
      "for its slot",
      lxcmon_monitor_get_name ((LxcmonMonitor *) row));

  if (g_get_monotonic_time () >= row->due)
    _lxcmon_host_row_retry_later (row);
  observe (row, socket, error);
}

/* A row that is to be attached goes to @ready. */
static void
update_row (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket, GPtrArray *ready)
{
  LxcmonHost *host = row->host;
  gboolean is_new = row->file != socket->file;

  if (row->phase == LXCMON_ROW_CLOSED)
    return;
  /* The end of a session's controller is reported by the session, whatever has its name now. */
  if (row->phase == LXCMON_ROW_ATTACHED && !_lxcmon_host_driver_manages (host))
    return;

  if (is_new && row->phase != LXCMON_ROW_ATTACHED)
    {
      row->file = socket->file;
      row->n_tries = 0;
      row->due = 0;
      row->asked = FALSE;
    }
  if (_lxcmon_host_driver_manages (host))
    yield_to_driver (row, socket);
  else if (socket->state == LXCMON_SOCKET_UNKNOWN && !host->force && row->due != LXCMON_HOST_NEVER)
    observe_unknown (row, socket);
  else if (socket->n_served > 0 && !host->force && row->due != LXCMON_HOST_NEVER)
    observe_busy (row, socket);
  else if (g_get_monotonic_time () >= row->due)
    {
      row->phase = LXCMON_ROW_DETACHED;
      row->due = LXCMON_HOST_NEVER;
      g_ptr_array_add (ready, g_object_ref (row));
    }
}

/* Whether a row is about the container whose socket this is. A row that is not attached has not seen the end of
 * its own: another socket is another container's, unless a reboot is expected. */
static gboolean
is_same_container (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket)
{
  if (row->file == socket->file || row->reporting || row->phase == LXCMON_ROW_ATTACHED)
    return TRUE;
  return row->phase != LXCMON_ROW_CLOSED && row->reboot_until != 0;
}

/* A row that is new goes to @appeared. */
static void
apply_socket (LxcmonHost *self, const LxcmonRuntimeSocket *socket, GPtrArray *appeared,
              GPtrArray *ready)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);
  LxcmonMonitor *known = lxcmon_monitor_list_lookup (list, socket->name);
  guint epoch = _lxcmon_monitor_list_get_epoch (list);

  if (known != NULL)
    {
      g_autoptr (LxcmonHostRow) row = (LxcmonHostRow *) g_object_ref (known);

      row->serial = self->serial;
      if (is_same_container (row, socket))
        {
          update_row (row, socket, ready);
          return;
        }
      /* It has ended, and there is another container of its name. */
      _lxcmon_host_row_remove (row);
      if (_lxcmon_monitor_list_get_epoch (list) != epoch
          || lxcmon_monitor_list_lookup (list, socket->name) != NULL)
        return;
    }

  LxcmonHostRow *row = _lxcmon_host_row_new (self, socket);
  row->serial = self->serial;
  update_row (row, socket, ready);
  g_ptr_array_add (appeared, row);
}

/* A socket that is bound and has no listener will probably have one soon, but nothing reports this. */
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
apply_sockets (LxcmonHost *self, LxcmonRuntimeDir *scan, gsize n, GPtrArray *appeared,
               GPtrArray *ready)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);
  guint epoch = _lxcmon_monitor_list_get_epoch (list);
  gboolean expects_listener = FALSE;

  for (gsize i = 0; i < n && _lxcmon_monitor_list_get_epoch (list) == epoch; i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);

      expects_listener = expects_listener || socket->state == LXCMON_SOCKET_BOUND;
      if (may_run (socket) && !g_hash_table_contains (self->ended, &socket->file))
        apply_socket (self, socket, appeared, ready);
    }
  if (expects_listener && _lxcmon_monitor_list_get_epoch (list) == epoch)
    expect_listener (self);
}

/* ---- Rows whose sockets have no listener ---- */

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

/* A handler may change the list meanwhile: a row that was removed from it has no host. */
static void
miss_rows (LxcmonHost *self)
{
  g_autoptr (GPtrArray) rows = _lxcmon_host_copy_rows (self);

  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonHostRow *row = rows->pdata[i];
      if (row->host != NULL && row->serial != self->serial)
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
      if (may_run (socket) && g_hash_table_contains (self->ended, &socket->file))
        g_hash_table_add (still, g_memdup2 (&socket->file, sizeof socket->file));
    }
  g_hash_table_unref (self->ended);
  self->ended = still;
}

/* If the host was stopped meanwhile, the rows belong to no list. */
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

/* They are attached when they are in the list. */
static void
queue_rows (LxcmonHost *self, GPtrArray *ready)
{
  for (guint i = 0; i < ready->len; i++)
    g_queue_push_tail (&self->pending, g_object_ref (ready->pdata[i]));
}

static void
set_n_unlisted (LxcmonHost *self, guint n)
{
  if (self->n_unlisted == n)
    return;
  self->n_unlisted = n;
  _lxcmon_monitor_list_notify (_lxcmon_host_get_list (self),
                               g_object_class_find_property (G_OBJECT_GET_CLASS (self),
                                                             "n-unlisted"));
}

static void
apply_scan (LxcmonHost *self, LxcmonRuntimeDir *scan)
{
  LxcmonMonitorList *list = _lxcmon_host_get_list (self);
  gsize n = scan != NULL ? lxcmon_runtime_dir_get_n_sockets (scan) : 0;
  guint n_unlisted = scan != NULL ? (guint) lxcmon_runtime_dir_get_n_unlisted (scan) : 0;
  guint epoch = _lxcmon_monitor_list_get_epoch (list);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) ready = g_ptr_array_new_with_free_func (g_object_unref);

  self->serial++;
  update_ended (self, scan, n);
  if (_lxcmon_host_driver_manages (self))
    g_queue_clear_full (&self->pending, g_object_unref);
  apply_sockets (self, scan, n, appeared, ready);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    miss_rows (self);
  add_rows (self, appeared, epoch);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    queue_rows (self, ready);
  if (_lxcmon_monitor_list_get_epoch (list) == epoch)
    set_n_unlisted (self, n_unlisted);
}

/* The list stays as it is, and the directory is scanned again. */
static void
handle_failure (LxcmonHost *self, const LxcmonError *error)
{
  g_autoptr (GError) why = _lxcmon_monitor_error_new (error);

  if (_lxcmon_monitor_list_is_starting (_lxcmon_host_get_list (self)))
    _lxcmon_monitor_list_started (_lxcmon_host_get_list (self), why);
  else
    _lxcmon_host_warn_once (self, "the list of containers cannot be updated", error->message);
}

/* The driver itself must not open the file that it has locked. */
static LxcmonRuntimeDir *
new_scan (LxcmonHost *self, LxcmonError *error)
{
  LxcmonScanFlags flags = self->force ? LXCMON_SCAN_WITHOUT_DRIVER : LXCMON_SCAN_DEFAULT;

  return lxcmon_runtime_dir_scan (self->runtime_dir, flags, error);
}

/*< private >
 * _lxcmon_host_scan:
 *
 * Scans the runtime directory, and updates the list. The host may be stopped afterwards. A directory that
 * is not there is no error: it may appear.
 *
 * Returns: how long the scan took, in µs, or -1 where it has failed
 */
gint64
_lxcmon_host_scan (LxcmonHost *self)
{
  gint64 begin = g_get_monotonic_time ();
  static const LxcmonDriver none = { .running = FALSE };
  LxcmonError error = { 0 };

  _lxcmon_host_watch_update (self);
  LxcmonRuntimeDir *scan = new_scan (self, &error);
  if (scan == NULL && error.code != LXCMON_MONITOR_ERROR_NOT_FOUND)
    {
      handle_failure (self, &error);
      return -1;
    }
  gint64 took = g_get_monotonic_time () - begin;

  self->warned = self->warned && (self->monitor == NULL || self->shortage_until != 0);
  _lxcmon_host_driver_update (self, scan != NULL ? lxcmon_runtime_dir_get_driver (scan) : &none);
  apply_scan (self, scan);
  lxcmon_runtime_dir_free (scan);
  return took;
}
