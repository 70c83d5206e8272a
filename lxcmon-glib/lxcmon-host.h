/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_GLIB_INSIDE) && !defined(LXCMON_GLIB_COMPILATION)
#error "Only <lxcmon-glib/lxcmon-glib.h> can be included directly."
#endif

#include <lxcmon-glib/lxcmon-monitor.h>

G_BEGIN_DECLS

#define LXCMON_TYPE_HOST (lxcmon_host_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (LxcmonHost, lxcmon_host, LXCMON, HOST, GObject)

LXCMON_AVAILABLE_IN_0_1
LxcmonHost *lxcmon_host_new (const char *runtime_dir);
LXCMON_AVAILABLE_IN_0_1
LxcmonHost *lxcmon_host_new_for_uri (const char *uri);

LXCMON_AVAILABLE_IN_0_1
void lxcmon_host_start_async (LxcmonHost *self, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_host_start_finish (LxcmonHost *self, GAsyncResult *result, GError **error);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_host_start (LxcmonHost *self, GCancellable *cancellable, GError **error);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_host_stop (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonMonitor *lxcmon_host_lookup (LxcmonHost *self, const char *name);

LXCMON_AVAILABLE_IN_0_1
const char *lxcmon_host_get_runtime_dir (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
const char *lxcmon_host_get_uri (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
LxcmonSource lxcmon_host_get_source (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_host_get_connected (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
const GError *lxcmon_host_get_error (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_host_get_force (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_host_set_force (LxcmonHost *self, gboolean force);
LXCMON_AVAILABLE_IN_0_1
guint lxcmon_host_get_reboot_timeout (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_host_set_reboot_timeout (LxcmonHost *self, guint reboot_timeout);
LXCMON_AVAILABLE_IN_0_1
guint lxcmon_host_get_linger_timeout (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_host_set_linger_timeout (LxcmonHost *self, guint linger_timeout);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_host_get_watch_init (LxcmonHost *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_host_set_watch_init (LxcmonHost *self, gboolean watch_init);
LXCMON_AVAILABLE_IN_0_1
guint lxcmon_host_get_n_unlisted (LxcmonHost *self);

G_END_DECLS
