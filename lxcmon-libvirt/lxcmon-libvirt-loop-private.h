/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * libvirt's event loop, which some thread of the application has to run.
 */

#include <gio/gio.h>

void _lxcmon_libvirt_loop_register (void);
gboolean _lxcmon_libvirt_loop_pass (guint timeout_ms);
gboolean _lxcmon_libvirt_loop_check (guint timeout_ms, GError **error);
