/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: what a client is made of, what it is called, and its end. Refuses events and sockets.
 */

#include "lxcmon-client-private.h"

#include <stdlib.h>
#include <string.h>

#include <lxcmon/lxcmon-name.h>

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

gint _lxcmon_client_connection_offset;

static void
reserve_connection (GType type)
{
  _lxcmon_client_connection_offset
      = g_type_add_instance_private (type, lxcmon_connection_get_size ());
}

G_DEFINE_FINAL_TYPE_WITH_CODE (LxcmonClient, lxcmon_client, G_TYPE_OBJECT,
                               _lxcmon_client_define_signals (g_define_type_id);
                               reserve_connection (g_define_type_id);
                               G_IMPLEMENT_INTERFACE (LXCMON_TYPE_MONITOR,
                                                      _lxcmon_client_fill_monitor))

static const LxcmonClientExtra no_extra = { .attach_timeout = LXCMON_CLIENT_ATTACH_TIMEOUT };

/*< private >
 * _lxcmon_client_get_extra:
 *
 * What is in a client's extra, or would be.
 */
const LxcmonClientExtra *
_lxcmon_client_get_extra (LxcmonClient *self)
{
  return self->extra != NULL ? self->extra : &no_extra;
}

/*< private >
 * _lxcmon_client_ensure_extra:
 *
 * A client's extra, to be written to. It stays where it is until it is tidied.
 */
LxcmonClientExtra *
_lxcmon_client_ensure_extra (LxcmonClient *self)
{
  if (self->extra == NULL)
    self->extra = g_memdup2 (&no_extra, sizeof no_extra);
  return self->extra;
}

/*< private >
 * _lxcmon_client_tidy_extra:
 *
 * Gives the memory back where nothing is in it.
 */
void
_lxcmon_client_tidy_extra (LxcmonClient *self)
{
  G_STATIC_ASSERT (sizeof no_extra == 6 * sizeof (gpointer) + 4 * sizeof (gint)); /* no holes */

  if (self->extra != NULL && memcmp (self->extra, &no_extra, sizeof no_extra) == 0)
    g_clear_pointer (&self->extra, g_free);
}

/*< private >
 * _lxcmon_client_hold:
 *
 * Returns: (transfer full): @self, to be given to _lxcmon_client_let_go()
 */
LxcmonHeldClient *
_lxcmon_client_hold (LxcmonClient *self)
{
  g_object_ref (self);
  g_atomic_int_add (&self->holds, LXCMON_CLIENT_ONE_HOLD);
  return self;
}

void
_lxcmon_client_let_go (LxcmonHeldClient *self)
{
  g_atomic_int_add (&self->holds, -LXCMON_CLIENT_ONE_HOLD);
  g_object_unref (self);
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

  char *path
      = lxcmon_name_to_socket_path (_lxcmon_client_get_extra (self)->runtime_dir, self->name, &why);
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
      g_atomic_int_or (&self->holds, LXCMON_CLIENT_DROPPED);
      g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, dispose_in_context,
                                  g_object_ref (self), g_object_unref);
      return;
    }

  /* A pending call holds a reference, so there is none, unless this was run by hand. */
  GTask *attach = _lxcmon_client_steal_attach (self);
  GList *waits = _lxcmon_client_steal_waits (self);
  _lxcmon_client_leave (self);
  _lxcmon_client_release (self);
  g_atomic_int_and (&self->holds, ~(guint) LXCMON_CLIENT_DROPPED);
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

  lxcmon_connection_clear (_lxcmon_client_get_connection (self));
  if (self->extra != NULL)
    {
      g_clear_error (&self->extra->error);
      g_free (self->extra->runtime_dir);
      g_free (self->extra);
    }
  g_free (self->name);
  g_free (self->socket_path);

  G_OBJECT_CLASS (lxcmon_client_parent_class)->finalize (object);
}

static void
lxcmon_client_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  LxcmonClient *self = LXCMON_CLIENT (object);

  switch (prop_id)
    {
    case LXCMON_CLIENT_PROP_RUNTIME_DIR:
      g_value_set_string (value, lxcmon_client_get_runtime_dir (self));
      break;
    case LXCMON_CLIENT_PROP_SOCKET_PATH:
      g_value_set_string (value, lxcmon_client_get_socket_path (self));
      break;
    default:
      if (!_lxcmon_client_read_setting (self, prop_id, value)
          && !lxcmon_monitor_read_property (LXCMON_MONITOR (self), pspec, value))
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
    case LXCMON_CLIENT_PROP_MONITOR + LXCMON_MONITOR_PROP_NAME:
      self->name = g_value_dup_string (value);
      break;
    case LXCMON_CLIENT_PROP_RUNTIME_DIR:
      if (g_value_get_string (value) != NULL)
        _lxcmon_client_ensure_extra (self)->runtime_dir = g_value_dup_string (value);
      break;
    case LXCMON_CLIENT_PROP_SOCKET_PATH:
      self->socket_path = g_value_dup_string (value);
      break;
    default:
      if (!_lxcmon_client_write_setting (self, prop_id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

#define CONSTRUCT_ONLY (G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)

static void
install_identity (GObjectClass *klass)
{
  /**
   * LxcmonClient:runtime-dir: (type filename)
   *
   * The directory of the controllers' sockets; `/run/libvirt/lxc` where it is %NULL.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, LXCMON_CLIENT_PROP_RUNTIME_DIR,
                                   g_param_spec_string ("runtime-dir", NULL, NULL, NULL,
                                                        CONSTRUCT_ONLY));

  /**
   * LxcmonClient:socket-path: (type filename)
   *
   * The path of the controller's socket. Where it is not given, it follows from the name and the
   * runtime directory.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, LXCMON_CLIENT_PROP_SOCKET_PATH,
                                   g_param_spec_string ("socket-path", NULL, NULL, NULL,
                                                        CONSTRUCT_ONLY));
}

static void
lxcmon_client_class_init (LxcmonClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lxcmon_client_dispose;
  object_class->finalize = lxcmon_client_finalize;
  object_class->get_property = lxcmon_client_get_property;
  object_class->set_property = lxcmon_client_set_property;

  g_type_class_adjust_private_offset (klass, &_lxcmon_client_connection_offset);
  lxcmon_monitor_install_properties (object_class, LXCMON_CLIENT_PROP_MONITOR);
  install_identity (object_class);
  _lxcmon_client_install_settings (object_class);
}

static void
lxcmon_client_init (LxcmonClient *self)
{
  /* All zeros are right for the rest: detached, and no status. */
  if (lxcmon_connection_init (_lxcmon_client_get_connection (self), &_lxcmon_client_callbacks, self)
      == NULL)
    g_error ("liblxcmon is newer than this liblxcmon-glib can make use of: use two of one release");
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

  if (self->row != NULL)
    return _lxcmon_host_row_get_dir (self->row);
  const char *runtime_dir = _lxcmon_client_get_extra (self)->runtime_dir;
  return runtime_dir != NULL ? runtime_dir : LXCMON_RUNTIME_DIR;
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
