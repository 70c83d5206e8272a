/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the GIO module: it makes the backend known to lxcmon-glib, in applications that do not link libvirt.
 */

#include "lxcmon-libvirt-backend-private.h"

LXCMON_EXPORT void g_io_lxcmon_backend_libvirt_load (GIOModule *module);
LXCMON_EXPORT void g_io_lxcmon_backend_libvirt_unload (GIOModule *module);

void
g_io_lxcmon_backend_libvirt_load (GIOModule *module)
{
  g_io_extension_point_implement ("lxcmon-backend", LXCMON_LIBVIRT_TYPE_BACKEND, "libvirt", 0);
}

/* It is never unloaded: libvirt cannot be. */
void
g_io_lxcmon_backend_libvirt_unload (GIOModule *module)
{
}
