/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_LIBVIRT_INSIDE) && !defined(LXCMON_LIBVIRT_COMPILATION)
#error "Only <lxcmon-libvirt/lxcmon-libvirt.h> can be included directly."
#endif

#include <libvirt-gobject/libvirt-gobject.h>

#include <lxcmon-glib/lxcmon-glib.h>

G_BEGIN_DECLS

#define LXCMON_LIBVIRT_AVAILABLE_IN_0_1 LXCMON_EXPORT

#define LXCMON_LIBVIRT_TYPE_HOST (lxcmon_libvirt_host_get_type ())

LXCMON_LIBVIRT_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (LxcmonLibvirtHost, lxcmon_libvirt_host, LXCMON_LIBVIRT, HOST,
                      LxcmonMonitorList)

LXCMON_LIBVIRT_AVAILABLE_IN_0_1
LxcmonLibvirtHost *lxcmon_libvirt_host_new (GVirConnection *connection);
LXCMON_LIBVIRT_AVAILABLE_IN_0_1
LxcmonLibvirtHost *lxcmon_libvirt_host_new_for_uri (const char *uri);

LXCMON_LIBVIRT_AVAILABLE_IN_0_1
GVirConnection *lxcmon_libvirt_host_get_connection (LxcmonLibvirtHost *self);
LXCMON_LIBVIRT_AVAILABLE_IN_0_1
const char *lxcmon_libvirt_host_get_uri (LxcmonLibvirtHost *self);
LXCMON_LIBVIRT_AVAILABLE_IN_0_1
gboolean lxcmon_libvirt_host_get_connected (LxcmonLibvirtHost *self);
LXCMON_LIBVIRT_AVAILABLE_IN_0_1
const GError *lxcmon_libvirt_host_get_error (LxcmonLibvirtHost *self);

G_END_DECLS
