/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the functions with which an application starts and stops a host.
 */

#include "lxcmon-host-private.h"

/* How often a start that blocks iterates the default main context, in ms. */
#define DEFAULT_CONTEXT_INTERVAL 10

/* How many iterations at once: one of its sources may always be ready. */
#define DEFAULT_CONTEXT_ITERATIONS 16

/**
 * lxcmon_host_start_async:
 * @self: a host that is not started
 * @cancellable: (nullable): to cancel the start, which stops the list
 * @callback: (scope async) (nullable) (closure user_data): called when the list is complete, or when
 *   starting has failed
 * @user_data: for @callback
 *
 * Starts to keep the list up to date. When it is complete for the first time, one
 * [signal@Gio.ListModel::items-changed] is emitted for all monitors, and @callback is called. A list that
 * was stopped can be started again.
 *
 * Since: 0.1
 */
void
lxcmon_host_start_async (LxcmonHost *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_return_if_fail (LXCMON_IS_HOST (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  g_autoptr (LxcmonAcquiredContext) acquired
      = _lxcmon_context_acquire (self->rows.context, G_STRFUNC);
  if (acquired == NULL)
    return;

  g_main_context_push_thread_default (self->rows.context);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_main_context_pop_thread_default (self->rows.context);
  g_task_set_source_tag (task, lxcmon_host_start_async);
  /* A cancellation after the start has succeeded is ignored. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (self->rows.source != NULL)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING,
                             "the host is started already: stop it first");
  else
    _lxcmon_host_begin (self, g_steal_pointer (&task));
}

/**
 * lxcmon_host_start_finish:
 * @self: a host
 * @result: the result that the callback was given
 * @error: (out) (optional): return location for an error
 *
 * Finishes [method@Lxcmon.Host.start_async].
 *
 * Returns: whether the list is complete; [property@Lxcmon.Host:connected] is whether it is kept up to date.
 *   Otherwise @error is in the domain
 *   [error@Lxcmon.MonitorError], or %G_IO_ERROR_CANCELLED, or %G_IO_ERROR_PENDING if the list was started
 *   already
 *
 * Since: 0.1
 */
gboolean
lxcmon_host_start_finish (LxcmonHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
iterate_default_context (gpointer user_data)
{
  if (g_main_context_acquire (NULL))
    {
      for (guint i = 0; i < DEFAULT_CONTEXT_ITERATIONS && g_main_context_iteration (NULL, FALSE);
           i++)
        ;
      g_main_context_release (NULL);
    }
  return G_SOURCE_CONTINUE;
}

/* Iterates the default context too, while the host's own is iterated. */
static GSource *
watch_default_context (LxcmonHost *self)
{
  if (self->rows.context == g_main_context_default ())
    return NULL;

  GSource *source = g_timeout_source_new (DEFAULT_CONTEXT_INTERVAL);
  g_source_set_static_name (source, "[lxcmon] default context");
  g_source_set_callback (source, iterate_default_context, NULL, NULL);
  g_source_attach (source, self->rows.context);
  return source;
}

static void
stop_source (GSource *source)
{
  if (source == NULL)
    return;
  g_source_destroy (source);
  g_source_unref (source);
}

/**
 * lxcmon_host_start:
 * @self: a host that is not started
 * @cancellable: (nullable): to cancel the start, which stops the list
 * @error: (out) (optional): return location for an error
 *
 * Starts the list like [method@Lxcmon.Host.start_async], but blocks until it is complete. Meanwhile, it
 * iterates the main context of the host, and the default one, through which libvirt's events come, unless
 * another thread runs it.
 *
 * Returns: whether the list is complete; [property@Lxcmon.Host:connected] is whether it is kept up to date
 *
 * Since: 0.1
 */
gboolean
lxcmon_host_start (LxcmonHost *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_autoptr (LxcmonAcquiredContext) acquired
      = _lxcmon_context_acquire (self->rows.context, G_STRFUNC);
  if (acquired == NULL)
    return FALSE;

  g_autoptr (LxcmonHost) alive = g_object_ref (self);
  g_autoptr (GAsyncResult) result = NULL;
  lxcmon_host_start_async (self, cancellable, _lxcmon_store_result, &result);
  GSource *source = watch_default_context (self);
  g_main_context_push_thread_default (self->rows.context);
  while (result == NULL)
    g_main_context_iteration (self->rows.context, TRUE);
  g_main_context_pop_thread_default (self->rows.context);
  stop_source (source);
  return lxcmon_host_start_finish (self, result, error);
}

/**
 * lxcmon_host_stop:
 * @self: a host
 *
 * Stops watching all containers, and empties the list. Ends that libvirtd has reported and that are held
 * for a moment are reported first. A pending start fails with %G_IO_ERROR_CANCELLED.
 * Afterwards no monitor of the host emits a signal. If the host is not started, this function does
 * nothing.
 *
 * Since: 0.1
 */
void
lxcmon_host_stop (LxcmonHost *self)
{
  g_return_if_fail (LXCMON_IS_HOST (self));
  g_autoptr (LxcmonAcquiredContext) acquired
      = _lxcmon_context_acquire (self->rows.context, G_STRFUNC);
  if (acquired == NULL)
    return;

  g_autoptr (LxcmonHost) alive = g_object_ref (self);
  g_autoptr (GError) cancelled
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the host was stopped");
  guint epoch = self->rows.epoch;
  if (self->rows.source != NULL)
    _lxcmon_host_flush (self);
  /* A handler may have stopped the host, and started it again. */
  if (self->rows.epoch == epoch)
    _lxcmon_host_end (self, cancelled);
}
