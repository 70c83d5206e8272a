/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The calls that wait for a container's end.
 */

#include <lxcmon-glib/lxcmon-glib.h>

typedef struct
{
  GList *tasks;
  gboolean watched; /* an end can be reported */
} LxcmonWaits;

void _lxcmon_waits_add (LxcmonWaits *self, GTask *task, GMainContext *context);
GList *_lxcmon_waits_steal (LxcmonWaits *self);
void _lxcmon_waits_return (GList *tasks, LxcmonExitStatus status, const GError *error);

/* lxcmon-monitor.c */
LxcmonWaits *_lxcmon_monitor_get_waits (LxcmonMonitor *self);
