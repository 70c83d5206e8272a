/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type: what a host is made of, its properties, starting and stopping. Refuses to look for
 * containers.
 */

#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-name.h>

/* The longest time in milliseconds that can be asked for: some 24 days. */
#define MS_MAX G_MAXINT

#define REBOOT_TIMEOUT_DEFAULT 10000

/**
 * LxcmonHost:
 *
 * All LXC containers of this machine that libvirt's controllers run, as a list that is kept true.
 *
 * ```c
 * g_autoptr (LxcmonHost) host = lxcmon_host_new (NULL);
 * g_signal_connect (host, "init", G_CALLBACK (on_init), NULL);
 * g_signal_connect (host, "exit", G_CALLBACK (on_exit), NULL);
 * lxcmon_monitor_list_start_async (LXCMON_MONITOR_LIST (host), NULL, on_started, NULL);
 * ```
 *
 * A container is in the list as long as its controller listens on its socket. Its monitor is a
 * [class@Lxcmon.Client], which the host attaches by itself: attaching one of them yourself fails with
 * %G_IO_ERROR_PENDING, and detaching one is a programming error. A monitor that has left the list is
 * a client like any other.
 *
 * A container that reboots keeps its monitor: after "exit::reboot" and "closed" comes "init" again.
 * All others leave the list when they have closed. A container of the same name that comes later is
 * another monitor.
 *
 * Where libvirtd or virtlxcd lives, the controllers' places are its, and the host takes none: its
 * containers are shown in the state %LXCMON_STATE_DETACHED with the error %LXCMON_MONITOR_ERROR_BUSY
 * and with their pids, no socket of theirs is connected, and they emit no signal but notifications.
 * When libvirtd comes, the host gives up all its places at once; when it has gone, the host waits 10
 * seconds for a successor. Where a client other than libvirtd is served, its container is shown in the
 * same way, and its place is looked at again every few seconds.
 *
 * A host belongs to the main context that was thread-default when it was made, also with all its
 * monitors. It wakes up when something happens, and otherwise only where something is waited for.
 * Dropping the last reference stops it, and tells nobody.
 *
 * Since: 0.1
 */

static void monitor_list_iface_init (LxcmonMonitorListInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LxcmonHost, lxcmon_host, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL,
                                                      _lxcmon_host_list_model_init)
                                   G_IMPLEMENT_INTERFACE (LXCMON_TYPE_MONITOR_LIST,
                                                          monitor_list_iface_init))

enum
{
  PROP_RUNTIME_DIR = 1,
  PROP_FORCE,
  PROP_REBOOT_TIMEOUT,
  PROP_LINGER_TIMEOUT,
  PROP_N_UNLISTED,
  N_OWN_PROPS,
  PROP_N_ITEMS = N_OWN_PROPS
};

static GParamSpec *properties[N_OWN_PROPS];

const char *
_lxcmon_host_get_dir (LxcmonHost *self)
{
  return self->runtime_dir != NULL ? self->runtime_dir : LXCMON_RUNTIME_DIR;
}

/* Refuses a call from a thread that does not run the host's context. */
static gboolean
check_thread (LxcmonHost *self, const char *function)
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

static GTask *
steal_start (LxcmonHost *self)
{
  if (self->start_cancel != NULL)
    {
      g_source_destroy (self->start_cancel);
      g_clear_pointer (&self->start_cancel, g_source_unref);
    }
  return g_steal_pointer (&self->start_task);
}

/* Leaves all containers. Returns the start that was pending. */
static GTask *
stop (LxcmonHost *self, gboolean quietly)
{
  if (self->source == NULL)
    return NULL;

  GTask *start = steal_start (self);
  self->epoch++;
  _lxcmon_host_work_stop (self);
  _lxcmon_host_watch_stop (self);
  _lxcmon_host_driver_stop (self);
  g_clear_pointer (&self->ended, g_hash_table_unref);
  self->said_error = self->said_shortage = FALSE;
  _lxcmon_host_model_clear (self, quietly);
  return start;
}

/*< private >
 * _lxcmon_host_finish_start:
 * @error: (transfer full) (nullable): why the host could not be started, or %NULL where it is
 *
 * Completes the start that is pending. One that has failed stops the host.
 */
void
_lxcmon_host_finish_start (LxcmonHost *self, GError *error)
{
  g_autoptr (GTask) task = steal_start (self);

  if (error == NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  stop (self, FALSE);
  g_task_return_error (task, error);
}

static void
host_stop (LxcmonMonitorList *list)
{
  LxcmonHost *self = LXCMON_HOST (list);

  if (!check_thread (self, "lxcmon_monitor_list_stop"))
    return;

  g_autoptr (LxcmonHost) alive = g_object_ref (self);
  g_autoptr (GTask) start = stop (self, FALSE);
  if (start != NULL)
    g_task_return_new_error (start, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the host was stopped");
}

static gboolean
on_start_cancelled (GCancellable *cancellable, gpointer user_data)
{
  host_stop (LXCMON_MONITOR_LIST (user_data));
  return G_SOURCE_REMOVE;
}

/* The cancellation may come from any thread; it takes effect in the host's context. */
static void
watch_cancellable (LxcmonHost *self, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;

  self->start_cancel = g_cancellable_source_new (cancellable);
  g_source_set_static_name (self->start_cancel, "[lxcmon] start cancelled");
  g_source_set_callback (self->start_cancel, G_SOURCE_FUNC (on_start_cancelled), self, NULL);
  g_source_attach (self->start_cancel, self->context);
}

static void
host_start_async (LxcmonMonitorList *list, GCancellable *cancellable, GAsyncReadyCallback callback,
                  gpointer user_data)
{
  LxcmonHost *self = LXCMON_HOST (list);

  if (!check_thread (self, "lxcmon_monitor_list_start_async"))
    return;

  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, host_start_async);
  /* A list that is complete is so, also where the start was cancelled a moment later. */
  g_task_set_check_cancellable (task, FALSE);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (self->source != NULL)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING,
                               "the host is started already: stop it first");
      return;
    }

  self->epoch++;
  self->start_task = g_steal_pointer (&task);
  self->ended = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  watch_cancellable (self, cancellable);
  _lxcmon_host_work_start (self);
}

static gboolean
host_start_finish (LxcmonMonitorList *list, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, list), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static LxcmonMonitor *
host_lookup (LxcmonMonitorList *list, const char *name)
{
  LxcmonHost *self = LXCMON_HOST (list);
  guint position;

  if (!_lxcmon_host_model_find (self, name, &position))
    return NULL;
  return LXCMON_MONITOR (_lxcmon_host_model_get (self, position)->client);
}

static void
monitor_list_iface_init (LxcmonMonitorListInterface *iface)
{
  iface->start_async = host_start_async;
  iface->start_finish = host_start_finish;
  iface->stop = host_stop;
  iface->lookup = host_lookup;
}

/* Runs in the context as a source of it, so nobody else can be running it. */
static gboolean
dispose_in_context (gpointer user_data)
{
  g_object_run_dispose (G_OBJECT (user_data));
  return G_SOURCE_REMOVE;
}

/* Garbage collectors drop references from any thread: the host is then taken apart where it belongs,
 * and is silent until then. */
static void
lxcmon_host_dispose (GObject *object)
{
  LxcmonHost *self = LXCMON_HOST (object);

  if (self->source != NULL)
    {
      g_autoptr (GMainContext) context = g_main_context_ref (self->context);

      g_atomic_int_set (&self->dropped, TRUE);
      if (!g_main_context_acquire (context))
        {
          g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, dispose_in_context,
                                      g_object_ref (self), g_object_unref);
          return;
        }
      /* A start that is pending holds a reference, so there is none, unless it was run by hand. */
      g_autoptr (GTask) start = stop (self, TRUE);
      if (start != NULL)
        g_task_return_new_error (start, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the host is gone");
      g_main_context_release (context);
      g_atomic_int_set (&self->dropped, FALSE);
    }

  G_OBJECT_CLASS (lxcmon_host_parent_class)->dispose (object);
}

static void
lxcmon_host_finalize (GObject *object)
{
  LxcmonHost *self = LXCMON_HOST (object);

  g_ptr_array_unref (self->rows);
  g_main_context_unref (self->context);
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
    case PROP_N_ITEMS:
      g_value_set_uint (value, self->rows->len);
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
define_properties (void)
{
  /**
   * LxcmonHost:runtime-dir: (type filename)
   *
   * The directory of the controllers' sockets; `/run/libvirt/lxc` where it is %NULL. It may come and
   * go while the host is started.
   *
   * Since: 0.1
   */
  properties[PROP_RUNTIME_DIR]
      = g_param_spec_string ("runtime-dir", NULL, NULL, NULL,
                             G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * LxcmonHost:force:
   *
   * Connect to the controllers whoever else might want their places. For an app that *is* the
   * containers' driver. What is set counts at once for containers that are not attached to, and, when
   * it is unset where libvirtd lives, for all.
   *
   * Since: 0.1
   */
  properties[PROP_FORCE] = g_param_spec_boolean ("force", NULL, NULL, FALSE, SETTING);

  /**
   * LxcmonHost:reboot-timeout:
   *
   * How long a container that reboots may be without a controller and still keep its monitor, in
   * milliseconds, or 0 for not at all. What is set counts from the next reboot on.
   *
   * Since: 0.1
   */
  properties[PROP_REBOOT_TIMEOUT] = g_param_spec_uint ("reboot-timeout", NULL, NULL, 0, MS_MAX,
                                                       REBOOT_TIMEOUT_DEFAULT, SETTING);

  /**
   * LxcmonHost:linger-timeout:
   *
   * How long the monitor of a container that has ended stays in the list, in milliseconds, so that it
   * can be seen how it ended. What is set counts from the next end on.
   *
   * Since: 0.1
   */
  properties[PROP_LINGER_TIMEOUT]
      = g_param_spec_uint ("linger-timeout", NULL, NULL, 0, MS_MAX, 0, SETTING);

  /**
   * LxcmonHost:n-unlisted:
   *
   * How many sockets in the runtime directory are left out of the list, because their names are not
   * UTF-8.
   *
   * Since: 0.1
   */
  properties[PROP_N_UNLISTED]
      = g_param_spec_uint ("n-unlisted", NULL, NULL, 0, G_MAXUINT, 0,
                           G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
}

static void
lxcmon_host_class_init (LxcmonHostClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lxcmon_host_dispose;
  object_class->finalize = lxcmon_host_finalize;
  object_class->get_property = lxcmon_host_get_property;
  object_class->set_property = lxcmon_host_set_property;

  define_properties ();
  g_object_class_install_properties (object_class, N_OWN_PROPS, properties);
  g_object_class_override_property (object_class, PROP_N_ITEMS, "n-items");
}

static void
lxcmon_host_init (LxcmonHost *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->rows = g_ptr_array_new ();
  self->reboot_timeout = REBOOT_TIMEOUT_DEFAULT;
}

/**
 * lxcmon_host_new:
 * @runtime_dir: (type filename) (nullable): the directory of the controllers' sockets; %NULL for the
 *   usual one
 *
 * Makes a list of this machine's containers. It is empty until it is started with
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
 * The directory of the controllers' sockets.
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
 * See [property@Lxcmon.Host:force].
 *
 * Returns: whether the host takes places whoever else might want them
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
 * @force: whether to take places whoever else might want them
 *
 * See [property@Lxcmon.Host:force].
 *
 * Since: 0.1
 */
void
lxcmon_host_set_force (LxcmonHost *self, gboolean force)
{
  g_return_if_fail (LXCMON_IS_HOST (self));
  if (!check_thread (self, G_STRFUNC) || self->force == !!force)
    return;

  self->force = !!force;
  _lxcmon_host_work_scan_soon (self);
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
 * See [property@Lxcmon.Host:reboot-timeout].
 *
 * Returns: milliseconds, or 0 for not at all
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
 * @reboot_timeout: milliseconds, up to %G_MAXINT, or 0 for not at all
 *
 * See [property@Lxcmon.Host:reboot-timeout].
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
 * See [property@Lxcmon.Host:linger-timeout].
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
 * See [property@Lxcmon.Host:linger-timeout].
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
 * See [property@Lxcmon.Host:n-unlisted].
 *
 * Returns: a count
 *
 * Since: 0.1
 */
guint
lxcmon_host_get_n_unlisted (LxcmonHost *self)
{
  g_return_val_if_fail (LXCMON_IS_HOST (self), 0);

  return self->n_unlisted;
}

void
_lxcmon_host_set_n_unlisted (LxcmonHost *self, guint n_unlisted)
{
  set_ms (self, &self->n_unlisted, n_unlisted, PROP_N_UNLISTED);
}
