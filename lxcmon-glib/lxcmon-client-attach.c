/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a client's way in and out: which context it belongs to, the pending attach, and detaching.
 * Refuses events (lxcmon-client-events.c) and manners, which are the core's.
 */

#include "lxcmon-client-private.h"

static LxcmonAttachOptions
make_options (LxcmonClient *self)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  const LxcmonClientExtra *extra = _lxcmon_client_get_extra (self);

  options.attach_timeout = extra->attach_timeout;
  options.keepalive_interval = extra->keepalive_interval;
  options.force = self->force;
  options.wait_if_busy = self->wait_if_busy;
  return options;
}

/* Whether anybody would see lines for debugging: making them costs more than an event does. */
static gboolean
wants_debug (void)
{
  return !g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN);
}

static gboolean
start_connection (LxcmonClient *self, const char *path, GError **error)
{
  LxcmonConnection *connection = _lxcmon_client_get_connection (self);
  LxcmonAttachOptions options = make_options (self);
  LxcmonError why;

  lxcmon_connection_set_debug (connection, wants_debug ());
  if (lxcmon_connection_set_hub (connection, _lxcmon_hub_source_get_hub (self->source), &why)
      && lxcmon_connection_attach (connection, path, &options, &why))
    return TRUE;

  g_propagate_error (error, _lxcmon_monitor_error_new (&why));
  return FALSE;
}

/*< private >
 * _lxcmon_client_begin_attach:
 *
 * Begins an attach in the context of self->source, which the caller has acquired. Where it fails, the
 * error is the client's too; the source stays the caller's to release.
 */
gboolean
_lxcmon_client_begin_attach (LxcmonClient *self, GError **error)
{
  g_autoptr (GError) why = NULL;

  _lxcmon_client_set_observed_pid (self, 0);
  lxcmon_connection_set_init_pid (_lxcmon_client_get_connection (self), 0);
  _lxcmon_client_set_error (self, NULL);
  const char *path = _lxcmon_client_build_path (self, &why);
  if (path != NULL)
    start_connection (self, path, &why);
  if (why == NULL)
    return TRUE;

  _lxcmon_client_set_error (self, why);
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* Makes the client one of a context, in place of the one that it belonged to. */
static gboolean
enter (LxcmonClient *self, GMainContext *context, GError **error)
{
  g_autoptr (GError) why = NULL;
  LxcmonHubSource *source = _lxcmon_hub_source_acquire (context, &why);

  _lxcmon_client_release (self);
  self->source = source;
  if (source != NULL)
    return TRUE;

  _lxcmon_client_set_error (self, why);
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* Begins an attach that the user asked for. What it changes is the caller's to notify. */
static gboolean
begin (LxcmonClient *self, GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  if (_lxcmon_client_is_active (self))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                   "the client of %s is attached already, or attaching: detach it first",
                   _lxcmon_client_get_name (self));
      return FALSE;
    }

  self->epoch++;
  _lxcmon_client_set_follow (self, NULL);
  if (!enter (self, context, error))
    return FALSE;
  if (lxcmon_client_get_reboot_timeout (self) > 0 && self->row == NULL)
    _lxcmon_client_set_follow (self, _lxcmon_follow_new (self));
  if (_lxcmon_client_begin_attach (self, error))
    return TRUE;

  _lxcmon_client_set_follow (self, NULL);
  _lxcmon_client_release (self);
  return FALSE;
}

/* A host's row is the host's to attach. */
static gboolean
refuse_row (LxcmonClient *self, GError **error)
{
  if (self->row == NULL)
    return FALSE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING,
               "the client of %s is one of a host's, which attaches it by itself; make a client of "
               "your own",
               _lxcmon_client_get_name (self));
  return TRUE;
}

/*< private >
 * _lxcmon_client_begin_row:
 *
 * Begins an attach for a host, in the thread-default context. What comes of it, the row is told.
 */
gboolean
_lxcmon_client_begin_row (LxcmonClient *self, GError **error)
{
  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);
  gboolean begun = begin (self, error);

  _lxcmon_client_notify_changes (self);
  return begun;
}

/*< private >
 * _lxcmon_client_steal_attach:
 *
 * Takes the pending attach away from the client: whoever notifies before returning it may meet a
 * handler that attaches again.
 *
 * Returns: (transfer full) (nullable): the task, where there is one
 */
GTask *
_lxcmon_client_steal_attach (LxcmonClient *self)
{
  if (self->extra == NULL)
    return NULL;

  GTask *task = g_steal_pointer (&self->extra->attach);
  if (self->extra->attach_cancel != NULL)
    {
      g_source_destroy (self->extra->attach_cancel);
      g_clear_pointer (&self->extra->attach_cancel, g_source_unref);
    }
  _lxcmon_client_tidy_extra (self);
  return task;
}

/*< private >
 * _lxcmon_client_steal_waits:
 *
 * Takes those who wait for EXIT away from the client.
 *
 * Returns: (transfer full) (nullable): their tasks
 */
GList *
_lxcmon_client_steal_waits (LxcmonClient *self)
{
  if (self->extra == NULL)
    return NULL;

  GList *tasks = g_steal_pointer (&self->extra->waits);
  _lxcmon_client_tidy_extra (self);
  return tasks;
}

/*< private >
 * _lxcmon_client_return_attach:
 * @task: (transfer full) (nullable): an attach, where there is one
 * @error: (nullable): why it failed, or %NULL where it did not
 *
 * Completes an attach. Its callback may run at once.
 */
void
_lxcmon_client_return_attach (GTask *task, const GError *error)
{
  if (task == NULL)
    return;

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

/*< private >
 * _lxcmon_client_leave:
 *
 * Leaves the controller, and tells nobody.
 */
void
_lxcmon_client_leave (LxcmonClient *self)
{
  self->epoch++;
  _lxcmon_client_set_follow (self, NULL);
  lxcmon_connection_detach (_lxcmon_client_get_connection (self));
}

/*< private >
 * _lxcmon_client_release:
 *
 * Leaves the context, where the client belongs to one. The hub as well: it is for the context's thread
 * alone, and the client may be in another one next.
 */
void
_lxcmon_client_release (LxcmonClient *self)
{
  (void) lxcmon_connection_set_hub (_lxcmon_client_get_connection (self), NULL, NULL);
  _lxcmon_hub_source_release (&self->source);
}

/*< private >
 * _lxcmon_client_observe:
 * @error: why a host's row is not attached
 * @controller_pid: its controller, or 0
 * @init_pid: its init, or 0
 *
 * Leaves the controller where the client has one, and shows what is known of it from outside.
 */
void
_lxcmon_client_observe (LxcmonClient *self, const GError *error, gint controller_pid, gint init_pid)
{
  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);
  GList *waits = _lxcmon_client_steal_waits (self);

  _lxcmon_client_leave (self);
  _lxcmon_client_release (self);
  _lxcmon_client_set_observed_pid (self, controller_pid);
  lxcmon_connection_set_init_pid (_lxcmon_client_get_connection (self), init_pid);
  const GError *known = _lxcmon_client_get_error (self);
  if (known == NULL || g_strcmp0 (known->message, error->message) != 0)
    _lxcmon_client_set_error (self, error);
  _lxcmon_client_notify_changes (self);
  _lxcmon_client_return_waits (waits, LXCMON_EXIT_STATUS_UNKNOWN, error);
}

/**
 * lxcmon_client_detach:
 * @self: a client
 *
 * Leaves the controller, or gives up getting to it. Once this has returned, no signal comes any more
 * but the notification of the state, which is %LXCMON_STATE_DETACHED; pending calls end with
 * %G_IO_ERROR_CANCELLED. A client that is not attached stays as it is.
 *
 * Since: 0.1
 */
void
lxcmon_client_detach (LxcmonClient *self)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  if (!_lxcmon_client_check_thread (self, G_STRFUNC))
    return;
  if (self->row != NULL)
    {
      g_critical ("%s: %s is one of a host's monitors, and the host's to detach", G_STRFUNC,
                  _lxcmon_client_get_name (self));
      return;
    }

  _lxcmon_client_detach (self);
}

/*< private >
 * _lxcmon_client_detach:
 *
 * Detaches, whoever the client belongs to.
 */
void
_lxcmon_client_detach (LxcmonClient *self)
{
  if (lxcmon_monitor_get_state (LXCMON_MONITOR (self)) == LXCMON_STATE_DETACHED)
    return;

  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);
  g_autoptr (GError) cancelled
      = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the client of %s was detached",
                     _lxcmon_client_get_name (self));
  GTask *attach = _lxcmon_client_steal_attach (self);
  GList *waits = _lxcmon_client_steal_waits (self);

  _lxcmon_client_leave (self);
  _lxcmon_client_release (self);
  _lxcmon_client_notify_changes (self);
  _lxcmon_client_return_attach (attach, cancelled);
  _lxcmon_client_return_waits (waits, LXCMON_EXIT_STATUS_UNKNOWN, cancelled);
}

static gboolean
on_attach_cancelled (GCancellable *cancellable, gpointer user_data)
{
  lxcmon_client_detach (LXCMON_CLIENT (user_data));
  return G_SOURCE_REMOVE;
}

/* The cancellation may come from any thread; it takes effect in the client's context. */
static void
watch_cancellable (LxcmonClient *self, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;

  GSource *source = g_cancellable_source_new (cancellable);
  g_source_set_static_name (source, "[lxcmon] attach cancelled");
  g_source_set_callback (source, G_SOURCE_FUNC (on_attach_cancelled), self, NULL);
  g_source_attach (source, _lxcmon_hub_source_get_context (self->source));
  _lxcmon_client_ensure_extra (self)->attach_cancel = source;
}

/**
 * lxcmon_client_attach_async:
 * @self: a client that is not attached
 * @cancellable: (nullable): to cancel the attach, which detaches the client
 * @callback: (scope async) (nullable) (closure user_data): called when the controller serves us, or
 *   when the attach has failed
 * @user_data: for @callback
 *
 * Attaches to the container's controller: looks whether its one place is free, connects, and waits to
 * be served. When this returns, the name is checked and, where the place was free, the client is
 * connected: a driver that starts the controller itself goes on with its handshake then.
 *
 * The client belongs to the calling thread's thread-default main context from now on. There is no
 * limit to how long the controller may take while nobody else is served.
 *
 * Since: 0.1
 */
void
lxcmon_client_attach_async (LxcmonClient *self, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  GError *error = NULL;

  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  if (!_lxcmon_client_check_thread (self, G_STRFUNC))
    return;

  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lxcmon_client_attach_async);
  /* An attach that has succeeded has done so, also where it was cancelled a moment later. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (refuse_row (self, &error) || !begin (self, &error))
    {
      _lxcmon_client_notify_changes (self);
      g_task_return_error (task, error);
      return;
    }

  _lxcmon_client_ensure_extra (self)->attach = g_steal_pointer (&task);
  watch_cancellable (self, cancellable);
  _lxcmon_client_notify_changes (self);
}

/**
 * lxcmon_client_attach_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: (out) (optional): where the error goes
 *
 * Ends [method@Lxcmon.Client.attach_async].
 *
 * Returns: whether the controller serves us. Otherwise @error is in the domain
 *   [error@Lxcmon.MonitorError], or %G_IO_ERROR_CANCELLED, or %G_IO_ERROR_PENDING where the client was
 *   attached already
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_attach_finish (LxcmonClient *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Waits to be served, polling the connection's own descriptor. */
static gboolean
wait_attached (LxcmonClient *self, GCancellable *cancellable, GError **error)
{
  LxcmonError why;
  int cancel_fd = cancellable != NULL ? g_cancellable_get_fd (cancellable) : -1;
  gboolean served
      = lxcmon_connection_wait_attached (_lxcmon_client_get_connection (self), cancel_fd, &why);

  if (cancel_fd >= 0)
    g_cancellable_release_fd (cancellable);
  if (served)
    {
      _lxcmon_client_handle_attached (self);
      return TRUE;
    }

  g_propagate_error (error, _lxcmon_monitor_error_new (&why));
  if (_lxcmon_client_is_active (self))
    lxcmon_client_detach (self);
  else
    _lxcmon_client_handle_failed (self, _lxcmon_monitor_error_new (&why));
  return FALSE;
}

/**
 * lxcmon_client_attach:
 * @self: a client that is not attached
 * @cancellable: (nullable): to cancel the attach, which detaches the client
 * @error: (out) (optional): where the error goes
 *
 * As [method@Lxcmon.Client.attach_async], and blocks until the outcome is known. It polls the client's
 * own descriptor, takes nothing from it, runs no main context and emits no signal but notifications of
 * properties: "init" and what else has come is emitted when the thread-default context runs.
 *
 * Returns: whether the controller serves us
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_attach (LxcmonClient *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  if (!_lxcmon_client_check_thread (self, G_STRFUNC))
    return FALSE;

  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);

  if (g_cancellable_set_error_if_cancelled (cancellable, error) || refuse_row (self, error))
    return FALSE;

  gboolean begun = begin (self, error);
  guint16 epoch = self->epoch;
  _lxcmon_client_notify_changes (self);
  if (!begun)
    return FALSE;
  if (self->epoch != epoch)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "a handler detached the client of %s",
                   _lxcmon_client_get_name (self));
      return FALSE;
    }
  return wait_attached (self, cancellable, error);
}
