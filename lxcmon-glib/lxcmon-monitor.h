/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_GLIB_INSIDE) && !defined(LXCMON_GLIB_COMPILATION)
#error "Only <lxcmon-glib/lxcmon-glib.h> can be included directly."
#endif

#include <glib-object.h>

#include <lxcmon-glib/lxcmon-glib-macros.h>
#include <lxcmon/lxcmon-types.h>

G_BEGIN_DECLS

/**
 * LxcmonSource:
 * @LXCMON_SOURCE_DIRECT: the controller itself
 * @LXCMON_SOURCE_LIBVIRT: libvirtd, which has the controller's one place
 *
 * Where a monitor knows from what it tells.
 *
 * Since: 0.1
 */
typedef enum /*< underscore_name=lxcmon_source >*/
{
  LXCMON_SOURCE_DIRECT = 0,
  LXCMON_SOURCE_LIBVIRT = 1
} LxcmonSource;

/**
 * LXCMON_MONITOR_ERROR:
 *
 * The error domain of monitors; its codes are [error@Lxcmon.MonitorError].
 *
 * Since: 0.1
 */
#define LXCMON_MONITOR_ERROR (lxcmon_monitor_error_quark ())

LXCMON_AVAILABLE_IN_0_1
GQuark lxcmon_monitor_error_quark (void);

#define LXCMON_TYPE_MONITOR (lxcmon_monitor_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_INTERFACE (LxcmonMonitor, lxcmon_monitor, LXCMON, MONITOR, GObject)

/**
 * LxcmonMonitorInterface:
 * @g_iface: the parent
 * @get_name: see [method@Lxcmon.Monitor.get_name]
 * @get_source: see [method@Lxcmon.Monitor.get_source]
 * @get_state: see [method@Lxcmon.Monitor.get_state]
 * @get_init_pid: see [method@Lxcmon.Monitor.get_init_pid]
 * @get_controller_pid: see [method@Lxcmon.Monitor.get_controller_pid]
 * @get_exited: see [method@Lxcmon.Monitor.get_exited]
 * @get_exit_status: see [method@Lxcmon.Monitor.get_exit_status]
 * @get_exit_raw: see [method@Lxcmon.Monitor.get_exit_raw]
 * @get_error: see [method@Lxcmon.Monitor.get_error]
 * @get_skipped: see [method@Lxcmon.Monitor.get_skipped]
 *
 * What a monitor has to know. The signals have no slots here: slots called "init" and "exit" would
 * collide with what bindings call their own.
 *
 * Since: 0.1
 */
struct _LxcmonMonitorInterface
{
  GTypeInterface g_iface;

  const char *(*get_name) (LxcmonMonitor *self);
  LxcmonSource (*get_source) (LxcmonMonitor *self);
  LxcmonState (*get_state) (LxcmonMonitor *self);
  gint (*get_init_pid) (LxcmonMonitor *self);
  gint (*get_controller_pid) (LxcmonMonitor *self);
  gboolean (*get_exited) (LxcmonMonitor *self);
  LxcmonExitStatus (*get_exit_status) (LxcmonMonitor *self);
  gint (*get_exit_raw) (LxcmonMonitor *self);
  const GError *(*get_error) (LxcmonMonitor *self);
  guint64 (*get_skipped) (LxcmonMonitor *self);
};

LXCMON_AVAILABLE_IN_0_1
const char *lxcmon_monitor_get_name (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonSource lxcmon_monitor_get_source (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonState lxcmon_monitor_get_state (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_init_pid (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_controller_pid (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_monitor_get_exited (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonExitStatus lxcmon_monitor_get_exit_status (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_monitor_get_exit_raw (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
const GError *lxcmon_monitor_get_error (LxcmonMonitor *self);
LXCMON_AVAILABLE_IN_0_1
guint64 lxcmon_monitor_get_skipped (LxcmonMonitor *self);

LXCMON_AVAILABLE_IN_0_1
guint lxcmon_monitor_install_properties (GObjectClass *klass, guint first_prop);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_monitor_read_property (LxcmonMonitor *self, GParamSpec *pspec, GValue *value);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_emit_init (LxcmonMonitor *self, gint pid);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_emit_exit (LxcmonMonitor *self, LxcmonExitStatus status);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_emit_closed (LxcmonMonitor *self, const GError *error);

G_END_DECLS
