/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what all lists of monitors have in common: starting and stopping, the signals that carry the
 * monitor, and the property "n-items". Refuses to know where containers are found.
 */

#include "lxcmon-monitor-list.h"

#include "lxcmon-enums.h"
#include "lxcmon-marshal.h"
#include "lxcmon-monitor-private.h"

/**
 * LxcmonMonitorList:
 *
 * All containers of a machine, as they come and go.
 *
 * A list is a [iface@Gio.ListModel] of [iface@Lxcmon.Monitor], sorted by name, that a list view can
 * show as it is. It is empty until it is started with [method@Lxcmon.MonitorList.start_async].
 *
 * What a monitor tells, the list tells as well, with the monitor as an argument, after the monitor's
 * own handlers have run: one handler is enough for all containers, those that are still to come
 * included.
 *
 * A list belongs to the main context that was thread-default when it was made: its signals, and those
 * of its monitors, are emitted there and nowhere else, and it is to be used from the thread that runs
 * that context.
 *
 * Since: 0.1
 */
G_DEFINE_INTERFACE (LxcmonMonitorList, lxcmon_monitor_list, G_TYPE_LIST_MODEL)

enum
{
  SIGNAL_INIT,
  SIGNAL_EXIT,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static void
define_signals (void)
{
  /**
   * LxcmonMonitorList::init:
   * @self: the list
   * @monitor: the container's monitor
   * @pid: the pid of the container's init in our own pid namespace, or 0 where it cannot be known
   *
   * A container's init has started. See [signal@Lxcmon.Monitor::init].
   *
   * Since: 0.1
   */
  signals[SIGNAL_INIT] = g_signal_new ("init", LXCMON_TYPE_MONITOR_LIST, G_SIGNAL_RUN_LAST, 0, NULL,
                                       NULL, _lxcmon_marshal_VOID__OBJECT_INT, G_TYPE_NONE, 2,
                                       LXCMON_TYPE_MONITOR, G_TYPE_INT);
  g_signal_set_va_marshaller (signals[SIGNAL_INIT], LXCMON_TYPE_MONITOR_LIST,
                              _lxcmon_marshal_VOID__OBJECT_INTv);

  /**
   * LxcmonMonitorList::exit:
   * @self: the list
   * @monitor: the container's monitor
   * @status: how the container ended
   *
   * A container has ended. The signal's detail is the status's nick, such as "exit::reboot". See
   * [signal@Lxcmon.Monitor::exit].
   *
   * Since: 0.1
   */
  signals[SIGNAL_EXIT]
      = g_signal_new ("exit", LXCMON_TYPE_MONITOR_LIST, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0,
                      NULL, NULL, _lxcmon_marshal_VOID__OBJECT_ENUM, G_TYPE_NONE, 2,
                      LXCMON_TYPE_MONITOR, LXCMON_TYPE_EXIT_STATUS);
  g_signal_set_va_marshaller (signals[SIGNAL_EXIT], LXCMON_TYPE_MONITOR_LIST,
                              _lxcmon_marshal_VOID__OBJECT_ENUMv);

  /**
   * LxcmonMonitorList::closed:
   * @self: the list
   * @monitor: the container's monitor
   * @error: (nullable): %NULL where "exit" has come before; otherwise why it is not known how the
   *   container ended, in the domain [error@Lxcmon.MonitorError]
   *
   * A container's controller has gone. See [signal@Lxcmon.Monitor::closed].
   *
   * Since: 0.1
   */
  signals[SIGNAL_CLOSED] = g_signal_new ("closed", LXCMON_TYPE_MONITOR_LIST, G_SIGNAL_RUN_LAST, 0,
                                         NULL, NULL, _lxcmon_marshal_VOID__OBJECT_BOXED,
                                         G_TYPE_NONE, 2, LXCMON_TYPE_MONITOR, G_TYPE_ERROR);
  g_signal_set_va_marshaller (signals[SIGNAL_CLOSED], LXCMON_TYPE_MONITOR_LIST,
                              _lxcmon_marshal_VOID__OBJECT_BOXEDv);
}

static void
lxcmon_monitor_list_default_init (LxcmonMonitorListInterface *iface)
{
  /**
   * LxcmonMonitorList:n-items:
   *
   * How many monitors the list has; see [method@Gio.ListModel.get_n_items].
   *
   * Since: 0.1
   */
  g_object_interface_install_property (iface,
                                       g_param_spec_uint ("n-items", NULL, NULL, 0, G_MAXUINT, 0,
                                                          G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY
                                                              | G_PARAM_STATIC_STRINGS));
  define_signals ();
}

/**
 * lxcmon_monitor_list_start_async:
 * @self: a list that is not started
 * @cancellable: (nullable): to cancel the start, which stops the list
 * @callback: (scope async) (nullable) (closure user_data): called when the list is complete, or when
 *   starting has failed
 * @user_data: for @callback
 *
 * Begins to keep the list. When it is complete for the first time, all that was there is announced
 * with one [signal@Gio.ListModel::items-changed], and @callback is called. A list that was stopped can
 * be started again.
 *
 * Since: 0.1
 */
void
lxcmon_monitor_list_start_async (LxcmonMonitorList *self, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (LXCMON_IS_MONITOR_LIST (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  LXCMON_MONITOR_LIST_GET_IFACE (self)->start_async (self, cancellable, callback, user_data);
}

/**
 * lxcmon_monitor_list_start_finish:
 * @self: a list
 * @result: what the callback was given
 * @error: (out) (optional): where the error goes
 *
 * Ends [method@Lxcmon.MonitorList.start_async].
 *
 * Returns: whether the list is complete and kept. Otherwise @error is in the domain
 *   [error@Lxcmon.MonitorError], or %G_IO_ERROR_CANCELLED, or %G_IO_ERROR_PENDING where the list was
 *   started already
 *
 * Since: 0.1
 */
gboolean
lxcmon_monitor_list_start_finish (LxcmonMonitorList *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR_LIST (self), FALSE);
  g_return_val_if_fail (G_IS_ASYNC_RESULT (result), FALSE);

  return LXCMON_MONITOR_LIST_GET_IFACE (self)->start_finish (self, result, error);
}

/**
 * lxcmon_monitor_list_stop:
 * @self: a list
 *
 * Leaves all containers and empties the list. A start that is pending ends with
 * %G_IO_ERROR_CANCELLED. Once this has returned, no monitor of the list signals any more. A list that
 * is not started stays as it is.
 *
 * Since: 0.1
 */
void
lxcmon_monitor_list_stop (LxcmonMonitorList *self)
{
  g_return_if_fail (LXCMON_IS_MONITOR_LIST (self));

  LXCMON_MONITOR_LIST_GET_IFACE (self)->stop (self);
}

/**
 * lxcmon_monitor_list_lookup:
 * @self: a list
 * @name: a container's name
 *
 * Finds a container.
 *
 * Returns: (transfer none) (nullable): its monitor, or %NULL where the list has none of that name
 *
 * Since: 0.1
 */
LxcmonMonitor *
lxcmon_monitor_list_lookup (LxcmonMonitorList *self, const char *name)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR_LIST (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  return LXCMON_MONITOR_LIST_GET_IFACE (self)->lookup (self, name);
}

/**
 * lxcmon_monitor_list_emit_init: (skip)
 * @self: a list
 * @monitor: one of its monitors
 * @pid: the pid of the container's init, or 0 where it cannot be known
 *
 * Emits [signal@Lxcmon.MonitorList::init]. Only for classes that implement [iface@Lxcmon.MonitorList].
 *
 * Since: 0.1
 */
void
lxcmon_monitor_list_emit_init (LxcmonMonitorList *self, LxcmonMonitor *monitor, gint pid)
{
  g_return_if_fail (LXCMON_IS_MONITOR_LIST (self));

  g_signal_emit (self, signals[SIGNAL_INIT], 0, monitor, pid);
}

/**
 * lxcmon_monitor_list_emit_exit: (skip)
 * @self: a list
 * @monitor: one of its monitors
 * @status: how the container ended
 *
 * Emits [signal@Lxcmon.MonitorList::exit]. Only for classes that implement [iface@Lxcmon.MonitorList].
 *
 * Since: 0.1
 */
void
lxcmon_monitor_list_emit_exit (LxcmonMonitorList *self, LxcmonMonitor *monitor,
                               LxcmonExitStatus status)
{
  g_return_if_fail (LXCMON_IS_MONITOR_LIST (self));

  g_signal_emit (self, signals[SIGNAL_EXIT], _lxcmon_exit_status_to_detail (status), monitor,
                 status);
}

/**
 * lxcmon_monitor_list_emit_closed: (skip)
 * @self: a list
 * @monitor: one of its monitors
 * @error: (nullable): why it is not known how the container ended
 *
 * Emits [signal@Lxcmon.MonitorList::closed]. Only for classes that implement
 * [iface@Lxcmon.MonitorList].
 *
 * Since: 0.1
 */
void
lxcmon_monitor_list_emit_closed (LxcmonMonitorList *self, LxcmonMonitor *monitor,
                                 const GError *error)
{
  g_return_if_fail (LXCMON_IS_MONITOR_LIST (self));

  g_signal_emit (self, signals[SIGNAL_CLOSED], 0, monitor, error);
}
