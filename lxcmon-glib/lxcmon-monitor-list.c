/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what all lists of monitors have in common: the rows and their order, starting and stopping, and
 * the signals that carry a monitor. It does not know how containers are found.
 */

#include "lxcmon-monitor-list-private.h"

#include "lxcmon-emission-private.h"
#include "lxcmon-rows-private.h"

/**
 * LxcmonMonitorList:
 *
 * A list of containers that is kept up to date.
 *
 * The list is a [iface@Gio.ListModel] of [class@Lxcmon.Monitor], sorted by name, so a list view can show
 * it directly. It is empty until it is started with [method@Lxcmon.MonitorList.start_async].
 *
 * Each signal of a monitor is emitted by the list as well, with the monitor as an argument, after the
 * monitor's own handlers have run. One handler is enough for all containers, including those that start
 * later.
 *
 * A list belongs to the main context that was thread-default when it was created. Its signals, and those
 * of its monitors, are emitted in that context only, and the list must be used from the thread that runs
 * that context. Dropping the last reference stops the list, in any thread, and emits nothing.
 *
 * Since: 0.1
 */

typedef struct
{
  GMainContext *context;
  GListStore *rows; /* of LxcmonMonitor, sorted by name, byte by byte */
  guint epoch;      /* changes when the list is started and stopped */
  gint disposed;    /* atomic: nothing is emitted any more */

  /* While started: */
  LxcmonMainSource *source;
  GTask *start; /* the call that has not returned */
  GSource *start_cancel;
} LxcmonMonitorListPrivate;

static void list_model_iface_init (GListModelInterface *iface);

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (LxcmonMonitorList, lxcmon_monitor_list, G_TYPE_OBJECT,
                                  G_ADD_PRIVATE (LxcmonMonitorList)
                                      G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL,
                                                             list_model_iface_init))

enum
{
  PROP_N_ITEMS = 1,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static LxcmonMonitorListPrivate *
get_private (LxcmonMonitorList *self)
{
  return lxcmon_monitor_list_get_instance_private (self);
}

/* ---- The rows ---- */

static GListModel *
get_rows (gpointer self)
{
  return G_LIST_MODEL (get_private (self)->rows);
}

static GType
get_item_type (GListModel *model)
{
  return LXCMON_TYPE_MONITOR;
}

static guint
get_n_items (GListModel *model)
{
  return g_list_model_get_n_items (get_rows (model));
}

static gpointer
get_item (GListModel *model, guint position)
{
  return g_list_model_get_item (get_rows (model), position);
}

static void
list_model_iface_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
on_items_changed (GListModel *rows, guint position, guint removed, guint added, gpointer user_data)
{
  if (g_atomic_int_get (&get_private (user_data)->disposed))
    return;
  g_list_model_items_changed (G_LIST_MODEL (user_data), position, removed, added);
  if (removed != added)
    g_object_notify_by_pspec (user_data, properties[PROP_N_ITEMS]);
}

/*< private >
 * _lxcmon_monitor_list_add:
 * @monitors: of #LxcmonMonitor, with names that the list does not have
 *
 * Adds rows: with one change of the list if it is empty, one after the other otherwise. A handler may
 * stop the list.
 */
void
_lxcmon_monitor_list_add (LxcmonMonitorList *self, GPtrArray *monitors)
{
  LxcmonMonitorListPrivate *priv = get_private (self);
  guint epoch = priv->epoch;

  for (guint i = 0; i < monitors->len; i++)
    {
      _lxcmon_monitor_set_context (monitors->pdata[i], priv->context);
      _lxcmon_monitor_set_watched (monitors->pdata[i], TRUE);
    }
  g_ptr_array_sort (monitors, _lxcmon_rows_compare_pointed);
  if (monitors->len > 0 && g_list_model_get_n_items (get_rows (self)) == 0)
    {
      g_list_store_splice (priv->rows, 0, 0, monitors->pdata, monitors->len);
      return;
    }
  for (guint i = 0; i < monitors->len && priv->epoch == epoch; i++)
    g_list_store_insert_sorted (priv->rows, monitors->pdata[i], _lxcmon_rows_compare, NULL);
}

/*< private >
 * _lxcmon_monitor_list_remove:
 * @monitor: a row
 *
 * Removes a row, if it is in the list.
 */
void
_lxcmon_monitor_list_remove (LxcmonMonitorList *self, LxcmonMonitor *monitor)
{
  _lxcmon_rows_remove (get_private (self)->rows, monitor);
}

/* ---- Reports ---- */

/* A step: the list's own signal, after the monitor's. */
static void
emit (GObject *object, gpointer data)
{
  _lxcmon_emission_run (data, object, get_private (LXCMON_MONITOR_LIST (object))->epoch);
}

/*< private >
 * _lxcmon_monitor_list_report:
 * @self: a list that is started
 * @monitor: one of its rows, to which the caller holds a reference
 *
 * Like _lxcmon_monitor_report(). The list's own signal is a step that runs after the monitor's handlers
 * and notifications, or earlier if one of them runs a main loop. It runs before the steps that are
 * already queued, which belong to later events.
 */
void
_lxcmon_monitor_list_report (LxcmonMonitorList *self, LxcmonMonitor *monitor, LxcmonReport report,
                             const LxcmonModel *model, const GError *error)
{
  LxcmonMonitorListPrivate *priv = get_private (self);

  if (g_atomic_int_get (&priv->disposed))
    return;
  if (report != LXCMON_REPORT_CHANGED)
    _lxcmon_main_source_push_first (priv->source, self, emit,
                                    _lxcmon_emission_new (priv->epoch, monitor, report, model,
                                                          error),
                                    _lxcmon_emission_free);
  _lxcmon_monitor_report (monitor, report, model, error);
}

/*< private >
 * _lxcmon_monitor_list_notify:
 *
 * Notifies a property of the list's class, unless the list is being disposed of.
 */
void
_lxcmon_monitor_list_notify (LxcmonMonitorList *self, GParamSpec *pspec)
{
  if (!g_atomic_int_get (&get_private (self)->disposed))
    g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

/* ---- Starting and stopping ---- */

GMainContext *
_lxcmon_monitor_list_get_context (LxcmonMonitorList *self)
{
  return get_private (self)->context;
}

/*< private >
 * _lxcmon_monitor_list_get_source:
 *
 * Returns: (nullable): the source whose steps the list uses, or %NULL if it is not started
 */
LxcmonMainSource *
_lxcmon_monitor_list_get_source (LxcmonMonitorList *self)
{
  return get_private (self)->source;
}

/*< private >
 * _lxcmon_monitor_list_get_epoch:
 *
 * Returns: a number that changes when the list is started and stopped
 */
guint
_lxcmon_monitor_list_get_epoch (LxcmonMonitorList *self)
{
  return get_private (self)->epoch;
}

/*< private >
 * _lxcmon_monitor_list_is_starting:
 *
 * Returns: whether the first list is not complete yet
 */
gboolean
_lxcmon_monitor_list_is_starting (LxcmonMonitorList *self)
{
  return get_private (self)->start != NULL;
}

/*< private >
 * _lxcmon_monitor_list_acquire_context:
 *
 * See _lxcmon_context_acquire().
 */
LxcmonAcquiredContext *
_lxcmon_monitor_list_acquire_context (LxcmonMonitorList *self, const char *function)
{
  return _lxcmon_context_acquire (get_private (self)->context, function);
}

static GTask *
steal_start (LxcmonMonitorListPrivate *priv)
{
  if (priv->start_cancel != NULL)
    {
      g_source_destroy (priv->start_cancel);
      g_clear_pointer (&priv->start_cancel, g_source_unref);
    }
  return g_steal_pointer (&priv->start);
}

/* Stops the list; a pending start ends with @why. Properties are notified when the list is stopped, so that
 * a handler may start it again. */
static void
stop (LxcmonMonitorList *self, const GError *why)
{
  LxcmonMonitorListPrivate *priv = get_private (self);

  if (priv->source == NULL)
    return;

  g_autoptr (GTask) start = steal_start (priv);
  g_object_freeze_notify (G_OBJECT (self));
  priv->epoch++;
  LXCMON_MONITOR_LIST_GET_CLASS (self)->stop (self);
  g_clear_pointer (&priv->source, _lxcmon_main_source_release);
  _lxcmon_rows_remove_all (priv->rows, g_atomic_int_get (&priv->disposed) != 0);
  g_object_thaw_notify (G_OBJECT (self));
  if (start != NULL)
    g_task_return_error (start, g_error_copy (why));
}

static void
stop_cancelled (LxcmonMonitorList *self)
{
  g_autoptr (LxcmonMonitorList) alive = g_object_ref (self);
  g_autoptr (GError) cancelled
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the list was stopped");

  stop (self, cancelled);
}

static gboolean
on_start_cancelled (GCancellable *cancellable, gpointer user_data)
{
  stop_cancelled (user_data);
  return G_SOURCE_REMOVE;
}

/* The cancellation may come from any thread; it takes effect in the list's context. */
static void
watch_cancellable (LxcmonMonitorListPrivate *priv, LxcmonMonitorList *self,
                   GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;

  priv->start_cancel = g_cancellable_source_new (cancellable);
  g_source_set_static_name (priv->start_cancel, "[lxcmon] start cancelled");
  g_source_set_callback (priv->start_cancel, G_SOURCE_FUNC (on_start_cancelled), self, NULL);
  g_source_attach (priv->start_cancel, priv->context);
}

/* Starts to keep the list up to date. @task is owned by the list now, and is returned when the list is
 * complete. */
static void
start (LxcmonMonitorList *self, GTask *task)
{
  LxcmonMonitorListPrivate *priv = get_private (self);
  LxcmonError why;

  priv->source = _lxcmon_main_source_acquire (priv->context, &why);
  if (priv->source == NULL)
    {
      g_task_return_error (task, _lxcmon_monitor_error_new (&why));
      g_object_unref (task);
      return;
    }
  priv->epoch++;
  priv->start = task;
  watch_cancellable (priv, self, g_task_get_cancellable (task));
  LXCMON_MONITOR_LIST_GET_CLASS (self)->start (self);
}

/*< private >
 * _lxcmon_monitor_list_started:
 * @error: (nullable): why the list could not be started, or %NULL if it is complete
 *
 * Completes the start that is pending, if there is one. If it has failed, the list is stopped.
 */
void
_lxcmon_monitor_list_started (LxcmonMonitorList *self, const GError *error)
{
  if (error != NULL)
    {
      stop (self, error);
      return;
    }

  g_autoptr (GTask) task = steal_start (get_private (self));
  if (task != NULL)
    g_task_return_boolean (task, TRUE);
}

/* ---- The object ---- */

static gboolean
dispose_in_context (gpointer user_data)
{
  g_object_run_dispose (G_OBJECT (user_data));
  return G_SOURCE_REMOVE;
}

/* Garbage collectors drop references in any thread: the list is then stopped in its main context, and
 * emits nothing until then. */
static void
lxcmon_monitor_list_dispose (GObject *object)
{
  LxcmonMonitorListPrivate *priv = get_private (LXCMON_MONITOR_LIST (object));

  if (priv->source != NULL)
    {
      g_autoptr (GMainContext) context = g_main_context_ref (priv->context);
      g_autoptr (GError) gone
          = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the list was disposed of");

      g_atomic_int_set (&priv->disposed, TRUE);
      if (!g_main_context_acquire (context))
        {
          g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, dispose_in_context,
                                      g_object_ref (object), g_object_unref);
          return;
        }
      stop (LXCMON_MONITOR_LIST (object), gone);
      g_main_context_release (context);
      g_atomic_int_set (&priv->disposed, FALSE);
    }

  G_OBJECT_CLASS (lxcmon_monitor_list_parent_class)->dispose (object);
}

static void
lxcmon_monitor_list_finalize (GObject *object)
{
  LxcmonMonitorListPrivate *priv = get_private (LXCMON_MONITOR_LIST (object));

  g_signal_handlers_disconnect_by_data (priv->rows, object);
  g_object_unref (priv->rows);
  g_main_context_unref (priv->context);

  G_OBJECT_CLASS (lxcmon_monitor_list_parent_class)->finalize (object);
}

static void
lxcmon_monitor_list_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  switch (prop_id)
    {
    case PROP_N_ITEMS:
      g_value_set_uint (value, g_list_model_get_n_items (get_rows (object)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
lxcmon_monitor_list_class_init (LxcmonMonitorListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lxcmon_monitor_list_dispose;
  object_class->finalize = lxcmon_monitor_list_finalize;
  object_class->get_property = lxcmon_monitor_list_get_property;

  /**
   * LxcmonMonitorList:n-items:
   *
   * The number of monitors in the list. See [method@Gio.ListModel.get_n_items].
   *
   * Since: 0.1
   */
  properties[PROP_N_ITEMS]
      = g_param_spec_uint ("n-items", NULL, NULL, 0, G_MAXUINT, 0,
                           G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  _lxcmon_emission_install_signals (object_class);
}

static void
lxcmon_monitor_list_init (LxcmonMonitorList *self)
{
  LxcmonMonitorListPrivate *priv = get_private (self);

  priv->context = g_main_context_ref_thread_default ();
  priv->rows = g_list_store_new (LXCMON_TYPE_MONITOR);
  g_signal_connect (priv->rows, "items-changed", G_CALLBACK (on_items_changed), self);
}

/**
 * lxcmon_monitor_list_start_async:
 * @self: a list that is not started
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
lxcmon_monitor_list_start_async (LxcmonMonitorList *self, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LXCMON_IS_MONITOR_LIST (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  g_autoptr (LxcmonAcquiredContext) acquired
      = _lxcmon_monitor_list_acquire_context (self, G_STRFUNC);
  if (acquired == NULL)
    return;

  LxcmonMonitorListPrivate *priv = get_private (self);
  g_main_context_push_thread_default (priv->context);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_main_context_pop_thread_default (priv->context);
  g_task_set_source_tag (task, lxcmon_monitor_list_start_async);
  /* A cancellation after the start has succeeded is ignored. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (priv->source != NULL)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING,
                             "the list is started already: stop it first");
  else
    start (self, g_steal_pointer (&task));
}

/**
 * lxcmon_monitor_list_start_finish:
 * @self: a list
 * @result: the result that the callback was given
 * @error: (out) (optional): return location for an error
 *
 * Finishes [method@Lxcmon.MonitorList.start_async].
 *
 * Returns: whether the list is complete and kept up to date. Otherwise @error is in the domain
 *   [error@Lxcmon.MonitorError], or %G_IO_ERROR_CANCELLED, or %G_IO_ERROR_PENDING if the list was started
 *   already
 *
 * Since: 0.1
 */
gboolean
lxcmon_monitor_list_start_finish (LxcmonMonitorList *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR_LIST (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * lxcmon_monitor_list_start:
 * @self: a list that is not started
 * @cancellable: (nullable): to cancel the start, which stops the list
 * @error: (out) (optional): return location for an error
 *
 * Starts the list like [method@Lxcmon.MonitorList.start_async], but blocks until it is complete.
 * Meanwhile, it iterates the main context of the list.
 *
 * Returns: whether the list is complete and kept up to date
 *
 * Since: 0.1
 */
gboolean
lxcmon_monitor_list_start (LxcmonMonitorList *self, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR_LIST (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_autoptr (LxcmonAcquiredContext) acquired
      = _lxcmon_monitor_list_acquire_context (self, G_STRFUNC);
  if (acquired == NULL)
    return FALSE;

  g_autoptr (LxcmonMonitorList) alive = g_object_ref (self);
  g_autoptr (GAsyncResult) result = NULL;
  lxcmon_monitor_list_start_async (self, cancellable, _lxcmon_store_result, &result);
  while (result == NULL)
    g_main_context_iteration (get_private (self)->context, TRUE);
  return lxcmon_monitor_list_start_finish (self, result, error);
}

/**
 * lxcmon_monitor_list_stop:
 * @self: a list
 *
 * Stops watching all containers, and empties the list. A pending start fails with %G_IO_ERROR_CANCELLED.
 * Afterwards no monitor of the list emits a signal. If the list is not started, this function does
 * nothing.
 *
 * Since: 0.1
 */
void
lxcmon_monitor_list_stop (LxcmonMonitorList *self)
{
  g_return_if_fail (LXCMON_IS_MONITOR_LIST (self));
  g_autoptr (LxcmonAcquiredContext) acquired
      = _lxcmon_monitor_list_acquire_context (self, G_STRFUNC);
  if (acquired == NULL)
    return;

  g_autoptr (LxcmonMonitorList) alive = g_object_ref (self);
  LxcmonMonitorListClass *klass = LXCMON_MONITOR_LIST_GET_CLASS (self);
  LxcmonMonitorListPrivate *priv = get_private (self);
  guint epoch = priv->epoch;
  if (priv->source != NULL && klass->flush != NULL)
    klass->flush (self);
  /* A handler may have stopped the list, and started it again. */
  if (priv->epoch == epoch)
    stop_cancelled (self);
}

/**
 * lxcmon_monitor_list_lookup:
 * @self: a list
 * @name: a container's name
 *
 * Finds a container in the list.
 *
 * Returns: (transfer none) (nullable): its monitor, or %NULL if no container in the list has this name
 *
 * Since: 0.1
 */
LxcmonMonitor *
lxcmon_monitor_list_lookup (LxcmonMonitorList *self, const char *name)
{
  guint position;

  g_return_val_if_fail (LXCMON_IS_MONITOR_LIST (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  if (!_lxcmon_rows_find (get_private (self)->rows, name, &position))
    return NULL;
  g_autoptr (LxcmonMonitor) row = g_list_model_get_item (get_rows (self), position);
  return row; /* the list holds a reference too */
}
