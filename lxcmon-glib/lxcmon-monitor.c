/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what all monitors have in common: they have a model (what is known of a container), notify its changes, and
 * emit the three signals. It does not know the source of the events.
 */

#include "lxcmon-init-wait-private.h"
#include "lxcmon-monitor-private.h"
#include "lxcmon-waits-private.h"

#include <unistd.h>

#include "lxcmon-enums.h"

/**
 * LxcmonMonitor:
 *
 * The base class of objects that watch one LXC container.
 *
 * A monitor emits [signal@Lxcmon.Monitor::init] when the container starts, [signal@Lxcmon.Monitor::exit]
 * when it ends, and [signal@Lxcmon.Monitor::closed] when its controller closes the connection. The time
 * from the start of a container to its end is called a run; a reboot ends a run and begins the next one.
 * Everything that the controller sent before it closed the connection is reported before "closed", in the
 * order in which it was sent.
 *
 * All signals are emitted in one main context, which the documentation of each class specifies. When a
 * signal is emitted, the properties already have their new values. The changes are notified after the
 * signal. A handler may run a main loop, use the monitor in any way, and drop the last reference to it.
 *
 * To learn of each end and its reason, it is sufficient to connect to "closed" and to read
 * [property@Lxcmon.Monitor:end].
 *
 * Since: 0.1
 */

typedef struct
{
  GRefString *name;
  GMainContext *context; /* the one in which signals are emitted; NULL while it is not known */
  LxcmonModel model;
  GError *error;
  guint pending; /* a bit for each property that is to be notified */
  LxcmonWaits waits;
  GSource *init_wait; /* after "closed", for how init has ended; or NULL */
} LxcmonMonitorPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (LxcmonMonitor, lxcmon_monitor, G_TYPE_OBJECT)

enum
{
  PROP_NAME = LXCMON_MODEL_N_PROPS, /* after those of the model */
  PROP_ERROR,
  N_PROPS
};

enum
{
  SIGNAL_INIT,
  SIGNAL_EXIT,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];
static GQuark exit_details[4]; /* by status plus 1 */

static LxcmonMonitorPrivate *
get_private (LxcmonMonitor *self)
{
  return lxcmon_monitor_get_instance_private (self);
}

static void
end_init_wait (LxcmonMonitorPrivate *priv)
{
  if (priv->init_wait != NULL)
    g_source_destroy (priv->init_wait);
  g_clear_pointer (&priv->init_wait, g_source_unref);
}

static void
lxcmon_monitor_finalize (GObject *object)
{
  LxcmonMonitorPrivate *priv = get_private (LXCMON_MONITOR (object));

  end_init_wait (priv);
  g_clear_pointer (&priv->name, g_ref_string_release);
  g_clear_error (&priv->error);
  g_clear_pointer (&priv->context, g_main_context_unref);

  G_OBJECT_CLASS (lxcmon_monitor_parent_class)->finalize (object);
}

static void
lxcmon_monitor_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  const LxcmonMonitorPrivate *priv = get_private (LXCMON_MONITOR (object));

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, priv->name);
      break;
    case PROP_ERROR:
      g_value_set_boxed (value, priv->error);
      break;
    default:
      _lxcmon_model_get_property (&priv->model, prop_id, value);
      break;
    }
}

static void
lxcmon_monitor_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  switch (prop_id)
    {
    case PROP_NAME:
      _lxcmon_monitor_set_name (LXCMON_MONITOR (object), g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

#define READABLE (G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static void
install_properties (GObjectClass *klass)
{
  /**
   * LxcmonMonitor:name: (getter get_name)
   *
   * The container's name.
   *
   * Since: 0.1
   */
  properties[PROP_NAME]
      = g_param_spec_string ("name", NULL, NULL, NULL,
                             READABLE | G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY);

  _lxcmon_model_install_properties (properties);

  /**
   * LxcmonMonitor:error: (getter get_error)
   *
   * The reason why the monitor is not attached, or %NULL. It is set if an attach has failed, or if the
   * connection was closed without EXIT.
   *
   * Since: 0.1
   */
  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, READABLE);

  g_object_class_install_properties (klass, N_PROPS, properties);
}

/* With explicit va_list marshallers, an emission costs half as much as with the generic one. */
static void
install_signals (void)
{
  /**
   * LxcmonMonitor::init:
   * @self: the monitor
   * @pid: the pid of the container's init in the pid namespace of the caller, or 0 if it is not known
   *
   * Emitted when the container's init has started. The controller sends INIT to its very first client
   * only: a later client finds the pid in `/proc`, sets [property@Lxcmon.Monitor:init-pid], and does not
   * emit this signal.
   *
   * Since: 0.1
   */
  signals[SIGNAL_INIT]
      = g_signal_new ("init", LXCMON_TYPE_MONITOR, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                      g_cclosure_marshal_VOID__INT, G_TYPE_NONE, 1, G_TYPE_INT);
  g_signal_set_va_marshaller (signals[SIGNAL_INIT], LXCMON_TYPE_MONITOR,
                              g_cclosure_marshal_VOID__INTv);

  /**
   * LxcmonMonitor::exit:
   * @self: the monitor
   * @status: how the container ended
   *
   * Emitted when the container has ended. The detail of the signal is the nick of the status: connect to
   * "exit::reboot" to receive reboots only.
   *
   * Since: 0.1
   */
  signals[SIGNAL_EXIT]
      = g_signal_new ("exit", LXCMON_TYPE_MONITOR, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL,
                      NULL, g_cclosure_marshal_VOID__ENUM, G_TYPE_NONE, 1, LXCMON_TYPE_EXIT_STATUS);
  g_signal_set_va_marshaller (signals[SIGNAL_EXIT], LXCMON_TYPE_MONITOR,
                              g_cclosure_marshal_VOID__ENUMv);

  /**
   * LxcmonMonitor::closed:
   * @self: the monitor
   * @error: (nullable): %NULL if EXIT was received before; otherwise the reason why it is not known how
   *   the container ended, in the domain [error@Lxcmon.MonitorError]
   *
   * Emitted when the controller has closed the connection. This is the last signal of a run. It is
   * emitted exactly once for each run, unless the client is detached or the list is stopped before.
   *
   * Since: 0.1
   */
  signals[SIGNAL_CLOSED]
      = g_signal_new ("closed", LXCMON_TYPE_MONITOR, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                      g_cclosure_marshal_VOID__BOXED, G_TYPE_NONE, 1, G_TYPE_ERROR);
  g_signal_set_va_marshaller (signals[SIGNAL_CLOSED], LXCMON_TYPE_MONITOR,
                              g_cclosure_marshal_VOID__BOXEDv);
}

static void
lxcmon_monitor_class_init (LxcmonMonitorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = lxcmon_monitor_finalize;
  object_class->get_property = lxcmon_monitor_get_property;
  object_class->set_property = lxcmon_monitor_set_property;
  install_properties (object_class);
  install_signals ();

  for (int status = LXCMON_EXIT_STATUS_UNKNOWN; status <= LXCMON_EXIT_STATUS_REBOOT; status++)
    exit_details[status + 1]
        = g_quark_from_static_string (lxcmon_exit_status_to_string ((LxcmonExitStatus) status));
}

static void
lxcmon_monitor_init (LxcmonMonitor *self)
{
  get_private (self)->model
      = (LxcmonModel) LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);
}

/* ---- For the classes that are monitors ---- */

/*< private >
 * _lxcmon_monitor_set_name:
 *
 * Sets the name, while the object is constructed.
 */
void
_lxcmon_monitor_set_name (LxcmonMonitor *self, const char *name)
{
  LxcmonMonitorPrivate *priv = get_private (self);

  g_clear_pointer (&priv->name, g_ref_string_release);
  priv->name = name != NULL ? g_ref_string_new (name) : NULL;
}

/*< private >
 * _lxcmon_monitor_set_context:
 *
 * @context: (nullable): the main context in which signals are emitted from now on, or %NULL if the
 *   monitor belongs to none
 */
void
_lxcmon_monitor_set_context (LxcmonMonitor *self, GMainContext *context)
{
  LxcmonMonitorPrivate *priv = get_private (self);

  if (context != NULL)
    g_main_context_ref (context);
  g_clear_pointer (&priv->context, g_main_context_unref);
  priv->context = context;
}

const LxcmonModel *
_lxcmon_monitor_get_model (LxcmonMonitor *self)
{
  return &get_private (self)->model;
}

static gboolean
is_same_error (const GError *a, const GError *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return g_error_matches (a, b->domain, b->code) && g_str_equal (a->message, b->message);
}

/* Writes the model, and notes which properties are to be notified. */
static void
set_model (LxcmonMonitorPrivate *priv, const LxcmonModel *model, const GError *error)
{
  priv->pending |= _lxcmon_model_compare (&priv->model, model);
  if (priv->model.init_pid != model->init_pid)
    end_init_wait (priv);
  priv->model = *model;
  if (is_same_error (priv->error, error))
    return;
  g_clear_error (&priv->error);
  priv->error = error != NULL ? g_error_copy (error) : NULL;
  priv->pending |= 1u << PROP_ERROR;
}

/* A handler may cause further changes, which the nested call notifies. Each change is notified once. */
static void
notify (LxcmonMonitor *self)
{
  LxcmonMonitorPrivate *priv = get_private (self);

  while (priv->pending != 0)
    {
      guint first = (guint) g_bit_nth_lsf (priv->pending, -1);
      priv->pending &= ~(1u << first);
      g_object_notify_by_pspec (G_OBJECT (self), properties[first]);
    }
}

static void
on_init_end (LxcmonMonitor *self, gint exit_code, gint signal)
{
  LxcmonMonitorPrivate *priv = get_private (self);
  LxcmonModel model = priv->model;

  end_init_wait (priv);
  model.init_exit_code = exit_code;
  model.init_signal = signal;
  set_model (priv, &model, priv->error);
  notify (self);
}

/*< private >
 * _lxcmon_monitor_await_init_end:
 * @model: what is about to be reported with "closed"
 * @pidfd: (transfer full): a pidfd of init, or -1
 *
 * If the container has ended without EXIT, how init ended may be known in a moment: then it is notified.
 */
void
_lxcmon_monitor_await_init_end (LxcmonMonitor *self, const LxcmonModel *model, int pidfd)
{
  LxcmonMonitorPrivate *priv = get_private (self);

  if (pidfd < 0)
    return;
  if (model->exited || model->running || priv->context == NULL
      || _lxcmon_model_knows_init_end (model))
    {
      close (pidfd);
      return;
    }
  end_init_wait (priv);
  priv->init_wait = _lxcmon_init_wait_new (self, pidfd, priv->context, on_init_end);
}

/*< private >
 * _lxcmon_exit_status_to_detail:
 *
 * Returns: the detail of a signal "exit"
 */
GQuark
_lxcmon_exit_status_to_detail (LxcmonExitStatus status)
{
  return exit_details[status + 1];
}

/*< private >
 * _lxcmon_monitor_report:
 * @self: a monitor that the caller holds a reference to
 * @report: what has happened
 * @model: what is known now
 * @error: (nullable): why the monitor is not attached; "closed" carries it
 *
 * Reports an event to the application: writes the model, emits the signal, and notifies the properties
 * that changed.
 */
void
_lxcmon_monitor_report (LxcmonMonitor *self, LxcmonReport report, const LxcmonModel *model,
                        const GError *error)
{
  LxcmonMonitorPrivate *priv = get_private (self);
  LxcmonExitStatus status = model->exit_status;
  gint pid = model->init_pid;
  GList *ended = NULL;

  set_model (priv, model, error);
  if (report == LXCMON_REPORT_EXIT || report == LXCMON_REPORT_CLOSED)
    ended = _lxcmon_waits_steal (&priv->waits);

  switch (report)
    {
    case LXCMON_REPORT_INIT:
      g_signal_emit (self, signals[SIGNAL_INIT], 0, pid);
      break;
    case LXCMON_REPORT_EXIT:
      g_signal_emit (self, signals[SIGNAL_EXIT], _lxcmon_exit_status_to_detail (status), status);
      break;
    case LXCMON_REPORT_CLOSED:
      g_signal_emit (self, signals[SIGNAL_CLOSED], 0, error);
      break;
    case LXCMON_REPORT_CHANGED:
    default:
      break;
    }

  notify (self);
  _lxcmon_waits_return (ended, status, error);
}

/*< private >
 * _lxcmon_monitor_set_detached:
 *
 * Writes the state, and notifies nothing: for dispose.
 */
void
_lxcmon_monitor_set_detached (LxcmonMonitor *self)
{
  get_private (self)->model.state = LXCMON_STATE_DETACHED;
}

/*< private >
 * _lxcmon_monitor_set_watched:
 * @watched: whether an end can be reported, so that it can be waited for
 */
void
_lxcmon_monitor_set_watched (LxcmonMonitor *self, gboolean watched)
{
  get_private (self)->waits.watched = watched;
}

/*< private >
 * _lxcmon_monitor_get_context:
 *
 * Returns: (transfer none) (nullable): the main context in which signals are emitted
 */
GMainContext *
_lxcmon_monitor_get_context (LxcmonMonitor *self)
{
  return get_private (self)->context;
}

LxcmonWaits *
_lxcmon_monitor_get_waits (LxcmonMonitor *self)
{
  return &get_private (self)->waits;
}

/*< private >
 * _lxcmon_store_result:
 * @user_data: a pointer to a #GAsyncResult pointer
 *
 * The callback of a blocking form, which iterates the main context until the result is there.
 */
void
_lxcmon_store_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **stored = user_data;

  *stored = g_object_ref (result);
}

/**
 * lxcmon_monitor_get_name: (get-property name)
 * @self: a monitor
 *
 * Gets the container's name.
 *
 * Returns: (transfer none) (nullable): the name, or %NULL if the monitor was created without one
 *
 * Since: 0.1
 */
const char *
lxcmon_monitor_get_name (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  return get_private (self)->name;
}

/**
 * lxcmon_monitor_get_error: (get-property error)
 * @self: a monitor
 *
 * Gets the reason why the monitor is not attached. See [property@Lxcmon.Monitor:error].
 *
 * Returns: (transfer none) (nullable): an error, or %NULL
 *
 * Since: 0.1
 */
const GError *
lxcmon_monitor_get_error (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  return get_private (self)->error;
}

/**
 * lxcmon_monitor_dup_init_pidfd:
 * @self: a monitor
 *
 * Duplicates the pidfd of the container's init: a descriptor that names this process and no later one with its pid.
 * It can be polled for the end of init, and passed to pidfd_send_signal(2), setns(2) and waitid(2) as far as the
 * caller has the right to that. There is one while the container is watched and runs, also in handlers of "init" and
 * "exit", under the conditions of [property@Lxcmon.Monitor:init-exit-code], but since Linux 5.3.
 *
 * Returns: a descriptor that is close-on-exec, which the caller closes; or -1 if there is none
 *
 * Since: 0.1
 */
int
lxcmon_monitor_dup_init_pidfd (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), -1);

  LxcmonDupInitPidfdFunc func
      = (LxcmonDupInitPidfdFunc) LXCMON_MONITOR_GET_CLASS (self)->dup_init_pidfd;
  return func != NULL ? func (self) : -1;
}
