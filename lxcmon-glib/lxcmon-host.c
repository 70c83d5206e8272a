/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: its list model, its properties and settings. It does not know how containers are found.
 */

#include "lxcmon-host-names-private.h"
#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-name.h>

#include "lxcmon-emission-private.h"

/* The longest time in milliseconds that can be set: some 24 days. */
#define MS_MAX G_MAXINT

#define REBOOT_TIMEOUT_DEFAULT 10000

/**
 * LxcmonHost:
 *
 * All LXC containers of a host that libvirt runs, as a list that is kept up to date.
 *
 * ```c
 * g_autoptr (LxcmonHost) host = lxcmon_host_new (NULL);
 * g_signal_connect (host, "init", G_CALLBACK (on_init), NULL);
 * g_signal_connect (host, "closed", G_CALLBACK (on_closed), NULL);
 * lxcmon_host_start_async (host, NULL, on_started, NULL);
 * ```
 *
 * The list is a [iface@Gio.ListModel] of [class@Lxcmon.Monitor], sorted by name, so a list view can show
 * it directly. It is empty until it is started. A container is in the list while it runs.
 *
 * Each signal of a monitor is emitted by the host as well, with the monitor as an argument, after the
 * monitor's own handlers have run. One handler is enough for all containers, including those that start
 * later.
 *
 * # Directly, or through libvirtd
 *
 * A container's controller has one client slot. If libvirtd or virtlxcd is running, it needs the slots of
 * its containers, and the host reports the containers as libvirtd reports them. Otherwise the host attaches
 * to the controllers itself. It finds out which by itself, also when libvirtd starts or ends later; the
 * monitors stay the same, and [property@Lxcmon.Host:source] says which it is.
 *
 * When libvirtd starts, the host closes its own connections at once, and connects to libvirtd. When libvirtd
 * ends, the host waits 10 seconds for it to start again before it attaches itself. A container that ends
 * while nobody watches it is closed with %LXCMON_END_UNKNOWN.
 *
 * libvirtd's containers are reported by a module of its own, which belongs to lxcmon's library for libvirt. If it is
 * not installed, or if libvirtd cannot be reached, [property@Lxcmon.Host:connected] is %FALSE, and
 * [property@Lxcmon.Host:error] says why. The containers are in the list with their pids then, in the state
 * %LXCMON_STATE_DETACHED and with the error %LXCMON_MONITOR_ERROR_BUSY.
 *
 * If libvirtd has not answered for 6 seconds, a start is complete nevertheless, in the same way, and libvirtd
 * is still waited for.
 *
 * libvirt's events come through libvirt-glib, whose event loop runs in the default main context. Some
 * thread has to run that context, even if the host belongs to another one. SIGPIPE is ignored in the whole
 * process from then on, as GLib's sockets do it. A virtlxcd that systemd has started by its socket does not end
 * while the host is connected to it.
 *
 * # Reboots
 *
 * A container that reboots keeps its monitor: after "exit::reboot" and "closed", "init" is emitted again.
 * All other monitors leave the list after "closed". A later container of the same name has another
 * monitor.
 *
 * # Threads
 *
 * A host belongs to the main context that was thread-default when it was created. Its signals, and those
 * of its monitors, are emitted in that context only, and the host must be used from the thread that runs
 * that context. Dropping the last reference stops the host, in any thread, and emits nothing. The host wakes
 * up when something happens, and otherwise only while something is expected.
 *
 * Since: 0.1
 */

static void list_model_iface_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LxcmonHost, lxcmon_host, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_iface_init))

enum
{
  PROP_RUNTIME_DIR = 1,
  PROP_URI,
  PROP_SOURCE,
  PROP_CONNECTED,
  PROP_ERROR,
  PROP_FORCE,
  PROP_REBOOT_TIMEOUT,
  PROP_LINGER_TIMEOUT,
  PROP_WATCH_INIT,
  PROP_N_UNLISTED,
  PROP_N_ITEMS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* ---- The list model ---- */

static GListModel *
get_rows (gpointer self)
{
  return G_LIST_MODEL (LXCMON_HOST (self)->rows.list);
}

static GType
get_item_type (GListModel *model)
{
  return LXCMON_TYPE_MONITOR;
}

static guint
get_n_items (GListModel *model)
{
  return g_list_model_get_n_items (get_rows (model));
}

static gpointer
get_item (GListModel *model, guint position)
{
  return g_list_model_get_item (get_rows (model), position);
}

static void
list_model_iface_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
on_items_changed (GListModel *rows, guint position, guint removed, guint added, gpointer user_data)
{
  if (g_atomic_int_get (&LXCMON_HOST (user_data)->rows.disposed))
    return;
  g_list_model_items_changed (G_LIST_MODEL (user_data), position, removed, added);
  if (removed != added)
    g_object_notify_by_pspec (user_data, properties[PROP_N_ITEMS]);
}

/* ---- The object ---- */

static gboolean
dispose_in_context (gpointer user_data)
{
  g_object_run_dispose (G_OBJECT (user_data));
  return G_SOURCE_REMOVE;
}

/* Garbage collectors drop references in any thread: the host is then stopped in its main context, and
 * emits nothing until then. */
static void
lxcmon_host_dispose (GObject *object)
{
  LxcmonHost *self = LXCMON_HOST (object);

  if (self->rows.source != NULL)
    {
      g_autoptr (GMainContext) context = g_main_context_ref (self->rows.context);
      g_autoptr (GError) gone
          = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the host was disposed of");

      g_atomic_int_set (&self->rows.disposed, TRUE);
      if (!_lxcmon_context_acquire_to_end (context))
        {
          _lxcmon_context_queue (context, dispose_in_context, g_object_ref (object),
                                 g_object_unref);
          return;
        }
      _lxcmon_host_end (self, gone);
      _lxcmon_context_release_ended (context);
      g_atomic_int_set (&self->rows.disposed, FALSE);
    }

  G_OBJECT_CLASS (lxcmon_host_parent_class)->dispose (object);
}

static void
lxcmon_host_finalize (GObject *object)
{
  LxcmonHost *self = LXCMON_HOST (object);

  g_signal_handlers_disconnect_by_data (self->rows.list, object);
  _lxcmon_rows_clear (&self->rows);
  g_object_unref (self->direct);
  g_clear_object (&self->given);
  g_clear_error (&self->error);
  g_free (self->uri);

  G_OBJECT_CLASS (lxcmon_host_parent_class)->finalize (object);
}

static void
lxcmon_host_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  LxcmonHost *self = LXCMON_HOST (object);

  switch (prop_id)
    {
    case PROP_RUNTIME_DIR:
      g_value_set_string (value, _lxcmon_direct_get_dir (self->direct));
      break;
    case PROP_URI:
      g_value_set_string (value, self->uri);
      break;
    case PROP_SOURCE:
      g_value_set_enum (value, self->source);
      break;
    case PROP_CONNECTED:
      g_value_set_boolean (value, self->connected);
      break;
    case PROP_ERROR:
      g_value_set_boxed (value, self->error);
      break;
    case PROP_FORCE:
      g_value_set_boolean (value, self->direct->force);
      break;
    case PROP_REBOOT_TIMEOUT:
      g_value_set_uint (value, self->rows.reboot_timeout);
      break;
    case PROP_LINGER_TIMEOUT:
      g_value_set_uint (value, self->rows.linger_timeout);
      break;
    case PROP_WATCH_INIT:
      g_value_set_boolean (value, self->rows.watch_init);
      break;
    case PROP_N_UNLISTED:
      g_value_set_uint (value, self->direct->n_unlisted);
      break;
    case PROP_N_ITEMS:
      g_value_set_uint (value, g_list_model_get_n_items (get_rows (object)));
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
      self->direct->runtime_dir = g_value_dup_string (value);
      break;
    case PROP_URI:
      self->uri = g_value_dup_string (value);
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
    case PROP_WATCH_INIT:
      lxcmon_host_set_watch_init (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

#define SETTING (G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

#define READABLE  (G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)
#define CONSTRUCT (G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS)

/* Those that are set once, and those that the host changes. */
static void
install_properties_of_backends (void)
{
  /**
   * LxcmonHost:runtime-dir: (type filename) (getter get_runtime_dir)
   *
   * The directory of the controllers' sockets. %NULL means `/run/libvirt/lxc`. The directory may be
   * created and removed while the host is started.
   *
   * Since: 0.1
   */
  properties[PROP_RUNTIME_DIR] = g_param_spec_string ("runtime-dir", NULL, NULL, NULL, CONSTRUCT);

  /**
   * LxcmonHost:uri: (getter get_uri)
   *
   * The URI of the libvirtd that reports the containers, such as "lxc:///system" or
   * "lxc+ssh://root@web.example.org/system". "direct:" means never through libvirtd. %NULL means the
   * containers of this host, directly or through the libvirtd that is running.
   *
   * Since: 0.1
   */
  properties[PROP_URI] = g_param_spec_string ("uri", NULL, NULL, NULL, CONSTRUCT);

  /**
   * LxcmonHost:source: (getter get_source)
   *
   * How the containers are reported at present. The monitors have the same source as soon as they are up to
   * date.
   *
   * Since: 0.1
   */
  properties[PROP_SOURCE] = g_param_spec_enum ("source", NULL, NULL, LXCMON_TYPE_SOURCE,
                                               LXCMON_SOURCE_DIRECT, READABLE);

  /**
   * LxcmonHost:connected: (getter get_connected)
   *
   * Whether the list is kept up to date. If not, [property@Lxcmon.Host:error] says why, and the host tries
   * again until it is stopped.
   *
   * It is notified after the first list is complete, and before a later list is applied.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTED] = g_param_spec_boolean ("connected", NULL, NULL, FALSE, READABLE);

  /**
   * LxcmonHost:error: (getter get_error)
   *
   * Why the list is not kept up to date, or %NULL.
   *
   * Since: 0.1
   */
  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, READABLE);

  /**
   * LxcmonHost:n-unlisted:
   *
   * The number of sockets in the runtime directory that are not in the list because their names are not
   * UTF-8.
   *
   * Since: 0.1
   */
  properties[PROP_N_UNLISTED]
      = g_param_spec_uint ("n-unlisted", NULL, NULL, 0, G_MAXUINT, 0, READABLE);

  /**
   * LxcmonHost:n-items:
   *
   * The number of monitors in the list. See [method@Gio.ListModel.get_n_items].
   *
   * Since: 0.1
   */
  properties[PROP_N_ITEMS] = g_param_spec_uint ("n-items", NULL, NULL, 0, G_MAXUINT, 0, READABLE);
}

static void
install_settings (void)
{
  /**
   * LxcmonHost:force:
   *
   * Whether to connect to the controllers even if libvirtd is running or another client has a slot. This
   * is for the driver of the containers: the application that starts and manages them, as libvirtd does
   * otherwise. It counts only if [property@Lxcmon.Host:uri] is "direct:". A process that locks `driver.pid`
   * itself sets it before the host is started: to close any descriptor of the file releases the lock.
   *
   * A new value takes effect at once for containers that are not attached, and for all containers if it
   * becomes %FALSE while libvirtd is running.
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
   * LxcmonHost:watch-init:
   *
   * Whether to find out how the containers' inits end, for [property@Lxcmon.Monitor:init-exit-code] and
   * [property@Lxcmon.Monitor:init-signal]. It takes a descriptor for each container that runs, unless descriptors run
   * short. A new value takes effect when the host is started the next time, or earlier.
   *
   * Since: 0.1
   */
  properties[PROP_WATCH_INIT] = g_param_spec_boolean ("watch-init", NULL, NULL, TRUE, SETTING);
}

static void
lxcmon_host_class_init (LxcmonHostClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lxcmon_host_dispose;
  object_class->finalize = lxcmon_host_finalize;
  object_class->get_property = lxcmon_host_get_property;
  object_class->set_property = lxcmon_host_set_property;

  install_properties_of_backends ();
  install_settings ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
  _lxcmon_emission_install_signals (object_class);
}

static void
lxcmon_host_init (LxcmonHost *self)
{
  _lxcmon_rows_init (&self->rows, G_OBJECT (self));
  g_signal_connect (self->rows.list, "items-changed", G_CALLBACK (on_items_changed), self);
  self->direct = _lxcmon_direct_backend_new ();
  self->rows.reboot_timeout = REBOOT_TIMEOUT_DEFAULT;
  self->rows.watch_init = TRUE;
}

/**
 * lxcmon_host_new:
 * @runtime_dir: (type filename) (nullable): the directory of the controllers' sockets; %NULL for the
 *   default one
 *
 * Creates a list of the containers of this machine, which are reported directly or through libvirtd. It is empty
 * until it is started with [method@Lxcmon.Host.start_async]. It belongs to the calling thread's
 * thread-default main context.
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
 * lxcmon_host_new_for_uri:
 * @uri: a URI; see [property@Lxcmon.Host:uri]
 *
 * Creates a list of the containers of the libvirtd at a URI, here or on another host. The host connects
 * read-only, and does not ask for a password; libvirt's file "auth.conf" may contain one.
 *
 * Returns: (transfer full): a host that is not started
 *
 * Since: 0.1
 */
LxcmonHost *
lxcmon_host_new_for_uri (const char *uri)
{
  g_return_val_if_fail (uri != NULL, NULL);

  return g_object_new (LXCMON_TYPE_HOST, "uri", uri, NULL);
}

/*< private >
 * _lxcmon_host_new_for_backend:
 * @backend: (transfer full): a backend that is not started
 * @uri: (nullable): the host's
 */
LxcmonHost *
_lxcmon_host_new_for_backend (LxcmonBackend *backend, const char *uri)
{
  LxcmonHost *self = g_object_new (LXCMON_TYPE_HOST, "uri", uri, NULL);

  self->given = backend;
  return self;
}

/**
 * lxcmon_host_set_force: (set-property force)
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
      = _lxcmon_context_acquire (self->rows.context, G_STRFUNC);
  if (acquired == NULL || self->direct->force == !!force)
    return;

  _lxcmon_direct_set_force (self->direct, !!force);
  g_object_notify (G_OBJECT (self), "force");
}

static void
set_ms (LxcmonHost *self, guint *setting, guint ms, const char *property)
{
  if (*setting == ms)
    return;

  *setting = ms;
  g_object_notify (G_OBJECT (self), property);
}

/**
 * lxcmon_host_set_reboot_timeout: (set-property reboot-timeout)
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
  g_return_if_fail (reboot_timeout <= G_MAXINT);

  set_ms (self, &self->rows.reboot_timeout, reboot_timeout, "reboot-timeout");
}

/**
 * lxcmon_host_set_linger_timeout: (set-property linger-timeout)
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
  g_return_if_fail (linger_timeout <= G_MAXINT);

  set_ms (self, &self->rows.linger_timeout, linger_timeout, "linger-timeout");
}

/**
 * lxcmon_host_set_watch_init: (set-property watch-init)
 * @self: a host
 * @watch_init: whether to find it out
 *
 * Sets whether the host finds out how the containers' inits end. See [property@Lxcmon.Host:watch-init].
 *
 * Since: 0.1
 */
void
lxcmon_host_set_watch_init (LxcmonHost *self, gboolean watch_init)
{
  g_return_if_fail (LXCMON_IS_HOST (self));

  if (self->rows.watch_init == !!watch_init)
    return;
  self->rows.watch_init = !!watch_init;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WATCH_INIT]);
}

/*< private >
 * _lxcmon_host_set_names:
 * @names: (nullable) (array zero-terminated=1): names of containers; %NULL for all
 *
 * Sets which containers are listed, and so attached. A container that is in the list already stays there.
 */
void
_lxcmon_host_set_names (LxcmonHost *self, const char *const *names)
{
  g_strfreev (self->rows.names);
  self->rows.names = g_strdupv ((char **) names);
}
