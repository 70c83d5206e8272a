/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Some containers of a list, by their names. What is told of them has the form of a monitor's own signals.
 */

#include "source.h"

typedef struct _Named Named;

typedef struct
{
  void (*attached) (LxcmonMonitor *monitor, gpointer user_data);
  void (*init) (LxcmonMonitor *monitor, int pid, gpointer user_data);
  void (*exit) (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data);
  void (*closed) (LxcmonMonitor *monitor, const GError *error, gpointer user_data);
  /* The container is not there; nothing more is told of it. */
  void (*missing) (const char *name, const GError *error, gpointer user_data);
  /* There is no list. */
  void (*failed) (const GError *error, gpointer user_data);
  SourceConnectionFunc connection;
} NamedFuncs;

Named *named_new (LxcmonMonitorList *list, const NamedFuncs *funcs, gpointer user_data);
void named_free (Named *self);
gboolean named_add (Named *self, const char *name);
void named_drop (Named *self, const char *name);
void named_start (Named *self);
