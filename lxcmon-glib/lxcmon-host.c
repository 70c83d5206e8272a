/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: the properties of a host, starting and stopping. It does not scan for containers.
 */

#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-name.h>

/* The longest time in milliseconds that can be set: some 24 days. */
#define MS_MAX G_MAXINT

#define REBOOT_TIMEOUT_DEFAULT 10000

/**
 * LxcmonHost:
 *
 * All LXC containers of this machine that libvirt's controllers run, as a list that is kept up to date.
 *
 * ```c
 * g_autoptr (LxcmonHost) host = lxcmon_host_new (NULL);
 * g_signal_connect (host, "init", G_CALLBACK (on_init), NULL);
 * g_signal_connect (host, "closed", G_CALLBACK (on_closed), NULL);
 * lxcmon_monitor_list_start_async (LXCMON_MONITOR_LIST (host), NULL, on_started, NULL);
 * ```
 *
 * A container is in the list while its controller listens on its socket. The host attaches to it by
 * itself.
 *
 * A container that reboots keeps its monitor: after "exit::reboot" and "closed", "init" is emitted again.
 * All other monitors leave the list after "closed". A later container of the same name has another
 * monitor.
 *
 * If libvirtd or virtlxcd is running, it needs the client slots, and the host connects to no controller:
 * the list contains the containers with their pids, in the state %LXCMON_STATE_DETACHED and with the
 * error %LXCMON_MONITOR_ERROR_BUSY, and their monitors emit notifications only. When libvirtd starts, the
 * host closes its connections at once. When libvirtd ends, the host waits 10 seconds for it to start
 * again. A container whose slot another client has is listed in the same way, and its slot is checked
 * again every few seconds.
 *
 * A host and all its monitors belong to the main context that was thread-default when the host was
 * created. The host wakes up when something happens, and otherwise only while something is expected.
 *
 * Since: 0.1
 */
G_DEFINE_FINAL_TYPE (LxcmonHost, lxcmon_host, LXCMON_TYPE_MONITOR_LIST)

enum
{
  PROP_RUNTIME_DIR = 1,
  PROP_FORCE,
  PROP_REBOOT_TIMEOUT,
  PROP_LINGER_TIMEOUT,
  PROP_N_UNLISTED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void
lxcmon_host_start (LxcmonMonitorList *list)
{
  _lxcmon_host_dispatch_start (LXCMON_HOST (list));
}

static void
lxcmon_host_stop (LxcmonMonitorList *list)
{
  LxcmonHost *self = LXCMON_HOST (list);

  _lxcmon_host_dispatch_stop (self);
  _lxcmon_host_watch_stop (self);
  _lxcmon_host_driver_stop (self);
}

static void
lxcmon_host_finalize (GObject *object)
{
  LxcmonHost *self = LXCMON_HOST (object);

  g_free (self->runtime_dir);

  G_OBJECT_CLASS (lxcmon_host_parent_class)->finalize (object);
}

static void
lxcmon_host_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  LxcmonHost *self = LXCMON_HOST (object);

  switch (prop_id)
    {
    case PROP_RUNTIME_DIR:
      g_value_set_string (value, _lxcmon_host_get_dir (self));
      break;
    case PROP_FORCE:
      g_value_set_boolean (value, self->force);
      break;
    case PROP_REBOOT_TIMEOUT:
      g_value_set_uint (value, self->reboot_timeout);
      break;
    case PROP_LINGER_TIMEOUT:
      g_value_set_uint (value, self->linger_timeout);
      break;
    case PROP_N_UNLISTED:
      g_value_set_uint (value, self->n_unlisted);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
lxcmon_host_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  LxcmonHost *self = LXCMON_HOST (object);

  switch (prop_id)
    {
    case PROP_RUNTIME_DIR:
      self->runtime_dir = g_value_dup_string (value);
      break;
    case PROP_FORCE:
      lxcmon_host_set_force (self, g_value_get_boolean (value));
      break;
    case PROP_REBOOT_TIMEOUT:
      lxcmon_host_set_reboot_timeout (self, g_value_get_uint (value));
      break;
    case PROP_LINGER_TIMEOUT:
      lxcmon_host_set_linger_timeout (self, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

#define SETTING (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static void
install_properties (GObjectClass *klass)
{
  /**
   * LxcmonHost:runtime-dir: (type filename) (getter get_runtime_dir)
   *
   * The directory of the controllers' sockets. %NULL means `/run/libvirt/lxc`. The directory may be
   * created and removed while the host is started.
   *
   * Since: 0.1
   */
  properties[PROP_RUNTIME_DIR]
      = g_param_spec_string ("runtime-dir", NULL, NULL, NULL,
                             G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * LxcmonHost:force:
   *
   * Whether to connect to the controllers even if libvirtd is running or another client has a slot. This
   * is for the driver of the containers: the application that starts and manages them, as libvirtd does
   * otherwise. A new value takes effect at once for containers that are not attached, and for all
   * containers if it becomes %FALSE while libvirtd is running.
   *
   * Since: 0.1
   */
  properties[PROP_FORCE] = g_param_spec_boolean ("force", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonHost:reboot-timeout:
   *
   * How long the monitor of a container that reboots stays in the list without a controller, in
   * milliseconds, or 0 if it does not stay. A new value takes effect with the next reboot.
   *
   * Since: 0.1
   */
  properties[PROP_REBOOT_TIMEOUT] = g_param_spec_uint ("reboot-timeout", NULL, NULL, 0, MS_MAX,
                                                       REBOOT_TIMEOUT_DEFAULT, SETTING);

  /**
   * LxcmonHost:linger-timeout:
   *
   * How long the monitor of a container that has ended stays in the list, in milliseconds. A new value takes
   * effect with the next end.
   *
   * Since: 0.1
   */
  properties[PROP_LINGER_TIMEOUT]
      = g_param_spec_uint ("linger-timeout", NULL, NULL, 0, MS_MAX, 0, SETTING);

  /**
   * LxcmonHost:n-unlisted:
   *
   * The number of sockets in the runtime directory that are not in the list because their names are not
   * UTF-8.
   *
   * Since: 0.1
   */
  properties[PROP_N_UNLISTED]
      = g_param_spec_uint ("n-unlisted", NULL, NULL, 0, G_MAXUINT, 0,
                           G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (klass, N_PROPS, properties);
}

static void
lxcmon_host_class_init (LxcmonHostClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  LxcmonMonitorListClass *list_class = LXCMON_MONITOR_LIST_CLASS (klass);

  object_class->finalize = lxcmon_host_finalize;
  object_class->get_property = lxcmon_host_get_property;
  object_class->set_property = lxcmon_host_set_property;

  list_class->start = lxcmon_host_start;
  list_class->stop = lxcmon_host_stop;
  install_properties (object_class);
}

static void
lxcmon_host_init (LxcmonHost *self)
{
  self->reboot_timeout = REBOOT_TIMEOUT_DEFAULT;
}

/**
 * lxcmon_host_new:
 * @runtime_dir: (type filename) (nullable): the directory of the controllers' sockets; %NULL for the
 *   default one
 *
 * Creates a list of the containers of this machine. It is empty until it is started with
 * [method@Lxcmon.MonitorList.start_async]. It belongs to the calling thread's thread-default main
 * context.
 *
 * Returns: (transfer full): a host that is not started
 *
 * Since: 0.1
 */
LxcmonHost *
lxcmon_host_new (const char *runtime_dir)
{
  return g_object_new (LXCMON_TYPE_HOST, "runtime-dir", runtime_dir, NULL);
}

/**
 * lxcmon_host_get_runtime_dir:
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

  return _lxcmon_host_get_dir (self);
}

/**
 * lxcmon_host_get_force:
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

  return self->force;
}

/**
 * lxcmon_host_set_force:
 * @self: a host
 * @force: whether to connect even then
 *
 * Sets whether the host connects even if libvirtd is running or a slot is taken. See
 * [property@Lxcmon.Host:force].
 *
 * Since: 0.1
 */
void
lxcmon_host_set_force (LxcmonHost *self, gboolean force)
{
  g_return_if_fail (LXCMON_IS_HOST (self));
  g_autoptr (LxcmonAcquiredContext) acquired
      = _lxcmon_monitor_list_acquire_context (LXCMON_MONITOR_LIST (self), G_STRFUNC);
  if (acquired == NULL || self->force == !!force)
    return;

  self->force = !!force;
  _lxcmon_host_retry_rows (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FORCE]);
}

static void
set_ms (LxcmonHost *self, guint *setting, guint ms, guint prop_id)
{
  if (*setting == ms)
    return;

  *setting = ms;
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

/**
 * lxcmon_host_get_reboot_timeout:
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

  return self->reboot_timeout;
}

/**
 * lxcmon_host_set_reboot_timeout:
 * @self: a host
 * @reboot_timeout: milliseconds, up to %G_MAXINT, or 0 if it does not stay
 *
 * Sets how long a monitor stays in the list after a reboot. See [property@Lxcmon.Host:reboot-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_host_set_reboot_timeout (LxcmonHost *self, guint reboot_timeout)
{
  g_return_if_fail (LXCMON_IS_HOST (self));
  g_return_if_fail (reboot_timeout <= MS_MAX);

  set_ms (self, &self->reboot_timeout, reboot_timeout, PROP_REBOOT_TIMEOUT);
}

/**
 * lxcmon_host_get_linger_timeout:
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

  return self->linger_timeout;
}

/**
 * lxcmon_host_set_linger_timeout:
 * @self: a host
 * @linger_timeout: milliseconds, up to %G_MAXINT
 *
 * Sets how long a monitor stays in the list after its container has ended. See
 * [property@Lxcmon.Host:linger-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_host_set_linger_timeout (LxcmonHost *self, guint linger_timeout)
{
  g_return_if_fail (LXCMON_IS_HOST (self));
  g_return_if_fail (linger_timeout <= MS_MAX);

  set_ms (self, &self->linger_timeout, linger_timeout, PROP_LINGER_TIMEOUT);
}

/**
 * lxcmon_host_get_n_unlisted:
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

  return self->n_unlisted;
}
