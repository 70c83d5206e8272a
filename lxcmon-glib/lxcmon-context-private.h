/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Which thread may use a main context, with all that belongs to it. lxcmon-libvirt uses it too; the header is not
 * installed.
 */

#include <gio/gio.h>

#include <lxcmon/lxcmon-macros.h>

/* A main context that this thread has acquired. */
typedef GMainContext LxcmonAcquiredContext;

LXCMON_EXPORT LxcmonAcquiredContext *_lxcmon_context_acquire (GMainContext *context,
                                                              const char *function);
LXCMON_EXPORT void _lxcmon_context_release (LxcmonAcquiredContext *context);
gboolean _lxcmon_context_acquire_to_end (GMainContext *context);
void _lxcmon_context_release_ended (GMainContext *context);
void _lxcmon_context_queue (GMainContext *context, GSourceFunc func, gpointer data,
                            GDestroyNotify free);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LxcmonAcquiredContext, _lxcmon_context_release)
