/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what all monitors have in common: the properties, the three signals and the errors. Refuses
 * to know where events come from.
 */

#include "lxcmon-monitor-private.h"

#include <errno.h>
#include <gio/gio.h>

#include "lxcmon-enums.h"

/**
 * LxcmonMonitor:
 *
 * Something that watches one LXC container.
 *
 * A container starts (signal [signal@Lxcmon.Monitor::init]), ends
 * ([signal@Lxcmon.Monitor::exit]), and its controller goes ([signal@Lxcmon.Monitor::closed]).
 * Everything that was told before the controller went is told here before "closed", in order.
 *
 * All signals are emitted in one main context; which one, the class says. When a signal is emitted,
 * the properties have their new values and have been notified. A handler may do anything to the
 * monitor, and drop the last reference to it.
 *
 * Since: 0.1
 */
G_DEFINE_INTERFACE (LxcmonMonitor, lxcmon_monitor, G_TYPE_OBJECT)

enum
{
  SIGNAL_INIT,
  SIGNAL_EXIT,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];
static GParamSpec *properties[LXCMON_MONITOR_N_PROPS];
static GQuark exit_details[3];
static GQuark exit_detail_unknown;

#define READABLE (G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS)

static void
define_properties (void)
{
  /**
   * LxcmonMonitor:name: (attributes org.gtk.Property.get=lxcmon_monitor_get_name)
   *
   * The container's name.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_NAME]
      = g_param_spec_string ("name", NULL, NULL, NULL,
                             READABLE | G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY);

  /**
   * LxcmonMonitor:source: (attributes org.gtk.Property.get=lxcmon_monitor_get_source)
   *
   * Where the monitor knows from what it tells.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_SOURCE]
      = g_param_spec_enum ("source", NULL, NULL, LXCMON_TYPE_SOURCE, LXCMON_SOURCE_DIRECT,
                           READABLE);

  /**
   * LxcmonMonitor:state: (attributes org.gtk.Property.get=lxcmon_monitor_get_state)
   *
   * Where the monitor stands with the container's controller.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_STATE]
      = g_param_spec_enum ("state", NULL, NULL, LXCMON_TYPE_STATE, LXCMON_STATE_DETACHED, READABLE);

  /**
   * LxcmonMonitor:init-pid: (attributes org.gtk.Property.get=lxcmon_monitor_get_init_pid)
   *
   * The pid of the container's init in our own pid namespace, or 0 while it is not known.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_INIT_PID]
      = g_param_spec_int ("init-pid", NULL, NULL, 0, G_MAXINT, 0, READABLE);

  /**
   * LxcmonMonitor:controller-pid: (attributes org.gtk.Property.get=lxcmon_monitor_get_controller_pid)
   *
   * The pid of the container's controller, or 0 while it is not known.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_CONTROLLER_PID]
      = g_param_spec_int ("controller-pid", NULL, NULL, 0, G_MAXINT, 0, READABLE);

  /**
   * LxcmonMonitor:exited: (attributes org.gtk.Property.get=lxcmon_monitor_get_exited)
   *
   * Whether EXIT has come: only then [property@Lxcmon.Monitor:exit-status] says something.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_EXITED]
      = g_param_spec_boolean ("exited", NULL, NULL, FALSE, READABLE);

  /**
   * LxcmonMonitor:exit-status: (attributes org.gtk.Property.get=lxcmon_monitor_get_exit_status)
   *
   * How the container ended.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_EXIT_STATUS]
      = g_param_spec_enum ("exit-status", NULL, NULL, LXCMON_TYPE_EXIT_STATUS,
                           LXCMON_EXIT_STATUS_UNKNOWN, READABLE);

  /**
   * LxcmonMonitor:exit-raw: (attributes org.gtk.Property.get=lxcmon_monitor_get_exit_raw)
   *
   * The number that EXIT carried, or -1 while it has not come.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_EXIT_RAW]
      = g_param_spec_int ("exit-raw", NULL, NULL, G_MININT, G_MAXINT, -1, READABLE);

  /**
   * LxcmonMonitor:error: (attributes org.gtk.Property.get=lxcmon_monitor_get_error)
   *
   * Why the monitor is not attached, where something went wrong, or %NULL.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_ERROR]
      = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, READABLE);

  /**
   * LxcmonMonitor:skipped: (attributes org.gtk.Property.get=lxcmon_monitor_get_skipped)
   *
   * How many messages were skipped since the monitor was attached, being well framed and not for it.
   * Notified no more often than the other properties change.
   *
   * Since: 0.1
   */
  properties[LXCMON_MONITOR_PROP_SKIPPED]
      = g_param_spec_uint64 ("skipped", NULL, NULL, 0, G_MAXUINT64, 0, READABLE);
}

/* The marshallers are named, with one for va_list: an emission costs less than half of what it costs
 * through a generic one. */
static void
define_signals (void)
{
  /**
   * LxcmonMonitor::init:
   * @self: the monitor
   * @pid: the pid of the container's init in our own pid namespace
   *
   * The container's init has started. The controller tells it to its very first client only: a
   * monitor that comes later finds the pid by other means, sets [property@Lxcmon.Monitor:init-pid],
   * and does not emit this signal.
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
   * The container has ended. The signal's detail is the status's nick: connect to "exit::reboot" to
   * hear of reboots alone.
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
   * @error: (nullable): %NULL where EXIT has come before; otherwise why the monitor cannot tell how
   *   the container ended, in the domain [error@Lxcmon.MonitorError]
   *
   * The controller has gone. It is the last signal of an attach, and comes exactly once, unless the
   * user detached the monitor.
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
lxcmon_monitor_default_init (LxcmonMonitorInterface *iface)
{
  define_properties ();
  for (guint i = 0; i < LXCMON_MONITOR_N_PROPS; i++)
    g_object_interface_install_property (iface, properties[i]);
  define_signals ();

  exit_details[LXCMON_EXIT_STATUS_ERROR] = g_quark_from_static_string ("error");
  exit_details[LXCMON_EXIT_STATUS_SHUTDOWN] = g_quark_from_static_string ("shutdown");
  exit_details[LXCMON_EXIT_STATUS_REBOOT] = g_quark_from_static_string ("reboot");
  exit_detail_unknown = g_quark_from_static_string ("unknown");
}

/**
 * lxcmon_monitor_error_quark:
 *
 * The error domain of monitors.
 *
 * Returns: a quark
 *
 * Since: 0.1
 */
GQuark
lxcmon_monitor_error_quark (void)
{
  /* Without G_DEFINE_QUARK: formatters take the name that it is given for a subtraction. */
  return g_quark_from_static_string ("lxcmon-monitor-error-quark");
}

/*< private >
 * _lxcmon_monitor_error_new:
 *
 * The one mapping from the core's errors to GLib's.
 */
GError *
_lxcmon_monitor_error_new (const LxcmonError *error)
{
  if (error->system_errno == ECANCELED)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, error->message);
  if (error->system_errno == EALREADY)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PENDING, error->message);

  return g_error_new_literal (LXCMON_MONITOR_ERROR, (int) error->code, error->message);
}

/**
 * lxcmon_monitor_install_properties: (skip)
 * @klass: a class that implements [iface@Lxcmon.Monitor]
 * @first_prop: the id of the first property, from 1 on
 *
 * Gives a class all properties of the interface, in its class_init(). Their ids follow on @first_prop;
 * the name has to be set when an object is made. Only for classes that implement
 * [iface@Lxcmon.Monitor].
 *
 * Returns: how many properties there are
 *
 * Since: 0.1
 */
guint
lxcmon_monitor_install_properties (GObjectClass *klass, guint first_prop)
{
  g_return_val_if_fail (G_IS_OBJECT_CLASS (klass), 0);
  g_return_val_if_fail (first_prop > 0, 0);

  for (guint i = 0; i < LXCMON_MONITOR_N_PROPS; i++)
    g_object_class_override_property (klass, first_prop + i, properties[i]->name);
  return LXCMON_MONITOR_N_PROPS;
}

/**
 * lxcmon_monitor_read_property: (skip)
 * @self: a monitor
 * @pspec: what get_property() was asked for
 * @value: where the value goes
 *
 * Reads a property of the interface, for a class's get_property(). Only for classes that implement
 * [iface@Lxcmon.Monitor].
 *
 * Returns: whether @pspec is one of the interface's
 *
 * Since: 0.1
 */
gboolean
lxcmon_monitor_read_property (LxcmonMonitor *self, GParamSpec *pspec, GValue *value)
{
  guint prop = 0;

  g_return_val_if_fail (LXCMON_IS_MONITOR (self), FALSE);

  while (prop < LXCMON_MONITOR_N_PROPS && properties[prop] != pspec)
    prop++;
  switch ((LxcmonMonitorProp) prop)
    {
    case LXCMON_MONITOR_PROP_NAME:
      g_value_set_string (value, lxcmon_monitor_get_name (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_SOURCE:
      g_value_set_enum (value, (int) lxcmon_monitor_get_source (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_STATE:
      g_value_set_enum (value, (int) lxcmon_monitor_get_state (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_INIT_PID:
      g_value_set_int (value, lxcmon_monitor_get_init_pid (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_CONTROLLER_PID:
      g_value_set_int (value, lxcmon_monitor_get_controller_pid (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_EXITED:
      g_value_set_boolean (value, lxcmon_monitor_get_exited (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_EXIT_STATUS:
      g_value_set_enum (value, lxcmon_monitor_get_exit_status (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_EXIT_RAW:
      g_value_set_int (value, lxcmon_monitor_get_exit_raw (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_ERROR:
      g_value_set_boxed (value, lxcmon_monitor_get_error (self));
      return TRUE;
    case LXCMON_MONITOR_PROP_SKIPPED:
      g_value_set_uint64 (value, lxcmon_monitor_get_skipped (self));
      return TRUE;
    case LXCMON_MONITOR_N_PROPS:
    default:
      return FALSE;
    }
}

void
_lxcmon_monitor_notify (LxcmonMonitor *self, LxcmonMonitorProp prop)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[prop]);
}

static gboolean
has_handler (LxcmonMonitor *self, guint id)
{
  return g_signal_handler_find (self, G_SIGNAL_MATCH_ID, id, 0, NULL, NULL, NULL) != 0;
}

/*< private >
 * _lxcmon_monitor_wants_init:
 *
 * Whether somebody has connected to the interface's own "init", and not to a class's.
 */
gboolean
_lxcmon_monitor_wants_init (LxcmonMonitor *self)
{
  return has_handler (self, signals[SIGNAL_INIT]);
}

/*< private >
 * _lxcmon_monitor_wants_exit:
 *
 * Whether somebody has connected to the interface's own "exit", and not to a class's.
 */
gboolean
_lxcmon_monitor_wants_exit (LxcmonMonitor *self)
{
  return has_handler (self, signals[SIGNAL_EXIT]);
}

/**
 * lxcmon_monitor_emit_init: (skip)
 * @self: a monitor
 * @pid: the pid of the container's init, or 0 where it cannot be known
 *
 * Emits [signal@Lxcmon.Monitor::init]. Only for classes that implement [iface@Lxcmon.Monitor].
 *
 * Since: 0.1
 */
void
lxcmon_monitor_emit_init (LxcmonMonitor *self, gint pid)
{
  g_signal_emit (self, signals[SIGNAL_INIT], 0, pid);
}

/*< private >
 * _lxcmon_exit_status_to_detail:
 *
 * The detail of a signal "exit".
 */
GQuark
_lxcmon_exit_status_to_detail (LxcmonExitStatus status)
{
  return status == LXCMON_EXIT_STATUS_UNKNOWN ? exit_detail_unknown : exit_details[status];
}

/**
 * lxcmon_monitor_emit_exit: (skip)
 * @self: a monitor
 * @status: how the container ended
 *
 * Emits [signal@Lxcmon.Monitor::exit]. Only for classes that implement [iface@Lxcmon.Monitor].
 *
 * Since: 0.1
 */
void
lxcmon_monitor_emit_exit (LxcmonMonitor *self, LxcmonExitStatus status)
{
  g_signal_emit (self, signals[SIGNAL_EXIT], _lxcmon_exit_status_to_detail (status), status);
}

/**
 * lxcmon_monitor_emit_closed: (skip)
 * @self: a monitor
 * @error: (nullable): why it is not known how the container ended
 *
 * Emits [signal@Lxcmon.Monitor::closed]. Only for classes that implement [iface@Lxcmon.Monitor].
 *
 * Since: 0.1
 */
void
lxcmon_monitor_emit_closed (LxcmonMonitor *self, const GError *error)
{
  g_signal_emit (self, signals[SIGNAL_CLOSED], 0, error);
}

/**
 * lxcmon_monitor_get_name: (attributes org.gtk.Method.get_property=name)
 * @self: a monitor
 *
 * The container's name.
 *
 * Returns: (transfer none) (nullable): the name, or %NULL where the monitor was made without one
 *
 * Since: 0.1
 */
const char *
lxcmon_monitor_get_name (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  return LXCMON_MONITOR_GET_IFACE (self)->get_name (self);
}

/**
 * lxcmon_monitor_get_source: (attributes org.gtk.Method.get_property=source)
 * @self: a monitor
 *
 * Where the monitor knows from what it tells.
 *
 * Returns: a source
 *
 * Since: 0.1
 */
LxcmonSource
lxcmon_monitor_get_source (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_SOURCE_DIRECT);

  return LXCMON_MONITOR_GET_IFACE (self)->get_source (self);
}

/**
 * lxcmon_monitor_get_state: (attributes org.gtk.Method.get_property=state)
 * @self: a monitor
 *
 * Where the monitor stands with the container's controller.
 *
 * Returns: a state
 *
 * Since: 0.1
 */
LxcmonState
lxcmon_monitor_get_state (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_STATE_DETACHED);

  return LXCMON_MONITOR_GET_IFACE (self)->get_state (self);
}

/**
 * lxcmon_monitor_get_init_pid: (attributes org.gtk.Method.get_property=init-pid)
 * @self: a monitor
 *
 * The pid of the container's init in our own pid namespace. A pid can be used again once its process
 * is gone, and what is under `/proc/PID/root` belongs to the container: do not open paths there.
 *
 * Returns: a pid, or 0 while it is not known
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_init_pid (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), 0);

  return LXCMON_MONITOR_GET_IFACE (self)->get_init_pid (self);
}

/**
 * lxcmon_monitor_get_controller_pid: (attributes org.gtk.Method.get_property=controller-pid)
 * @self: a monitor
 *
 * The pid of the container's controller in our own pid namespace.
 *
 * Returns: a pid, or 0 while it is not known
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_controller_pid (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), 0);

  return LXCMON_MONITOR_GET_IFACE (self)->get_controller_pid (self);
}

/**
 * lxcmon_monitor_get_exited: (attributes org.gtk.Method.get_property=exited)
 * @self: a monitor
 *
 * Whether EXIT has come.
 *
 * Returns: whether it has, since the monitor was attached
 *
 * Since: 0.1
 */
gboolean
lxcmon_monitor_get_exited (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), FALSE);

  return LXCMON_MONITOR_GET_IFACE (self)->get_exited (self);
}

/**
 * lxcmon_monitor_get_exit_status: (attributes org.gtk.Method.get_property=exit-status)
 * @self: a monitor
 *
 * How the container ended.
 *
 * Returns: a status; %LXCMON_EXIT_STATUS_UNKNOWN also while EXIT has not come
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_monitor_get_exit_status (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), LXCMON_EXIT_STATUS_UNKNOWN);

  return LXCMON_MONITOR_GET_IFACE (self)->get_exit_status (self);
}

/**
 * lxcmon_monitor_get_exit_raw: (attributes org.gtk.Method.get_property=exit-raw)
 * @self: a monitor
 *
 * The number that EXIT carried, for statuses that this version of lxcmon has no name for.
 *
 * Returns: that number, or -1 while EXIT has not come
 *
 * Since: 0.1
 */
gint
lxcmon_monitor_get_exit_raw (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), -1);

  return LXCMON_MONITOR_GET_IFACE (self)->get_exit_raw (self);
}

/**
 * lxcmon_monitor_get_error: (attributes org.gtk.Method.get_property=error)
 * @self: a monitor
 *
 * Why the monitor is not attached, where something went wrong: its last attach failed, or it was
 * closed before EXIT had come.
 *
 * Returns: (transfer none) (nullable): an error, or %NULL
 *
 * Since: 0.1
 */
const GError *
lxcmon_monitor_get_error (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), NULL);

  return LXCMON_MONITOR_GET_IFACE (self)->get_error (self);
}

/**
 * lxcmon_monitor_get_skipped: (attributes org.gtk.Method.get_property=skipped)
 * @self: a monitor
 *
 * How many messages were skipped since the monitor was attached, being well framed and not for it.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
guint64
lxcmon_monitor_get_skipped (LxcmonMonitor *self)
{
  g_return_val_if_fail (LXCMON_IS_MONITOR (self), 0);

  return LXCMON_MONITOR_GET_IFACE (self)->get_skipped (self);
}
