/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the test controller as an object: its thread, and the way there and back. Refuses sockets
 * (lxcmon-mock-server.c).
 */

#include "lxcmon-mock-controller.h"

#include "lxcmon-mock-server-private.h"

#include <glib/gstdio.h>

#include <lxcmon/lxcmon-encode.h>

/**
 * LxcmonMockController:
 *
 * A controller without a container, to test against.
 *
 * It listens on a socket of its own and does what libvirt's `libvirt_lxc` does there: it serves one
 * client at a time while the others wait in the backlog, sends INIT to its very first client only,
 * answers PING, and sends EXIT complete before end of file. On demand it misbehaves: it sends any
 * bytes, stops reading, accepts late, or dies.
 *
 * It runs on a thread of its own, so that an app's main loop may be blocked or not run at all. Its
 * functions may be called from any thread and take effect before they return.
 * [property@LxcmonMock.Controller:n-clients] is notified in the main context that was thread-default
 * when the controller was made.
 *
 * Since: 0.1
 */
struct _LxcmonMockController
{
  GObject parent_instance;

  char *socket_path;
  GMainContext *home; /* where properties are notified */

  GMutex
      thread_mutex; /* for the thread itself: one call at a time, and none while it comes or goes */
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
  LxcmonMockServer *server; /* touched by the thread alone, once it runs */
  gboolean left_socket;     /* whether a file of ours is left to remove */

  GMutex mutex; /* for what follows */
  guint init_pid;
  guint accept_delay;
  guint n_clients;
  guint n_pings;
  guint reading;
  gboolean disposed;
};

G_DEFINE_FINAL_TYPE (LxcmonMockController, lxcmon_mock_controller, G_TYPE_OBJECT)

enum
{
  PROP_SOCKET_PATH = 1,
  PROP_INIT_PID,
  PROP_READING,
  PROP_ACCEPT_DELAY,
  PROP_N_CLIENTS,
  PROP_N_PINGS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* A call on its way to the thread and back. */
typedef struct
{
  LxcmonMockController *self;
  gboolean (*func) (LxcmonMockController *self, gconstpointer data, GError **error);
  gconstpointer data;
  GError **error;
  gboolean result;
  gboolean done;
  GMutex mutex;
  GCond cond;
} Call;

static gboolean
run_call (gpointer user_data)
{
  Call *call = user_data;
  gboolean result = call->func (call->self, call->data, call->error);

  g_mutex_lock (&call->mutex);
  call->result = result;
  call->done = TRUE;
  g_cond_signal (&call->cond);
  g_mutex_unlock (&call->mutex);
  return G_SOURCE_REMOVE;
}

/* Runs a function in the controller's thread and waits for it; the thread's mutex is held. */
static gboolean
call_thread_locked (LxcmonMockController *self,
                    gboolean (*func) (LxcmonMockController *, gconstpointer, GError **),
                    gconstpointer data, GError **error)
{
  Call call = { .self = self, .func = func, .data = data, .error = error };

  if (self->thread == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                   "the controller of %s has not been started", self->socket_path);
      return FALSE;
    }

  g_mutex_init (&call.mutex);
  g_cond_init (&call.cond);
  g_main_context_invoke (self->context, run_call, &call);
  g_mutex_lock (&call.mutex);
  while (!call.done)
    g_cond_wait (&call.cond, &call.mutex);
  g_mutex_unlock (&call.mutex);
  g_mutex_clear (&call.mutex);
  g_cond_clear (&call.cond);

  return call.result;
}

static gboolean
call_thread (LxcmonMockController *self,
             gboolean (*func) (LxcmonMockController *, gconstpointer, GError **),
             gconstpointer data, GError **error)
{
  g_mutex_lock (&self->thread_mutex);
  gboolean result = call_thread_locked (self, func, data, error);
  g_mutex_unlock (&self->thread_mutex);

  return result;
}

static gboolean
notify_n_clients (gpointer user_data)
{
  g_object_notify_by_pspec (G_OBJECT (user_data), properties[PROP_N_CLIENTS]);
  return G_SOURCE_REMOVE;
}

static void
on_client_changed (gboolean has_client, gpointer user_data)
{
  LxcmonMockController *self = user_data;

  g_mutex_lock (&self->mutex);
  self->n_clients = has_client ? 1 : 0;
  gboolean disposed = self->disposed;
  g_mutex_unlock (&self->mutex);
  if (disposed)
    return;

  GSource *source = g_idle_source_new ();
  g_source_set_static_name (source, "[lxcmon-mock] notify n-clients");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, notify_n_clients, g_object_ref (self), g_object_unref);
  g_source_attach (source, self->home);
  g_source_unref (source);
}

static void
on_pinged (gpointer user_data)
{
  LxcmonMockController *self = user_data;

  g_mutex_lock (&self->mutex);
  self->n_pings++;
  g_mutex_unlock (&self->mutex);
}

static const LxcmonMockServerEvents server_events = {
  .client_changed = on_client_changed,
  .pinged = on_pinged,
};

static gpointer
run_thread (gpointer user_data)
{
  LxcmonMockController *self = user_data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static gboolean
quit_thread (LxcmonMockController *self, gconstpointer data, GError **error)
{
  self->left_socket |= _lxcmon_mock_server_has_left_socket (self->server);
  g_clear_pointer (&self->server, _lxcmon_mock_server_free);
  g_main_loop_quit (self->loop);
  return TRUE;
}

/* Ends the thread, with its mutex held; it must not be called from it. */
static void
join_thread (LxcmonMockController *self)
{
  if (self->thread == NULL)
    return;

  call_thread_locked (self, quit_thread, NULL, NULL);
  g_thread_join (g_steal_pointer (&self->thread));
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
}

/* Removes what a controller that died has left behind: its own file, and nobody else's. */
static void
remove_left_socket (LxcmonMockController *self)
{
  if (self->left_socket)
    (void) g_unlink (self->socket_path);
  self->left_socket = FALSE;
}

/* The thread ends while there is still a reference to take: its client goes, and is told of. */
static void
lxcmon_mock_controller_dispose (GObject *object)
{
  LxcmonMockController *self = LXCMON_MOCK_CONTROLLER (object);

  g_mutex_lock (&self->mutex);
  self->disposed = TRUE;
  g_mutex_unlock (&self->mutex);
  g_mutex_lock (&self->thread_mutex);
  join_thread (self);
  g_mutex_unlock (&self->thread_mutex);

  G_OBJECT_CLASS (lxcmon_mock_controller_parent_class)->dispose (object);
}

static void
lxcmon_mock_controller_finalize (GObject *object)
{
  LxcmonMockController *self = LXCMON_MOCK_CONTROLLER (object);

  join_thread (self);
  g_main_context_unref (self->home);
  g_mutex_clear (&self->mutex);
  g_mutex_clear (&self->thread_mutex);
  g_free (self->socket_path);

  G_OBJECT_CLASS (lxcmon_mock_controller_parent_class)->finalize (object);
}

static void
lxcmon_mock_controller_get_property (GObject *object, guint prop_id, GValue *value,
                                     GParamSpec *pspec)
{
  LxcmonMockController *self = LXCMON_MOCK_CONTROLLER (object);

  switch (prop_id)
    {
    case PROP_SOCKET_PATH:
      g_value_set_string (value, self->socket_path);
      break;
    case PROP_INIT_PID:
      g_value_set_int (value, lxcmon_mock_controller_get_init_pid (self));
      break;
    case PROP_READING:
      g_value_set_boolean (value, lxcmon_mock_controller_get_reading (self));
      break;
    case PROP_ACCEPT_DELAY:
      g_value_set_uint (value, lxcmon_mock_controller_get_accept_delay (self));
      break;
    case PROP_N_CLIENTS:
      g_value_set_uint (value, lxcmon_mock_controller_get_n_clients (self));
      break;
    case PROP_N_PINGS:
      g_value_set_uint (value, lxcmon_mock_controller_get_n_pings (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
lxcmon_mock_controller_set_property (GObject *object, guint prop_id, const GValue *value,
                                     GParamSpec *pspec)
{
  LxcmonMockController *self = LXCMON_MOCK_CONTROLLER (object);

  switch (prop_id)
    {
    case PROP_SOCKET_PATH:
      self->socket_path = g_value_dup_string (value);
      break;
    case PROP_INIT_PID:
      lxcmon_mock_controller_set_init_pid (self, g_value_get_int (value));
      break;
    case PROP_READING:
      lxcmon_mock_controller_set_reading (self, g_value_get_boolean (value));
      break;
    case PROP_ACCEPT_DELAY:
      lxcmon_mock_controller_set_accept_delay (self, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

#define SETTING  (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)
#define READABLE (G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static void
lxcmon_mock_controller_class_init (LxcmonMockControllerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lxcmon_mock_controller_dispose;
  object_class->finalize = lxcmon_mock_controller_finalize;
  object_class->get_property = lxcmon_mock_controller_get_property;
  object_class->set_property = lxcmon_mock_controller_set_property;

  /**
   * LxcmonMockController:socket-path: (type filename)
   *
   * Where the controller listens.
   *
   * Since: 0.1
   */
  properties[PROP_SOCKET_PATH]
      = g_param_spec_string ("socket-path", NULL, NULL, NULL,
                             G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * LxcmonMockController:init-pid:
   *
   * The pid that is sent in INIT when the very first client is accepted, or 0 for no INIT.
   *
   * Since: 0.1
   */
  properties[PROP_INIT_PID] = g_param_spec_int ("init-pid", NULL, NULL, 0, G_MAXINT, 0, SETTING);

  /**
   * LxcmonMockController:reading:
   *
   * Whether the controller reads what its client sends. While it does not, it answers no PING and
   * does not see its client leave, like a process that is stopped.
   *
   * Since: 0.1
   */
  properties[PROP_READING] = g_param_spec_boolean ("reading", NULL, NULL, TRUE, SETTING);

  /**
   * LxcmonMockController:accept-delay:
   *
   * How long a client waits before it is accepted, in milliseconds.
   *
   * Since: 0.1
   */
  properties[PROP_ACCEPT_DELAY]
      = g_param_spec_uint ("accept-delay", NULL, NULL, 0, G_MAXINT, 0, SETTING);

  /**
   * LxcmonMockController:n-clients:
   *
   * How many clients are served at present: 0 or 1. Those that wait in the backlog do not count.
   *
   * Since: 0.1
   */
  properties[PROP_N_CLIENTS] = g_param_spec_uint ("n-clients", NULL, NULL, 0, 1, 0, READABLE);

  /**
   * LxcmonMockController:n-pings:
   *
   * How many PINGs were read since the controller was made. It is not notified.
   *
   * Since: 0.1
   */
  properties[PROP_N_PINGS] = g_param_spec_uint ("n-pings", NULL, NULL, 0, G_MAXUINT, 0, READABLE);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lxcmon_mock_controller_init (LxcmonMockController *self)
{
  g_mutex_init (&self->mutex);
  g_mutex_init (&self->thread_mutex);
  self->home = g_main_context_ref_thread_default ();
  self->reading = TRUE;
}

/**
 * lxcmon_mock_controller_new:
 * @socket_path: (type filename): where to listen; clients call the container after this file, without
 *   ".sock"
 *
 * Makes a controller that has not been started.
 *
 * Returns: (transfer full): a controller
 *
 * Since: 0.1
 */
LxcmonMockController *
lxcmon_mock_controller_new (const char *socket_path)
{
  g_return_val_if_fail (socket_path != NULL, NULL);

  return g_object_new (LXCMON_MOCK_TYPE_CONTROLLER, "socket-path", socket_path, NULL);
}

/* Hands the settings on to the server. */
static gboolean
update_in_thread (LxcmonMockController *self, gconstpointer data, GError **error)
{
  g_mutex_lock (&self->mutex);
  gint init_pid = (gint) self->init_pid;
  guint accept_delay = self->accept_delay;
  gboolean reading = self->reading != 0;
  g_mutex_unlock (&self->mutex);

  _lxcmon_mock_server_set_init_pid (self->server, init_pid);
  _lxcmon_mock_server_set_accept_delay (self->server, accept_delay);
  _lxcmon_mock_server_set_reading (self->server, reading);
  return TRUE;
}

static gboolean
listen_in_thread (LxcmonMockController *self, gconstpointer data, GError **error)
{
  update_in_thread (self, data, error);
  _lxcmon_mock_server_listen (self->server);
  return TRUE;
}

static gboolean
start_locked (LxcmonMockController *self, GError **error)
{
  join_thread (self);
  remove_left_socket (self);

  self->context = g_main_context_new ();
  self->server
      = _lxcmon_mock_server_new (self->socket_path, self->context, &server_events, self, error);
  if (self->server == NULL)
    {
      g_clear_pointer (&self->context, g_main_context_unref);
      return FALSE;
    }

  self->loop = g_main_loop_new (self->context, FALSE);
  self->thread = g_thread_new ("lxcmon-mock", run_thread, self);
  return call_thread_locked (self, listen_in_thread, NULL, error);
}

/**
 * lxcmon_mock_controller_start:
 * @self: a controller
 * @error: (out) (optional): where the error goes
 *
 * Makes the socket and begins to serve. When this returns, a client can attach. A controller that has
 * finished, died or been stopped can be started again: that is a new controller, to whose first
 * client INIT is sent. A socket file that this object left behind is replaced; any other is an error.
 *
 * Returns: whether it listens
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_start (LxcmonMockController *self, GError **error)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);

  g_mutex_lock (&self->thread_mutex);
  gboolean started = start_locked (self, error);
  g_mutex_unlock (&self->thread_mutex);

  return started;
}

/**
 * lxcmon_mock_controller_stop:
 * @self: a controller
 *
 * Ends the controller without EXIT and removes its socket, also the one that it left behind when it
 * died. One that has not been started stays as it is.
 *
 * Since: 0.1
 */
void
lxcmon_mock_controller_stop (LxcmonMockController *self)
{
  g_return_if_fail (LXCMON_MOCK_IS_CONTROLLER (self));

  g_mutex_lock (&self->thread_mutex);
  join_thread (self);
  remove_left_socket (self);
  g_mutex_unlock (&self->thread_mutex);
}

static gboolean
send_in_thread (LxcmonMockController *self, gconstpointer data, GError **error)
{
  gsize size;
  gconstpointer bytes = g_bytes_get_data ((GBytes *) data, &size);

  return _lxcmon_mock_server_send (self->server, bytes, size, error);
}

/**
 * lxcmon_mock_controller_send_bytes:
 * @self: a controller
 * @bytes: any bytes
 * @error: (out) (optional): where the error goes
 *
 * Sends bytes to the client as they are. What the client does not read at once is kept and sent later.
 *
 * Returns: whether there is a client; otherwise @error is %G_IO_ERROR_NOT_CONNECTED
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_send_bytes (LxcmonMockController *self, GBytes *bytes, GError **error)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  return call_thread (self, send_in_thread, bytes, error);
}

/**
 * lxcmon_mock_controller_send_init:
 * @self: a controller
 * @pid: a pid, or any other number
 * @error: (out) (optional): where the error goes
 *
 * Sends INIT to the client, beyond the one that its first client gets by itself.
 *
 * Returns: whether there is a client; otherwise @error is %G_IO_ERROR_NOT_CONNECTED
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_send_init (LxcmonMockController *self, gint pid, GError **error)
{
  guint8 message[LXCMON_ENCODED_SIZE];
  gsize size = lxcmon_encode_init (message, sizeof message, pid);
  g_autoptr (GBytes) bytes = g_bytes_new (message, size);

  return lxcmon_mock_controller_send_bytes (self, bytes, error);
}

static GBytes *
encode_exit (LxcmonExitStatus status)
{
  guint8 message[LXCMON_ENCODED_SIZE];
  gsize size = lxcmon_encode_exit (message, sizeof message, status);

  return g_bytes_new (message, size);
}

/**
 * lxcmon_mock_controller_send_exit:
 * @self: a controller
 * @status: how the container ended
 * @error: (out) (optional): where the error goes
 *
 * Sends EXIT to the client, and stays.
 *
 * Returns: whether there is a client; otherwise @error is %G_IO_ERROR_NOT_CONNECTED
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_send_exit (LxcmonMockController *self, LxcmonExitStatus status,
                                  GError **error)
{
  g_autoptr (GBytes) bytes = encode_exit (status);

  return lxcmon_mock_controller_send_bytes (self, bytes, error);
}

static gboolean
finish_in_thread (LxcmonMockController *self, gconstpointer data, GError **error)
{
  if (!send_in_thread (self, data, error))
    return FALSE;

  _lxcmon_mock_server_end (self->server, FALSE);
  return TRUE;
}

/**
 * lxcmon_mock_controller_finish:
 * @self: a controller
 * @status: how the container ended
 * @error: (out) (optional): where the error goes
 *
 * Ends as a real controller does: EXIT complete on the wire, then end of file; the socket is gone. A
 * client that does not read is waited for, in the background.
 *
 * Returns: whether there is a client; otherwise @error is %G_IO_ERROR_NOT_CONNECTED, and the
 *   controller goes on
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_finish (LxcmonMockController *self, LxcmonExitStatus status, GError **error)
{
  g_autoptr (GBytes) bytes = encode_exit (status);

  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);

  return call_thread (self, finish_in_thread, bytes, error);
}

static gboolean
die_in_thread (LxcmonMockController *self, gconstpointer data, GError **error)
{
  _lxcmon_mock_server_end (self->server, TRUE);
  return TRUE;
}

/**
 * lxcmon_mock_controller_die:
 * @self: a controller
 * @error: (out) (optional): where the error goes
 *
 * Ends as a controller that was killed: end of file without EXIT, and the socket's file stays behind.
 *
 * Returns: whether it had been started; otherwise @error is %G_IO_ERROR_NOT_CONNECTED
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_die (LxcmonMockController *self, GError **error)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);

  return call_thread (self, die_in_thread, NULL, error);
}

/**
 * lxcmon_mock_controller_get_socket_path:
 * @self: a controller
 *
 * Where the controller listens.
 *
 * Returns: (type filename) (transfer none): a path
 *
 * Since: 0.1
 */
const char *
lxcmon_mock_controller_get_socket_path (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), NULL);

  return self->socket_path;
}

static guint
get_locked (LxcmonMockController *self, const guint *value)
{
  g_mutex_lock (&self->mutex);
  guint result = *value;
  g_mutex_unlock (&self->mutex);

  return result;
}

/* Changes a setting, hands it on to a server that runs already, and notifies it. */
static void
set_locked (LxcmonMockController *self, guint *value, guint new_value, guint prop_id)
{
  g_mutex_lock (&self->mutex);
  gboolean changes = *value != new_value;
  *value = new_value;
  g_mutex_unlock (&self->mutex);
  if (!changes)
    return;

  /* One that has not been started takes its settings when it is. */
  call_thread (self, update_in_thread, NULL, NULL);
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop_id]);
}

/**
 * lxcmon_mock_controller_get_init_pid:
 * @self: a controller
 *
 * See [property@LxcmonMock.Controller:init-pid].
 *
 * Returns: a pid, or 0 for no INIT
 *
 * Since: 0.1
 */
gint
lxcmon_mock_controller_get_init_pid (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), 0);

  return (gint) get_locked (self, &self->init_pid);
}

/**
 * lxcmon_mock_controller_set_init_pid:
 * @self: a controller
 * @init_pid: a pid, or 0 for no INIT
 *
 * See [property@LxcmonMock.Controller:init-pid].
 *
 * Since: 0.1
 */
void
lxcmon_mock_controller_set_init_pid (LxcmonMockController *self, gint init_pid)
{
  g_return_if_fail (LXCMON_MOCK_IS_CONTROLLER (self));
  g_return_if_fail (init_pid >= 0);

  set_locked (self, &self->init_pid, (guint) init_pid, PROP_INIT_PID);
}

/**
 * lxcmon_mock_controller_get_reading:
 * @self: a controller
 *
 * See [property@LxcmonMock.Controller:reading].
 *
 * Returns: whether the controller reads what its client sends
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_get_reading (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);

  return get_locked (self, &self->reading) != 0;
}

/**
 * lxcmon_mock_controller_set_reading:
 * @self: a controller
 * @reading: whether to read what its client sends
 *
 * See [property@LxcmonMock.Controller:reading].
 *
 * Since: 0.1
 */
void
lxcmon_mock_controller_set_reading (LxcmonMockController *self, gboolean reading)
{
  g_return_if_fail (LXCMON_MOCK_IS_CONTROLLER (self));

  set_locked (self, &self->reading, !!reading, PROP_READING);
}

/**
 * lxcmon_mock_controller_get_accept_delay:
 * @self: a controller
 *
 * See [property@LxcmonMock.Controller:accept-delay].
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
lxcmon_mock_controller_get_accept_delay (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), 0);

  return get_locked (self, &self->accept_delay);
}

/**
 * lxcmon_mock_controller_set_accept_delay:
 * @self: a controller
 * @accept_delay: milliseconds
 *
 * See [property@LxcmonMock.Controller:accept-delay].
 *
 * Since: 0.1
 */
void
lxcmon_mock_controller_set_accept_delay (LxcmonMockController *self, guint accept_delay)
{
  g_return_if_fail (LXCMON_MOCK_IS_CONTROLLER (self));
  g_return_if_fail (accept_delay <= G_MAXINT);

  set_locked (self, &self->accept_delay, accept_delay, PROP_ACCEPT_DELAY);
}

/**
 * lxcmon_mock_controller_get_n_clients:
 * @self: a controller
 *
 * See [property@LxcmonMock.Controller:n-clients].
 *
 * Returns: 0 or 1
 *
 * Since: 0.1
 */
guint
lxcmon_mock_controller_get_n_clients (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), 0);

  return get_locked (self, &self->n_clients);
}

/**
 * lxcmon_mock_controller_get_n_pings:
 * @self: a controller
 *
 * See [property@LxcmonMock.Controller:n-pings].
 *
 * Returns: a count
 *
 * Since: 0.1
 */
guint
lxcmon_mock_controller_get_n_pings (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), 0);

  return get_locked (self, &self->n_pings);
}
