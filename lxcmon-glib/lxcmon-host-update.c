/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a scan, and time, change in one row: whether it is to be attached, what is shown of a
 * container that is not, and when a row whose socket has no listener leaves the list.
 */

#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-process.h>

#include "lxcmon-status-xml-private.h"

/* The controller's pid: the status XML has it at hand, and is a hint. A walk over /proc takes longer. */
static gint
find_controller (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket)
{
  gint pid = _lxcmon_status_xml_find_controller (row->socket_path);

  if (lxcmon_process_has_socket (pid, socket->listener))
    return pid;
  if (socket->controller_pid == 0)
    lxcmon_runtime_dir_find_controllers (scan);
  return socket->controller_pid;
}

static gint
find_init (LxcmonHostRow *row, gint controller_pid)
{
  gint pid = lxcmon_process_find_init (controller_pid);

  return pid != 0 ? pid : _lxcmon_status_xml_find_init (row->socket_path, controller_pid);
}

/* Shows what can be known of a container without attaching. */
static void
observe (LxcmonHostRow *row, LxcmonHostRowMode mode, const GError *error, LxcmonRuntimeDir *scan,
         const LxcmonRuntimeSocket *socket)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) row;
  const LxcmonModel *known = _lxcmon_monitor_get_model (monitor);
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);

  model.controller_pid = known->controller_pid;
  model.init_pid = known->init_pid;
  if (row->mode != mode || row->file != socket->file || known->controller_pid == 0)
    {
      if (row->file != socket->file || !row->asked)
        model.controller_pid = find_controller (row, scan, socket);
      row->asked = TRUE;
      model.init_pid = 0;
    }
  if (model.init_pid == 0)
    model.init_pid = find_init (row, model.controller_pid);

  row->file = socket->file;
  row->reboot_until = 0;
  _lxcmon_host_set_mode (row, mode, mode == LXCMON_ROW_BUSY ? row->deadline : 0);
  _lxcmon_host_row_close (row);
  _lxcmon_monitor_list_report (_lxcmon_host_get_list (row->host), monitor, LXCMON_REPORT_CHANGED,
                               &model, error);
}

static void
observe_managed (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket)
{
  g_autoptr (GError) error
      = _lxcmon_host_driver_error (row->host, _lxcmon_host_row_get_name (row));

  observe (row, LXCMON_ROW_MANAGED, error, scan, socket);
}

/* Another client has the slot: it is checked again now and then, and with every scan. */
static void
observe_busy (LxcmonHostRow *row, LxcmonRuntimeDir *scan, const LxcmonRuntimeSocket *socket)
{
  const GError *known = row->mode == LXCMON_ROW_BUSY
                            ? lxcmon_monitor_get_error ((LxcmonMonitor *) row)
                            : NULL;
  g_autoptr (GError) error
      = known != NULL ? g_error_copy (known)
                      : g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                                     "another client has the client slot of %s's controller",
                                     _lxcmon_host_row_get_name (row));

  if (row->mode != LXCMON_ROW_BUSY || g_get_monotonic_time () >= row->deadline)
    _lxcmon_host_set_deadline (row, _lxcmon_host_next_try (row));
  observe (row, LXCMON_ROW_BUSY, error, scan, socket);
}

static void
become_pending (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket)
{
  if (row->file != socket->file)
    row->n_tries = 0;
  row->file = socket->file;
  row->asked = FALSE;
  _lxcmon_host_set_mode (row, LXCMON_ROW_PENDING, 0);
}

/* Whether the row is to be attached, or shown with the reason why it is not. */
static gboolean
wants_slot (LxcmonHostRow *row, const LxcmonRuntimeSocket *socket)
{
  gboolean is_new = row->file != socket->file;

  switch (row->mode)
    {
    case LXCMON_ROW_PENDING:
    case LXCMON_ROW_MANAGED:
    case LXCMON_ROW_BUSY:
      return TRUE;
    case LXCMON_ROW_REBOOTING:
    case LXCMON_ROW_FAILED:
      return is_new;
    case LXCMON_ROW_RETRY:
      return is_new || g_get_monotonic_time () >= row->deadline;
    case LXCMON_ROW_ATTACHED:
      /* Another file belongs to another controller. The end of this one is reported by its session. */
    case LXCMON_ROW_CLOSED:
    default:
      return FALSE;
    }
}

/*< private >
 * _lxcmon_host_update_row:
 * @row: a row, to which the caller holds a reference
 * @scan: a scan of the runtime directory
 * @socket: the row's socket, which has a listener
 *
 * Updates a row by a scan. It may have left the list afterwards.
 */
void
_lxcmon_host_update_row (LxcmonHostRow *row, LxcmonRuntimeDir *scan,
                         const LxcmonRuntimeSocket *socket)
{
  if (row->mode == LXCMON_ROW_CLOSED
      || (row->mode == LXCMON_ROW_REBOOTING && row->file == socket->file))
    return;

  if (_lxcmon_host_driver_manages (row->host))
    observe_managed (row, scan, socket);
  else if (!wants_slot (row, socket))
    return;
  else if (socket->n_served > 0 && !row->host->force)
    observe_busy (row, scan, socket);
  else
    become_pending (row, socket);
}

/*< private >
 * _lxcmon_host_miss_row:
 * @row: a row, to which the caller holds a reference
 *
 * The row's socket is gone, or has no listener. It may have left the list afterwards.
 */
void
_lxcmon_host_miss_row (LxcmonHostRow *row)
{
  gint64 now = g_get_monotonic_time ();

  switch (row->mode)
    {
    case LXCMON_ROW_ATTACHED:
    case LXCMON_ROW_REBOOTING:
      break;
    case LXCMON_ROW_CLOSED:
      row->may_go = TRUE;
      if (!row->reporting && now >= row->deadline)
        _lxcmon_host_remove (row);
      break;
    case LXCMON_ROW_PENDING:
    case LXCMON_ROW_MANAGED:
    case LXCMON_ROW_BUSY:
    case LXCMON_ROW_FAILED:
    case LXCMON_ROW_RETRY:
    default:
      if (row->reboot_until > now)
        _lxcmon_host_set_mode (row, LXCMON_ROW_REBOOTING, row->reboot_until);
      else
        _lxcmon_host_remove (row);
      break;
    }
}

gboolean
_lxcmon_host_row_is_due (LxcmonHostRow *row, gint64 now)
{
  return (row->deadline != 0 && now >= row->deadline)
         || (row->reboot_until != 0 && now >= row->reboot_until);
}

/* The next controller has not appeared. */
static void
give_up_reboot (LxcmonHostRow *row)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) row;
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);
  g_autoptr (GError) error
      = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
                     "%s rebooted, and no new controller appeared within %u ms",
                     _lxcmon_host_row_get_name (row), row->host->reboot_timeout);

  row->reboot_until = 0;
  _lxcmon_monitor_list_report (_lxcmon_host_get_list (row->host), monitor, LXCMON_REPORT_CHANGED,
                               &model, error);
  if (row->host != NULL && row->mode == LXCMON_ROW_REBOOTING)
    _lxcmon_host_close_row (row, TRUE);
}

/*< private >
 * _lxcmon_host_handle_deadline:
 * @row: a row whose deadline has passed, to which the caller holds a reference
 *
 * It may have left the list afterwards.
 */
void
_lxcmon_host_handle_deadline (LxcmonHostRow *row, gint64 now)
{
  switch (row->mode)
    {
    case LXCMON_ROW_REBOOTING:
      give_up_reboot (row);
      break;
    case LXCMON_ROW_CLOSED:
      row->deadline = 0;
      if (row->may_go)
        _lxcmon_host_remove (row);
      else
        _lxcmon_host_scan_soon (row->host);
      break;
    case LXCMON_ROW_RETRY:
    case LXCMON_ROW_BUSY:
      if (row->reboot_until <= now)
        row->reboot_until = 0;
      /* The scan reconsiders the row; until then there is nothing to wait for. */
      row->deadline = 0;
      _lxcmon_host_scan_soon (row->host);
      break;
    case LXCMON_ROW_PENDING:
    case LXCMON_ROW_ATTACHED:
    case LXCMON_ROW_MANAGED:
    case LXCMON_ROW_FAILED:
    default:
      row->deadline = row->reboot_until = 0;
      break;
    }
}
