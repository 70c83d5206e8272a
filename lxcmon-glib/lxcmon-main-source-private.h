/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One hub for each main context, in one GSource, and the queue of steps: what remains to be done for
 * events after their signals. lxcmon-libvirt uses the queue too; the header is not installed.
 */

#include <glib-object.h>
#include <lxcmon/lxcmon.h>

typedef struct _LxcmonMainSource LxcmonMainSource;

/* What the user data of each connection points to. */
typedef struct _LxcmonReceiver LxcmonReceiver;
struct _LxcmonReceiver
{
  void (*event) (LxcmonReceiver *self, const LxcmonEvent *event);
  const char *name; /* of the container, for the log */
};

typedef void (*LxcmonStepFunc) (GObject *object, gpointer data);

LXCMON_EXPORT LxcmonMainSource *_lxcmon_main_source_acquire (GMainContext *context,
                                                             LxcmonError *error);
LXCMON_EXPORT void _lxcmon_main_source_release (LxcmonMainSource *self);
LXCMON_EXPORT void _lxcmon_main_source_push (LxcmonMainSource *self, gpointer object,
                                             LxcmonStepFunc func, gpointer data,
                                             GDestroyNotify free);
LXCMON_EXPORT void _lxcmon_main_source_push_first (LxcmonMainSource *self, gpointer object,
                                                   LxcmonStepFunc func, gpointer data,
                                                   GDestroyNotify free);
LXCMON_EXPORT void _lxcmon_main_source_run_steps (LxcmonMainSource *self);
gboolean _lxcmon_main_source_was_forked (LxcmonMainSource *self);
LxcmonHub *_lxcmon_main_source_get_hub (LxcmonMainSource *self);
GMainContext *_lxcmon_main_source_get_context (LxcmonMainSource *self);
