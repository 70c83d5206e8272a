/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: the name of a client, the settings for its attaches, and its properties.
 */

#include "lxcmon-client-private.h"

#include <stdlib.h>
#include <string.h>

#include <lxcmon/lxcmon-name.h>

/**
 * LxcmonClient:
 *
 * The client of the controller of one LXC container.
 *
 * libvirt runs each LXC container under a controller process, which has one client slot. If libvirtd is
 * running, it needs the slots of its containers: attaching then fails with %LXCMON_MONITOR_ERROR_BUSY
 * before connecting.
 *
 * ```c
 * g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
 * g_signal_connect (client, "init", G_CALLBACK (on_init), NULL);
 * g_signal_connect (client, "closed", G_CALLBACK (on_closed), NULL);
 * lxcmon_client_attach_async (client, NULL, on_attached, NULL);
 * ```
 *
 * A client belongs to the main context that was thread-default when it was asked to attach. It emits its
 * signals in that context only, and must be used from the thread that runs that context. Between two
 * attaches it may move to another context.
 *
 * Dropping the last reference detaches the client, in any thread. A pending
 * [method@Lxcmon.Client.attach_async] or [method@Lxcmon.Monitor.wait_exit_async] keeps it alive.
 *
 * Connect to the signals before attaching: the order of the attach's callback and the first signal is not
 * defined.
 *
 * Since: 0.1
 */
G_DEFINE_FINAL_TYPE (LxcmonClient, lxcmon_client, LXCMON_TYPE_MONITOR)

enum
{
  PROP_RUNTIME_DIR = 1,
  PROP_SOCKET_PATH,
  PROP_FORCE,
  PROP_WAIT_IF_BUSY,
  PROP_ATTACH_TIMEOUT,
  PROP_KEEPALIVE_INTERVAL,
  PROP_REBOOT_TIMEOUT,
  PROP_WATCH_INIT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* The longest time in milliseconds that can be set: some 24 days. */
#define MS_MAX G_MAXINT

#define ATTACH_TIMEOUT_DEFAULT 2000

/* The default name is that of the socket file. Bytes in it that are not UTF-8 are escaped. */
static char *
name_from_path (const char *socket_path)
{
  g_autofree char *base = g_path_get_basename (socket_path);

  if (g_str_has_suffix (base, ".sock"))
    base[strlen (base) - strlen (".sock")] = '\0';
  return g_filename_display_name (base);
}

static void
lxcmon_client_constructed (GObject *object)
{
  LxcmonClient *self = LXCMON_CLIENT (object);
  LxcmonMonitor *monitor = LXCMON_MONITOR (self);
  const char *name = lxcmon_monitor_get_name (monitor);

  G_OBJECT_CLASS (lxcmon_client_parent_class)->constructed (object);

  if (name == NULL && self->socket_path != NULL)
    {
      g_autofree char *own_name = name_from_path (self->socket_path);
      _lxcmon_monitor_set_name (monitor, own_name);
    }
  if (self->socket_path == NULL)
    {
      char *path = lxcmon_name_to_socket_path (self->runtime_dir, name, NULL);
      self->socket_path = path != NULL ? g_ref_string_new (path) : NULL;
      free (path);
    }
}

/* Garbage collectors drop references in any thread. A pending call holds a reference, so no call is
 * pending here, unless g_object_run_dispose() was called. */
static void
lxcmon_client_dispose (GObject *object)
{
  LxcmonClient *self = LXCMON_CLIENT (object);

  if (self->session != NULL)
    {
      g_autoptr (GError) gone
          = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the client was disposed of");
      _lxcmon_client_close (self, gone);
    }

  G_OBJECT_CLASS (lxcmon_client_parent_class)->dispose (object);
}

static void
lxcmon_client_finalize (GObject *object)
{
  LxcmonClient *self = LXCMON_CLIENT (object);

  g_free (self->runtime_dir);
  g_clear_pointer (&self->socket_path, g_ref_string_release);

  G_OBJECT_CLASS (lxcmon_client_parent_class)->finalize (object);
}

static void
lxcmon_client_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  LxcmonClient *self = LXCMON_CLIENT (object);

  switch (prop_id)
    {
    case PROP_RUNTIME_DIR:
      g_value_set_string (value,
                          self->runtime_dir != NULL ? self->runtime_dir : LXCMON_RUNTIME_DIR);
      break;
    case PROP_SOCKET_PATH:
      g_value_set_string (value, self->socket_path);
      break;
    case PROP_FORCE:
      g_value_set_boolean (value, self->force);
      break;
    case PROP_WAIT_IF_BUSY:
      g_value_set_boolean (value, self->wait_if_busy);
      break;
    case PROP_ATTACH_TIMEOUT:
      g_value_set_uint (value, self->attach_timeout);
      break;
    case PROP_KEEPALIVE_INTERVAL:
      g_value_set_uint (value, self->keepalive_interval);
      break;
    case PROP_REBOOT_TIMEOUT:
      g_value_set_uint (value, self->reboot_timeout);
      break;
    case PROP_WATCH_INIT:
      g_value_set_boolean (value, self->watch_init);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
lxcmon_client_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  LxcmonClient *self = LXCMON_CLIENT (object);

  switch (prop_id)
    {
    case PROP_RUNTIME_DIR:
      self->runtime_dir = g_value_dup_string (value);
      break;
    case PROP_SOCKET_PATH:
      if (g_value_get_string (value) != NULL)
        self->socket_path = g_ref_string_new (g_value_get_string (value));
      break;
    case PROP_FORCE:
      lxcmon_client_set_force (self, g_value_get_boolean (value));
      break;
    case PROP_WAIT_IF_BUSY:
      lxcmon_client_set_wait_if_busy (self, g_value_get_boolean (value));
      break;
    case PROP_ATTACH_TIMEOUT:
      lxcmon_client_set_attach_timeout (self, g_value_get_uint (value));
      break;
    case PROP_KEEPALIVE_INTERVAL:
      lxcmon_client_set_keepalive_interval (self, g_value_get_uint (value));
      break;
    case PROP_REBOOT_TIMEOUT:
      lxcmon_client_set_reboot_timeout (self, g_value_get_uint (value));
      break;
    case PROP_WATCH_INIT:
      lxcmon_client_set_watch_init (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

#define CONSTRUCT_ONLY (G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)
#define SETTING        (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static void
install_properties (GObjectClass *klass)
{
  /**
   * LxcmonClient:runtime-dir: (type filename) (getter get_runtime_dir)
   *
   * The directory of the controllers' sockets. %NULL means `/run/libvirt/lxc`.
   *
   * Since: 0.1
   */
  properties[PROP_RUNTIME_DIR]
      = g_param_spec_string ("runtime-dir", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * LxcmonClient:socket-path: (type filename) (getter get_socket_path)
   *
   * The path of the controller's socket. If it is not set, it is derived from the name and the runtime
   * directory.
   *
   * Since: 0.1
   */
  properties[PROP_SOCKET_PATH]
      = g_param_spec_string ("socket-path", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * LxcmonClient:force: (getter get_force) (setter set_force)
   *
   * Whether to connect to the controller even if libvirtd is running, or another client has the slot.
   * This is for the driver of the container: the application that starts and manages it, as libvirtd does
   * otherwise. A new value takes effect with the next attach.
   *
   * Since: 0.1
   */
  properties[PROP_FORCE] = g_param_spec_boolean ("force", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:wait-if-busy: (getter get_wait_if_busy) (setter set_wait_if_busy)
   *
   * Whether to wait until the controller's client slot is free, if it is taken, instead of failing with
   * %LXCMON_MONITOR_ERROR_BUSY. A new value takes effect with the next attach.
   *
   * Since: 0.1
   */
  properties[PROP_WAIT_IF_BUSY] = g_param_spec_boolean ("wait-if-busy", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:attach-timeout: (getter get_attach_timeout) (setter set_attach_timeout)
   *
   * How long the client stays queued if the controller has accepted another client, in milliseconds. As
   * long as the controller has not accepted another client, there is no limit, because the controller
   * would send INIT to the closed connection instead of the next client. A new value takes effect with
   * the next attach.
   *
   * Since: 0.1
   */
  properties[PROP_ATTACH_TIMEOUT] = g_param_spec_uint ("attach-timeout", NULL, NULL, 1, MS_MAX,
                                                       ATTACH_TIMEOUT_DEFAULT, SETTING);

  /**
   * LxcmonClient:keepalive-interval: (getter get_keepalive_interval) (setter set_keepalive_interval)
   *
   * The time without a message after which a PING is sent, in milliseconds, or 0 for never. The PING is
   * sent after at most twice this time. If the controller does not answer within the same time again, the
   * client is closed with %LXCMON_MONITOR_ERROR_TIMED_OUT. A new value takes effect with the next attach.
   *
   * Since: 0.1
   */
  properties[PROP_KEEPALIVE_INTERVAL]
      = g_param_spec_uint ("keepalive-interval", NULL, NULL, 0, MS_MAX, 0, SETTING);

  /**
   * LxcmonClient:reboot-timeout: (getter get_reboot_timeout) (setter set_reboot_timeout)
   *
   * How long to wait for the container's next controller after a reboot, in milliseconds, or 0 to not
   * wait. The client attaches to the next controller by itself: after "exit::reboot" and "closed", "init"
   * is emitted again. While it waits, its state is %LXCMON_STATE_CONNECTING. If no controller appears in
   * time, the state becomes %LXCMON_STATE_DETACHED and the error %LXCMON_MONITOR_ERROR_TIMED_OUT. A new
   * value takes effect with the next attach.
   *
   * Since: 0.1
   */
  properties[PROP_REBOOT_TIMEOUT]
      = g_param_spec_uint ("reboot-timeout", NULL, NULL, 0, MS_MAX, 0, SETTING);

  /**
   * LxcmonClient:watch-init: (getter get_watch_init) (setter set_watch_init)
   *
   * Whether to find out how the container's init ends, for [property@Lxcmon.Monitor:init-exit-code] and
   * [property@Lxcmon.Monitor:init-signal]. It takes a descriptor while the container runs, unless descriptors run
   * short. A new value takes effect with the next attach.
   *
   * Since: 0.1
   */
  properties[PROP_WATCH_INIT] = g_param_spec_boolean ("watch-init", NULL, NULL, TRUE, SETTING);

  g_object_class_install_properties (klass, N_PROPS, properties);
}

static int
lxcmon_client_dup_init_pidfd (LxcmonMonitor *monitor)
{
  LxcmonClient *self = LXCMON_CLIENT (monitor);

  return self->session != NULL ? _lxcmon_session_dup_init_pidfd (self->session) : -1;
}

static void
lxcmon_client_class_init (LxcmonClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = lxcmon_client_constructed;
  object_class->dispose = lxcmon_client_dispose;
  object_class->finalize = lxcmon_client_finalize;
  object_class->get_property = lxcmon_client_get_property;
  object_class->set_property = lxcmon_client_set_property;
  LXCMON_MONITOR_CLASS (klass)->dup_init_pidfd = lxcmon_client_dup_init_pidfd;
  install_properties (object_class);
}

static void
lxcmon_client_init (LxcmonClient *self)
{
  self->attach_timeout = ATTACH_TIMEOUT_DEFAULT;
  self->watch_init = TRUE;
}

/**
 * lxcmon_client_new:
 * @name: a container's name
 *
 * Creates a client for a container in the default runtime directory. If @name is not valid, attaching
 * fails with %LXCMON_MONITOR_ERROR_INVALID_NAME.
 *
 * Returns: (transfer full): a client that is detached
 *
 * Since: 0.1
 */
LxcmonClient *
lxcmon_client_new (const char *name)
{
  return g_object_new (LXCMON_TYPE_CLIENT, "name", name, NULL);
}

/**
 * lxcmon_client_new_for_path:
 * @socket_path: (type filename): the path of a controller's socket
 *
 * Creates a client for the controller at a socket. The name of the container is that of the file, without
 * ".sock".
 *
 * Returns: (transfer full): a client that is detached
 *
 * Since: 0.1
 */
LxcmonClient *
lxcmon_client_new_for_path (const char *socket_path)
{
  return g_object_new (LXCMON_TYPE_CLIENT, "socket-path", socket_path, NULL);
}

static void
set_flag (LxcmonClient *self, gboolean *setting, gboolean value, guint prop_id)
{
  if (*setting == !!value)
    return;

  *setting = !!value;
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

static void
set_ms (LxcmonClient *self, guint *setting, guint ms, guint prop_id)
{
  if (*setting == ms)
    return;

  *setting = ms;
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

/**
 * lxcmon_client_set_force: (set-property force)
 * @self: a client
 * @force: whether to connect even then
 *
 * Sets whether the client connects even if libvirtd is running or the slot is taken. See
 * [property@Lxcmon.Client:force].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_force (LxcmonClient *self, gboolean force)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  set_flag (self, &self->force, force, PROP_FORCE);
}

/**
 * lxcmon_client_set_wait_if_busy: (set-property wait-if-busy)
 * @self: a client
 * @wait_if_busy: whether to wait
 *
 * Sets whether the client waits for a slot that is taken. See [property@Lxcmon.Client:wait-if-busy].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_wait_if_busy (LxcmonClient *self, gboolean wait_if_busy)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  set_flag (self, &self->wait_if_busy, wait_if_busy, PROP_WAIT_IF_BUSY);
}

/**
 * lxcmon_client_set_attach_timeout: (set-property attach-timeout)
 * @self: a client
 * @attach_timeout: milliseconds, from 1 to %G_MAXINT
 *
 * Sets how long the client stays queued if another client is accepted. See
 * [property@Lxcmon.Client:attach-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_attach_timeout (LxcmonClient *self, guint attach_timeout)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (attach_timeout >= 1 && attach_timeout <= MS_MAX);

  set_ms (self, &self->attach_timeout, attach_timeout, PROP_ATTACH_TIMEOUT);
}

/**
 * lxcmon_client_set_keepalive_interval: (set-property keepalive-interval)
 * @self: a client
 * @keepalive_interval: milliseconds, up to %G_MAXINT, or 0 for never
 *
 * Sets the time without a message after which a PING is sent. See
 * [property@Lxcmon.Client:keepalive-interval].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_keepalive_interval (LxcmonClient *self, guint keepalive_interval)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (keepalive_interval <= MS_MAX);

  set_ms (self, &self->keepalive_interval, keepalive_interval, PROP_KEEPALIVE_INTERVAL);
}

/**
 * lxcmon_client_set_reboot_timeout: (set-property reboot-timeout)
 * @self: a client
 * @reboot_timeout: milliseconds, up to %G_MAXINT, or 0 to not wait
 *
 * Sets how long to wait for the next controller after a reboot. See
 * [property@Lxcmon.Client:reboot-timeout].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_reboot_timeout (LxcmonClient *self, guint reboot_timeout)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (reboot_timeout <= MS_MAX);

  set_ms (self, &self->reboot_timeout, reboot_timeout, PROP_REBOOT_TIMEOUT);
}

/**
 * lxcmon_client_set_watch_init: (set-property watch-init)
 * @self: a client
 * @watch_init: whether to find it out
 *
 * Sets whether the client finds out how the container's init ends. See [property@Lxcmon.Client:watch-init].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_watch_init (LxcmonClient *self, gboolean watch_init)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  set_flag (self, &self->watch_init, watch_init, PROP_WATCH_INIT);
}
