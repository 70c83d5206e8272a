/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(LXCMON_LIBVIRT_INSIDE) && !defined(LXCMON_LIBVIRT_COMPILATION)
#error "Only <lxcmon-libvirt/lxcmon-libvirt.h> can be included directly."
#endif

#include <libvirt-gobject/libvirt-gobject.h>

#include <lxcmon-glib/lxcmon-glib.h>

G_BEGIN_DECLS

#define LXCMON_LIBVIRT_AVAILABLE_IN_0_1 LXCMON_EXPORT

LXCMON_LIBVIRT_AVAILABLE_IN_0_1
LxcmonHost *lxcmon_libvirt_host_new_for_connection (GVirConnection *connection);

G_END_DECLS
