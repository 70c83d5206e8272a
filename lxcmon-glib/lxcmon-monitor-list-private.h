/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The functions that subclasses of LxcmonMonitorList use. lxcmon-libvirt uses them too; the header is not
 * installed.
 *
 * A subclass implements start(), which starts to keep the list up to date and calls
 * _lxcmon_monitor_list_started() when it is complete, and stop(), which ends this. It may implement
 * flush(), which reports events that it has delayed; it is called before the application stops the list.
 * The list itself owns the rows, their order, the pending start, and all emissions.
 */

#include "lxcmon-main-source-private.h"
#include "lxcmon-monitor-private.h"

LXCMON_EXPORT GMainContext *_lxcmon_monitor_list_get_context (LxcmonMonitorList *self);
LXCMON_EXPORT LxcmonMainSource *_lxcmon_monitor_list_get_source (LxcmonMonitorList *self);
LXCMON_EXPORT guint _lxcmon_monitor_list_get_epoch (LxcmonMonitorList *self);
LXCMON_EXPORT gboolean _lxcmon_monitor_list_is_starting (LxcmonMonitorList *self);
LXCMON_EXPORT LxcmonAcquiredContext *_lxcmon_monitor_list_acquire_context (LxcmonMonitorList *self,
                                                                           const char *function);
LXCMON_EXPORT void _lxcmon_monitor_list_started (LxcmonMonitorList *self, const GError *error);
LXCMON_EXPORT void _lxcmon_monitor_list_add (LxcmonMonitorList *self, GPtrArray *monitors);
LXCMON_EXPORT void _lxcmon_monitor_list_remove (LxcmonMonitorList *self, LxcmonMonitor *monitor);
LXCMON_EXPORT void _lxcmon_monitor_list_notify (LxcmonMonitorList *self, GParamSpec *pspec);
LXCMON_EXPORT void _lxcmon_monitor_list_report (LxcmonMonitorList *self, LxcmonMonitor *monitor,
                                                LxcmonReport report, const LxcmonModel *model,
                                                const GError *error);
