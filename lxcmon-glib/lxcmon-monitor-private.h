/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What a class needs to be a monitor: the interface's properties, and one emit helper per signal.
 */

#include <lxcmon-glib/lxcmon-monitor.h>
#include <lxcmon/lxcmon-error.h>

typedef enum
{
  LXCMON_MONITOR_PROP_NAME = 1,
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

void _lxcmon_monitor_override_properties (GObjectClass *klass);
gboolean _lxcmon_monitor_get_property (LxcmonMonitor *self, guint prop_id, GValue *value);
void _lxcmon_monitor_notify (LxcmonMonitor *self, LxcmonMonitorProp prop);
void _lxcmon_monitor_emit_init (LxcmonMonitor *self, gint pid);
void _lxcmon_monitor_emit_exit (LxcmonMonitor *self, LxcmonExitStatus status);
void _lxcmon_monitor_emit_closed (LxcmonMonitor *self, const GError *error);
GError *_lxcmon_monitor_error_new (const LxcmonError *error);
