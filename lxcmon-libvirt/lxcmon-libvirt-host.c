/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: its properties, starting and stopping, and what the state of the connection changes. It
 * does not know what libvirt's events mean, and does not call libvirt.
 */

#include "lxcmon-libvirt-host-private.h"

#include "lxcmon-libvirt-loop-private.h"

#define URI_DEFAULT "lxc:///system"

/**
 * LxcmonLibvirtHost:
 *
 * All LXC containers that a libvirtd manages, on this host or on another one.
 *
 * A controller has one client slot, and if libvirtd manages the container, libvirtd uses it. This list
 * reports such containers as libvirtd reports them to its clients, with the signals and properties of
 * [class@Lxcmon.MonitorList]. A read-only connection is enough, so the caller need not be root.
 *
 * ```c
 * g_autoptr (LxcmonLibvirtHost) host = lxcmon_libvirt_host_new_for_uri ("lxc:///system");
 * g_signal_connect (host, "init", G_CALLBACK (on_init), NULL);
 * g_signal_connect (host, "exit", G_CALLBACK (on_exit), NULL);
 * g_signal_connect (host, "closed", G_CALLBACK (on_closed), NULL);
 * lxcmon_monitor_list_start_async (LXCMON_MONITOR_LIST (host), NULL, on_started, NULL);
 * ```
 *
 * The events of libvirtd are reported as follows:
 *
 * | libvirtd | signals |
 * | --- | --- |
 * | started | "init", with pid 0 if it cannot be known |
 * | stopped: shutdown | "exit::shutdown", "closed" |
 * | stopped: destroyed | "closed" with %LXCMON_MONITOR_ERROR_DESTROYED |
 * | stopped: failed, or otherwise | "closed" with %LXCMON_MONITOR_ERROR_LOST, after 250 ms |
 * | reboot | "exit::reboot", "closed", "init", on the same monitor |
 *
 * Containers that already run when the first list is complete are in it without "init". A container that
 * has ended leaves the list after "closed".
 *
 * The monitors' `source` is %LXCMON_SOURCE_LIBVIRT. Their `controller-pid` and `init-pid` are known on
 * this host only, and are 0 through a remote URI.
 *
 * If the connection is lost, [property@LxcmonLibvirt.Host:connected] becomes %FALSE, and the list keeps
 * its monitors. The host tries to connect again, first after 100 ms and finally every ten seconds, until
 * it is stopped. When it is connected again, it reports what was missed: containers whose end was not
 * seen are closed with %LXCMON_MONITOR_ERROR_LOST, and new ones appear without "init".
 *
 * libvirt's events come through libvirt-glib, whose event loop runs in the default main context. Some
 * thread has to run that context, even if the host belongs to another one. If none does, starting fails
 * with %LXCMON_MONITOR_ERROR_TIMED_OUT after 5 seconds. libvirt-glib is initialized when the first host
 * is created. This sets libvirt's error function; an application that has its own sets it afterwards.
 *
 * A host belongs to the main context that was thread-default when it was created. Dropping the last
 * reference stops the host; a pending start keeps it alive. The connection is closed by a separate
 * thread, which may take a moment longer.
 *
 * Since: 0.1
 */

G_DEFINE_FINAL_TYPE (LxcmonLibvirtHost, lxcmon_libvirt_host, LXCMON_TYPE_MONITOR_LIST)

enum
{
  PROP_CONNECTION = 1,
  PROP_URI,
  PROP_CONNECTED,
  PROP_ERROR,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* ---- The connection ---- */

static void
set_connected (LxcmonLibvirtHost *self, gboolean connected)
{
  if (self->connected == connected)
    return;

  self->connected = connected;
  _lxcmon_monitor_list_notify (LXCMON_MONITOR_LIST (self), properties[PROP_CONNECTED]);
}

static void
set_error (LxcmonLibvirtHost *self, const GError *error)
{
  if (self->error == NULL && error == NULL)
    return;

  g_clear_error (&self->error);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  _lxcmon_monitor_list_notify (LXCMON_MONITOR_LIST (self), properties[PROP_ERROR]);
}

/* Steps that on_event() queues. */

static void
apply_connected (LxcmonLibvirtHost *self, const LxcmonLibvirtStep *step)
{
  set_connected (self, TRUE);
}

/* Completes the start: its list is complete, or connecting has failed. */
static void
apply_started (LxcmonLibvirtHost *self, const LxcmonLibvirtStep *step)
{
  const GError *error = step->event != NULL ? step->event->error : NULL;

  _lxcmon_monitor_list_started (LXCMON_MONITOR_LIST (self), error);
}

static void
apply_lost (LxcmonLibvirtHost *self, const LxcmonLibvirtStep *step)
{
  self->is_listed = FALSE;
  _lxcmon_libvirt_host_end_held (self);
  /* Both have their new value when a handler runs. */
  g_object_freeze_notify (G_OBJECT (self));
  set_error (self, step->event->error);
  set_connected (self, FALSE);
  g_object_thaw_notify (G_OBJECT (self));
}

/* Queues a step, which owns @event. */
static void
push (LxcmonLibvirtHost *self, LxcmonLibvirtStepFunc func, LxcmonLibvirtEvent *event)
{
  LxcmonLibvirtStep *step = _lxcmon_libvirt_step_new (self, func);

  step->event = event;
  _lxcmon_libvirt_step_push (self, step);
}

/* Called for each event of the link. Its steps do not run before the function has returned, when the caller
 * has dropped its reference to the host: a handler may then drop the last one. */
static void
on_event (GObject *owner, LxcmonLibvirtEvent *event)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (owner);
  gboolean is_starting = _lxcmon_monitor_list_is_starting (LXCMON_MONITOR_LIST (self));

  switch (event->type)
    {
    case LXCMON_LIBVIRT_EVENT_LISTED:
      /* At a start, the list is complete before the host is connected. Later the host is connected again
       * before it reports what has changed meanwhile. */
      if (!is_starting)
        push (self, apply_connected, NULL);
      push (self, _lxcmon_libvirt_host_apply_list, event);
      if (is_starting)
        push (self, apply_connected, NULL);
      if (is_starting)
        push (self, apply_started, NULL);
      break;
    case LXCMON_LIBVIRT_EVENT_LOST:
      push (self, apply_lost, event);
      break;
    case LXCMON_LIBVIRT_EVENT_FAILED:
      push (self, apply_started, event);
      break;
    default:
      push (self, _lxcmon_libvirt_host_apply_event, event);
      break;
    }
}

/* ---- Starting and stopping ---- */

/* A reference to the connection's own handle, if it is open. */
static virConnectPtr
get_handle (LxcmonLibvirtHost *self)
{
  virConnectPtr handle = NULL;

  if (self->connection != NULL && gvir_connection_is_open (self->connection))
    g_object_get (self->connection, "handle", &handle, NULL);
  return handle;
}

static void
lxcmon_libvirt_host_start (LxcmonMonitorList *list)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (list);

  self->link = _lxcmon_libvirt_link_start (G_OBJECT (self), on_event,
                                           _lxcmon_monitor_list_get_context (list), self->uri,
                                           get_handle (self));
  set_error (self, NULL);
}

/* Reports the ends that are held. */
static void
lxcmon_libvirt_host_flush (LxcmonMonitorList *list)
{
  if (_lxcmon_libvirt_host_end_held (LXCMON_LIBVIRT_HOST (list)))
    _lxcmon_main_source_run_steps (_lxcmon_monitor_list_get_source (list));
}

static void
lxcmon_libvirt_host_stop (LxcmonMonitorList *list)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (list);

  g_clear_pointer (&self->link, _lxcmon_libvirt_link_stop);
  _lxcmon_libvirt_host_forget (self);
  set_connected (self, FALSE);
}

/* ---- The object ---- */

static void
lxcmon_libvirt_host_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (object);

  switch (prop_id)
    {
    case PROP_CONNECTION:
      g_value_set_object (value, self->connection);
      break;
    case PROP_URI:
      g_value_set_string (value, self->uri);
      break;
    case PROP_CONNECTED:
      g_value_set_boolean (value, self->connected);
      break;
    case PROP_ERROR:
      g_value_set_boxed (value, self->error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
lxcmon_libvirt_host_set_property (GObject *object, guint prop_id, const GValue *value,
                                  GParamSpec *pspec)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (object);

  switch (prop_id)
    {
    case PROP_CONNECTION:
      self->connection = g_value_dup_object (value);
      break;
    case PROP_URI:
      self->uri = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
lxcmon_libvirt_host_constructed (GObject *object)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (object);

  G_OBJECT_CLASS (lxcmon_libvirt_host_parent_class)->constructed (object);

  if (self->connection != NULL)
    {
      g_free (self->uri);
      self->uri = g_strdup (gvir_connection_get_uri (self->connection));
    }
  if (self->uri == NULL)
    self->uri = g_strdup (URI_DEFAULT);
}

static void
lxcmon_libvirt_host_finalize (GObject *object)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (object);

  g_hash_table_unref (self->by_uuid);
  g_hash_table_unref (self->reported);
  g_clear_object (&self->connection);
  g_clear_error (&self->error);
  g_free (self->uri);

  G_OBJECT_CLASS (lxcmon_libvirt_host_parent_class)->finalize (object);
}

#define CONSTRUCT (G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)
#define READABLE  (G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static void
install_properties (GObjectClass *klass)
{
  /**
   * LxcmonLibvirtHost:connection: (getter get_connection)
   *
   * The connection that the host was created for.
   *
   * If it is open when the host is started, the host uses it. Otherwise, and after it was lost, the host
   * opens a connection of its own to the same URI.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTION]
      = g_param_spec_object ("connection", NULL, NULL, GVIR_TYPE_CONNECTION, CONSTRUCT);

  /**
   * LxcmonLibvirtHost:uri: (getter get_uri)
   *
   * The URI of libvirtd; that of the connection if the host was made for one.
   *
   * Since: 0.1
   */
  properties[PROP_URI] = g_param_spec_string ("uri", NULL, NULL, NULL, CONSTRUCT);

  /**
   * LxcmonLibvirtHost:connected: (getter get_connected)
   *
   * Whether the host is connected to libvirtd, so that the list is up to date.
   *
   * It is notified after the first list is complete, and before a later list is applied.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTED] = g_param_spec_boolean ("connected", NULL, NULL, FALSE, READABLE);

  /**
   * LxcmonLibvirtHost:error: (getter get_error)
   *
   * Why the connection was last lost since the host was started.
   *
   * Since: 0.1
   */
  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, READABLE);

  g_object_class_install_properties (klass, N_PROPS, properties);
}

static void
lxcmon_libvirt_host_class_init (LxcmonLibvirtHostClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  LxcmonMonitorListClass *list_class = LXCMON_MONITOR_LIST_CLASS (klass);

  object_class->get_property = lxcmon_libvirt_host_get_property;
  object_class->set_property = lxcmon_libvirt_host_set_property;
  object_class->constructed = lxcmon_libvirt_host_constructed;
  object_class->finalize = lxcmon_libvirt_host_finalize;
  list_class->start = lxcmon_libvirt_host_start;
  list_class->flush = lxcmon_libvirt_host_flush;
  list_class->stop = lxcmon_libvirt_host_stop;
  install_properties (object_class);
}

static void
lxcmon_libvirt_host_init (LxcmonLibvirtHost *self)
{
  /* Not with the class: a program that only reads the type must not initialize libvirt. */
  _lxcmon_libvirt_loop_register ();
  /* The keys are the rows' own. */
  self->by_uuid = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_object_unref);
  self->reported = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/**
 * lxcmon_libvirt_host_new:
 * @connection: a connection, open or not
 *
 * Creates a host for the containers of a libvirtd to which the application has a connection. The host
 * uses the connection's handle and registers callbacks with it. It does not use the
 * [class@LibvirtGObject.Domain] objects.
 *
 * The connection may belong to any driver of libvirt: each domain that runs is treated as a container.
 * Pids are known with the LXC driver only.
 *
 * Returns: (transfer full): a host
 *
 * Since: 0.1
 */
LxcmonLibvirtHost *
lxcmon_libvirt_host_new (GVirConnection *connection)
{
  g_return_val_if_fail (GVIR_IS_CONNECTION (connection), NULL);

  return g_object_new (LXCMON_LIBVIRT_TYPE_HOST, "connection", connection, NULL);
}

/**
 * lxcmon_libvirt_host_new_for_uri:
 * @uri: (nullable): such as "lxc:///system" or "lxc+ssh://root@web.example.org/system"; %NULL is the
 *   former
 *
 * Creates a host for the containers of the libvirtd at a URI. The host connects read-only, and does not
 * ask for a password; libvirt's file "auth.conf" may contain one.
 *
 * Returns: (transfer full): a host
 *
 * Since: 0.1
 */
LxcmonLibvirtHost *
lxcmon_libvirt_host_new_for_uri (const char *uri)
{
  return g_object_new (LXCMON_LIBVIRT_TYPE_HOST, "uri", uri, NULL);
}

/**
 * lxcmon_libvirt_host_get_connection: (get-property connection)
 * @self: a host
 *
 * Gets the connection that the host was created for.
 *
 * Returns: (transfer none) (nullable): the connection, or %NULL if the host was created for a URI
 *
 * Since: 0.1
 */
GVirConnection *
lxcmon_libvirt_host_get_connection (LxcmonLibvirtHost *self)
{
  g_return_val_if_fail (LXCMON_LIBVIRT_IS_HOST (self), NULL);

  return self->connection;
}

/**
 * lxcmon_libvirt_host_get_uri: (get-property uri)
 * @self: a host
 *
 * Gets the URI of libvirtd.
 *
 * Returns: (transfer none): a URI
 *
 * Since: 0.1
 */
const char *
lxcmon_libvirt_host_get_uri (LxcmonLibvirtHost *self)
{
  g_return_val_if_fail (LXCMON_LIBVIRT_IS_HOST (self), NULL);

  return self->uri;
}

/**
 * lxcmon_libvirt_host_get_connected: (get-property connected)
 * @self: a host
 *
 * Gets whether the host is connected to libvirtd. If it is not, the list is what it was when it last was.
 *
 * Returns: whether the host is connected
 *
 * Since: 0.1
 */
gboolean
lxcmon_libvirt_host_get_connected (LxcmonLibvirtHost *self)
{
  g_return_val_if_fail (LXCMON_LIBVIRT_IS_HOST (self), FALSE);

  return self->connected;
}

/**
 * lxcmon_libvirt_host_get_error: (get-property error)
 * @self: a host
 *
 * Gets why the connection was last lost. The error stays when the host is connected again, until the next
 * start.
 *
 * Returns: (transfer none) (nullable): %LXCMON_MONITOR_ERROR_LOST with a message, or %NULL if the
 *   connection was never lost
 *
 * Since: 0.1
 */
const GError *
lxcmon_libvirt_host_get_error (LxcmonLibvirtHost *self)
{
  g_return_val_if_fail (LXCMON_LIBVIRT_IS_HOST (self), NULL);

  return self->error;
}
