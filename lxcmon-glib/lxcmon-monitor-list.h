/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_GLIB_INSIDE) && !defined(LXCMON_GLIB_COMPILATION)
#error "Only <lxcmon-glib/lxcmon-glib.h> can be included directly."
#endif

#include <lxcmon-glib/lxcmon-monitor.h>

G_BEGIN_DECLS

#define LXCMON_TYPE_MONITOR_LIST (lxcmon_monitor_list_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_DERIVABLE_TYPE (LxcmonMonitorList, lxcmon_monitor_list, LXCMON, MONITOR_LIST, GObject)

struct _LxcmonMonitorListClass
{
  GObjectClass parent_class;

  /*< private >*/
  void (*start) (LxcmonMonitorList *self);
  void (*flush) (LxcmonMonitorList *self);
  void (*stop) (LxcmonMonitorList *self);
  gpointer padding[7];
};

LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_list_start_async (LxcmonMonitorList *self, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_monitor_list_start_finish (LxcmonMonitorList *self, GAsyncResult *result,
                                           GError **error);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_monitor_list_start (LxcmonMonitorList *self, GCancellable *cancellable,
                                    GError **error);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_monitor_list_stop (LxcmonMonitorList *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonMonitor *lxcmon_monitor_list_lookup (LxcmonMonitorList *self, const char *name);

G_END_DECLS
