/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * For tests of applications: what libvirt's processes do, without libvirt and without a container.
 */

#include <lxcmon-glib/lxcmon-glib.h>

G_BEGIN_DECLS

#define LXCMON_MOCK_TYPE_CONTROLLER (lxcmon_mock_controller_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (LxcmonMockController, lxcmon_mock_controller, LXCMON_MOCK, CONTROLLER,
                      GObject)

LXCMON_AVAILABLE_IN_0_1
LxcmonMockController *lxcmon_mock_controller_new (const char *socket_path);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_start (LxcmonMockController *self, GError **error);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_mock_controller_stop (LxcmonMockController *self);
LXCMON_AVAILABLE_IN_0_1
gint lxcmon_mock_controller_get_init_pid (LxcmonMockController *self);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_mock_controller_set_init_pid (LxcmonMockController *self, gint init_pid);
LXCMON_AVAILABLE_IN_0_1
guint lxcmon_mock_controller_get_n_clients (LxcmonMockController *self);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_send_init (LxcmonMockController *self, gint pid, GError **error);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_send_exit (LxcmonMockController *self, LxcmonExitStatus status,
                                           GError **error);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_send_bytes (LxcmonMockController *self, GBytes *bytes,
                                            GError **error);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_finish (LxcmonMockController *self, LxcmonExitStatus status,
                                        GError **error);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_mock_controller_die (LxcmonMockController *self, GError **error);

#define LXCMON_MOCK_TYPE_DRIVER (lxcmon_mock_driver_get_type ())

LXCMON_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (LxcmonMockDriver, lxcmon_mock_driver, LXCMON_MOCK, DRIVER, GObject)

LXCMON_AVAILABLE_IN_0_1
LxcmonMockDriver *lxcmon_mock_driver_new (const char *runtime_dir);
LXCMON_AVAILABLE_IN_0_1
gboolean lxcmon_mock_driver_start (LxcmonMockDriver *self, GError **error);
LXCMON_AVAILABLE_IN_0_1
void lxcmon_mock_driver_stop (LxcmonMockDriver *self);

G_END_DECLS
