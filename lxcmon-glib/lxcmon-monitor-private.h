/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What this layer's own classes share with the interfaces: cheap notifications, the details of "exit",
 * and the one mapping from the core's errors to GLib's.
 */

#include <lxcmon-glib/lxcmon-monitor.h>
#include <lxcmon/lxcmon-error.h>

typedef enum
{
  LXCMON_MONITOR_PROP_NAME,
  LXCMON_MONITOR_PROP_SOURCE,
  LXCMON_MONITOR_PROP_STATE,
  LXCMON_MONITOR_PROP_INIT_PID,
  LXCMON_MONITOR_PROP_CONTROLLER_PID,
  LXCMON_MONITOR_PROP_EXITED,
  LXCMON_MONITOR_PROP_EXIT_STATUS,
  LXCMON_MONITOR_PROP_EXIT_RAW,
  LXCMON_MONITOR_PROP_ERROR,
  LXCMON_MONITOR_PROP_SKIPPED,
  LXCMON_MONITOR_N_PROPS
} LxcmonMonitorProp;

GQuark _lxcmon_exit_status_to_detail (LxcmonExitStatus status);
gboolean _lxcmon_monitor_wants_init (LxcmonMonitor *self);
gboolean _lxcmon_monitor_wants_exit (LxcmonMonitor *self);
void _lxcmon_monitor_notify (LxcmonMonitor *self, LxcmonMonitorProp prop);
GError *_lxcmon_monitor_error_new (const LxcmonError *error);
