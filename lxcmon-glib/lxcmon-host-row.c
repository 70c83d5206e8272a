/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a row: the monitor of one container of a host, its session, and what each event does to it.
 * lxcmon-host-scan.c decides what a scan changes in it.
 */

#include "lxcmon-host-private.h"

#include <errno.h>
#include <lxcmon/lxcmon-name.h>
#include <lxcmon/lxcmon-process.h>

#include "lxcmon-status-xml-private.h"

#define RETRY_MIN_US (50 * G_TIME_SPAN_MILLISECOND)
#define RETRY_MAX_US \
  (5 * G_TIME_SPAN_SECOND) /* also for a slot that is taken: nothing reports its end */

G_DEFINE_FINAL_TYPE (LxcmonHostRow, _lxcmon_host_row, LXCMON_TYPE_MONITOR)

static void
close_session (LxcmonHostRow *self)
{
  g_clear_pointer (&self->session, _lxcmon_session_close);
}

static void
_lxcmon_host_row_dispose (GObject *object)
{
  close_session ((LxcmonHostRow *) object);

  G_OBJECT_CLASS (_lxcmon_host_row_parent_class)->dispose (object);
}

static void
_lxcmon_host_row_finalize (GObject *object)
{
  LxcmonHostRow *self = (LxcmonHostRow *) object;

  g_ref_string_release (self->socket_path);
  g_clear_error (&self->yields);

  G_OBJECT_CLASS (_lxcmon_host_row_parent_class)->finalize (object);
}

static void
_lxcmon_host_row_class_init (LxcmonHostRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = _lxcmon_host_row_dispose;
  object_class->finalize = _lxcmon_host_row_finalize;
}

static void
_lxcmon_host_row_init (LxcmonHostRow *self)
{
}

/*< private >
 * _lxcmon_host_row_new:
 *
 * Creates a row for a new container.
 */
LxcmonHostRow *
_lxcmon_host_row_new (LxcmonHost *host, const LxcmonRuntimeSocket *socket)
{
  LxcmonHostRow *self = g_object_new (LXCMON_TYPE_HOST_ROW, "name", socket->name, NULL);
  g_autofree char *path
      = g_strconcat (_lxcmon_host_get_dir (host), "/", socket->name, ".sock", NULL);

  self->host = host;
  self->socket_path = g_ref_string_new (path);
  self->file = socket->file;
  return self;
}

/* ---- Functions of the host that rows use ---- */

const char *
_lxcmon_host_get_dir (LxcmonHost *self)
{
  return self->runtime_dir != NULL ? self->runtime_dir : LXCMON_RUNTIME_DIR;
}

/*< private >
 * _lxcmon_host_copy_rows:
 *
 * Returns: (transfer full): the rows of now, for a walk during which handlers may change the list
 */
GPtrArray *
_lxcmon_host_copy_rows (LxcmonHost *self)
{
  guint n = g_list_model_get_n_items ((GListModel *) self);
  GPtrArray *rows = g_ptr_array_new_full (n, g_object_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (rows, g_list_model_get_item ((GListModel *) self, i));
  return rows;
}

/*< private >
 * _lxcmon_host_wake:
 * @at: when the host has something to do
 */
void
_lxcmon_host_wake (LxcmonHost *self, gint64 at)
{
  gint64 ready = g_source_get_ready_time (self->source);

  if (at != LXCMON_HOST_NEVER && (ready < 0 || at < ready))
    g_source_set_ready_time (self->source, at);
}

/*< private >
 * _lxcmon_host_scan_soon:
 *
 * Requests a scan. It is made at once, unless the last one was a moment ago.
 */
void
_lxcmon_host_scan_soon (LxcmonHost *self)
{
  if (self->source == NULL)
    return;

  self->scan_at = MIN (self->scan_at, MAX (g_get_monotonic_time (), self->scan_not_before));
  _lxcmon_host_wake (self, self->scan_at);
}

/*< private >
 * _lxcmon_host_retry_rows:
 *
 * Rows whose attach is put off are reconsidered now.
 */
void
_lxcmon_host_retry_rows (LxcmonHost *self)
{
  g_autoptr (GPtrArray) rows = _lxcmon_host_copy_rows (self);

  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonHostRow *row = rows->pdata[i];
      if (row->phase == LXCMON_ROW_DETACHED && row->due != LXCMON_HOST_NEVER)
        row->due = 0;
    }
  _lxcmon_host_scan_soon (self);
}

/*< private >
 * _lxcmon_host_warn_once:
 *
 * Logs a warning, unless one was logged already for the current problem.
 */
void
_lxcmon_host_warn_once (LxcmonHost *self, const char *what, const char *why)
{
  if (!self->warned)
    g_warning ("%s: %s", what, why);
  self->warned = TRUE;
}

static void
report (LxcmonHostRow *self, LxcmonReport what, const LxcmonModel *model, const GError *error)
{
  _lxcmon_monitor_list_report (_lxcmon_host_get_list (self->host), (LxcmonMonitor *) self, what,
                               model, error);
}

/*< private >
 * _lxcmon_host_row_remove:
 *
 * Removes a row from the list, and closes its session.
 */
void
_lxcmon_host_row_remove (LxcmonHostRow *self)
{
  LxcmonHost *host = self->host;

  self->host = NULL;
  close_session (self);
  _lxcmon_monitor_list_remove (_lxcmon_host_get_list (host), (LxcmonMonitor *) self);
}

/*< private >
 * _lxcmon_host_row_set_phase:
 * @due: see LxcmonHostRowPhase
 */
void
_lxcmon_host_row_set_phase (LxcmonHostRow *self, LxcmonHostRowPhase phase, gint64 due)
{
  self->phase = phase;
  self->due = due;
  self->host->rows_at = MIN (self->host->rows_at, due);
  _lxcmon_host_wake (self->host, due);
}

/*< private >
 * _lxcmon_host_row_retry_later:
 *
 * Schedules the next attempt to attach a row: at longer intervals each time, up to a limit.
 */
void
_lxcmon_host_row_retry_later (LxcmonHostRow *self)
{
  gint64 pause = MIN (RETRY_MIN_US << MIN (self->n_tries, 7), RETRY_MAX_US);

  self->n_tries++;
  _lxcmon_host_row_set_phase (self, LXCMON_ROW_DETACHED, g_get_monotonic_time () + pause);
}

/* ---- Attaching, and not attaching ---- */

static gboolean
is_shortage (const LxcmonError *error)
{
  return error->code == LXCMON_MONITOR_ERROR_FAILED
         && (error->system_errno == EMFILE || error->system_errno == ENFILE
             || error->system_errno == ENOMEM || error->system_errno == ENOBUFS);
}

/* An attach has failed. It is tried again where it may succeed later: the controller does not listen yet,
 * or has ended before it accepted us, or its slot is taken, or descriptors have run short, or a call has failed
 * that may not fail again. */
static void
handle_failed (LxcmonHostRow *self, const LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = _lxcmon_monitor_error_new (error);
  LxcmonHost *host = self->host;

  close_session (self);
  if (is_shortage (error))
    {
      _lxcmon_host_warn_once (host, "some containers cannot be attached now, and are tried again",
                              error->message);
      host->shortage_until = g_get_monotonic_time () + LXCMON_HOST_SHORTAGE_US;
      _lxcmon_host_row_set_phase (self, LXCMON_ROW_DETACHED, LXCMON_HOST_NEVER);
      g_queue_push_head (&host->pending, g_object_ref (self));
      _lxcmon_host_wake (host, host->shortage_until);
    }
  else if (error->code == LXCMON_MONITOR_ERROR_BUSY || error->code == LXCMON_MONITOR_ERROR_NOT_FOUND
           || error->code == LXCMON_MONITOR_ERROR_REFUSED
           || error->code == LXCMON_MONITOR_ERROR_LOST
           || error->code == LXCMON_MONITOR_ERROR_FAILED)
    {
      _lxcmon_host_row_retry_later (self);
      if (error->code == LXCMON_MONITOR_ERROR_BUSY)
        _lxcmon_host_scan_soon (host);
    }
  else
    _lxcmon_host_row_set_phase (self, LXCMON_ROW_DETACHED, LXCMON_HOST_NEVER);
  report (self, LXCMON_REPORT_CHANGED, model, why);
}

/* Closed; the row stays for the linger timeout. If EXIT was not received, it also stays as long as its
 * socket has a listener, because the container may still run. */
static void
set_closed (LxcmonHostRow *self)
{
  gint64 linger = (gint64) self->host->linger_timeout * G_TIME_SPAN_MILLISECOND;

  self->reboot_until = 0;
  _lxcmon_host_row_set_phase (self, LXCMON_ROW_CLOSED, g_get_monotonic_time () + linger);
  if (linger == 0 && !self->has_listener)
    _lxcmon_host_row_remove (self);
}

/* A step: the list's own "closed" was emitted. */
static void
finish_closed (GObject *object, gpointer data)
{
  LxcmonHostRow *self = (LxcmonHostRow *) object;

  self->reporting = FALSE;
  if (self->host == NULL)
    return;

  /* A handler of the list's change may drop the last reference. */
  g_autoptr (LxcmonMonitorList) alive = g_object_ref (_lxcmon_host_get_list (self->host));
  _lxcmon_host_scan_soon (self->host);
  if (self->phase == LXCMON_ROW_CLOSED)
    set_closed (self);
}

/* The connection was closed for libvirtd, and the container runs on. Most often the hub has closed it, because
 * libvirtd has started: then the scan is still to find that. */
static void
finish_yield (LxcmonHostRow *self, const LxcmonError *why)
{
  gint pid = lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) self);
  g_autoptr (GError) error
      = self->yields != NULL ? g_steal_pointer (&self->yields) : _lxcmon_monitor_error_new (why);

  close_session (self);
  self->asked = pid != 0;
  self->due = 0;
  _lxcmon_host_scan_soon (self->host);
  _lxcmon_host_row_observe (self, pid, error);
}

static void
handle_closed (LxcmonHostRow *self, LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = error != NULL ? _lxcmon_monitor_error_new (error) : NULL;
  LxcmonHost *host = self->host;
  gint64 now = g_get_monotonic_time ();

  close_session (self);
  host->shortage_until = MIN (host->shortage_until, now); /* a descriptor is free again */
  self->n_tries = 0;
  self->asked = FALSE;
  self->has_listener = !model->exited;
  self->reporting = TRUE;
  if (why != NULL)
    model->end = _lxcmon_end_from_error (why);
  if (model->end == LXCMON_END_REBOOT && host->reboot_timeout > 0)
    {
      self->reboot_until = now + (gint64) host->reboot_timeout * G_TIME_SPAN_MILLISECOND;
      _lxcmon_host_row_set_phase (self, LXCMON_ROW_REBOOTING, self->reboot_until);
    }
  else
    _lxcmon_host_row_set_phase (self, LXCMON_ROW_CLOSED, LXCMON_HOST_NEVER);
  if (model->exited)
    g_hash_table_add (host->ended, g_memdup2 (&self->file, sizeof self->file));

  report (self, LXCMON_REPORT_CLOSED, model, why);
  if (self->host != NULL)
    _lxcmon_main_source_push (_lxcmon_monitor_list_get_source (_lxcmon_host_get_list (host)), self,
                              finish_closed, NULL, NULL);
}

/* What each event does to a row. */
static void
on_event (GObject *owner, LxcmonSession *session, const LxcmonEvent *event)
{
  LxcmonHostRow *self = (LxcmonHostRow *) owner;
  LxcmonModel model = *_lxcmon_monitor_get_model ((LxcmonMonitor *) self);

  if (self->session != session || self->host == NULL)
    return;

  g_autoptr (LxcmonMonitorList) alive = g_object_ref (_lxcmon_host_get_list (self->host));
  _lxcmon_session_apply (session, event, &model);
  switch (event->type)
    {
    case LXCMON_EVENT_CONNECTED:
      report (self, LXCMON_REPORT_CHANGED, &model, NULL);
      break;
    case LXCMON_EVENT_ATTACHED:
      self->reboot_until = 0;
      report (self, LXCMON_REPORT_CHANGED, &model, NULL);
      break;
    case LXCMON_EVENT_INIT:
      report (self, LXCMON_REPORT_INIT, &model, NULL);
      break;
    case LXCMON_EVENT_EXIT:
      report (self, LXCMON_REPORT_EXIT, &model, NULL);
      break;
    case LXCMON_EVENT_CLOSED:
      if (event->error != NULL
          && (self->yields != NULL || event->error->code == LXCMON_MONITOR_ERROR_BUSY))
        finish_yield (self, event->error);
      else
        handle_closed (self, &model, event->error);
      break;
    case LXCMON_EVENT_FAILED:
      if (self->yields != NULL)
        finish_yield (self, event->error);
      else
        handle_failed (self, &model, event->error);
      break;
    default:
      break;
    }
}

/*< private >
 * _lxcmon_host_row_attach:
 * @self: a row that is detached, to which the caller holds a reference
 *
 * Starts to attach a row. The row may be removed from the list by this.
 */
void
_lxcmon_host_row_attach (LxcmonHostRow *self)
{
  static const LxcmonEvent begin = { .type = LXCMON_EVENT_CONNECTED };
  LxcmonHost *host = self->host;
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);
  LxcmonSessionSettings settings = {
    .name = (GRefString *) lxcmon_monitor_get_name ((LxcmonMonitor *) self),
    .socket_path = self->socket_path,
    .options = LXCMON_ATTACH_OPTIONS_INIT,
  };
  LxcmonError error;

  settings.options.force = host->force != FALSE;
  self->session
      = _lxcmon_session_open (self, _lxcmon_monitor_list_get_context (_lxcmon_host_get_list (host)),
                              &settings, on_event, &error);
  if (self->session == NULL)
    {
      handle_failed (self, &model, &error);
      return;
    }

  g_clear_error (&self->yields);
  _lxcmon_host_row_set_phase (self, LXCMON_ROW_ATTACHED, LXCMON_HOST_NEVER);
  _lxcmon_session_apply (self->session, &begin, &model);
  report (self, LXCMON_REPORT_CHANGED, &model, NULL);
}

/*< private >
 * _lxcmon_host_row_yield:
 *
 * @error: why
 *
 * libvirtd needs the slot: it is left at once. What has been received is reported before the row is shown as
 * libvirtd's, and an end among it is an end.
 */
void
_lxcmon_host_row_yield (LxcmonHostRow *self, const GError *error)
{
  if (self->yields != NULL)
    return;
  self->yields = g_error_copy (error);
  _lxcmon_session_shutdown (self->session);
}

/*< private >
 * _lxcmon_host_row_observe:
 * @controller_pid: the pid of the controller, or 0 if it is not known
 * @error: why the row is not attached
 *
 * Shows what can be known of a container without a session.
 */
void
_lxcmon_host_row_observe (LxcmonHostRow *self, gint controller_pid, const GError *error)
{
  const LxcmonModel *known = _lxcmon_monitor_get_model ((LxcmonMonitor *) self);
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);

  model.controller_pid = controller_pid;
  if (controller_pid == known->controller_pid)
    model.init_pid = known->init_pid;
  if (model.init_pid == 0)
    model.init_pid = lxcmon_process_find_init (controller_pid);
  if (model.init_pid == 0)
    model.init_pid = _lxcmon_status_xml_find_init (self->socket_path, controller_pid);

  self->phase = LXCMON_ROW_DETACHED;
  self->reboot_until = 0;
  report (self, LXCMON_REPORT_CHANGED, &model, error);
}

/*< private >
 * _lxcmon_host_row_give_up_reboot:
 *
 * Called when the next controller has not appeared. The row may be removed from the list by this.
 */
void
_lxcmon_host_row_give_up_reboot (LxcmonHostRow *self)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);
  g_autoptr (GError) error
      = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
                     "%s rebooted, and no new controller appeared within %u ms",
                     lxcmon_monitor_get_name (monitor), self->host->reboot_timeout);

  self->has_listener = FALSE;
  self->due = LXCMON_HOST_NEVER;
  report (self, LXCMON_REPORT_CHANGED, &model, error);
  if (self->host != NULL && self->phase == LXCMON_ROW_REBOOTING)
    set_closed (self);
}
