/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the sessions of a host's rows: attaching them, what their events report, and what becomes of a row
 * whose attach has failed or whose controller has ended.
 */

#include "lxcmon-host-private.h"

static void
report (LxcmonHostRow *row, LxcmonReport what, const LxcmonModel *model, const GError *error)
{
  _lxcmon_monitor_list_report (_lxcmon_host_get_list (row->host), (LxcmonMonitor *) row, what,
                               model, error);
}

/*< private >
 * _lxcmon_host_remove:
 *
 * Takes a row out of the list, and closes its session.
 */
void
_lxcmon_host_remove (LxcmonHostRow *row)
{
  LxcmonHost *host = row->host;

  host->n_pending -= row->mode == LXCMON_ROW_PENDING;
  host->n_changes++;
  row->host = NULL;
  _lxcmon_host_row_close (row);
  _lxcmon_monitor_list_remove (_lxcmon_host_get_list (host), (LxcmonMonitor *) row);
}

/*< private >
 * _lxcmon_host_close_row:
 * @may_go: whether the row may leave the list at once; otherwise it stays until its socket has no listener
 *
 * A container has ended.
 */
void
_lxcmon_host_close_row (LxcmonHostRow *row, gboolean may_go)
{
  const guint linger = row->host->linger_timeout;

  row->may_go = may_go;
  row->reboot_until = 0;
  if (may_go && linger == 0)
    _lxcmon_host_remove (row);
  else
    _lxcmon_host_set_mode (row, LXCMON_ROW_CLOSED,
                           g_get_monotonic_time () + (gint64) linger * G_TIME_SPAN_MILLISECOND);
}

static void
handle_shortage (LxcmonHostRow *row, const LxcmonError *error)
{
  LxcmonHost *host = row->host;

  if (!host->warned_shortage)
    g_warning ("some containers cannot be attached now, and are tried again: %s", error->message);
  host->warned_shortage = TRUE;
  host->shortage_until = g_get_monotonic_time () + LXCMON_HOST_SHORTAGE_US;
  _lxcmon_host_set_mode (row, LXCMON_ROW_PENDING, 0);
}

/* An attach has failed. It is tried again where it may succeed later: the controller does not listen yet,
 * or has ended before it accepted us, or its slot is taken. */
static void
handle_failure (LxcmonHostRow *row, const LxcmonError *error)
{
  if (error->code == LXCMON_MONITOR_ERROR_FAILED && _lxcmon_host_is_shortage (error))
    handle_shortage (row, error);
  else if (error->code == LXCMON_MONITOR_ERROR_BUSY)
    {
      _lxcmon_host_set_mode (row, LXCMON_ROW_BUSY, _lxcmon_host_next_try (row));
      _lxcmon_host_scan_soon (row->host);
    }
  else if (error->code == LXCMON_MONITOR_ERROR_NOT_FOUND
           || error->code == LXCMON_MONITOR_ERROR_REFUSED
           || error->code == LXCMON_MONITOR_ERROR_LOST)
    _lxcmon_host_set_mode (row, LXCMON_ROW_RETRY, _lxcmon_host_next_try (row));
  else
    _lxcmon_host_set_mode (row, LXCMON_ROW_FAILED, 0);
}

static void
handle_failed (LxcmonHostRow *row, const LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = _lxcmon_monitor_error_new (error);

  _lxcmon_host_row_close (row);
  handle_failure (row, error);
  report (row, LXCMON_REPORT_CHANGED, model, why);
}

/* What the end of a controller makes of its row. */
static void
end_life (LxcmonHostRow *row, const LxcmonModel *model)
{
  LxcmonHost *host = row->host;
  gint64 now = g_get_monotonic_time ();

  /* A descriptor is free again. */
  if (host->shortage_until != 0)
    host->shortage_until = now;
  row->n_tries = 0;
  row->asked = FALSE;
  if (model->end == LXCMON_END_REBOOT && host->reboot_timeout > 0)
    {
      row->reboot_until = now + (gint64) host->reboot_timeout * G_TIME_SPAN_MILLISECOND;
      _lxcmon_host_set_mode (row, LXCMON_ROW_REBOOTING, row->reboot_until);
      return;
    }
  if (model->exited)
    g_hash_table_add (host->ended, g_memdup2 (&row->file, sizeof row->file));
  _lxcmon_host_set_mode (row, LXCMON_ROW_CLOSED, 0);
}

/* A step: the list's own "closed" was emitted. */
static void
finish_closed (GObject *object, gpointer data)
{
  LxcmonHostRow *row = (LxcmonHostRow *) object;

  row->reporting = FALSE;
  if (row->host == NULL)
    return;
  _lxcmon_host_scan_soon (row->host);
  if (row->mode == LXCMON_ROW_CLOSED)
    _lxcmon_host_close_row (row, lxcmon_monitor_get_exited ((LxcmonMonitor *) row));
}

static void
handle_closed (LxcmonHostRow *row, LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = error != NULL ? _lxcmon_monitor_error_new (error) : NULL;

  if (why != NULL)
    model->end = _lxcmon_end_from_error (why);
  _lxcmon_host_row_close (row);
  end_life (row, model);
  row->reporting = TRUE;
  report (row, LXCMON_REPORT_CLOSED, model, why);
  if (row->host != NULL)
    _lxcmon_main_source_push (_lxcmon_monitor_list_get_source (_lxcmon_host_get_list (row->host)),
                              row, finish_closed, NULL, NULL);
}

/* What each event does to a row. */
static void
on_event (GObject *owner, LxcmonSession *session, const LxcmonEvent *event)
{
  LxcmonHostRow *row = (LxcmonHostRow *) owner;
  LxcmonModel model = *_lxcmon_monitor_get_model ((LxcmonMonitor *) row);

  if (row->session != session || row->host == NULL)
    return;

  g_autoptr (LxcmonMonitorList) alive = g_object_ref (_lxcmon_host_get_list (row->host));
  _lxcmon_session_apply (session, event, &model);
  switch (event->type)
    {
    case LXCMON_EVENT_CONNECTED:
      report (row, LXCMON_REPORT_CHANGED, &model, NULL);
      break;
    case LXCMON_EVENT_ATTACHED:
      row->reboot_until = 0;
      report (row, LXCMON_REPORT_CHANGED, &model, NULL);
      break;
    case LXCMON_EVENT_INIT:
      report (row, LXCMON_REPORT_INIT, &model, NULL);
      break;
    case LXCMON_EVENT_EXIT:
      report (row, LXCMON_REPORT_EXIT, &model, NULL);
      break;
    case LXCMON_EVENT_CLOSED:
      handle_closed (row, &model, event->error);
      break;
    case LXCMON_EVENT_FAILED:
      handle_failed (row, &model, event->error);
      break;
    default:
      break;
    }
}

/*< private >
 * _lxcmon_host_attach:
 * @row: a row that is pending, to which the caller holds a reference
 *
 * Begins to attach a row. It may have left the list afterwards.
 */
void
_lxcmon_host_attach (LxcmonHostRow *row)
{
  static const LxcmonEvent begin = { .type = LXCMON_EVENT_CONNECTED };
  LxcmonMonitorList *list = _lxcmon_host_get_list (row->host);
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);
  LxcmonSessionSettings settings = {
    .name = _lxcmon_host_row_get_name (row),
    .socket_path = row->socket_path,
    .options = LXCMON_ATTACH_OPTIONS_INIT,
  };
  LxcmonError error;

  settings.options.force = row->host->force != FALSE;
  row->session = _lxcmon_session_open (row, _lxcmon_monitor_list_get_context (list), &settings,
                                       on_event, &error);
  if (row->session == NULL)
    {
      handle_failed (row, &model, &error);
      return;
    }

  row->host->warned_shortage = row->host->warned_shortage && row->host->shortage_until != 0;
  _lxcmon_host_set_mode (row, LXCMON_ROW_ATTACHED, 0);
  _lxcmon_session_apply (row->session, &begin, &model);
  report (row, LXCMON_REPORT_CHANGED, &model, NULL);
}
