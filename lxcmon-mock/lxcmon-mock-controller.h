/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_MOCK_INSIDE) && !defined(LXCMON_MOCK_COMPILATION)
#error "Only <lxcmon-mock/lxcmon-mock.h> can be included directly."
#endif

#include <gio/gio.h>

#include <lxcmon-glib/lxcmon-glib.h>

G_BEGIN_DECLS

#define LXCMON_MOCK_AVAILABLE_IN_0_1 LXCMON_EXPORT

#define LXCMON_MOCK_TYPE_CONTROLLER (lxcmon_mock_controller_get_type ())

LXCMON_MOCK_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (LxcmonMockController, lxcmon_mock_controller, LXCMON_MOCK, CONTROLLER,
                      GObject)

LXCMON_MOCK_AVAILABLE_IN_0_1
LxcmonMockController *lxcmon_mock_controller_new (const char *socket_path);
LXCMON_MOCK_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_start (LxcmonMockController *self, GError **error);
LXCMON_MOCK_AVAILABLE_IN_0_1
void lxcmon_mock_controller_stop (LxcmonMockController *self);

LXCMON_MOCK_AVAILABLE_IN_0_1
const char *lxcmon_mock_controller_get_socket_path (LxcmonMockController *self);
LXCMON_MOCK_AVAILABLE_IN_0_1
gint lxcmon_mock_controller_get_init_pid (LxcmonMockController *self);
LXCMON_MOCK_AVAILABLE_IN_0_1
void lxcmon_mock_controller_set_init_pid (LxcmonMockController *self, gint init_pid);
LXCMON_MOCK_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_get_reading (LxcmonMockController *self);
LXCMON_MOCK_AVAILABLE_IN_0_1
void lxcmon_mock_controller_set_reading (LxcmonMockController *self, gboolean reading);
LXCMON_MOCK_AVAILABLE_IN_0_1
guint lxcmon_mock_controller_get_accept_delay (LxcmonMockController *self);
LXCMON_MOCK_AVAILABLE_IN_0_1
void lxcmon_mock_controller_set_accept_delay (LxcmonMockController *self, guint accept_delay);
LXCMON_MOCK_AVAILABLE_IN_0_1
guint lxcmon_mock_controller_get_n_clients (LxcmonMockController *self);
LXCMON_MOCK_AVAILABLE_IN_0_1
guint lxcmon_mock_controller_get_n_pings (LxcmonMockController *self);

LXCMON_MOCK_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_send_init (LxcmonMockController *self, gint pid, GError **error);
LXCMON_MOCK_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_send_exit (LxcmonMockController *self, LxcmonExitStatus status,
                                           GError **error);
LXCMON_MOCK_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_send_bytes (LxcmonMockController *self, GBytes *bytes,
                                            GError **error);
LXCMON_MOCK_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_finish (LxcmonMockController *self, LxcmonExitStatus status,
                                        GError **error);
LXCMON_MOCK_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_die (LxcmonMockController *self, GError **error);

G_END_DECLS
