/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns waiting for a container's end.
 */

#include "lxcmon-client-private.h"

/* Each waiting task may be cancelled by itself, which does not detach the client. */
typedef struct
{
  GSource *cancel;
} WaitData;

static void
wait_data_free (gpointer data)
{
  WaitData *self = data;

  if (self->cancel != NULL)
    {
      g_source_destroy (self->cancel);
      g_source_unref (self->cancel);
    }
  g_free (self);
}

/*< private >
 * _lxcmon_client_return_waits:
 * @tasks: (transfer full): tasks that waited
 * @status: how the container ended
 * @error: (nullable): why that is not known, or %NULL where it is
 *
 * Completes tasks that waited for the end. Their callbacks may run at once.
 */
void
_lxcmon_client_return_waits (GList *tasks, LxcmonExitStatus status, const GError *error)
{
  for (GList *link = tasks; link != NULL; link = link->next)
    {
      g_autoptr (GTask) task = link->data;

      /* Takes the cancellation's source away: nobody else may return the task. */
      g_task_set_task_data (task, NULL, NULL);
      if (error != NULL)
        g_task_return_error (task, g_error_copy (error));
      else
        g_task_return_int (task, status);
    }
  g_list_free (tasks);
}

static void
put_back_waits (LxcmonClient *self, GList *tasks)
{
  if (tasks != NULL)
    _lxcmon_client_ensure_extra (self)->waits = tasks;
}

static gboolean
on_wait_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  LxcmonClient *self = g_task_get_source_object (task);
  GList *tasks = _lxcmon_client_steal_waits (self);
  GList *link = g_list_find (tasks, task);

  /* The reference that the list held is the one that is given back here. */
  if (link == NULL)
    {
      put_back_waits (self, tasks);
      g_steal_pointer (&task);
      return G_SOURCE_REMOVE;
    }
  put_back_waits (self, g_list_delete_link (tasks, link));
  g_task_return_error_if_cancelled (task);
  g_task_set_task_data (task, NULL, NULL);
  return G_SOURCE_REMOVE;
}

static void
watch_cancellable (GTask *task, LxcmonClient *self)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  WaitData *data = g_new0 (WaitData, 1);

  g_task_set_task_data (task, data, wait_data_free);
  if (cancellable == NULL)
    return;
  data->cancel = g_cancellable_source_new (cancellable);
  g_source_set_static_name (data->cancel, "[lxcmon] wait cancelled");
  g_source_set_callback (data->cancel, G_SOURCE_FUNC (on_wait_cancelled), task, NULL);
  g_source_attach (data->cancel, _lxcmon_hub_source_get_context (self->source));
}

/* Why there is nothing to wait for. */
static GError *
not_attached_error (LxcmonClient *self)
{
  const GError *error = _lxcmon_client_get_error (self);

  if (error != NULL)
    return g_error_copy (error);

  return g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                      "the client of %s is not attached: attach it first",
                      _lxcmon_client_get_name (self));
}

/**
 * lxcmon_client_wait_exit_async:
 * @self: a client that is attached, or attaching, or has seen EXIT
 * @cancellable: (nullable): to cancel the wait, which leaves the client attached
 * @callback: (scope async) (nullable) (closure user_data): called when EXIT has come, or cannot come
 *   any more
 * @user_data: for @callback
 *
 * Waits for the container's end. Where EXIT has come already, it completes with that.
 *
 * Since: 0.1
 */
void
lxcmon_client_wait_exit_async (LxcmonClient *self, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  if (!_lxcmon_client_check_thread (self, G_STRFUNC))
    return;

  LxcmonMonitor *monitor = LXCMON_MONITOR (self);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lxcmon_client_wait_exit_async);
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;

  if (lxcmon_monitor_get_exited (monitor))
    g_task_return_int (task, lxcmon_monitor_get_exit_status (monitor));
  else if (!_lxcmon_client_is_active (self))
    g_task_return_error (task, not_attached_error (self));
  else
    {
      watch_cancellable (task, self);
      put_back_waits (self,
                      g_list_append (_lxcmon_client_steal_waits (self), g_steal_pointer (&task)));
    }
}

/**
 * lxcmon_client_wait_exit_finish:
 * @self: a client
 * @result: what the callback was given
 * @error: (out) (optional): where the error goes
 *
 * Ends [method@Lxcmon.Client.wait_exit_async].
 *
 * Returns: how the container ended, or %LXCMON_EXIT_STATUS_UNKNOWN with @error set: why the client
 *   was closed, %G_IO_ERROR_CANCELLED also where it was detached, or %G_IO_ERROR_NOT_CONNECTED where
 *   it had not been attached
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_client_wait_exit_finish (LxcmonClient *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GError) why = NULL;

  g_return_val_if_fail (LXCMON_IS_CLIENT (self), LXCMON_EXIT_STATUS_UNKNOWN);
  g_return_val_if_fail (g_task_is_valid (result, self), LXCMON_EXIT_STATUS_UNKNOWN);

  /* GTask reports an error by -1, which is a status here as well: the error itself tells. */
  gssize status = g_task_propagate_int (G_TASK (result), &why);
  if (why != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return LXCMON_EXIT_STATUS_UNKNOWN;
    }
  return (LxcmonExitStatus) status;
}

/* Polls the connection's own descriptor once, or waits for the next look for a new controller. */
static void
poll_once (LxcmonClient *self, GPollFD *cancel)
{
  const LxcmonConnection *connection = _lxcmon_client_get_connection (self);
  gint timeout = _lxcmon_follow_is_looking (_lxcmon_client_get_follow (self))
                     ? LXCMON_FOLLOW_INTERVAL_MS
                     : lxcmon_connection_get_timeout (connection);
  GPollFD fds[2] = { *cancel };
  guint n_fds = cancel->fd >= 0 ? 1 : 0;

  if (lxcmon_connection_get_fd (connection) >= 0)
    fds[n_fds++] = (GPollFD){
      .fd = lxcmon_connection_get_fd (connection),
      .events = (gushort) lxcmon_connection_get_events (connection),
    };
  g_poll (fds, n_fds, timeout);
}

static LxcmonExitStatus
wait_loop (LxcmonClient *self, GCancellable *cancellable, GError **error)
{
  LxcmonMonitor *monitor = LXCMON_MONITOR (self);
  GPollFD cancel = { .fd = -1 };

  if (cancellable != NULL)
    g_cancellable_make_pollfd (cancellable, &cancel);
  while (!lxcmon_monitor_get_exited (monitor) && _lxcmon_client_is_active (self)
         && !g_cancellable_is_cancelled (cancellable))
    {
      poll_once (self, &cancel);
      if (_lxcmon_follow_is_looking (_lxcmon_client_get_follow (self)))
        _lxcmon_follow_look (_lxcmon_client_get_follow (self));
      else
        _lxcmon_hub_source_dispatch_connection (self->source, _lxcmon_client_get_connection (self));
    }
  if (cancel.fd >= 0)
    g_cancellable_release_fd (cancellable);

  if (lxcmon_monitor_get_exited (monitor))
    return lxcmon_monitor_get_exit_status (monitor);
  if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    g_propagate_error (error, not_attached_error (self));
  return LXCMON_EXIT_STATUS_UNKNOWN;
}

/**
 * lxcmon_client_wait_exit:
 * @self: a client that is attached, or attaching, or has seen EXIT
 * @cancellable: (nullable): to cancel the wait, which leaves the client attached
 * @error: (out) (optional): where the error goes
 *
 * Blocks until EXIT has come, or cannot come any more. It reads from the client's own descriptor and
 * runs no main context; the client's signals are emitted from inside this call, as they come. After
 * EXIT, "closed" is left to the main context.
 *
 * Returns: how the container ended, or %LXCMON_EXIT_STATUS_UNKNOWN with @error set
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_client_wait_exit (LxcmonClient *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), LXCMON_EXIT_STATUS_UNKNOWN);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable),
                        LXCMON_EXIT_STATUS_UNKNOWN);
  if (!_lxcmon_client_check_thread (self, G_STRFUNC))
    return LXCMON_EXIT_STATUS_UNKNOWN;

  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);
  LxcmonMonitor *monitor = LXCMON_MONITOR (self);

  if (lxcmon_monitor_get_exited (monitor))
    return lxcmon_monitor_get_exit_status (monitor);
  if (!_lxcmon_client_is_active (self))
    {
      g_propagate_error (error, not_attached_error (self));
      return LXCMON_EXIT_STATUS_UNKNOWN;
    }

  return wait_loop (self, cancellable, error);
}
