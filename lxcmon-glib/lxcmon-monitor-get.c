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
 * lxcmon_monitor_get_uuid: (get-property uuid)
 * @self: a monitor
 *
 * Gets the uuid of the container's libvirt domain. See [property@Lxcmon.Monitor:uuid].
 *
 * Returns: (transfer full) (nullable): a uuid, or %NULL if it is not known
 *
 * Since: 0.1
 */
char *
lxcmon_monitor_get_uuid (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  return _lxcmon_model_dup_uuid (_lxcmon_monitor_get_model (self));
}

/**
 * lxcmon_monitor_get_started_at: (get-property started-at)
 * @self: a monitor
 *
 * Gets when the current run of the container started. See [property@Lxcmon.Monitor:started-at].
 *
 * Returns: (transfer full) (nullable): a time in UTC, or %NULL if it is not known
 *
 * Since: 0.1
 */
GDateTime *
lxcmon_monitor_get_started_at (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  return _lxcmon_model_dup_started_at (_lxcmon_monitor_get_model (self));
}

/**
 * lxcmon_monitor_get_life: (get-property life)
 * @self: a monitor
 *
 * Gets a name for the current run of the container. See [property@Lxcmon.Monitor:life].
 *
 * Returns: (transfer full) (nullable): a name, or %NULL if it is not known
 *
 * Since: 0.1
 */
char *
lxcmon_monitor_get_life (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  return _lxcmon_model_dup_life (_lxcmon_monitor_get_model (self));
}

/**
 * lxcmon_monitor_get_running: (get-property running)
 * @self: a monitor
 *
 * Gets whether the container runs, as far as is known. See [property@Lxcmon.Monitor:running].
 *
 * Returns: %TRUE if it runs
 *
 * Since: 0.1
 */
gboolean
lxcmon_monitor_get_running (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), FALSE);

  return _lxcmon_monitor_get_model (self)->running;
}

/**
 * lxcmon_monitor_get_init_exit_code: (get-property init-exit-code)
 * @self: a monitor
 *
 * Gets the exit code of the container's init. See [property@Lxcmon.Monitor:init-exit-code].
 *
 * Returns: an exit code, or -1 if it is not known, or if a signal killed init
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_init_exit_code (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), -1);

  return _lxcmon_monitor_get_model (self)->init_exit_code;
}

/**
 * lxcmon_monitor_get_init_signal: (get-property init-signal)
 * @self: a monitor
 *
 * Gets the signal that killed the container's init. See [property@Lxcmon.Monitor:init-signal].
 *
 * Returns: a signal, or 0 if it is not known, or if none did
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_init_signal (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), 0);

  return _lxcmon_monitor_get_model (self)->init_signal;
}

/* How init ended, as an addition to how the container ended. A code of 0 says nothing new of a reboot. */
static char *
describe_init (const LxcmonModel *model)
{
  if (model->init_signal != 0)
    return g_strdup_printf (", killed by signal %d", model->init_signal);
  if (model->init_exit_code > 0 || (model->init_exit_code == 0 && model->end != LXCMON_END_REBOOT))
    return g_strdup_printf (", exit code %d", model->init_exit_code);
  return g_strdup ("");
}

/* A container that has not ended, as far as is known. */
static char *
describe_no_end (LxcmonMonitor *self, const LxcmonModel *model)
{
  const GError *error = lxcmon_monitor_get_error (self);

  if (!model->running
      || (model->state != LXCMON_STATE_CLOSED && model->state != LXCMON_STATE_DETACHED))
    return g_strdup ("has not ended");
  if (error == NULL)
    return g_strdup ("still running, no longer watched");
  return g_strdup_printf ("still running, no longer watched: %s", error->message);
}

/**
 * lxcmon_monitor_describe_end:
 * @self: a monitor
 *
 * Describes in one line how the container ended, such as "shut down, exit code 42". The text is in English, and is
 * not meant to be parsed; programs use [property@Lxcmon.Monitor:end].
 *
 * Returns: (transfer full): a text
 *
 * Since: 0.1
 */
char *
lxcmon_monitor_describe_end (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  const LxcmonModel *model = _lxcmon_monitor_get_model (self);
  g_autofree char *init = describe_init (model);

  switch (model->end)
    {
    case LXCMON_END_SHUTDOWN:
      return g_strconcat ("shut down", init, NULL);
    case LXCMON_END_REBOOT:
      return g_strconcat ("rebooted", init, NULL);
    case LXCMON_END_ERROR:
      return g_strconcat ("ended with an error", init, NULL);
    case LXCMON_END_UNKNOWN:
      if (!model->exited)
        return g_strconcat ("ended while it was not watched",
                            *init != '\0' ? init : "; how is not known", NULL);
      return g_strdup_printf ("ended with the unknown status %d%s", model->exit_raw, init);
    case LXCMON_END_LOST:
      return g_strconcat ("its controller ended without sending EXIT", init, NULL);
    case LXCMON_END_DESTROYED:
      return g_strconcat ("destroyed through libvirt", init, NULL);
    case LXCMON_END_NONE:
    default:
      return describe_no_end (self, model);
    }
}
