/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A row of the host's list. Each step changes the properties first, then emits its signal; afterwards
 * the caller asks whether a handler has left.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#include "lxcmon-libvirt-domain-private.h"

#define LXCMON_LIBVIRT_TYPE_MONITOR (_lxcmon_libvirt_monitor_get_type ())

G_DECLARE_FINAL_TYPE (LxcmonLibvirtMonitor, _lxcmon_libvirt_monitor, LXCMON_LIBVIRT, MONITOR,
                      GObject)

LxcmonLibvirtMonitor *_lxcmon_libvirt_monitor_new (const LxcmonLibvirtDomain *domain);
const char *_lxcmon_libvirt_monitor_get_uuid (LxcmonLibvirtMonitor *self);
gint _lxcmon_libvirt_monitor_get_id (LxcmonLibvirtMonitor *self);
gboolean _lxcmon_libvirt_monitor_get_init_told (LxcmonLibvirtMonitor *self);

void _lxcmon_libvirt_monitor_begin (LxcmonLibvirtMonitor *self, const LxcmonLibvirtDomain *domain);
void _lxcmon_libvirt_monitor_tell_init (LxcmonLibvirtMonitor *self);
void _lxcmon_libvirt_monitor_tell_exit (LxcmonLibvirtMonitor *self, LxcmonExitStatus status);
void _lxcmon_libvirt_monitor_tell_closed (LxcmonLibvirtMonitor *self, const GError *error);
void _lxcmon_libvirt_monitor_leave (LxcmonLibvirtMonitor *self);
