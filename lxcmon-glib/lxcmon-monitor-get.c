/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the getters of a monitor.
 */

#include "lxcmon-monitor-private.h"

/**
 * lxcmon_monitor_get_source: (get-property source)
 * @self: a monitor
 *
 * Gets the source of the monitor's events.
 *
 * Returns: a source
 *
 * Since: 0.1
 */
LxcmonSource
lxcmon_monitor_get_source (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_SOURCE_DIRECT);

  return _lxcmon_monitor_get_model (self)->source;
}

/**
 * lxcmon_monitor_get_state: (get-property state)
 * @self: a monitor
 *
 * Gets the state of the connection to the container's controller.
 *
 * Returns: a state
 *
 * Since: 0.1
 */
LxcmonState
lxcmon_monitor_get_state (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_STATE_DETACHED);

  return _lxcmon_monitor_get_model (self)->state;
}

/**
 * lxcmon_monitor_get_init_pid: (get-property init-pid)
 * @self: a monitor
 *
 * Gets the pid of the container's init in the pid namespace of the caller. The kernel may reuse a pid
 * when its process has ended. The container controls what is below `/proc/PID/root`: do not open paths
 * there.
 *
 * Returns: a pid, or 0 if it is not known
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_init_pid (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), 0);

  return _lxcmon_monitor_get_model (self)->init_pid;
}

/**
 * lxcmon_monitor_get_controller_pid: (get-property controller-pid)
 * @self: a monitor
 *
 * Gets the pid of the container's controller in the pid namespace of the caller.
 *
 * Returns: a pid, or 0 if it is not known
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_controller_pid (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), 0);

  return _lxcmon_monitor_get_model (self)->controller_pid;
}

/**
 * lxcmon_monitor_get_exited: (get-property exited)
 * @self: a monitor
 *
 * Gets whether EXIT was received in the current run of the container.
 *
 * Returns: %TRUE if EXIT was received
 *
 * Since: 0.1
 */
gboolean
lxcmon_monitor_get_exited (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), FALSE);

  return _lxcmon_monitor_get_model (self)->exited;
}

/**
 * lxcmon_monitor_get_exit_status: (get-property exit-status)
 * @self: a monitor
 *
 * Gets how the container ended, as EXIT reports it.
 *
 * Returns: a status; %LXCMON_EXIT_STATUS_UNKNOWN also if EXIT was not received
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_monitor_get_exit_status (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_EXIT_STATUS_UNKNOWN);

  return _lxcmon_monitor_get_model (self)->exit_status;
}

/**
 * lxcmon_monitor_get_exit_raw: (get-property exit-raw)
 * @self: a monitor
 *
 * Gets the number that EXIT contained, for statuses that this version of lxcmon has no name for.
 *
 * Returns: the number, or -1 if it is not known
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_exit_raw (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), -1);

  return _lxcmon_monitor_get_model (self)->exit_raw;
}

/**
 * lxcmon_monitor_get_end: (get-property end)
 * @self: a monitor
 *
 * Gets how the container ended.
 *
 * Returns: an end
 *
 * Since: 0.1
 */
LxcmonEnd
lxcmon_monitor_get_end (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_END_NONE);

  return _lxcmon_monitor_get_model (self)->end;
}

/**
 * lxcmon_monitor_describe_end:
 * @self: a monitor
 *
 * Describes in one line how the container ended, such as "shut down". The text is in English, and is not
 * meant to be parsed; programs use [property@Lxcmon.Monitor:end].
 *
 * Returns: (transfer full): a text
 *
 * Since: 0.1
 */
char *
lxcmon_monitor_describe_end (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  const GError *error = lxcmon_monitor_get_error (self);

  switch (lxcmon_monitor_get_end (self))
    {
    case LXCMON_END_SHUTDOWN:
      return g_strdup ("shut down");
    case LXCMON_END_REBOOT:
      return g_strdup ("rebooted");
    case LXCMON_END_ERROR:
      return g_strdup ("ended with an error");
    case LXCMON_END_UNKNOWN:
      if (!lxcmon_monitor_get_exited (self))
        return g_strdup ("ended while it was not watched; how is not known");
      return g_strdup_printf ("ended with the unknown status %d",
                              lxcmon_monitor_get_exit_raw (self));
    case LXCMON_END_LOST:
      return g_strdup ("its controller ended without sending EXIT");
    case LXCMON_END_DESTROYED:
      return g_strdup ("destroyed through libvirt");
    case LXCMON_END_NONE:
    default:
      if (error != NULL && lxcmon_monitor_get_state (self) == LXCMON_STATE_CLOSED)
        return g_strdup_printf ("still running, no longer watched: %s", error->message);
      return g_strdup ("has not ended");
    }
}
