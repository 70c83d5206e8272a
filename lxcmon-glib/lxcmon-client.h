/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_GLIB_INSIDE) && !defined(LXCMON_GLIB_COMPILATION)
#error "Only <lxcmon-glib/lxcmon-glib.h> can be included directly."
#endif

#include <gio/gio.h>

#include <lxcmon-glib/lxcmon-monitor.h>

G_BEGIN_DECLS

#define LXCMON_TYPE_CLIENT (lxcmon_client_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (LxcmonClient, lxcmon_client, LXCMON, CLIENT, LxcmonMonitor)

LXCMON_AVAILABLE_IN_0_1
LxcmonClient *lxcmon_client_new (const char *name);
LXCMON_AVAILABLE_IN_0_1
LxcmonClient *lxcmon_client_new_for_path (const char *socket_path);

LXCMON_AVAILABLE_IN_0_1
const char *lxcmon_client_get_runtime_dir (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
const char *lxcmon_client_get_socket_path (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_client_get_force (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_set_force (LxcmonClient *self, gboolean force);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_client_get_wait_if_busy (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_set_wait_if_busy (LxcmonClient *self, gboolean wait_if_busy);
LXCMON_AVAILABLE_IN_0_1
guint lxcmon_client_get_attach_timeout (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_set_attach_timeout (LxcmonClient *self, guint attach_timeout);
LXCMON_AVAILABLE_IN_0_1
guint lxcmon_client_get_keepalive_interval (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_set_keepalive_interval (LxcmonClient *self, guint keepalive_interval);
LXCMON_AVAILABLE_IN_0_1
guint lxcmon_client_get_reboot_timeout (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_set_reboot_timeout (LxcmonClient *self, guint reboot_timeout);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_client_get_watch_init (LxcmonClient *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_set_watch_init (LxcmonClient *self, gboolean watch_init);

LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_attach_async (LxcmonClient *self, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_client_attach_finish (LxcmonClient *self, GAsyncResult *result, GError **error);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_client_attach (LxcmonClient *self, GCancellable *cancellable, GError **error);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_client_detach (LxcmonClient *self);

G_END_DECLS
