/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the functions that read the properties of a client.
 */

#include "lxcmon-client-private.h"

#include <lxcmon/lxcmon-name.h>

/**
 * lxcmon_client_get_runtime_dir: (get-property runtime-dir)
 * @self: a client
 *
 * Gets the directory of the controllers' sockets.
 *
 * Returns: (type filename) (transfer none): a path
 *
 * Since: 0.1
 */
const char *
lxcmon_client_get_runtime_dir (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), NULL);

  return self->runtime_dir != NULL ? self->runtime_dir : LXCMON_RUNTIME_DIR;
}

/**
 * lxcmon_client_get_socket_path: (get-property socket-path)
 * @self: a client
 *
 * Gets the path of the controller's socket.
 *
 * Returns: (type filename) (transfer none) (nullable): a path, or %NULL if the name is not valid
 *
 * Since: 0.1
 */
const char *
lxcmon_client_get_socket_path (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), NULL);

  return self->socket_path;
}

/**
 * lxcmon_client_get_force: (get-property force)
 * @self: a client
 *
 * Gets whether the client connects even if libvirtd is running or the slot is taken. See
 * [property@Lxcmon.Client:force].
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_force (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->force;
}

/**
 * lxcmon_client_get_wait_if_busy: (get-property wait-if-busy)
 * @self: a client
 *
 * Gets whether the client waits for a slot that is taken. See [property@Lxcmon.Client:wait-if-busy].
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_wait_if_busy (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->wait_if_busy;
}

/**
 * lxcmon_client_get_attach_timeout: (get-property attach-timeout)
 * @self: a client
 *
 * Gets how long the client stays queued if another client is accepted. See
 * [property@Lxcmon.Client:attach-timeout].
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_attach_timeout (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return self->attach_timeout;
}

/**
 * lxcmon_client_get_keepalive_interval: (get-property keepalive-interval)
 * @self: a client
 *
 * Gets the time without a message after which a PING is sent. See
 * [property@Lxcmon.Client:keepalive-interval].
 *
 * Returns: milliseconds, or 0 for never
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_keepalive_interval (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return self->keepalive_interval;
}

/**
 * lxcmon_client_get_reboot_timeout: (get-property reboot-timeout)
 * @self: a client
 *
 * Gets how long to wait for the next controller after a reboot. See
 * [property@Lxcmon.Client:reboot-timeout].
 *
 * Returns: milliseconds, or 0 if the client does not wait
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_reboot_timeout (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return self->reboot_timeout;
}

/**
 * lxcmon_client_get_watch_init: (get-property watch-init)
 * @self: a client
 *
 * Gets whether the client finds out how the container's init ends. See [property@Lxcmon.Client:watch-init].
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_watch_init (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->watch_init;
}
