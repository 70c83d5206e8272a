/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what happens to a client: the start of an attach, what each event changes, and the end. A handler
 * may detach the client, or attach it again: then self->session is another one, and what belongs to the
 * earlier one is dropped.
 */

#include "lxcmon-client-private.h"
#include "lxcmon-waits-private.h"

#include <stdlib.h>

#include <lxcmon/lxcmon-name.h>

/* Returns the pending call of attach_async(), if there is one; the client no longer has it. */
static GTask *
steal_attach (LxcmonClient *self)
{
  if (self->attach_cancel != NULL)
    {
      g_source_destroy (self->attach_cancel);
      g_clear_pointer (&self->attach_cancel, g_source_unref);
    }
  return g_steal_pointer (&self->attach);
}

/* Completes a call, if there is one, and drops the reference to it. Its callback may run at once. */
static void
return_attach (GTask *attach, const GError *error)
{
  g_autoptr (GTask) task = attach;

  if (task == NULL)
    return;
  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_boolean (task, TRUE);
}

/* All pending calls. They are removed from the client before any code of the application runs, which may
 * attach again. */
typedef struct
{
  GTask *attach;
  GList *waits;
} PendingCalls;

/* Ends the session, if there is one. The model is not changed. */
static PendingCalls
end_session (LxcmonClient *self)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  PendingCalls calls = {
    .attach = steal_attach (self),
    .waits = _lxcmon_waits_steal (_lxcmon_monitor_get_waits (monitor)),
  };

  _lxcmon_monitor_set_watched (monitor, FALSE);
  if (self->session != NULL)
    _lxcmon_session_close (g_steal_pointer (&self->session));
  /* The next attach may be in another context, and this one may be freed. */
  _lxcmon_monitor_set_context (monitor, NULL);
  return calls;
}

static void
return_calls (PendingCalls calls, const GError *why)
{
  return_attach (calls.attach, why);
  _lxcmon_waits_return (calls.waits, LXCMON_EXIT_STATUS_UNKNOWN, why);
}

/*< private >
 * _lxcmon_client_close:
 * @why: what pending calls return
 *
 * Ends the session, and reports nothing.
 */
void
_lxcmon_client_close (LxcmonClient *self, const GError *why)
{
  PendingCalls calls = end_session (self);

  _lxcmon_monitor_set_detached ((LxcmonMonitor *) self);
  return_calls (calls, why);
}

/* A step: after "closed" was emitted, the session ends, or waits for the next controller. */
static void
finish_life (GObject *object, gpointer data)
{
  LxcmonClient *self = (LxcmonClient *) object;
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);

  if (self->session != data)
    return;
  if (model.end != LXCMON_END_REBOOT || !_lxcmon_session_is_followed (self->session))
    {
      return_calls (end_session (self), NULL);
      return;
    }

  _lxcmon_session_follow (self->session);
  model.state = LXCMON_STATE_CONNECTING;
  _lxcmon_monitor_report (monitor, LXCMON_REPORT_CHANGED, &model, NULL);
}

static void
handle_closed (LxcmonClient *self, LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = error != NULL ? _lxcmon_monitor_error_new (error) : NULL;
  LxcmonSession *session = self->session;

  /* If a handler of a notification of the attach still runs a main loop, the attach has succeeded. */
  return_attach (steal_attach (self), NULL);
  if (self->session != session)
    return;

  _lxcmon_model_end_by_error (model, why);
  _lxcmon_monitor_await_init_end ((LxcmonMonitor *) self, model,
                                  _lxcmon_session_dup_init_pidfd (session));
  _lxcmon_main_source_push (_lxcmon_session_get_source (session), self, finish_life,
                            _lxcmon_session_ref (session), (GDestroyNotify) _lxcmon_session_unref);
  _lxcmon_monitor_report ((LxcmonMonitor *) self, LXCMON_REPORT_CLOSED, model, why);
}

/* A controller whose slot is taken has a container. */
static void
set_error_of_attach (LxcmonModel *model, const GError *why)
{
  model->running = g_error_matches (why, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);
}

static void
handle_failed (LxcmonClient *self, LxcmonModel *model, const LxcmonError *error)
{
  g_autoptr (GError) why = _lxcmon_monitor_error_new (error);

  set_error_of_attach (model, why);
  PendingCalls calls = end_session (self);

  _lxcmon_monitor_report ((LxcmonMonitor *) self, LXCMON_REPORT_CHANGED, model, why);
  return_calls (calls, why);
}

static void
handle_attached (LxcmonClient *self, const LxcmonModel *model)
{
  LxcmonSession *session = self->session;

  _lxcmon_monitor_report ((LxcmonMonitor *) self, LXCMON_REPORT_CHANGED, model, NULL);
  if (self->session == session)
    return_attach (steal_attach (self), NULL);
}

/* What each event does to a client. */
static void
on_event (GObject *owner, LxcmonSession *session, const LxcmonEvent *event)
{
  LxcmonClient *self = (LxcmonClient *) owner;
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);

  if (self->session != session)
    return;

  _lxcmon_session_apply (session, event, &model);
  switch (event->type)
    {
    case LXCMON_EVENT_CONNECTED:
      _lxcmon_monitor_report (monitor, LXCMON_REPORT_CHANGED, &model, NULL);
      break;
    case LXCMON_EVENT_ATTACHED:
      handle_attached (self, &model);
      break;
    case LXCMON_EVENT_INIT:
      _lxcmon_monitor_report (monitor, LXCMON_REPORT_INIT, &model, NULL);
      break;
    case LXCMON_EVENT_EXIT:
      _lxcmon_monitor_report (monitor, LXCMON_REPORT_EXIT, &model, NULL);
      break;
    case LXCMON_EVENT_CLOSED:
      handle_closed (self, &model, event->error);
      break;
    case LXCMON_EVENT_FAILED:
      handle_failed (self, &model, event->error);
      break;
    default:
      break;
    }
}

static LxcmonSession *
open_session (LxcmonClient *self, GMainContext *context, LxcmonError *error)
{
  LxcmonSessionSettings settings = {
    .name = (GRefString *) lxcmon_monitor_get_name ((LxcmonMonitor *) self),
    .socket_path = self->socket_path,
    .options = LXCMON_ATTACH_OPTIONS_INIT,
    .reboot_timeout = self->reboot_timeout,
  };

  settings.options.attach_timeout = self->attach_timeout;
  settings.options.keepalive_interval = self->keepalive_interval;
  settings.options.force = self->force != FALSE;
  settings.options.wait_if_busy = self->wait_if_busy != FALSE;
  settings.options.watch_init = self->watch_init != FALSE;
  if (self->socket_path == NULL)
    {
      /* The name is not valid: converting it again returns the error. */
      free (lxcmon_name_to_socket_path (self->runtime_dir, settings.name, error));
      return NULL;
    }
  return _lxcmon_session_open (self, context, &settings, on_event, error);
}

/*< private >
 * _lxcmon_client_detach:
 *
 * Ends the session, and sets the state to DETACHED.
 */
void
_lxcmon_client_detach (LxcmonClient *self)
{
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  LxcmonModel model = *_lxcmon_monitor_get_model (monitor);

  if (model.state == LXCMON_STATE_DETACHED)
    return;

  g_autoptr (LxcmonMonitor) alive = g_object_ref (monitor);
  g_autoptr (GError) cancelled
      = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the client of %s was detached",
                     lxcmon_monitor_get_name (monitor));
  g_autoptr (GError) error = lxcmon_monitor_get_error (monitor) != NULL
                                 ? g_error_copy (lxcmon_monitor_get_error (monitor))
                                 : NULL;
  PendingCalls calls = end_session (self);

  model.state = LXCMON_STATE_DETACHED;
  _lxcmon_monitor_report (monitor, LXCMON_REPORT_CHANGED, &model, error);
  return_calls (calls, cancelled);
}

static gboolean
on_attach_cancelled (GCancellable *cancellable, gpointer user_data)
{
  _lxcmon_client_detach (user_data);
  return G_SOURCE_REMOVE;
}

/* The cancellation may come from any thread; it takes effect in the client's context. */
static void
keep_attach (LxcmonClient *self, GTask *task, GMainContext *context)
{
  GCancellable *cancellable = g_task_get_cancellable (task);

  self->attach = task;
  if (cancellable == NULL)
    return;
  self->attach_cancel = g_cancellable_source_new (cancellable);
  g_source_set_static_name (self->attach_cancel, "[lxcmon] attach cancelled");
  g_source_set_callback (self->attach_cancel, G_SOURCE_FUNC (on_attach_cancelled), self, NULL);
  g_source_attach (self->attach_cancel, context);
}

/*< private >
 * _lxcmon_client_is_active:
 *
 * Returns: whether the client is attached, or attaching
 */
gboolean
_lxcmon_client_is_active (LxcmonClient *self)
{
  LxcmonState state = _lxcmon_monitor_get_model ((LxcmonMonitor *) self)->state;

  return state != LXCMON_STATE_DETACHED && state != LXCMON_STATE_CLOSED;
}

/*< private >
 * _lxcmon_client_attach:
 * @self: a client that is not active
 * @context: the main context that it belongs to from now on
 * @task: (transfer full): the call to complete
 *
 * Begins an attach.
 */
void
_lxcmon_client_attach (LxcmonClient *self, GMainContext *context, GTask *task)
{
  static const LxcmonEvent begin = { .type = LXCMON_EVENT_CONNECTED };
  LxcmonMonitor *monitor = (LxcmonMonitor *) self;
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);
  LxcmonError error;

  /* A handler of "closed" attaches again: the closed session ends now, and not in its step. */
  return_calls (end_session (self), NULL);
  self->session = open_session (self, context, &error);
  if (self->session == NULL)
    {
      g_autoptr (GError) why = _lxcmon_monitor_error_new (&error);
      set_error_of_attach (&model, why);
      _lxcmon_monitor_report (monitor, LXCMON_REPORT_CHANGED, &model, why);
      return_attach (task, why);
      return;
    }

  _lxcmon_monitor_set_context (monitor, context);
  keep_attach (self, task, context);
  _lxcmon_monitor_set_watched (monitor, TRUE);
  _lxcmon_session_apply (self->session, &begin, &model);
  _lxcmon_monitor_report (monitor, LXCMON_REPORT_CHANGED, &model, NULL);
}
