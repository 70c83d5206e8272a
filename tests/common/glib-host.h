/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A host over a directory of test controllers, a record of its signals, and a copy of its list that is
 * kept by "items-changed" alone: at any time both must be the same.
 */

#include <lxcmon-glib/lxcmon-glib.h>
#include <lxcmon-mock/lxcmon-mock.h>

typedef struct
{
  char *dir;
  LxcmonHost *host;
  LxcmonHost *list;  /* the same */
  GHashTable *mocks; /* by name */
  GPtrArray *copy;
  GString *signals; /* such as "web1 init 42, web1 exit reboot, web1 closed, web1 closed lost" */
  guint n_changes;
  guint n_notified;
  gboolean start_done;
  GError *start_error;
} GlibHost;

GlibHost *glib_host_new (void);
GlibHost *glib_host_new_direct (void);
GlibHost *glib_host_new_at (const char *dir, const char *uri);
void glib_host_free (GlibHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GlibHost, glib_host_free)

void glib_host_begin_start (GlibHost *self, GCancellable *cancellable);
const char *glib_host_finish_start (GlibHost *self);
void glib_host_start (GlibHost *self);

char *glib_host_path (GlibHost *self, const char *base);
LxcmonMockController *glib_host_add (GlibHost *self, const char *name, int init_pid);
LxcmonMockController *glib_host_get_mock (GlibHost *self, const char *name);
void glib_host_finish (GlibHost *self, const char *name, LxcmonExitStatus status);
void glib_host_drop (GlibHost *self, const char *name);

LxcmonMonitor *glib_host_get (GlibHost *self, const char *name);
LxcmonState glib_host_state (GlibHost *self, const char *name);
gboolean glib_host_has (GlibHost *self, const char *names);
void glib_host_wait_names (GlibHost *self, const char *names);
void glib_host_wait_attached (GlibHost *self, const char *name);
void glib_host_wait_signals (GlibHost *self, const char *signals);
char *glib_host_list_names (GlibHost *self);
