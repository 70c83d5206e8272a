/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the test controller as an object: one thread, which polls the sockets of lxcmon-mock-sockets.c,
 * and one mutex. Only that thread closes sockets: while it polls one, its peer sees no end of file.
 */

#include "lxcmon-mock-private.h"

#include <lxcmon/lxcmon-encode.h>

/**
 * LxcmonMockController:
 *
 * A controller without a container, to test against. On its socket it does what libvirt's `libvirt_lxc`
 * does: it serves one client at a time while the others wait in the backlog, sends INIT to its very first
 * client only, answers PING, and sends EXIT complete before end of file. It has a thread of its own, so
 * the main loop of the application may be blocked or not run at all. Its functions may be called from any
 * thread and take effect before they return.
 *
 * Since: 0.1
 */
G_DEFINE_FINAL_TYPE (LxcmonMockController, lxcmon_mock_controller, G_TYPE_OBJECT)

enum
{
  PROP_INIT_PID = 1,
  PROP_N_CLIENTS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static gboolean
notify_n_clients (gpointer user_data)
{
  g_object_notify_by_pspec (G_OBJECT (user_data), properties[PROP_N_CLIENTS]);
  return G_SOURCE_REMOVE;
}

static gpointer
run_thread (gpointer user_data)
{
  LxcmonMockController *self = user_data;
  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  while (self->listen_fd >= 0)
    {
      gboolean had_client = self->client_fd >= 0;
      _lxcmon_mock_iterate (self);
      if (had_client == (self->client_fd >= 0))
        continue;

      g_autoptr (GSource) source = g_idle_source_new ();
      g_source_set_static_name (source, "[lxcmon-mock] notify n-clients");
      g_source_set_priority (source, G_PRIORITY_DEFAULT);
      g_source_set_callback (source, notify_n_clients, g_object_ref (self), g_object_unref);
      g_source_attach (source, self->context);
    }
  g_cond_broadcast (&self->ended);
  return NULL;
}

/* Ends what runs at present, and waits for that; but not for a client that does not read. */
static void
end_locked (LxcmonMockController *self, MockEnd end)
{
  guint n_starts = self->n_starts;

  self->end = end;
  _lxcmon_mock_wake (self);
  while (self->listen_fd >= 0 && self->n_starts == n_starts
         && (end > MOCK_END_WHEN_SENT || (end == MOCK_END_WHEN_SENT && self->unsent->len == 0)))
    g_cond_wait (&self->ended, &self->mutex);
}

static void
stop_locked (LxcmonMockController *self)
{
  while (self->listen_fd >= 0) /* another caller may have started it again */
    end_locked (self, MOCK_END_NOW);
  if (self->thread != NULL)
    g_thread_join (g_steal_pointer (&self->thread)); /* it needs the mutex no more */
}

/* The thread has to end while it may still take a reference. */
static void
lxcmon_mock_controller_dispose (GObject *object)
{
  LxcmonMockController *self = LXCMON_MOCK_CONTROLLER (object);

  g_mutex_lock (&self->mutex);
  stop_locked (self);
  g_mutex_unlock (&self->mutex);
  G_OBJECT_CLASS (lxcmon_mock_controller_parent_class)->dispose (object);
}

static void
lxcmon_mock_controller_finalize (GObject *object)
{
  LxcmonMockController *self = LXCMON_MOCK_CONTROLLER (object);

  lxcmon_decoder_free (self->decoder);
  g_byte_array_unref (self->unsent);
  g_free (self->socket_path);
  g_main_context_unref (self->context);
  g_cond_clear (&self->ended);
  g_mutex_clear (&self->mutex);
  G_OBJECT_CLASS (lxcmon_mock_controller_parent_class)->finalize (object);
}

static void
lxcmon_mock_controller_get_property (GObject *object, guint prop_id, GValue *value,
                                     GParamSpec *pspec)
{
  LxcmonMockController *self = LXCMON_MOCK_CONTROLLER (object);

  if (prop_id == PROP_INIT_PID)
    g_value_set_int (value, lxcmon_mock_controller_get_init_pid (self));
  else
    g_value_set_uint (value, lxcmon_mock_controller_get_n_clients (self));
}

static void
lxcmon_mock_controller_set_property (GObject *object, guint prop_id, const GValue *value,
                                     GParamSpec *pspec)
{
  lxcmon_mock_controller_set_init_pid (LXCMON_MOCK_CONTROLLER (object), g_value_get_int (value));
}

static void
lxcmon_mock_controller_class_init (LxcmonMockControllerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lxcmon_mock_controller_dispose;
  object_class->finalize = lxcmon_mock_controller_finalize;
  object_class->get_property = lxcmon_mock_controller_get_property;
  object_class->set_property = lxcmon_mock_controller_set_property;

  /**
   * LxcmonMockController:init-pid:
   *
   * The pid that is sent in INIT to the very first client, or 0 for no INIT. Notified in the thread
   * that changes it.
   *
   * Since: 0.1
   */
  properties[PROP_INIT_PID]
      = g_param_spec_int ("init-pid", NULL, NULL, 0, G_MAXINT, 0,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LxcmonMockController:n-clients:
   *
   * How many clients are served at present: 0 or 1. Those that wait in the backlog do not count.
   * Notified in the main context that was thread-default when the controller was made.
   *
   * Since: 0.1
   */
  properties[PROP_N_CLIENTS]
      = g_param_spec_uint ("n-clients", NULL, NULL, 0, 1, 0,
                           G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lxcmon_mock_controller_init (LxcmonMockController *self)
{
  self->context = g_main_context_ref_thread_default ();
  g_mutex_init (&self->mutex);
  g_cond_init (&self->ended);
  self->listen_fd = self->client_fd = self->wake_fd = -1;
  self->decoder = lxcmon_decoder_new ();
  self->unsent = g_byte_array_new ();
  self->reading = self->accepting = TRUE;
}

/**
 * lxcmon_mock_controller_new:
 * @socket_path: (type filename): where to listen; clients call the container after this file, without
 *   ".sock"
 *
 * Creates a controller that has not been started.
 *
 * Returns: (transfer full): a controller
 *
 * Since: 0.1
 */
LxcmonMockController *
lxcmon_mock_controller_new (const char *socket_path)
{
  g_return_val_if_fail (socket_path != NULL, NULL);

  LxcmonMockController *self = g_object_new (LXCMON_MOCK_TYPE_CONTROLLER, NULL);
  self->socket_path = g_strdup (socket_path);
  return self;
}

/**
 * lxcmon_mock_controller_start:
 * @self: a controller
 * @error: return location for a #GError
 *
 * Makes the socket and begins to serve. When this returns, a client can attach. A controller that was
 * started before is stopped first: this is a new one, which sends INIT to its first client.
 *
 * Returns: whether it listens; otherwise @error is %G_IO_ERROR_ADDRESS_IN_USE if another controller
 *   has left or uses the file, or another %G_IO_ERROR
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_start (LxcmonMockController *self, GError **error)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);
  g_return_val_if_fail (self->socket_path != NULL, FALSE);

  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  stop_locked (self);
  if (!_lxcmon_mock_open (self, error))
    return FALSE;

  self->n_starts++;
  self->thread = g_thread_new ("lxcmon-mock", run_thread, self);
  return TRUE;
}

/**
 * lxcmon_mock_controller_stop:
 * @self: a controller
 *
 * Ends the controller without EXIT and removes its socket, also the one that it left when it died. One
 * that has not been started stays as it is.
 *
 * Since: 0.1
 */
void
lxcmon_mock_controller_stop (LxcmonMockController *self)
{
  g_return_if_fail (LXCMON_MOCK_IS_CONTROLLER (self));

  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  stop_locked (self);
  _lxcmon_mock_remove_socket (self);
}

/* Sends bytes and then ends, unless the end is none. */
static gboolean
send_and_end (LxcmonMockController *self, const void *bytes, gsize size, MockEnd end,
              GError **error)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);

  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  if (self->client_fd < 0 || self->end != MOCK_END_NONE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                   "the controller of %s serves no client", self->socket_path);
      return FALSE;
    }

  _lxcmon_mock_send (self, bytes, size);
  end_locked (self, end);
  return TRUE;
}

/**
 * lxcmon_mock_controller_send_bytes:
 * @self: a controller
 * @bytes: any bytes
 * @error: return location for a #GError
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
  g_return_val_if_fail (bytes != NULL, FALSE);

  return send_and_end (self, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                       MOCK_END_NONE, error);
}

/**
 * lxcmon_mock_controller_send_init:
 * @self: a controller
 * @pid: a pid, or any other number
 * @error: return location for a #GError
 *
 * Sends INIT to the client, in addition to the one that the first client gets.
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

  return send_and_end (self, message, size, MOCK_END_NONE, error);
}

/**
 * lxcmon_mock_controller_send_exit:
 * @self: a controller
 * @status: how the container ended
 * @error: return location for a #GError
 *
 * Sends EXIT to the client, and goes on.
 *
 * Returns: whether there is a client; otherwise @error is %G_IO_ERROR_NOT_CONNECTED
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_send_exit (LxcmonMockController *self, LxcmonExitStatus status,
                                  GError **error)
{
  guint8 message[LXCMON_ENCODED_SIZE];
  gsize size = lxcmon_encode_exit (message, sizeof message, status);

  return send_and_end (self, message, size, MOCK_END_NONE, error);
}

/**
 * lxcmon_mock_controller_finish:
 * @self: a controller
 * @status: how the container ended
 * @error: return location for a #GError
 *
 * Ends as a real controller does: EXIT complete on the wire, then end of file; the socket's file is
 * removed. If the client does not read, this returns at once and the rest follows when it does.
 *
 * Returns: whether there is a client; otherwise the controller goes on, and @error is
 *   %G_IO_ERROR_NOT_CONNECTED
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_finish (LxcmonMockController *self, LxcmonExitStatus status, GError **error)
{
  guint8 message[LXCMON_ENCODED_SIZE];
  gsize size = lxcmon_encode_exit (message, sizeof message, status);

  return send_and_end (self, message, size, MOCK_END_WHEN_SENT, error);
}

/**
 * lxcmon_mock_controller_die:
 * @self: a controller
 * @error: return location for a #GError
 *
 * Ends as a controller that was killed: end of file without EXIT, and the socket's file stays.
 *
 * Returns: whether it was running; otherwise @error is %G_IO_ERROR_NOT_CONNECTED
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_controller_die (LxcmonMockController *self, GError **error)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), FALSE);

  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  gboolean running = self->listen_fd >= 0;
  if (running)
    end_locked (self, MOCK_END_KILLED);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "the controller of %s does not run",
                 self->socket_path);
  return running;
}

/**
 * lxcmon_mock_controller_get_init_pid:
 * @self: a controller
 *
 * Gets [property@LxcmonMock.Controller:init-pid].
 *
 * Returns: a pid, or 0 for no INIT
 *
 * Since: 0.1
 */
gint
lxcmon_mock_controller_get_init_pid (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), 0);

  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  return self->init_pid;
}

/**
 * lxcmon_mock_controller_set_init_pid:
 * @self: a controller
 * @init_pid: a pid, or 0 for no INIT
 *
 * Sets [property@LxcmonMock.Controller:init-pid].
 *
 * Since: 0.1
 */
void
lxcmon_mock_controller_set_init_pid (LxcmonMockController *self, gint init_pid)
{
  g_return_if_fail (LXCMON_MOCK_IS_CONTROLLER (self));
  g_return_if_fail (init_pid >= 0);

  g_mutex_lock (&self->mutex);
  gboolean changes = self->init_pid != init_pid;
  self->init_pid = init_pid;
  g_mutex_unlock (&self->mutex);
  if (changes)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_INIT_PID]);
}

/**
 * lxcmon_mock_controller_get_n_clients:
 * @self: a controller
 *
 * Gets [property@LxcmonMock.Controller:n-clients].
 *
 * Returns: 0 or 1
 *
 * Since: 0.1
 */
guint
lxcmon_mock_controller_get_n_clients (LxcmonMockController *self)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_CONTROLLER (self), 0);

  G_GNUC_UNUSED g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  return self->client_fd >= 0 ? 1 : 0;
}
