/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a row: the monitor of one container of a host, its session, and what each event does to it.
 * lxcmon-direct-scan.c decides what a scan changes in it.
 */

#include "lxcmon-direct-private.h"

#include <errno.h>
#include <lxcmon/lxcmon-name.h>
#include <lxcmon/lxcmon-process.h>

#include "lxcmon-status-xml-private.h"

#define RETRY_MIN_US (50 * G_TIME_SPAN_MILLISECOND)
#define RETRY_MAX_US \
  (5 * G_TIME_SPAN_SECOND) /* also for a slot that is taken: nothing reports its end */

static LxcmonRows *
get_rows (LxcmonRow *self)
{
  return _lxcmon_direct_get_rows (self->direct);
}

static void
close_session (LxcmonRow *self)
{
  if (self->session != NULL && self->direct != NULL)
    self->direct->n_sessions--;
  g_clear_pointer (&self->session, _lxcmon_session_close);
}

/* libvirtd's backend is started after the last connection was closed, so that all ends have been reported. */
static void
end_session (LxcmonRow *self)
{
  close_session (self);
  if (self->direct->n_sessions == 0)
    _lxcmon_backend_report ((LxcmonBackend *) self->direct, LXCMON_BACKEND_DRIVER, NULL);
}

/*< private >
 * _lxcmon_direct_row_adopt:
 * @self: a row that is no backend's
 *
 * Makes a row the direct backend's own; it is to be attached.
 */
void
_lxcmon_direct_row_adopt (LxcmonRow *self, LxcmonDirectBackend *direct,
                          const LxcmonRuntimeSocket *socket)
{
  g_autofree char *path
      = g_strconcat (_lxcmon_direct_get_dir (direct), "/", socket->name, ".sock", NULL);

  _lxcmon_row_unwatch_end (self);
  g_clear_pointer (&self->socket_path, g_ref_string_release);
  self->socket_path = g_ref_string_new (path);
  self->direct = direct;
  self->file = socket->file;
  self->phase = LXCMON_DIRECT_DETACHED;
  self->due = 0;
  self->n_tries = 0;
  self->asked = self->has_listener = self->reporting = FALSE;
}

/*< private >
 * _lxcmon_direct_row_release:
 *
 * The row is not the direct backend's any more. It stays in the list as it is.
 */
void
_lxcmon_direct_row_release (LxcmonRow *self)
{
  close_session (self);
  _lxcmon_row_unwatch_end (self);
  self->direct = NULL;
  g_clear_error (&self->yields);
}

/*< private >
 * _lxcmon_direct_row_new:
 *
 * Creates a row for a new container.
 */
LxcmonRow *
_lxcmon_direct_row_new (LxcmonDirectBackend *direct, const LxcmonRuntimeSocket *socket)
{
  LxcmonRow *self = _lxcmon_row_new (socket->name);

  _lxcmon_direct_row_adopt (self, direct, socket);
  return self;
}

/* ---- Functions of the backend that rows use ---- */

const char *
_lxcmon_direct_get_dir (LxcmonDirectBackend *self)
{
  return self->runtime_dir != NULL ? self->runtime_dir : LXCMON_RUNTIME_DIR;
}

/*< private >
 * _lxcmon_direct_is_forced:
 *
 * Returns: whether to connect even if libvirtd is running or another client has the slot
 */
gboolean
_lxcmon_direct_is_forced (LxcmonDirectBackend *self)
{
  return self->force && !self->is_automatic;
}

/*< private >
 * _lxcmon_direct_wake:
 * @at: when the backend has something to do
 */
void
_lxcmon_direct_wake (LxcmonDirectBackend *self, gint64 at)
{
  gint64 ready = g_source_get_ready_time (self->source);

  if (at != LXCMON_DIRECT_NEVER && (ready < 0 || at < ready))
    g_source_set_ready_time (self->source, at);
}

/*< private >
 * _lxcmon_direct_scan_soon:
 *
 * Requests a scan. It is made at once, unless the last one was a moment ago.
 */
void
_lxcmon_direct_scan_soon (LxcmonDirectBackend *self)
{
  if (self->source == NULL)
    return;

  self->scan_at = MIN (self->scan_at, MAX (g_get_monotonic_time (), self->scan_not_before));
  _lxcmon_direct_wake (self, self->scan_at);
}

/*< private >
 * _lxcmon_direct_retry_rows:
 *
 * Rows whose attach is put off are reconsidered now.
 */
void
_lxcmon_direct_retry_rows (LxcmonDirectBackend *self)
{
  if (self->source == NULL)
    return;

  g_autoptr (GPtrArray) rows = _lxcmon_rows_copy (_lxcmon_direct_get_rows (self));
  for (guint i = 0; i < rows->len; i++)
    {
      LxcmonRow *row = rows->pdata[i];
      if (row->direct == self && row->phase == LXCMON_DIRECT_DETACHED
          && row->due != LXCMON_DIRECT_NEVER)
        row->due = 0;
    }
  _lxcmon_direct_scan_soon (self);
}

/*< private >
 * _lxcmon_direct_warn_once:
 *
 * Logs a warning, unless one was logged already for the current problem.
 */
void
_lxcmon_direct_warn_once (LxcmonDirectBackend *self, const char *what, const char *why)
{
  if (!self->warned)
    g_warning ("%s: %s", what, why);
  self->warned = TRUE;
}

static void
report (LxcmonRow *self, LxcmonReport what, const LxcmonModel *model, const GError *error)
{
  _lxcmon_rows_report (get_rows (self), self, what, model, error);
}

/*< private >
 * _lxcmon_direct_row_remove:
 *
 * Removes a row from the list, and closes its session.
 */
void
_lxcmon_direct_row_remove (LxcmonRow *self)
{
  LxcmonRows *rows = get_rows (self);

  _lxcmon_direct_row_release (self);
  _lxcmon_rows_remove (rows, self);
}

/*< private >
 * _lxcmon_direct_row_set_phase:
 * @due: see LxcmonDirectPhase
 */
void
_lxcmon_direct_row_set_phase (LxcmonRow *self, LxcmonDirectPhase phase, gint64 due)
{
  self->phase = phase;
  self->due = due;
  self->direct->rows_at = MIN (self->direct->rows_at, due);
  _lxcmon_direct_wake (self->direct, due);
}

/*< private >
 * _lxcmon_direct_row_retry_later:
 *
 * Schedules the next attempt to attach a row: at longer intervals each time, up to a limit.
 */
void
_lxcmon_direct_row_retry_later (LxcmonRow *self)
{
  gint64 pause = MIN (RETRY_MIN_US << MIN (self->n_tries, 7), RETRY_MAX_US);

  self->n_tries++;
  _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_DETACHED, g_get_monotonic_time () + pause);
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
handle_failed (LxcmonRow *self, LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = _lxcmon_monitor_error_new (error);
  LxcmonDirectBackend *direct = self->direct;

  end_session (self);
  model->running = error->code != LXCMON_MONITOR_ERROR_NOT_FOUND
                   && error->code != LXCMON_MONITOR_ERROR_REFUSED
                   && error->code != LXCMON_MONITOR_ERROR_LOST;
  if (is_shortage (error))
    {
      _lxcmon_direct_warn_once (direct,
                                "some containers cannot be attached now, and are tried again",
                                error->message);
      direct->shortage_until = g_get_monotonic_time () + LXCMON_DIRECT_SHORTAGE_US;
      _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_DETACHED, LXCMON_DIRECT_NEVER);
      g_queue_push_head (&direct->pending, g_object_ref (self));
      _lxcmon_direct_wake (direct, direct->shortage_until);
    }
  else if (error->code == LXCMON_MONITOR_ERROR_BUSY || error->code == LXCMON_MONITOR_ERROR_NOT_FOUND
           || error->code == LXCMON_MONITOR_ERROR_REFUSED
           || error->code == LXCMON_MONITOR_ERROR_LOST
           || error->code == LXCMON_MONITOR_ERROR_FAILED)
    {
      _lxcmon_direct_row_retry_later (self);
      if (error->code == LXCMON_MONITOR_ERROR_BUSY)
        _lxcmon_direct_scan_soon (direct);
    }
  else
    _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_DETACHED, LXCMON_DIRECT_NEVER);
  report (self, LXCMON_REPORT_CHANGED, model, why);
}

/*< private >
 * _lxcmon_direct_row_linger:
 *
 * Closed; the row stays for the linger timeout. If EXIT was not received, it also stays as long as its
 * socket has a listener, because the container may still run.
 */
void
_lxcmon_direct_row_linger (LxcmonRow *self)
{
  gint64 linger = (gint64) get_rows (self)->linger_timeout * G_TIME_SPAN_MILLISECOND;

  self->reboot_until = 0;
  _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_CLOSED, g_get_monotonic_time () + linger);
  if (linger == 0 && !self->has_listener)
    _lxcmon_direct_row_remove (self);
}

/* A step: the list's own "closed" was emitted. */
static void
finish_closed (GObject *object, gpointer data)
{
  LxcmonRow *self = (LxcmonRow *) object;

  self->reporting = FALSE;
  if (self->direct == NULL)
    return;

  /* A handler of the list's change may drop the last reference. */
  g_autoptr (GObject) alive = g_object_ref (get_rows (self)->host);
  _lxcmon_direct_scan_soon (self->direct);
  if (self->phase == LXCMON_DIRECT_CLOSED)
    _lxcmon_direct_row_linger (self);
}

/*< private >
 * _lxcmon_direct_row_end_unseen:
 * @self: a row that is not attached, to which the caller holds a reference
 *
 * The container has ended, and nobody has reported how.
 */
void
_lxcmon_direct_row_end_unseen (LxcmonRow *self)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);
  LxcmonRows *rows = get_rows (self);
  g_autoptr (GError) error = _lxcmon_row_new_unseen_error (self);

  model.state = LXCMON_STATE_CLOSED;
  model.running = FALSE;
  model.end = LXCMON_END_UNKNOWN;
  self->reboot_until = 0;
  self->has_listener = FALSE;
  self->reporting = TRUE;
  _lxcmon_row_unwatch_end (self);
  _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_CLOSED, LXCMON_DIRECT_NEVER);
  report (self, LXCMON_REPORT_CLOSED, &model, error);
  if (self->direct != NULL)
    _lxcmon_main_source_push (rows->source, self, finish_closed, NULL, NULL);
}

/* The connection was closed for libvirtd, and the container runs on. Most often the hub has closed it, because
 * libvirtd has started: then the scan is still to find that. */
static void
finish_yield (LxcmonRow *self, const LxcmonError *why)
{
  gint pid = lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) self);
  g_autoptr (GError) error
      = self->yields != NULL ? g_steal_pointer (&self->yields) : _lxcmon_monitor_error_new (why);

  end_session (self);
  self->asked = pid != 0;
  self->due = 0;
  _lxcmon_direct_scan_soon (self->direct);
  _lxcmon_direct_row_observe (self, pid, error);
}

static void
handle_closed (LxcmonRow *self, LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = error != NULL ? _lxcmon_monitor_error_new (error) : NULL;
  LxcmonDirectBackend *direct = self->direct;
  gint64 now = g_get_monotonic_time ();

  if (!model->exited) /* how init ended may be known only later */
    _lxcmon_row_set_init_fd (self, _lxcmon_session_dup_init_pidfd (self->session));
  end_session (self);
  direct->shortage_until = MIN (direct->shortage_until, now); /* a descriptor is free again */
  self->n_tries = 0;
  self->asked = FALSE;
  self->has_listener = !model->exited;
  self->reporting = TRUE;
  _lxcmon_model_end_by_error (model, why);
  if (model->end == LXCMON_END_REBOOT && get_rows (self)->reboot_timeout > 0)
    {
      self->reboot_until = now + (gint64) get_rows (self)->reboot_timeout * G_TIME_SPAN_MILLISECOND;
      _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_REBOOTING, self->reboot_until);
    }
  else
    _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_CLOSED, LXCMON_DIRECT_NEVER);
  if (model->exited)
    g_hash_table_add (direct->ended, g_memdup2 (&self->file, sizeof self->file));

  report (self, LXCMON_REPORT_CLOSED, model, why);
  if (self->direct != NULL)
    _lxcmon_main_source_push (get_rows (self)->source, self, finish_closed, NULL, NULL);
}

/* What each event does to a row. */
static void
on_event (GObject *owner, LxcmonSession *session, const LxcmonEvent *event)
{
  LxcmonRow *self = (LxcmonRow *) owner;
  LxcmonModel model = *_lxcmon_monitor_get_model ((LxcmonMonitor *) self);

  if (self->session != session || self->direct == NULL)
    return;

  g_autoptr (GObject) alive = g_object_ref (get_rows (self)->host);
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
      report (self, self->init_known ? LXCMON_REPORT_CHANGED : LXCMON_REPORT_INIT, &model, NULL);
      self->init_known = FALSE;
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

/* What is known before an attach: more than nothing if the run was reported before, by another backend or until
 * libvirtd needed the slot. */
static LxcmonModel
get_model_of_run (LxcmonRow *self)
{
  const LxcmonModel *known = _lxcmon_monitor_get_model ((LxcmonMonitor *) self);
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);

  if (_lxcmon_row_is_run_of (self, known->controller_pid))
    {
      model = *known;
      model.source = LXCMON_SOURCE_DIRECT;
      model.state = LXCMON_STATE_DETACHED;
    }
  return model;
}

/*< private >
 * _lxcmon_direct_row_attach:
 * @self: a row that is detached, to which the caller holds a reference
 *
 * Starts to attach a row. The row may be removed from the list by this.
 */
void
_lxcmon_direct_row_attach (LxcmonRow *self)
{
  static const LxcmonEvent begin = { .type = LXCMON_EVENT_CONNECTED };
  LxcmonDirectBackend *direct = self->direct;
  LxcmonModel model = get_model_of_run (self);
  LxcmonSessionSettings settings = {
    .name = (GRefString *) lxcmon_monitor_get_name ((LxcmonMonitor *) self),
    .socket_path = self->socket_path,
    .options = LXCMON_ATTACH_OPTIONS_INIT,
  };
  LxcmonError error;

  settings.options.force = _lxcmon_direct_is_forced (direct);
  settings.options.watch_init = get_rows (self)->watch_init != FALSE;
  self->init_known = model.init_pid != 0;
  self->session
      = _lxcmon_session_open (self, get_rows (self)->context, &settings, on_event, &error);
  if (self->session == NULL)
    {
      handle_failed (self, &model, &error);
      return;
    }

  direct->n_sessions++;
  _lxcmon_row_unwatch_end (self);
  g_clear_error (&self->yields);
  _lxcmon_direct_row_set_phase (self, LXCMON_DIRECT_ATTACHED, LXCMON_DIRECT_NEVER);
  _lxcmon_row_set_init_fd (self, -1);
  _lxcmon_session_apply (self->session, &begin, &model);
  model.running = TRUE;
  report (self, LXCMON_REPORT_CHANGED, &model, NULL);
}

/*< private >
 * _lxcmon_direct_row_yield:
 *
 * @error: why
 *
 * libvirtd needs the slot: it is left at once. What has been received is reported before the row is shown as
 * libvirtd's, and an end among it is an end.
 */
void
_lxcmon_direct_row_yield (LxcmonRow *self, const GError *error)
{
  if (self->yields != NULL)
    return;
  self->yields = g_error_copy (error);
  _lxcmon_session_shutdown (self->session);
}

static gboolean
on_controller_end (gpointer user_data)
{
  LxcmonRow *self = user_data;

  if (self->direct != NULL)
    _lxcmon_direct_scan_soon (self->direct);
  return G_SOURCE_REMOVE;
}

/* A controller that is killed leaves its socket file, so nothing in the directory changes. */
static void
watch_end (LxcmonRow *self)
{
  LxcmonDirectBackend *direct = self->direct;

  if (_lxcmon_row_watch_end (self, get_rows (self)->context, on_controller_end, self))
    return;
  direct->safety_at
      = MIN (direct->safety_at, g_get_monotonic_time () + LXCMON_DIRECT_UNWATCHED_END_US);
  _lxcmon_direct_wake (direct, direct->safety_at);
}

/*< private >
 * _lxcmon_direct_row_observe:
 * @controller_pid: the pid of the controller, or 0 if it is not known
 * @error: why the row is not attached
 *
 * Shows what can be known of a container without a session.
 */
void
_lxcmon_direct_row_observe (LxcmonRow *self, gint controller_pid, const GError *error)
{
  const LxcmonModel *known = _lxcmon_monitor_get_model ((LxcmonMonitor *) self);
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);

  if (controller_pid == known->controller_pid && known->running)
    model = *known;
  model.source = LXCMON_SOURCE_DIRECT;
  model.state = LXCMON_STATE_DETACHED;
  model.running = TRUE;
  _lxcmon_model_set_controller (&model, controller_pid);
  if (model.init_pid == 0)
    model.init_pid = lxcmon_process_find_init (controller_pid);
  if (model.init_pid == 0 || !_lxcmon_model_has_uuid (&model))
    _lxcmon_status_xml_complete (self->socket_path, &model);
  if (get_rows (self)->watch_init)
    _lxcmon_row_watch_init (self, &model);

  self->phase = LXCMON_DIRECT_DETACHED;
  self->reboot_until = 0;
  report (self, LXCMON_REPORT_CHANGED, &model, error);
  if (self->direct != NULL)
    watch_end (self);
}

/*< private >
 * _lxcmon_direct_row_give_up_reboot:
 *
 * Called when the next controller has not appeared. The row may be removed from the list by this.
 */
void
_lxcmon_direct_row_give_up_reboot (LxcmonRow *self)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);
  g_autoptr (GError) error
      = g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
                     "%s rebooted, and no new controller appeared within %u ms",
                     lxcmon_monitor_get_name (monitor), get_rows (self)->reboot_timeout);

  self->has_listener = FALSE;
  self->due = LXCMON_DIRECT_NEVER;
  report (self, LXCMON_REPORT_CHANGED, &model, error);
  if (self->direct != NULL && self->phase == LXCMON_DIRECT_REBOOTING)
    _lxcmon_direct_row_linger (self);
}
