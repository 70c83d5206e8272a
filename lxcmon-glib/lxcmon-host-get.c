/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the functions that read the properties of a host.
 */

#include "lxcmon-host-private.h"

/**
 * lxcmon_host_get_runtime_dir: (get-property runtime-dir)
 * @self: a host
 *
 * Gets the directory of the controllers' sockets.
 *
 * Returns: (type filename) (transfer none): a path
 *
 * Since: 0.1
 */
const char *
lxcmon_host_get_runtime_dir (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), NULL);

  return _lxcmon_direct_get_dir (self->direct);
}

/**
 * lxcmon_host_get_force: (get-property force)
 * @self: a host
 *
 * Gets whether the host connects even if libvirtd is running or a slot is taken. See
 * [property@Lxcmon.Host:force].
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
lxcmon_host_get_force (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), FALSE);

  return self->direct->force;
}

/**
 * lxcmon_host_get_reboot_timeout: (get-property reboot-timeout)
 * @self: a host
 *
 * Gets how long a monitor stays in the list after a reboot. See [property@Lxcmon.Host:reboot-timeout].
 *
 * Returns: milliseconds, or 0 if it does not stay
 *
 * Since: 0.1
 */
guint
lxcmon_host_get_reboot_timeout (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), 0);

  return self->rows.reboot_timeout;
}

/**
 * lxcmon_host_get_linger_timeout: (get-property linger-timeout)
 * @self: a host
 *
 * Gets how long a monitor stays in the list after its container has ended. See
 * [property@Lxcmon.Host:linger-timeout].
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
lxcmon_host_get_linger_timeout (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), 0);

  return self->rows.linger_timeout;
}

/**
 * lxcmon_host_get_watch_init: (get-property watch-init)
 * @self: a host
 *
 * Gets whether the host finds out how the containers' inits end. See [property@Lxcmon.Host:watch-init].
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
lxcmon_host_get_watch_init (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), FALSE);

  return self->rows.watch_init;
}

/**
 * lxcmon_host_get_n_unlisted: (get-property n-unlisted)
 * @self: a host
 *
 * Gets the number of sockets whose names are not UTF-8. See [property@Lxcmon.Host:n-unlisted].
 *
 * Returns: the number of sockets
 *
 * Since: 0.1
 */
guint
lxcmon_host_get_n_unlisted (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), 0);

  return self->direct->n_unlisted;
}

/**
 * lxcmon_host_get_uri: (get-property uri)
 * @self: a host
 *
 * Gets the URI that the host was made for. See [property@Lxcmon.Host:uri].
 *
 * Returns: (transfer none) (nullable): a URI, or %NULL if the host chooses by itself
 *
 * Since: 0.1
 */
const char *
lxcmon_host_get_uri (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), NULL);

  return self->uri;
}

/**
 * lxcmon_host_get_source: (get-property source)
 * @self: a host
 *
 * Gets how the containers are reported at present. See [property@Lxcmon.Host:source].
 *
 * Returns: directly, or through libvirtd
 *
 * Since: 0.1
 */
LxcmonSource
lxcmon_host_get_source (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), LXCMON_SOURCE_DIRECT);

  return self->source;
}

/**
 * lxcmon_host_get_connected: (get-property connected)
 * @self: a host
 *
 * Gets whether the list is kept up to date. See [property@Lxcmon.Host:connected].
 *
 * Returns: whether it is
 *
 * Since: 0.1
 */
gboolean
lxcmon_host_get_connected (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), FALSE);

  return self->connected;
}

/**
 * lxcmon_host_get_error: (get-property error)
 * @self: a host
 *
 * Gets why the list is not kept up to date.
 *
 * Returns: (transfer none) (nullable): an error in the domain [error@Lxcmon.MonitorError], or %NULL
 *
 * Since: 0.1
 */
const GError *
lxcmon_host_get_error (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), NULL);

  return self->error;
}

/**
 * lxcmon_host_lookup:
 * @self: a host
 * @name: a container's name
 *
 * Finds a container in the list.
 *
 * Returns: (transfer none) (nullable): its monitor, or %NULL if no container in the list has this name
 *
 * Since: 0.1
 */
LxcmonMonitor *
lxcmon_host_lookup (LxcmonHost *self, const char *name)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  return (LxcmonMonitor *) _lxcmon_rows_lookup (&self->rows, name);
}
