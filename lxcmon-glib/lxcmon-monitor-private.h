/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The functions that subclasses of LxcmonMonitor use. lxcmon-libvirt uses them too; the header is not
 * installed.
 */

#include <lxcmon-glib/lxcmon-glib.h>
#include <lxcmon/lxcmon-error.h>

/* What is known of a container. */
typedef struct
{
  LxcmonSource source;
  LxcmonState state;
  LxcmonEnd end;
  gint init_pid;       /* 0 while unknown */
  gint controller_pid; /* 0 while unknown */
  gboolean exited;     /* EXIT was received in this run */
  LxcmonExitStatus exit_status;
  gint exit_raw; /* the number on the wire, -1 if there is none */
} LxcmonModel;

/* The start of a run. */
#define LXCMON_MODEL_INIT(SOURCE, STATE)                                             \
  {                                                                                  \
    .source = (SOURCE), .state = (STATE), .exit_status = LXCMON_EXIT_STATUS_UNKNOWN, \
    .exit_raw = -1,                                                                  \
  }

/* A main context that this thread has acquired. */
typedef GMainContext LxcmonAcquiredContext;

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
void _lxcmon_monitor_set_detached (LxcmonMonitor *self);
void _lxcmon_monitor_set_watched (LxcmonMonitor *self, gboolean watched);
LXCMON_EXPORT LxcmonAcquiredContext *_lxcmon_context_acquire (GMainContext *context,
                                                              const char *function);
LXCMON_EXPORT void _lxcmon_context_release (LxcmonAcquiredContext *context);
void _lxcmon_store_result (GObject *source, GAsyncResult *result, gpointer user_data);
GQuark _lxcmon_exit_status_to_detail (LxcmonExitStatus status);

/* lxcmon-monitor-error.c */
GError *_lxcmon_monitor_error_new (const LxcmonError *error);
LxcmonEnd _lxcmon_end_from_exit_status (LxcmonExitStatus status);
LxcmonEnd _lxcmon_end_from_error (const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LxcmonAcquiredContext, _lxcmon_context_release)
