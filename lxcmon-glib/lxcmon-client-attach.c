/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the functions that attach and detach a client.
 */

#include "lxcmon-client-private.h"

/* The context that the client belongs to, or would belong to. */
static LxcmonAcquiredContext *
acquire_context (LxcmonClient *self, const char *function)
{
  return _lxcmon_context_acquire (_lxcmon_monitor_get_context (LXCMON_MONITOR (self)), function);
}

/**
 * lxcmon_client_detach:
 * @self: a client
 *
 * Closes the connection to the controller, or stops trying to connect. Afterwards no signal is emitted but
 * the notification of the state, which is %LXCMON_STATE_DETACHED. Pending calls end with
 * %G_IO_ERROR_CANCELLED. A client that is closed becomes detached too.
 *
 * Since: 0.1
 */
void
lxcmon_client_detach (LxcmonClient *self)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_autoptr (LxcmonAcquiredContext) acquired = acquire_context (self, G_STRFUNC);

  if (acquired != NULL)
    _lxcmon_client_detach (self);
}

/**
 * lxcmon_client_attach_async:
 * @self: a client that is not attached
 * @cancellable: (nullable): to cancel the attach, which detaches the client
 * @callback: (scope async) (nullable) (closure user_data): called when the controller has accepted the
 *   client, or when the attach has failed
 * @user_data: for @callback
 *
 * Attaches to the container's controller: checks whether its client slot is free, connects, and waits
 * until the controller has accepted the connection. When this function returns, the name has been checked
 * and, if the slot was free, the client is connected. An application that starts the controller itself
 * can then let the container start.
 *
 * From now on the client belongs to the calling thread's thread-default main context. As long as the
 * controller has not accepted another client, there is no time limit. See
 * [property@Lxcmon.Client:attach-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_client_attach_async (LxcmonClient *self, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  g_autoptr (LxcmonAcquiredContext) acquired = acquire_context (self, G_STRFUNC);
  g_autoptr (LxcmonAcquiredContext) context = _lxcmon_context_acquire (NULL, G_STRFUNC);
  if (acquired == NULL || context == NULL)
    return;

  g_autoptr (LxcmonClient) alive = g_object_ref (self);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lxcmon_client_attach_async);
  /* A cancellation after the attach has succeeded is ignored. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (_lxcmon_client_is_active (self))
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING,
                             "the client of %s is attached already, or attaching: detach it first",
                             lxcmon_monitor_get_name (LXCMON_MONITOR (self)));
  else
    _lxcmon_client_attach (self, context, g_steal_pointer (&task));
}

/**
 * lxcmon_client_attach_finish:
 * @self: a client
 * @result: the result that the callback was given
 * @error: (out) (optional): return location for an error
 *
 * Finishes [method@Lxcmon.Client.attach_async].
 *
 * Returns: whether the client is attached. Otherwise @error is in the domain [error@Lxcmon.MonitorError],
 *   or %G_IO_ERROR_CANCELLED, or %G_IO_ERROR_PENDING if the client was attached already
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

/**
 * lxcmon_client_attach:
 * @self: a client that is not attached
 * @cancellable: (nullable): to cancel the attach, which detaches the client
 * @error: (out) (optional): return location for an error
 *
 * Attaches like [method@Lxcmon.Client.attach_async], but blocks until the result is known. Meanwhile, it
 * iterates the thread-default main context, so that signals, and everything else in that context, are
 * dispatched. Connect to the signals before.
 *
 * Returns: whether the client is attached
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_attach (LxcmonClient *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_autoptr (LxcmonAcquiredContext) acquired = acquire_context (self, G_STRFUNC);
  g_autoptr (LxcmonAcquiredContext) context = _lxcmon_context_acquire (NULL, G_STRFUNC);
  if (acquired == NULL || context == NULL)
    return FALSE;

  g_autoptr (LxcmonClient) alive = g_object_ref (self);
  g_autoptr (GAsyncResult) result = NULL;
  lxcmon_client_attach_async (self, cancellable, _lxcmon_store_result, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  return lxcmon_client_attach_finish (self, result, error);
}
