/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the host over a connection of the application.
 */

#include "lxcmon-libvirt-backend-private.h"
#include "lxcmon-libvirt-host.h"

/* lxcmon-host.c of lxcmon-glib */
#include "../lxcmon-glib/lxcmon-host-private.h"

/**
 * lxcmon_libvirt_host_new_for_connection:
 * @connection: a connection, open or not
 *
 * Creates a list of the containers of a libvirtd to which the application has a connection. The host uses
 * the connection's handle and registers callbacks with it. It does not use the
 * [class@LibvirtGObject.Domain] objects. If the connection is not open when the host is started, and after
 * it was lost, the host opens a connection of its own to the same URI.
 *
 * The connection may belong to any driver of libvirt: each domain that runs is treated as a container.
 * Pids are known with the LXC driver only.
 *
 * Returns: (transfer full): a host that is not started
 *
 * Since: 0.1
 */
LxcmonHost *
lxcmon_libvirt_host_new_for_connection (GVirConnection *connection)
{
  g_return_val_if_fail (GVIR_IS_CONNECTION (connection), NULL);

  const char *uri = gvir_connection_get_uri (connection);
  LxcmonBackend *backend
      = g_object_new (LXCMON_LIBVIRT_TYPE_BACKEND, "uri", uri, "connection", connection, NULL);
  return _lxcmon_host_new_for_backend (backend, uri);
}
