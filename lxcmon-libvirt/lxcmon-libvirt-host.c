/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: the list and its order, the properties, starting and stopping. Refuses to know what
 * libvirt's events mean, and to call libvirt.
 */

#include "lxcmon-libvirt-host-private.h"

#include <string.h>

#include "lxcmon-libvirt-loop-private.h"

#define URI_DEFAULT "lxc:///system"

/**
 * LxcmonLibvirtHost:
 *
 * All LXC containers that a libvirtd keeps, on this host or another one.
 *
 * A controller serves one client, and where libvirtd lives, that is libvirtd. This is the way to watch
 * such containers: it tells what libvirtd tells its clients, with the signals and properties of
 * [iface@Lxcmon.MonitorList]. A read-only connection is enough, so the caller need not be root.
 *
 * ```c
 * g_autoptr (LxcmonLibvirtHost) host = lxcmon_libvirt_host_new_for_uri ("lxc:///system");
 * g_signal_connect (host, "init", G_CALLBACK (on_init), NULL);
 * g_signal_connect (host, "exit", G_CALLBACK (on_exit), NULL);
 * g_signal_connect (host, "closed", G_CALLBACK (on_closed), NULL);
 * lxcmon_monitor_list_start_async (LXCMON_MONITOR_LIST (host), NULL, on_started, NULL);
 * ```
 *
 * What libvirtd tells becomes this:
 *
 * | libvirtd | the signals |
 * | --- | --- |
 * | started | "init", with pid 0 where it cannot be known |
 * | stopped: shutdown | "exit::shutdown", "closed" |
 * | stopped: destroyed | "closed" with %LXCMON_MONITOR_ERROR_DESTROYED |
 * | stopped: failed, or otherwise | "closed" with %LXCMON_MONITOR_ERROR_LOST |
 * | reboot | "exit::reboot", "closed", "init", on the same monitor |
 *
 * A container that runs already when the list is made is in it without "init". One that has closed
 * leaves the list once "closed" was told.
 *
 * The monitors' `source` is %LXCMON_SOURCE_LIBVIRT. Their `controller-pid` and `init-pid` are known on
 * this host alone, and are 0 through a remote URI.
 *
 * Where the connection is lost, [property@LxcmonLibvirt.Host:connected] turns %FALSE, and the host tries
 * to connect again, after a tenth of a second at first and every ten seconds at last, until it is
 * stopped. Its containers stay meanwhile. Once connected again, it tells what it has missed: containers
 * whose end was not seen are closed with %LXCMON_MONITOR_ERROR_LOST, those that are new appear without
 * "init".
 *
 * libvirt's events come through libvirt-glib, whose event loop runs on the default main context, so
 * some thread has to run that one, whatever context the host belongs to: where nobody does, starting
 * fails with %LXCMON_MONITOR_ERROR_TIMED_OUT after 5 seconds. libvirt-glib is initialised when the first
 * host is made; that sets libvirt's error function, so an app that has one of its own sets it afterwards.
 *
 * A host belongs to the main context that was thread-default when it was made. Dropping the last
 * reference stops it; a pending start keeps it alive. The connection is closed by a thread of its own,
 * which may take a moment longer.
 *
 * Since: 0.1
 */

static void list_model_iface_init (GListModelInterface *iface);
static void monitor_list_iface_init (LxcmonMonitorListInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LxcmonLibvirtHost, lxcmon_libvirt_host, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_iface_init)
                                   G_IMPLEMENT_INTERFACE (LXCMON_TYPE_MONITOR_LIST,
                                                          monitor_list_iface_init))

enum
{
  PROP_CONNECTION = 1,
  PROP_URI,
  PROP_CONNECTED,
  PROP_ERROR,
  N_PROPS,
  PROP_N_ITEMS = N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* ---- The list ---- */

static GType
get_item_type (GListModel *model)
{
  return LXCMON_TYPE_MONITOR;
}

static guint
get_n_items (GListModel *model)
{
  return g_list_model_get_n_items (G_LIST_MODEL (LXCMON_LIBVIRT_HOST (model)->rows));
}

static gpointer
get_item (GListModel *model, guint position)
{
  return g_list_model_get_item (G_LIST_MODEL (LXCMON_LIBVIRT_HOST (model)->rows), position);
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
  LxcmonLibvirtHost *self = user_data;

  g_list_model_items_changed (G_LIST_MODEL (self), position, removed, added);
  if (removed != added)
    g_object_notify (G_OBJECT (self), "n-items");
}

static int
compare_names (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return strcmp (lxcmon_monitor_get_name (LXCMON_MONITOR ((gpointer) a)),
                 lxcmon_monitor_get_name (LXCMON_MONITOR ((gpointer) b)));
}

static int
compare_pointed_names (gconstpointer a, gconstpointer b)
{
  return compare_names (*(gconstpointer *) a, *(gconstpointer *) b, NULL);
}

/* Makes a row and remembers it; it still has to come into the list. */
static LxcmonLibvirtMonitor *
make_row (LxcmonLibvirtHost *self, const LxcmonLibvirtDomain *domain)
{
  LxcmonLibvirtMonitor *row = _lxcmon_libvirt_monitor_new (domain);

  g_hash_table_insert (self->by_uuid, (char *) _lxcmon_libvirt_monitor_get_uuid (row), row);
  return row;
}

/*< private >
 * _lxcmon_libvirt_host_add:
 *
 * The one way for a row into the list, but for the first time. Returns it, without a reference.
 */
LxcmonLibvirtMonitor *
_lxcmon_libvirt_host_add (LxcmonLibvirtHost *self, const LxcmonLibvirtDomain *domain)
{
  LxcmonLibvirtMonitor *row = make_row (self, domain);

  g_list_store_insert_sorted (self->rows, row, compare_names, NULL);
  g_object_unref (row);
  return row;
}

/*< private >
 * _lxcmon_libvirt_host_add_all:
 * @domains: of #LxcmonLibvirtDomain
 *
 * Adds rows to a list that is empty, with one change of it.
 */
void
_lxcmon_libvirt_host_add_all (LxcmonLibvirtHost *self, GPtrArray *domains)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < domains->len; i++)
    g_ptr_array_add (rows, make_row (self, domains->pdata[i]));
  g_ptr_array_sort (rows, compare_pointed_names);
  if (rows->len > 0)
    g_list_store_splice (self->rows, 0, 0, rows->pdata, rows->len);
}

/*< private >
 * _lxcmon_libvirt_host_remove:
 *
 * The one way for a row out of the list, but for all at once.
 */
void
_lxcmon_libvirt_host_remove (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row)
{
  guint position;

  if (g_hash_table_lookup (self->by_uuid, _lxcmon_libvirt_monitor_get_uuid (row)) == row)
    g_hash_table_remove (self->by_uuid, _lxcmon_libvirt_monitor_get_uuid (row));
  if (g_list_store_find (self->rows, row, &position))
    g_list_store_remove (self->rows, position);
}

static LxcmonMonitor *
lookup (LxcmonMonitorList *list, const char *name)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (list);
  guint low = 0, high = g_list_model_get_n_items (G_LIST_MODEL (self->rows));

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      g_autoptr (LxcmonMonitor) row = g_list_model_get_item (G_LIST_MODEL (self->rows), middle);
      int order = strcmp (name, lxcmon_monitor_get_name (row));
      if (order == 0)
        return row; /* the list has a reference too */
      if (order < 0)
        high = middle;
      else
        low = middle + 1;
    }
  return NULL;
}

/* ---- What the link tells ---- */

/*< private >
 * _lxcmon_libvirt_host_has_left:
 *
 * Whether a handler has stopped the host since @epoch, or dropped the last reference but the one that
 * the caller has taken.
 */
gboolean
_lxcmon_libvirt_host_has_left (LxcmonLibvirtHost *self, guint epoch)
{
  return self->epoch != epoch || g_atomic_int_get (&((GObject *) self)->ref_count) == 1;
}

static void
set_connected (LxcmonLibvirtHost *self, gboolean connected)
{
  if (self->connected == connected)
    return;
  self->connected = connected;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CONNECTED]);
}

static void
set_error (LxcmonLibvirtHost *self, const GError *error)
{
  if (self->error == NULL && error == NULL)
    return;
  g_clear_error (&self->error);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

/* Takes the start that is pending away, if there is one: whoever tells anything before returning it may
 * meet a handler that starts again. */
static GTask *
steal_start (LxcmonLibvirtHost *self)
{
  if (self->cancel_source != NULL)
    {
      g_source_destroy (self->cancel_source);
      g_clear_pointer (&self->cancel_source, g_source_unref);
    }
  return g_steal_pointer (&self->start_task);
}

/* Ends a start, if there is one. Takes both over. */
static void
return_start (GTask *start, GError *error)
{
  g_autoptr (GTask) task = start;

  if (task == NULL)
    g_clear_error (&error);
  else if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_event (GObject *owner, const LxcmonLibvirtEvent *event, guint serial)
{
  _lxcmon_libvirt_host_take_event (LXCMON_LIBVIRT_HOST (owner), event, serial);
}

/* The first list is there before anybody is told that it is. Later ones tell that libvirtd is back, and
 * then what has changed. */
static void
on_listed (GObject *owner, GPtrArray *domains, guint serial)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (owner);
  gboolean is_first = self->start_task != NULL;
  guint epoch = self->epoch;

  _lxcmon_libvirt_host_do_steps (self);
  if (!is_first && self->epoch == epoch)
    set_connected (self, TRUE);
  if (self->epoch == epoch)
    _lxcmon_libvirt_host_take_list (self, domains, serial);
  /* It may be lost again, where a handler has run a main loop. */
  if (is_first && self->epoch == epoch && self->is_listed)
    set_connected (self, TRUE);
  if (is_first && self->epoch == epoch)
    return_start (steal_start (self), NULL);
}

static void
on_lost (GObject *owner, const GError *error)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (owner);
  guint epoch = self->epoch;

  _lxcmon_libvirt_host_do_steps (self);
  if (self->epoch != epoch)
    return;
  self->is_listed = FALSE;
  set_error (self, error);
  if (self->epoch == epoch)
    set_connected (self, FALSE);
}

static void
leave (LxcmonLibvirtHost *self)
{
  self->epoch++;
  self->is_listed = FALSE;
  g_hash_table_remove_all (self->heard);
  g_queue_clear_full (&self->steps, (GDestroyNotify) _lxcmon_libvirt_step_free);
  g_clear_pointer (&self->link, _lxcmon_libvirt_link_stop);
}

static void
empty_list (LxcmonLibvirtHost *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->rows));
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (rows, g_list_model_get_item (G_LIST_MODEL (self->rows), i));
  g_hash_table_remove_all (self->by_uuid);
  if (n > 0)
    g_list_store_remove_all (self->rows);
  for (guint i = 0; i < n; i++)
    _lxcmon_libvirt_monitor_leave (rows->pdata[i]);
}

static void
on_failed (GObject *owner, const GError *error)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (owner);
  GTask *start = steal_start (self);

  leave (self);
  empty_list (self);
  return_start (start, g_error_copy (error));
}

static const LxcmonLibvirtLinkFuncs link_funcs = {
  .event = on_event,
  .listed = on_listed,
  .lost = on_lost,
  .failed = on_failed,
};

/* ---- Starting and stopping ---- */

static gboolean
check_thread (LxcmonLibvirtHost *self, const char *function)
{
  if (g_main_context_acquire (self->context))
    {
      g_main_context_release (self->context);
      return TRUE;
    }

  g_critical ("%s: called from another thread than the one that runs the host's main context; "
              "use g_main_context_invoke() to get there",
              function);
  return FALSE;
}

static void
stop (LxcmonMonitorList *list)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (list);

  if (!check_thread (self, "lxcmon_monitor_list_stop") || self->link == NULL)
    return;

  g_autoptr (LxcmonLibvirtHost) alive = g_object_ref (self);
  GTask *start = steal_start (self);
  gboolean was_connected = self->connected;

  leave (self);
  self->connected = FALSE;
  empty_list (self);
  if (was_connected && !self->connected)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CONNECTED]);
  return_start (start, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "it was stopped"));
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  stop (user_data);
  return G_SOURCE_REMOVE;
}

/* A reference to the connection's own handle, where it is open. */
static virConnectPtr
get_handle (LxcmonLibvirtHost *self)
{
  virConnectPtr handle = NULL;

  if (self->connection != NULL && gvir_connection_is_open (self->connection))
    g_object_get (self->connection, "handle", &handle, NULL);
  return handle;
}

static GTask *
make_task (LxcmonLibvirtHost *self, GCancellable *cancellable, GAsyncReadyCallback callback,
           gpointer user_data)
{
  g_main_context_push_thread_default (self->context);
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_main_context_pop_thread_default (self->context);
  g_task_set_source_tag (task, lxcmon_monitor_list_start_async);
  /* A start that has succeeded is told so. */
  g_task_set_check_cancellable (task, FALSE);

  return task;
}

static void
start_async (LxcmonMonitorList *list, GCancellable *cancellable, GAsyncReadyCallback callback,
             gpointer user_data)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (list);

  if (!check_thread (self, "lxcmon_monitor_list_start_async"))
    return;
  GTask *task = make_task (self, cancellable, callback, user_data);
  if (self->link != NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING, "the host is started already");
      g_object_unref (task);
      return;
    }

  self->start_task = task;
  self->link = _lxcmon_libvirt_link_start (G_OBJECT (self), &link_funcs, self->context, self->uri,
                                           get_handle (self));
  if (cancellable != NULL)
    {
      self->cancel_source = g_cancellable_source_new (cancellable);
      g_source_set_static_name (self->cancel_source, "[lxcmon] libvirt start cancelled");
      g_source_set_callback (self->cancel_source, G_SOURCE_FUNC (on_cancelled), self, NULL);
      g_source_attach (self->cancel_source, self->context);
    }
  set_error (self, NULL);
}

static gboolean
start_finish (LxcmonMonitorList *list, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, list), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
monitor_list_iface_init (LxcmonMonitorListInterface *iface)
{
  iface->start_async = start_async;
  iface->start_finish = start_finish;
  iface->stop = stop;
  iface->lookup = lookup;
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
    case PROP_N_ITEMS:
      g_value_set_uint (value, g_list_model_get_n_items (G_LIST_MODEL (self->rows)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
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

/* Nothing is emitted any more. */
static void
lxcmon_libvirt_host_dispose (GObject *object)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (object);
  /* It holds a reference, so there is none, unless this was run by hand. */
  GTask *start = steal_start (self);

  leave (self);
  return_start (start, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the host is gone"));
  G_OBJECT_CLASS (lxcmon_libvirt_host_parent_class)->dispose (object);
}

static void
lxcmon_libvirt_host_finalize (GObject *object)
{
  LxcmonLibvirtHost *self = LXCMON_LIBVIRT_HOST (object);

  g_signal_handlers_disconnect_by_data (self->rows, self);
  g_hash_table_unref (self->by_uuid);
  g_object_unref (self->rows);
  g_hash_table_unref (self->heard);
  g_clear_object (&self->connection);
  g_free (self->uri);
  g_clear_error (&self->error);
  g_main_context_unref (self->context);
  G_OBJECT_CLASS (lxcmon_libvirt_host_parent_class)->finalize (object);
}

static void
define_properties (void)
{
  /**
   * LxcmonLibvirtHost:connection: (attributes org.gtk.Property.get=lxcmon_libvirt_host_get_connection)
   *
   * The connection that the host was made for.
   *
   * Where it is open when the host is started, the host uses it; otherwise, and once it was lost, the
   * host makes one of its own to the same URI.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTION]
      = g_param_spec_object ("connection", NULL, NULL, GVIR_TYPE_CONNECTION,
                             G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * LxcmonLibvirtHost:uri: (attributes org.gtk.Property.get=lxcmon_libvirt_host_get_uri)
   *
   * Where libvirtd is; the connection's, where the host was made for one.
   *
   * Since: 0.1
   */
  properties[PROP_URI]
      = g_param_spec_string ("uri", NULL, NULL, NULL,
                             G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * LxcmonLibvirtHost:connected: (attributes org.gtk.Property.get=lxcmon_libvirt_host_get_connected)
   *
   * Whether the host is connected to libvirtd, so that the list is true.
   *
   * It is notified after the first list was made, and before a later one is.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTED]
      = g_param_spec_boolean ("connected", NULL, NULL, FALSE,
                              G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * LxcmonLibvirtHost:error: (attributes org.gtk.Property.get=lxcmon_libvirt_host_get_error)
   *
   * Why the connection was lost the last time, since the host was started.
   *
   * Since: 0.1
   */
  properties[PROP_ERROR]
      = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR,
                            G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
}

static void
lxcmon_libvirt_host_class_init (LxcmonLibvirtHostClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = lxcmon_libvirt_host_get_property;
  object_class->set_property = lxcmon_libvirt_host_set_property;
  object_class->constructed = lxcmon_libvirt_host_constructed;
  object_class->dispose = lxcmon_libvirt_host_dispose;
  object_class->finalize = lxcmon_libvirt_host_finalize;
  define_properties ();
  g_object_class_install_properties (object_class, N_PROPS, properties);
  g_object_class_override_property (object_class, PROP_N_ITEMS, "n-items");
}

static void
lxcmon_libvirt_host_init (LxcmonLibvirtHost *self)
{
  /* Not with the class: whoever only looks at the type has nothing to do with libvirt. */
  _lxcmon_libvirt_loop_register ();
  self->context = g_main_context_ref_thread_default ();
  self->rows = g_list_store_new (LXCMON_TYPE_MONITOR);
  self->by_uuid = g_hash_table_new (g_str_hash, g_str_equal);
  self->heard = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_signal_connect (self->rows, "items-changed", G_CALLBACK (on_items_changed), self);
}

/**
 * lxcmon_libvirt_host_new:
 * @connection: a connection, open or not
 *
 * Makes a host for the containers of a libvirtd to which the app has a connection. Only the handle is
 * used, and callbacks are registered with it; its [class@LibvirtGObject.Domain] objects are not.
 *
 * It may belong to any driver of libvirt: each domain that runs is taken for a container. Their pids
 * are known with LXC's own alone.
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
 * Makes a host for the containers of the libvirtd at a URI. It connects read-only, and asks nobody for a
 * password: libvirt's file "auth.conf" may have one.
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
 * lxcmon_libvirt_host_get_connection: (attributes org.gtk.Method.get_property=connection)
 * @self: a host
 *
 * The connection that the host was made for.
 *
 * Returns: (transfer none) (nullable): that connection, or %NULL where it was made for a URI
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
 * lxcmon_libvirt_host_get_uri: (attributes org.gtk.Method.get_property=uri)
 * @self: a host
 *
 * Where libvirtd is.
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
 * lxcmon_libvirt_host_get_connected: (attributes org.gtk.Method.get_property=connected)
 * @self: a host
 *
 * Whether the host is connected to libvirtd. Without, its list is what was true when it was.
 *
 * Returns: whether it is
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
 * lxcmon_libvirt_host_get_error: (attributes org.gtk.Method.get_property=error)
 * @self: a host
 *
 * Why the connection was lost the last time. It stays when the host is connected again, until the next
 * start.
 *
 * Returns: (transfer none) (nullable): %LXCMON_MONITOR_ERROR_LOST with a message, or %NULL where the
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
