/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: what a client is made of, its properties, and its end. Refuses events and sockets.
 */

#include "lxcmon-client-private.h"

#include <stdlib.h>
#include <string.h>

#include <lxcmon/lxcmon-name.h>

/* The longest time in milliseconds that can be asked for: some 24 days. */
#define MS_MAX G_MAXINT

#define ATTACH_TIMEOUT_DEFAULT 2000

/**
 * LxcmonClient:
 *
 * The client of one LXC container's controller.
 *
 * libvirt runs each LXC container under a controller process. The controller serves exactly one
 * client: where libvirtd lives, that is libvirtd, and attaching fails with
 * %LXCMON_MONITOR_ERROR_BUSY, without having connected.
 *
 * ```c
 * g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
 * g_signal_connect (client, "init", G_CALLBACK (on_init), NULL);
 * g_signal_connect (client, "exit", G_CALLBACK (on_exit), NULL);
 * lxcmon_client_attach_async (client, NULL, on_attached, NULL);
 * ```
 *
 * A client belongs to the main context that was thread-default when it was asked to attach: it emits
 * its signals there and nowhere else, and it is to be used from the thread that runs that context.
 * Between two attaches it may move to another one.
 *
 * Dropping the last reference detaches the client. A pending
 * [method@Lxcmon.Client.attach_async] or [method@Lxcmon.Client.wait_exit_async] keeps it alive.
 *
 * Connect handlers before attaching: the order between the attach's own callback and the first signal
 * is not defined.
 *
 * Since: 0.1
 */

static void monitor_iface_init (LxcmonMonitorInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LxcmonClient, lxcmon_client, G_TYPE_OBJECT,
                               _lxcmon_client_define_signals (g_define_type_id);
                               G_IMPLEMENT_INTERFACE (LXCMON_TYPE_MONITOR, monitor_iface_init))

enum
{
  PROP_MONITOR = 1,
  PROP_RUNTIME_DIR = PROP_MONITOR + LXCMON_MONITOR_N_PROPS,
  PROP_SOCKET_PATH,
  PROP_TAKE_PLACE,
  PROP_WAIT_FOR_PLACE,
  PROP_ATTACH_TIMEOUT,
  PROP_KEEPALIVE_INTERVAL,
  PROP_FOLLOW_REBOOT,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* A container elsewhere is called after its socket's file; what is not UTF-8 in it is escaped. */
static char *
name_from_path (const char *socket_path)
{
  g_autofree char *base = g_path_get_basename (socket_path);

  if (g_str_has_suffix (base, ".sock"))
    base[strlen (base) - strlen (".sock")] = '\0';
  return g_filename_display_name (base);
}

/*< private >
 * _lxcmon_client_get_name:
 *
 * The container's name, or %NULL where the client was made without a name or a path.
 */
const char *
_lxcmon_client_get_name (LxcmonClient *self)
{
  if (self->name == NULL && self->socket_path != NULL)
    self->name = name_from_path (self->socket_path);
  return self->name;
}

static const char *
get_name (LxcmonMonitor *monitor)
{
  return _lxcmon_client_get_name (LXCMON_CLIENT (monitor));
}

static LxcmonSource
get_source (LxcmonMonitor *monitor)
{
  return LXCMON_SOURCE_DIRECT;
}

static LxcmonState
find_state (const LxcmonClient *self)
{
  if (self->connection == NULL)
    return LXCMON_STATE_DETACHED;
  LxcmonState state = lxcmon_connection_get_state (self->connection);
  if ((state == LXCMON_STATE_CLOSED || state == LXCMON_STATE_DETACHED)
      && _lxcmon_follow_is_running (self->follow))
    return LXCMON_STATE_CONNECTING;

  return state;
}

static LxcmonState
get_state (LxcmonMonitor *monitor)
{
  return find_state (LXCMON_CLIENT (monitor));
}

static gint
get_init_pid (LxcmonMonitor *monitor)
{
  return LXCMON_CLIENT (monitor)->init_pid;
}

static gint
get_controller_pid (LxcmonMonitor *monitor)
{
  LxcmonClient *self = LXCMON_CLIENT (monitor);

  if (self->observed_pid != 0 || self->connection == NULL)
    return self->observed_pid;
  return lxcmon_connection_get_controller_pid (self->connection);
}

static gboolean
get_exited (LxcmonMonitor *monitor)
{
  LxcmonClient *self = LXCMON_CLIENT (monitor);

  return self->connection != NULL && lxcmon_connection_get_exited (self->connection);
}

static LxcmonExitStatus
get_exit_status (LxcmonMonitor *monitor)
{
  LxcmonClient *self = LXCMON_CLIENT (monitor);

  return self->connection != NULL ? lxcmon_connection_get_exit_status (self->connection)
                                  : LXCMON_EXIT_STATUS_UNKNOWN;
}

static gint
get_exit_raw (LxcmonMonitor *monitor)
{
  LxcmonClient *self = LXCMON_CLIENT (monitor);

  return self->connection != NULL ? lxcmon_connection_get_exit_raw (self->connection) : -1;
}

static const GError *
get_error (LxcmonMonitor *monitor)
{
  return LXCMON_CLIENT (monitor)->error;
}

static guint64
get_skipped (LxcmonMonitor *monitor)
{
  LxcmonClient *self = LXCMON_CLIENT (monitor);

  return self->connection != NULL ? lxcmon_connection_get_skipped (self->connection) : 0;
}

static void
monitor_iface_init (LxcmonMonitorInterface *iface)
{
  iface->get_name = get_name;
  iface->get_source = get_source;
  iface->get_state = get_state;
  iface->get_init_pid = get_init_pid;
  iface->get_controller_pid = get_controller_pid;
  iface->get_exited = get_exited;
  iface->get_exit_status = get_exit_status;
  iface->get_exit_raw = get_exit_raw;
  iface->get_error = get_error;
  iface->get_skipped = get_skipped;
}

/*< private >
 * _lxcmon_client_is_active:
 *
 * Whether the client is attached, or waits for what comes after a reboot.
 */
gboolean
_lxcmon_client_is_active (LxcmonClient *self)
{
  LxcmonState state = find_state (self);

  return state != LXCMON_STATE_DETACHED && state != LXCMON_STATE_CLOSED;
}

/*< private >
 * _lxcmon_client_check_thread:
 *
 * Refuses a call from a thread that does not run the client's context.
 */
gboolean
_lxcmon_client_check_thread (LxcmonClient *self, const char *function)
{
  g_autoptr (GMainContext) context = _lxcmon_hub_source_dup_context (&self->source);

  if (context == NULL)
    return TRUE;
  if (g_main_context_acquire (context))
    {
      g_main_context_release (context);
      return TRUE;
    }

  g_critical ("%s: called from another thread than the one that runs the client's main context; "
              "use g_main_context_invoke() to get there",
              function);
  return FALSE;
}

/*< private >
 * _lxcmon_client_set_error:
 * @error: (nullable): why the client is not attached, or %NULL
 */
void
_lxcmon_client_set_error (LxcmonClient *self, const GError *error)
{
  if (self->error == NULL && error == NULL)
    return;

  g_clear_error (&self->error);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  self->told.error_changed = TRUE;
}

/*< private >
 * _lxcmon_client_is_dropped:
 *
 * Whether the last reference was dropped, but the one that the caller took: by a handler, or in
 * another thread. That detaches as well, and what a handler was given may be gone.
 */
gboolean
_lxcmon_client_is_dropped (LxcmonClient *self)
{
  return g_atomic_int_get (&self->dropped)
         || g_atomic_int_get (&((GObject *) self)->ref_count) == 1;
}

/*< private >
 * _lxcmon_client_has_left:
 *
 * Whether a handler has left what was going on at @epoch: then nothing more is said of it.
 */
gboolean
_lxcmon_client_has_left (LxcmonClient *self, guint16 epoch)
{
  return self->epoch != epoch || _lxcmon_client_is_dropped (self);
}

#define NOTIFY_CHANGE(field, value, PROP)                                             \
  G_STMT_START                                                                        \
  {                                                                                   \
    if (self->told.field != (value))                                                  \
      {                                                                               \
        self->told.field = (value);                                                   \
        if (!_lxcmon_client_is_dropped (self))                                        \
          _lxcmon_monitor_notify (LXCMON_MONITOR (self), LXCMON_MONITOR_PROP_##PROP); \
      }                                                                               \
  }                                                                                   \
  G_STMT_END

/*< private >
 * _lxcmon_client_notify_init:
 * @self: a client that has a connection, and that the caller has taken a reference to
 *
 * Notifies what INIT can have changed; see _lxcmon_client_notify_changes().
 */
void
_lxcmon_client_notify_init (LxcmonClient *self)
{
  NOTIFY_CHANGE (init_pid, self->init_pid, INIT_PID);
  NOTIFY_CHANGE (skipped, (guint32) lxcmon_connection_get_skipped (self->connection), SKIPPED);
}

/*< private >
 * _lxcmon_client_notify_exit:
 * @self: a client that has a connection, and that the caller has taken a reference to
 * @exited: whether EXIT has come
 * @status: what it said
 * @raw: the number on the wire
 *
 * Notifies what EXIT can have changed; see _lxcmon_client_notify_changes().
 */
void
_lxcmon_client_notify_exit (LxcmonClient *self, gboolean exited, LxcmonExitStatus status, gint raw)
{
  NOTIFY_CHANGE (state, (guint8) find_state (self), STATE);
  NOTIFY_CHANGE (exited, (guint8) exited, EXITED);
  NOTIFY_CHANGE (exit_status, (gint8) status, EXIT_STATUS);
  NOTIFY_CHANGE (exit_raw, raw, EXIT_RAW);
  NOTIFY_CHANGE (skipped, (guint32) lxcmon_connection_get_skipped (self->connection), SKIPPED);
}

/*< private >
 * _lxcmon_client_notify_changes:
 * @self: a client that the caller has taken a reference to
 *
 * Notifies each property that has changed since it was notified last. A handler may change more of
 * them, which are notified inside it then, and once.
 */
void
_lxcmon_client_notify_changes (LxcmonClient *self)
{
  const LxcmonConnection *connection = self->connection;

  /* Before the first connection is made, only an error can have come, and what a host observes. */
  if (connection != NULL)
    NOTIFY_CHANGE (state, (guint8) find_state (self), STATE);
  NOTIFY_CHANGE (controller_pid, get_controller_pid (LXCMON_MONITOR (self)), CONTROLLER_PID);
  NOTIFY_CHANGE (init_pid, self->init_pid, INIT_PID);
  if (connection != NULL)
    _lxcmon_client_notify_exit (self, lxcmon_connection_get_exited (connection),
                                lxcmon_connection_get_exit_status (connection),
                                lxcmon_connection_get_exit_raw (connection));
  NOTIFY_CHANGE (error_changed, FALSE, ERROR);
}

/*< private >
 * _lxcmon_client_build_path:
 *
 * Where the controller's socket is, or %NULL with @error set where the name is none.
 */
const char *
_lxcmon_client_build_path (LxcmonClient *self, GError **error)
{
  LxcmonError why;

  if (self->socket_path != NULL)
    return self->socket_path;

  char *path = lxcmon_name_to_socket_path (self->runtime_dir, self->name, &why);
  if (path == NULL)
    {
      g_propagate_error (error, _lxcmon_monitor_error_new (&why));
      return NULL;
    }
  self->socket_path = g_strdup (path);
  free (path);

  return self->socket_path;
}

/* Runs in the context as a source of it, so nobody else can be running it. */
static gboolean
dispose_in_context (gpointer user_data)
{
  g_object_run_dispose (G_OBJECT (user_data));
  return G_SOURCE_REMOVE;
}

/* Garbage collectors drop references from any thread, while the client's own may be in the middle of
 * an event. The client then lives on, and is silent, until it can be taken apart where it belongs.
 * Where nobody runs the context now, it is kept from others until all is done. */
static void
lxcmon_client_dispose (GObject *object)
{
  LxcmonClient *self = LXCMON_CLIENT (object);
  g_autoptr (GMainContext) context = _lxcmon_hub_source_dup_context (&self->source);

  if (context != NULL && !g_main_context_acquire (context))
    {
      g_atomic_int_set (&self->dropped, TRUE);
      g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, dispose_in_context,
                                  g_object_ref (self), g_object_unref);
      return;
    }

  /* A pending call holds a reference, so there is none, unless this was run by hand. */
  GTask *attach = _lxcmon_client_steal_attach (self);
  GList *waits = _lxcmon_client_steal_waits (self);
  _lxcmon_client_leave (self);
  _lxcmon_client_release (self);
  g_atomic_int_set (&self->dropped, FALSE);
  if (attach != NULL || waits != NULL)
    {
      g_autoptr (GError) gone
          = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the client is gone");
      _lxcmon_client_return_attach (attach, gone);
      _lxcmon_client_return_waits (waits, LXCMON_EXIT_STATUS_UNKNOWN, gone);
    }
  G_OBJECT_CLASS (lxcmon_client_parent_class)->dispose (object);
  if (context != NULL)
    g_main_context_release (context);
}

static void
lxcmon_client_finalize (GObject *object)
{
  LxcmonClient *self = LXCMON_CLIENT (object);

  lxcmon_connection_free (self->connection);
  g_clear_error (&self->error);
  g_free (self->name);
  g_free (self->runtime_dir);
  g_free (self->socket_path);

  G_OBJECT_CLASS (lxcmon_client_parent_class)->finalize (object);
}

static void
lxcmon_client_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  LxcmonClient *self = LXCMON_CLIENT (object);

  switch (prop_id)
    {
    case PROP_RUNTIME_DIR:
      g_value_set_string (value, lxcmon_client_get_runtime_dir (self));
      break;
    case PROP_SOCKET_PATH:
      g_value_set_string (value, lxcmon_client_get_socket_path (self));
      break;
    case PROP_TAKE_PLACE:
      g_value_set_boolean (value, self->take_place);
      break;
    case PROP_WAIT_FOR_PLACE:
      g_value_set_boolean (value, self->wait_for_place);
      break;
    case PROP_ATTACH_TIMEOUT:
      g_value_set_uint (value, self->attach_timeout);
      break;
    case PROP_KEEPALIVE_INTERVAL:
      g_value_set_uint (value, self->keepalive_interval);
      break;
    case PROP_FOLLOW_REBOOT:
      g_value_set_uint (value, self->follow_reboot);
      break;
    default:
      if (!lxcmon_monitor_read_property (LXCMON_MONITOR (self), pspec, value))
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
    case PROP_MONITOR + LXCMON_MONITOR_PROP_NAME:
      self->name = g_value_dup_string (value);
      break;
    case PROP_RUNTIME_DIR:
      self->runtime_dir = g_value_dup_string (value);
      break;
    case PROP_SOCKET_PATH:
      self->socket_path = g_value_dup_string (value);
      break;
    case PROP_TAKE_PLACE:
      lxcmon_client_set_take_place (self, g_value_get_boolean (value));
      break;
    case PROP_WAIT_FOR_PLACE:
      lxcmon_client_set_wait_for_place (self, g_value_get_boolean (value));
      break;
    case PROP_ATTACH_TIMEOUT:
      lxcmon_client_set_attach_timeout (self, g_value_get_uint (value));
      break;
    case PROP_KEEPALIVE_INTERVAL:
      lxcmon_client_set_keepalive_interval (self, g_value_get_uint (value));
      break;
    case PROP_FOLLOW_REBOOT:
      lxcmon_client_set_follow_reboot (self, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

#define CONSTRUCT_ONLY (G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)
#define SETTING        (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static void
define_identity (void)
{
  /**
   * LxcmonClient:runtime-dir: (type filename)
   *
   * The directory of the controllers' sockets; `/run/libvirt/lxc` where it is %NULL.
   *
   * Since: 0.1
   */
  properties[PROP_RUNTIME_DIR]
      = g_param_spec_string ("runtime-dir", NULL, NULL, NULL, CONSTRUCT_ONLY);

  /**
   * LxcmonClient:socket-path: (type filename)
   *
   * The path of the controller's socket. Where it is not given, it follows from the name and the
   * runtime directory.
   *
   * Since: 0.1
   */
  properties[PROP_SOCKET_PATH]
      = g_param_spec_string ("socket-path", NULL, NULL, NULL, CONSTRUCT_ONLY);
}

static void
define_settings (void)
{
  /**
   * LxcmonClient:take-place:
   *
   * Connect to the controller whoever else might want its one place. For an app that *is* the
   * container's driver, such as one that starts the controller itself. What is set counts from the
   * next attach on.
   *
   * Since: 0.1
   */
  properties[PROP_TAKE_PLACE] = g_param_spec_boolean ("take-place", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:wait-for-place:
   *
   * Where somebody else has the controller's one place, wait for it instead of failing with
   * %LXCMON_MONITOR_ERROR_BUSY. What is set counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[PROP_WAIT_FOR_PLACE]
      = g_param_spec_boolean ("wait-for-place", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonClient:attach-timeout:
   *
   * How long an attach waits where it turns out that somebody else is served, in milliseconds. Where
   * nobody is, it waits as long as it takes: leaving would cost the next client its INIT. What is set
   * counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[PROP_ATTACH_TIMEOUT] = g_param_spec_uint ("attach-timeout", NULL, NULL, 1, MS_MAX,
                                                       ATTACH_TIMEOUT_DEFAULT, SETTING);

  /**
   * LxcmonClient:keepalive-interval:
   *
   * After how long a silence, or twice that at the most, to ask the controller whether it still lives,
   * in milliseconds, or 0 for never. A controller that has not answered after as much again is given
   * up, with %LXCMON_MONITOR_ERROR_TIMED_OUT. What is set counts from the next attach on.
   *
   * Since: 0.1
   */
  properties[PROP_KEEPALIVE_INTERVAL]
      = g_param_spec_uint ("keepalive-interval", NULL, NULL, 0, MS_MAX, 0, SETTING);

  /**
   * LxcmonClient:follow-reboot:
   *
   * How long to wait for the container's next controller after a reboot, in milliseconds, or 0 for
   * not at all. The client attaches to it by itself: after "exit::reboot" and "closed" comes "init"
   * again. While it waits, its state is %LXCMON_STATE_CONNECTING; where it waits in vain, the state
   * becomes %LXCMON_STATE_DETACHED and the error %LXCMON_MONITOR_ERROR_TIMED_OUT. What is set counts
   * from the next attach on.
   *
   * Since: 0.1
   */
  properties[PROP_FOLLOW_REBOOT]
      = g_param_spec_uint ("follow-reboot", NULL, NULL, 0, MS_MAX, 0, SETTING);
}

static void
lxcmon_client_class_init (LxcmonClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lxcmon_client_dispose;
  object_class->finalize = lxcmon_client_finalize;
  object_class->get_property = lxcmon_client_get_property;
  object_class->set_property = lxcmon_client_set_property;

  define_identity ();
  define_settings ();
  lxcmon_monitor_install_properties (object_class, PROP_MONITOR);
  for (guint i = PROP_RUNTIME_DIR; i < N_PROPS; i++)
    g_object_class_install_property (object_class, i, properties[i]);
}

static void
lxcmon_client_init (LxcmonClient *self)
{
  self->attach_timeout = ATTACH_TIMEOUT_DEFAULT;
  self->told.exit_status = LXCMON_EXIT_STATUS_UNKNOWN;
  self->told.exit_raw = -1;
}

/**
 * lxcmon_client_new:
 * @name: a container's name
 *
 * Makes a client for a container of the usual runtime directory. A name that no container can have
 * makes attaching fail, with %LXCMON_MONITOR_ERROR_INVALID_NAME.
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
 * Makes a client for the controller at a socket. The container is called after the socket's file,
 * without ".sock".
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

/**
 * lxcmon_client_get_runtime_dir:
 * @self: a client
 *
 * The directory of the controllers' sockets.
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
 * lxcmon_client_get_socket_path:
 * @self: a client
 *
 * The path of the controller's socket.
 *
 * Returns: (type filename) (transfer none) (nullable): a path, or %NULL where the name is none that a
 *   container can have
 *
 * Since: 0.1
 */
const char *
lxcmon_client_get_socket_path (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), NULL);

  return _lxcmon_client_build_path (self, NULL);
}

/**
 * lxcmon_client_get_take_place:
 * @self: a client
 *
 * See [property@Lxcmon.Client:take-place].
 *
 * Returns: whether the client takes the place whoever else might want it
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_take_place (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->take_place;
}

/**
 * lxcmon_client_set_take_place:
 * @self: a client
 * @take_place: whether to take the place whoever else might want it
 *
 * See [property@Lxcmon.Client:take-place].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_take_place (LxcmonClient *self, gboolean take_place)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  if (self->take_place == (guint) !!take_place)
    return;
  self->take_place = !!take_place;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TAKE_PLACE]);
}

/**
 * lxcmon_client_get_wait_for_place:
 * @self: a client
 *
 * See [property@Lxcmon.Client:wait-for-place].
 *
 * Returns: whether the client waits for the place
 *
 * Since: 0.1
 */
gboolean
lxcmon_client_get_wait_for_place (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), FALSE);

  return self->wait_for_place;
}

/**
 * lxcmon_client_set_wait_for_place:
 * @self: a client
 * @wait_for_place: whether to wait for the place
 *
 * See [property@Lxcmon.Client:wait-for-place].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_wait_for_place (LxcmonClient *self, gboolean wait_for_place)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));

  if (self->wait_for_place == (guint) !!wait_for_place)
    return;
  self->wait_for_place = !!wait_for_place;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WAIT_FOR_PLACE]);
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
 * lxcmon_client_get_attach_timeout:
 * @self: a client
 *
 * See [property@Lxcmon.Client:attach-timeout].
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
 * lxcmon_client_set_attach_timeout:
 * @self: a client
 * @attach_timeout: milliseconds, from 1 to %G_MAXINT
 *
 * See [property@Lxcmon.Client:attach-timeout].
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
 * lxcmon_client_get_keepalive_interval:
 * @self: a client
 *
 * See [property@Lxcmon.Client:keepalive-interval].
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
 * lxcmon_client_set_keepalive_interval:
 * @self: a client
 * @keepalive_interval: milliseconds, up to %G_MAXINT, or 0 for never
 *
 * See [property@Lxcmon.Client:keepalive-interval].
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
 * lxcmon_client_get_follow_reboot:
 * @self: a client
 *
 * See [property@Lxcmon.Client:follow-reboot].
 *
 * Returns: milliseconds, or 0 for not at all
 *
 * Since: 0.1
 */
guint
lxcmon_client_get_follow_reboot (LxcmonClient *self)
{
  g_return_val_if_fail (LXCMON_IS_CLIENT (self), 0);

  return self->follow_reboot;
}

/**
 * lxcmon_client_set_follow_reboot:
 * @self: a client
 * @follow_reboot: milliseconds, up to %G_MAXINT, or 0 for not at all
 *
 * See [property@Lxcmon.Client:follow-reboot].
 *
 * Since: 0.1
 */
void
lxcmon_client_set_follow_reboot (LxcmonClient *self, guint follow_reboot)
{
  g_return_if_fail (LXCMON_IS_CLIENT (self));
  g_return_if_fail (follow_reboot <= MS_MAX);

  set_ms (self, &self->follow_reboot, follow_reboot, PROP_FOLLOW_REBOOT);
}
