/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns waiting for a container's end: lxcmon_monitor_wait_exit_async() and its blocking form.
 */

#include "lxcmon-monitor-private.h"
#include "lxcmon-waits-private.h"

/* Why there is no end to wait for. */
static GError *
not_watched_error (LxcmonMonitor *self)
{
  const GError *error = lxcmon_monitor_get_error (self);

  if (error != NULL)
    return g_error_copy (error);
  return g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "%s is not watched: attach first",
                      lxcmon_monitor_get_name (self));
}

/**
 * lxcmon_monitor_wait_exit_async:
 * @self: a monitor that watches a container, or whose container has ended
 * @cancellable: (nullable): to cancel the wait, which leaves the monitor attached
 * @callback: (scope async) (nullable) (closure user_data): called when the container has ended, or when
 *   its end can no longer be known
 * @user_data: for @callback
 *
 * Waits until the container has ended. If it has ended already, the call completes at once.
 *
 * Since: 0.1
 */
void
lxcmon_monitor_wait_exit_async (LxcmonMonitor *self, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LXCMON_IS_MONITOR (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  g_autoptr (LxcmonAcquiredContext) context
      = _lxcmon_context_acquire (_lxcmon_monitor_get_context (self), G_STRFUNC);
  if (context == NULL)
    return;

  LxcmonWaits *waits = _lxcmon_monitor_get_waits (self);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lxcmon_monitor_wait_exit_async);
  /* A cancellation after the wait has succeeded is ignored. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;

  if (lxcmon_monitor_get_exited (self))
    g_task_return_int (task, lxcmon_monitor_get_exit_status (self));
  else if (waits->watched && lxcmon_monitor_get_state (self) != LXCMON_STATE_CLOSED)
    _lxcmon_waits_add (waits, g_steal_pointer (&task), context);
  else
    g_task_return_error (task, not_watched_error (self));
}

/**
 * lxcmon_monitor_wait_exit_finish:
 * @self: a monitor
 * @result: the result that the callback was given
 * @error: (out) (optional): return location for an error
 *
 * Finishes [method@Lxcmon.Monitor.wait_exit_async].
 *
 * The error is %LXCMON_MONITOR_ERROR_LOST or %LXCMON_MONITOR_ERROR_DESTROYED if the container ended
 * without EXIT, %G_IO_ERROR_CANCELLED if the wait was cancelled or the monitor was detached,
 * %G_IO_ERROR_NOT_CONNECTED if the monitor was not attached, or another error if the connection was
 * closed because of it.
 *
 * Returns: how the container ended, or %LXCMON_EXIT_STATUS_UNKNOWN with @error set
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_monitor_wait_exit_finish (LxcmonMonitor *self, GAsyncResult *result, GError **error)
{
  g_autoptr (GError) why = NULL;

  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_EXIT_STATUS_UNKNOWN);
  g_return_val_if_fail (g_task_is_valid (result, self), LXCMON_EXIT_STATUS_UNKNOWN);

  /* GTask returns -1 with an error, but -1 is a status here: check the error itself. */
  gssize status = g_task_propagate_int (G_TASK (result), &why);
  if (why != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return LXCMON_EXIT_STATUS_UNKNOWN;
    }
  return (LxcmonExitStatus) status;
}

/**
 * lxcmon_monitor_wait_exit:
 * @self: a monitor that watches a container, or whose container has ended
 * @cancellable: (nullable): to cancel the wait, which leaves the monitor attached
 * @error: (out) (optional): return location for an error
 *
 * Waits until the container has ended, and blocks. Meanwhile, it iterates the main context of the
 * monitor, so that its signals, and everything else in that context, are dispatched.
 *
 * See [method@Lxcmon.Monitor.wait_exit_finish] for the errors.
 *
 * Returns: how the container ended, or %LXCMON_EXIT_STATUS_UNKNOWN with @error set
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_monitor_wait_exit (LxcmonMonitor *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_EXIT_STATUS_UNKNOWN);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable),
                        LXCMON_EXIT_STATUS_UNKNOWN);
  g_autoptr (LxcmonAcquiredContext) context
      = _lxcmon_context_acquire (_lxcmon_monitor_get_context (self), G_STRFUNC);
  if (context == NULL)
    return LXCMON_EXIT_STATUS_UNKNOWN;

  g_autoptr (LxcmonMonitor) alive = g_object_ref (self);
  g_autoptr (GAsyncResult) result = NULL;

  g_main_context_push_thread_default (context);
  lxcmon_monitor_wait_exit_async (self, cancellable, _lxcmon_store_result, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  return lxcmon_monitor_wait_exit_finish (self, result, error);
}
