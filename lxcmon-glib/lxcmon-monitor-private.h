/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The functions that subclasses of LxcmonMonitor use. lxcmon-libvirt uses them too; the header is not
 * installed.
 */

#include <lxcmon/lxcmon-error.h>

#include "lxcmon-context-private.h"
#include "lxcmon-model-private.h"

/* What LxcmonMonitorClass.dup_init_pidfd is: returns a pidfd of the container's init, which the caller closes, or -1. */
typedef int (*LxcmonDupInitPidfdFunc) (LxcmonMonitor *self);

typedef enum
{
  LXCMON_REPORT_CHANGED, /* no signal */
  LXCMON_REPORT_INIT,
  LXCMON_REPORT_EXIT,
  LXCMON_REPORT_CLOSED
} LxcmonReport;

/* lxcmon-monitor.c */
LXCMON_EXPORT void _lxcmon_monitor_set_name (LxcmonMonitor *self, const char *name);
LXCMON_EXPORT void _lxcmon_monitor_set_context (LxcmonMonitor *self, GMainContext *context);
GMainContext *_lxcmon_monitor_get_context (LxcmonMonitor *self);
LXCMON_EXPORT const LxcmonModel *_lxcmon_monitor_get_model (LxcmonMonitor *self);
LXCMON_EXPORT void _lxcmon_monitor_report (LxcmonMonitor *self, LxcmonReport report,
                                           const LxcmonModel *model, const GError *error);
void _lxcmon_monitor_await_init_end (LxcmonMonitor *self, const LxcmonModel *model, int pidfd);
void _lxcmon_monitor_set_detached (LxcmonMonitor *self);
void _lxcmon_monitor_set_watched (LxcmonMonitor *self, gboolean watched);
void _lxcmon_store_result (GObject *source, GAsyncResult *result, gpointer user_data);
GQuark _lxcmon_exit_status_to_detail (LxcmonExitStatus status);

/* lxcmon-monitor-error.c */
GError *_lxcmon_monitor_error_new (const LxcmonError *error);
LxcmonEnd _lxcmon_end_from_exit_status (LxcmonExitStatus status);
void _lxcmon_model_end_by_error (LxcmonModel *model, const GError *error);
