/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the signals of hosts, and each of their emissions between the event and its step.
 */

#include "lxcmon-emission-private.h"

#include "lxcmon-enums.h"
#include "lxcmon-marshal.h"

enum
{
  SIGNAL_INIT,
  SIGNAL_EXIT,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

struct _LxcmonEmission
{
  const guint *current_epoch; /* the host's */
  guint epoch;                /* that of the report */
  LxcmonMonitor *monitor;
  LxcmonReport report;
  gint pid;
  LxcmonExitStatus status;
  GError *error;
};

/*< private >
 * _lxcmon_emission_new:
 * @epoch: (transfer none): the host's
 *
 * Returns: what a host is to emit for a report of one of its monitors
 */
LxcmonEmission *
_lxcmon_emission_new (const guint *epoch, LxcmonMonitor *monitor, LxcmonReport report,
                      const LxcmonModel *model, const GError *error)
{
  LxcmonEmission *self = g_new0 (LxcmonEmission, 1);

  self->current_epoch = epoch;
  self->epoch = *epoch;
  self->monitor = g_object_ref (monitor);
  self->report = report;
  self->pid = model->init_pid;
  self->status = model->exit_status;
  self->error = error != NULL ? g_error_copy (error) : NULL;
  return self;
}

void
_lxcmon_emission_free (gpointer data)
{
  LxcmonEmission *self = data;

  g_object_unref (self->monitor);
  g_clear_error (&self->error);
  g_free (self);
}

/*< private >
 * _lxcmon_emission_run:
 *
 * Emits the signal, unless the host was stopped since.
 */
void
_lxcmon_emission_run (const LxcmonEmission *self, GObject *host)
{
  if (self->epoch != *self->current_epoch)
    return;

  switch (self->report)
    {
    case LXCMON_REPORT_INIT:
      g_signal_emit (host, signals[SIGNAL_INIT], 0, self->monitor, self->pid);
      break;
    case LXCMON_REPORT_EXIT:
      g_signal_emit (host, signals[SIGNAL_EXIT], _lxcmon_exit_status_to_detail (self->status),
                     self->monitor, self->status);
      break;
    case LXCMON_REPORT_CLOSED:
      g_signal_emit (host, signals[SIGNAL_CLOSED], 0, self->monitor, self->error);
      break;
    case LXCMON_REPORT_CHANGED:
    default:
      break;
    }
}

void
_lxcmon_emission_install_signals (GObjectClass *klass)
{
  const GType type = G_OBJECT_CLASS_TYPE (klass);

  /**
   * LxcmonHost::init:
   * @self: the host
   * @monitor: the container's monitor
   * @pid: the pid of the container's init in the pid namespace of the caller, or 0 if it is not known
   *
   * Emitted when the init of a container has started. See [signal@Lxcmon.Monitor::init].
   *
   * Since: 0.1
   */
  signals[SIGNAL_INIT] = g_signal_new ("init", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                       _lxcmon_marshal_VOID__OBJECT_INT, G_TYPE_NONE, 2,
                                       LXCMON_TYPE_MONITOR, G_TYPE_INT);
  g_signal_set_va_marshaller (signals[SIGNAL_INIT], type, _lxcmon_marshal_VOID__OBJECT_INTv);

  /**
   * LxcmonHost::exit:
   * @self: the host
   * @monitor: the container's monitor
   * @status: how the container ended
   *
   * Emitted when a container has ended. The detail of the signal is the nick of the status, such as
   * "exit::reboot". See [signal@Lxcmon.Monitor::exit].
   *
   * Since: 0.1
   */
  signals[SIGNAL_EXIT] = g_signal_new ("exit", type, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL,
                                       NULL, _lxcmon_marshal_VOID__OBJECT_ENUM, G_TYPE_NONE, 2,
                                       LXCMON_TYPE_MONITOR, LXCMON_TYPE_EXIT_STATUS);
  g_signal_set_va_marshaller (signals[SIGNAL_EXIT], type, _lxcmon_marshal_VOID__OBJECT_ENUMv);

  /**
   * LxcmonHost::closed:
   * @self: the host
   * @monitor: the container's monitor
   * @error: (nullable): %NULL if "exit" was emitted before; otherwise the reason why it is not known how
   *   the container ended, in the domain [error@Lxcmon.MonitorError]
   *
   * Emitted when a container has ended, or is not watched any more. See
   * [signal@Lxcmon.Monitor::closed].
   *
   * Since: 0.1
   */
  signals[SIGNAL_CLOSED] = g_signal_new ("closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         _lxcmon_marshal_VOID__OBJECT_BOXED, G_TYPE_NONE, 2,
                                         LXCMON_TYPE_MONITOR, G_TYPE_ERROR);
  g_signal_set_va_marshaller (signals[SIGNAL_CLOSED], type, _lxcmon_marshal_VOID__OBJECT_BOXEDv);
}
