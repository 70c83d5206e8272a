/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a scan of the runtime directory changes: which rows are taken over, added, removed and attached, and why
 * others are not attached. It does not wait, and does not connect.
 */

#include "lxcmon-direct-private.h"

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
find_controller (LxcmonRow *row, const LxcmonRuntimeSocket *socket)
{
  if (row->asked)
    return lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) row);

  gint pid = _lxcmon_status_xml_find_controller (row->socket_path, socket);
  row->asked = pid != 0;
  return pid;
}

static void
observe (LxcmonRow *row, const LxcmonRuntimeSocket *socket, const GError *error)
{
  _lxcmon_direct_row_observe (row, find_controller (row, socket), error);
}

/* libvirtd needs the slot. */
static void
yield_to_driver (LxcmonRow *row, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error
      = _lxcmon_direct_driver_error (row->direct, lxcmon_monitor_get_name ((LxcmonMonitor *) row));

  if (row->phase == LXCMON_DIRECT_ATTACHED)
    {
      _lxcmon_direct_row_yield (row, error);
      return;
    }
  row->due = 0;
  row->n_tries = 0;
  observe (row, socket, error);
}

/* Another client has the slot. It is checked again after some time, and with every scan. */
static void
observe_busy (LxcmonRow *row, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                                          "another client has the client slot of %s's controller",
                                          lxcmon_monitor_get_name ((LxcmonMonitor *) row));

  if (g_get_monotonic_time () >= row->due)
    _lxcmon_direct_row_retry_later (row);
  observe (row, socket, error);
}

/* Whether another client has the slot cannot be seen: a host that queued up could take it from libvirtd. */
static void
observe_unknown (LxcmonRow *row, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error = g_error_new (
      LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED,
      "whether %s runs, and whether its controller has a client, is not known: it is in "
      "another network namespace, or sock_diag cannot be used; attach it by name to wait "
      "for its slot",
      lxcmon_monitor_get_name ((LxcmonMonitor *) row));

  if (g_get_monotonic_time () >= row->due)
    _lxcmon_direct_row_retry_later (row);
  observe (row, socket, error);
}

/* A row that is to be attached goes to @ready. */
static void
update_row (LxcmonRow *row, const LxcmonRuntimeSocket *socket, GPtrArray *ready)
{
  LxcmonDirectBackend *direct = row->direct;
  gboolean is_new = row->file != socket->file;

  if (row->phase == LXCMON_DIRECT_CLOSED)
    return;
  /* The end of a session's controller is reported by the session, whatever has its name now. */
  if (row->phase == LXCMON_DIRECT_ATTACHED && !_lxcmon_direct_driver_manages (direct))
    return;

  if (is_new && row->phase != LXCMON_DIRECT_ATTACHED)
    {
      row->file = socket->file;
      row->n_tries = 0;
      row->due = 0;
      row->asked = FALSE;
    }
  if (_lxcmon_direct_driver_manages (direct))
    yield_to_driver (row, socket);
  else if (socket->state == LXCMON_SOCKET_UNKNOWN && !_lxcmon_direct_is_forced (direct)
           && row->due != LXCMON_DIRECT_NEVER)
    observe_unknown (row, socket);
  else if (socket->n_served > 0 && !_lxcmon_direct_is_forced (direct)
           && row->due != LXCMON_DIRECT_NEVER)
    observe_busy (row, socket);
  else if (g_get_monotonic_time () >= row->due)
    {
      row->phase = LXCMON_DIRECT_DETACHED;
      row->due = LXCMON_DIRECT_NEVER;
      g_ptr_array_add (ready, g_object_ref (row));
    }
}

/* Whether a row is about the container whose socket this is. A row that is not attached has not seen the end of
 * its own: another socket is another container's, unless a reboot is expected. */
static gboolean
is_same_container (LxcmonRow *row, const LxcmonRuntimeSocket *socket)
{
  if (row->file == socket->file || row->reporting || row->phase == LXCMON_DIRECT_ATTACHED)
    return TRUE;
  return row->phase != LXCMON_DIRECT_CLOSED && row->reboot_until != 0;
}

/* The container of a row has ended, and there is another one of its name. Returns whether that may have its row now:
 * "closed" comes first. */
static gboolean
replace_row (LxcmonDirectBackend *self, LxcmonRow *row)
{
  guint epoch = _lxcmon_direct_get_epoch (self);

  if (row->phase == LXCMON_DIRECT_DETACHED)
    {
      _lxcmon_direct_row_end_unseen (row);
      return FALSE;
    }
  _lxcmon_direct_row_remove (row);
  return _lxcmon_direct_get_epoch (self) == epoch
         && _lxcmon_rows_lookup (_lxcmon_direct_get_rows (self),
                                 lxcmon_monitor_get_name ((LxcmonMonitor *) row))
                == NULL;
}

/* A row that is new goes to @appeared. */
static void
apply_socket (LxcmonDirectBackend *self, const LxcmonRuntimeSocket *socket, GPtrArray *appeared,
              GPtrArray *ready)
{
  LxcmonRow *known = _lxcmon_rows_lookup (_lxcmon_direct_get_rows (self), socket->name);

  if (known != NULL)
    {
      g_autoptr (LxcmonRow) row = g_object_ref (known);

      row->serial = self->serial;
      if (is_same_container (row, socket))
        {
          update_row (row, socket, ready);
          return;
        }
      if (!replace_row (self, row))
        return;
    }
  if (!_lxcmon_rows_want (_lxcmon_direct_get_rows (self), socket->name))
    return;

  LxcmonRow *row = _lxcmon_direct_row_new (self, socket);
  row->serial = self->serial;
  update_row (row, socket, ready);
  g_ptr_array_add (appeared, row);
}

/* A socket that is bound and has no listener will probably have one soon, but nothing reports this. */
static void
expect_listener (LxcmonDirectBackend *self)
{
  if (self->n_early_scans < EARLY_SCANS_MAX)
    {
      self->n_early_scans++;
      _lxcmon_direct_scan_soon (self);
    }
}

/* The rows that another backend has left: each whose controller still runs is the row of its socket. */
static void
adopt_rows (LxcmonDirectBackend *self, LxcmonRuntimeDir *scan, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);
      LxcmonRow *row = _lxcmon_rows_lookup (_lxcmon_direct_get_rows (self), socket->name);
      gint pid = row != NULL ? lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) row) : 0;

      if (row != NULL && row->direct == NULL && may_run (socket)
          && _lxcmon_row_is_run_of (row, pid))
        _lxcmon_direct_row_adopt (row, self, socket);
    }
}

/* What is left of another backend's rows after that has ended. */
static void
end_left_rows (LxcmonDirectBackend *self)
{
  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (_lxcmon_direct_get_rows (self));
  guint epoch = _lxcmon_direct_get_epoch (self);

  for (guint i = 0; i < rows->len && _lxcmon_direct_get_epoch (self) == epoch; i++)
    {
      LxcmonRow *row = rows->pdata[i];

      if (row->direct != NULL)
        continue;
      row->direct = self;
      row->has_listener = row->reporting = FALSE;
      if (lxcmon_monitor_get_state ((LxcmonMonitor *) row) == LXCMON_STATE_CLOSED)
        _lxcmon_direct_row_linger (row);
      else
        _lxcmon_direct_row_end_unseen (row);
    }
}

static void
apply_sockets (LxcmonDirectBackend *self, LxcmonRuntimeDir *scan, gsize n, GPtrArray *appeared,
               GPtrArray *ready)
{
  guint epoch = _lxcmon_direct_get_epoch (self);
  gboolean expects_listener = FALSE;

  for (gsize i = 0; i < n && _lxcmon_direct_get_epoch (self) == epoch; i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);

      expects_listener = expects_listener || socket->state == LXCMON_SOCKET_BOUND;
      if (may_run (socket) && !g_hash_table_contains (self->ended, &socket->file))
        apply_socket (self, socket, appeared, ready);
    }
  if (expects_listener && _lxcmon_direct_get_epoch (self) == epoch)
    expect_listener (self);
}

/* ---- Rows whose sockets have no listener ---- */

static void
miss_row (LxcmonRow *row)
{
  gint64 now = g_get_monotonic_time ();

  row->has_listener = FALSE;
  if (row->phase == LXCMON_DIRECT_CLOSED && !row->reporting && now >= row->due)
    _lxcmon_direct_row_remove (row);
  else if (row->phase == LXCMON_DIRECT_DETACHED && now >= row->reboot_until)
    _lxcmon_direct_row_end_unseen (row);
  else if (row->phase == LXCMON_DIRECT_DETACHED)
    _lxcmon_direct_row_set_phase (row, LXCMON_DIRECT_REBOOTING, row->reboot_until);
}

/* A handler may change the list meanwhile: a row that was removed from it has no host. */
static void
miss_rows (LxcmonDirectBackend *self)
{
  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (_lxcmon_direct_get_rows (self));

  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonRow *row = rows->pdata[i];
      if (row->direct != NULL && row->serial != self->serial)
        miss_row (row);
    }
}

/* ---- The scan ---- */

/* Forgets the containers that have ended and whose sockets have no listener any more. */
static void
update_ended (LxcmonDirectBackend *self, LxcmonRuntimeDir *scan, gsize n)
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

/* If the host was stopped meanwhile, or another backend has taken over, the rows are not added any more. */
static void
add_rows (LxcmonDirectBackend *self, GPtrArray *appeared, guint epoch)
{
  if (_lxcmon_direct_get_epoch (self) == epoch)
    _lxcmon_rows_add (_lxcmon_direct_get_rows (self), appeared);
  for (guint i = 0; i < appeared->len && _lxcmon_direct_get_epoch (self) != epoch; i++)
    ((LxcmonRow *) appeared->pdata[i])->direct = NULL;
}

/* They are attached once they are in the list. */
static void
queue_rows (LxcmonDirectBackend *self, GPtrArray *ready)
{
  for (guint i = 0; i < ready->len; i++)
    g_queue_push_tail (&self->pending, g_object_ref (ready->pdata[i]));
}

static void
set_n_unlisted (LxcmonDirectBackend *self, guint n)
{
  if (self->n_unlisted == n)
    return;
  self->n_unlisted = n;
  _lxcmon_rows_notify (_lxcmon_direct_get_rows (self), "n-unlisted");
}

static void
apply_scan (LxcmonDirectBackend *self, LxcmonRuntimeDir *scan)
{
  gsize n = scan != NULL ? lxcmon_runtime_dir_get_n_sockets (scan) : 0;
  guint n_unlisted = scan != NULL ? (guint) lxcmon_runtime_dir_get_n_unlisted (scan) : 0;
  guint epoch = _lxcmon_direct_get_epoch (self);
  g_autoptr (GPtrArray) appeared = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) ready = g_ptr_array_new_with_free_func (g_object_unref);

  self->serial++;
  update_ended (self, scan, n);
  if (!self->is_listed)
    {
      adopt_rows (self, scan, n);
      end_left_rows (self);
    }
  if (_lxcmon_direct_get_epoch (self) != epoch)
    return;
  if (_lxcmon_direct_driver_manages (self))
    g_queue_clear_full (&self->pending, g_object_unref);
  apply_sockets (self, scan, n, appeared, ready);
  if (_lxcmon_direct_get_epoch (self) == epoch)
    miss_rows (self);
  if (_lxcmon_direct_get_epoch (self) == epoch)
    queue_rows (self, ready);
  add_rows (self, appeared, epoch);
  if (_lxcmon_direct_get_epoch (self) == epoch)
    set_n_unlisted (self, n_unlisted);
}

/* The list stays as it is, and the directory is scanned again. */
static void
handle_failure (LxcmonDirectBackend *self, const LxcmonError *error)
{
  g_autoptr (GError) why = _lxcmon_monitor_error_new (error);

  if (self->is_listed || self->on_standby)
    _lxcmon_direct_warn_once (self, "the list of containers cannot be updated", error->message);
  else
    _lxcmon_backend_report ((LxcmonBackend *) self, LXCMON_BACKEND_FAILED, why);
}

/* Scans the directory, or finds the driver alone. @scan is NULL if the directory is not there.
 * The driver itself must not open the file that it has locked. */
static gboolean
read_dir (LxcmonDirectBackend *self, LxcmonRuntimeDir **scan, LxcmonDriver *driver,
          LxcmonError *error)
{
  LxcmonScanFlags flags
      = _lxcmon_direct_is_forced (self) ? LXCMON_SCAN_WITHOUT_DRIVER : LXCMON_SCAN_DEFAULT;

  *scan = NULL;
  *driver = (LxcmonDriver){ .running = FALSE };
  *error = (LxcmonError){ 0 };
  if (self->on_standby)
    return lxcmon_runtime_dir_find_driver (self->runtime_dir, driver, error)
           || error->code == LXCMON_MONITOR_ERROR_NOT_FOUND;
  *scan = lxcmon_runtime_dir_scan (self->runtime_dir, flags, error);
  if (*scan != NULL)
    *driver = *lxcmon_runtime_dir_get_driver (*scan);
  return *scan != NULL || error->code == LXCMON_MONITOR_ERROR_NOT_FOUND;
}

/* The host may put the backend on standby meanwhile. */
static void
apply (LxcmonDirectBackend *self, LxcmonRuntimeDir *scan, const LxcmonDriver *driver)
{
  LxcmonBackend *backend = (LxcmonBackend *) self;
  guint epoch = _lxcmon_direct_get_epoch (self);

  if (_lxcmon_direct_driver_update (self, driver))
    _lxcmon_backend_report (backend, LXCMON_BACKEND_DRIVER, NULL);
  if (self->on_standby)
    return;
  if (!self->is_listed)
    _lxcmon_backend_report (backend, LXCMON_BACKEND_READY, NULL);
  if (_lxcmon_direct_get_epoch (self) == epoch)
    apply_scan (self, scan);
}

/*< private >
 * _lxcmon_direct_scan:
 *
 * Scans the runtime directory, and updates the list. The host may be stopped afterwards. A directory that
 * is not there is no error: it may appear.
 *
 * Returns: how long the scan took, in µs, or -1 where it has failed
 */
gint64
_lxcmon_direct_scan (LxcmonDirectBackend *self)
{
  gint64 begin = g_get_monotonic_time ();
  LxcmonRuntimeDir *scan;
  LxcmonDriver driver;
  LxcmonError error;

  _lxcmon_direct_watch_update (self);
  if (!read_dir (self, &scan, &driver, &error))
    {
      handle_failure (self, &error);
      return -1;
    }
  gint64 took = g_get_monotonic_time () - begin;

  self->warned = self->warned && (self->monitor == NULL || self->shortage_until != 0);
  apply (self, scan, &driver);
  lxcmon_runtime_dir_free (scan);
  return took;
}
