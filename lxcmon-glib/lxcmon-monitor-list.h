/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_GLIB_INSIDE) && !defined(LXCMON_GLIB_COMPILATION)
#error "Only <lxcmon-glib/lxcmon-glib.h> can be included directly."
#endif

#include <gio/gio.h>

#include <lxcmon-glib/lxcmon-monitor.h>

G_BEGIN_DECLS

#define LXCMON_TYPE_MONITOR_LIST (lxcmon_monitor_list_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_INTERFACE (LxcmonMonitorList, lxcmon_monitor_list, LXCMON, MONITOR_LIST, GListModel)

/**
 * LxcmonMonitorListInterface:
 * @g_iface: the parent
 * @start_async: see [method@Lxcmon.MonitorList.start_async]
 * @start_finish: see [method@Lxcmon.MonitorList.start_finish]
 * @stop: see [method@Lxcmon.MonitorList.stop]
 * @lookup: see [method@Lxcmon.MonitorList.lookup]
 *
 * What a list of monitors can do beside being a [iface@Gio.ListModel]. The signals have no slots here:
 * slots called "init" and "exit" would collide with what bindings call their own.
 *
 * Since: 0.1
 */
struct _LxcmonMonitorListInterface
{
  GTypeInterface g_iface;

  void (*start_async) (LxcmonMonitorList *self, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*start_finish) (LxcmonMonitorList *self, GAsyncResult *result, GError **error);
  void (*stop) (LxcmonMonitorList *self);
  LxcmonMonitor *(*lookup) (LxcmonMonitorList *self, const char *name);
};

LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_list_start_async (LxcmonMonitorList *self, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_monitor_list_start_finish (LxcmonMonitorList *self, GAsyncResult *result,
                                           GError **error);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_list_stop (LxcmonMonitorList *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonMonitor *lxcmon_monitor_list_lookup (LxcmonMonitorList *self, const char *name);

LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_list_emit_init (LxcmonMonitorList *self, LxcmonMonitor *monitor, gint pid);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_list_emit_exit (LxcmonMonitorList *self, LxcmonMonitor *monitor,
                                    LxcmonExitStatus status);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_list_emit_closed (LxcmonMonitorList *self, LxcmonMonitor *monitor,
                                      const GError *error);

G_END_DECLS
