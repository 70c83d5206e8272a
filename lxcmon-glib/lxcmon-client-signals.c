/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a client's signals: what they are made of and how they are emitted. Refuses to know when.
 *
 * Each is there twice, under one name: the interface's own, and the class's, which stands before it.
 * GLib has a short way for a signal with a single handler, at 60 % of the price, and takes it for signals
 * of object types alone. Whoever connects by name, as all do, in whatever language, gets the class's.
 * Who connects by the interface's id, as GSignalGroup does with an interface as its target type, is
 * served as well, after the others.
 */

#include "lxcmon-client-private.h"

#include "lxcmon-enums.h"

enum
{
  SIGNAL_INIT,
  SIGNAL_EXIT,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static guint
define_signal (const char *name, GType type, GSignalFlags flags, GSignalCMarshaller marshaller,
               GSignalCVaMarshaller va_marshaller, GType argument)
{
  guint id = g_signal_new (name, type, G_SIGNAL_RUN_LAST | flags, 0, NULL, NULL, marshaller,
                           G_TYPE_NONE, 1, argument);

  g_signal_set_va_marshaller (id, type, va_marshaller);
  return id;
}

/*< private >
 * _lxcmon_client_define_signals:
 * @type: the client's type, before it is given the interface: GLib takes two signals of one name only
 *   in this order
 */
void
_lxcmon_client_define_signals (GType type)
{
  /**
   * LxcmonClient::init:
   * @self: the client
   * @pid: the pid of the container's init in our own pid namespace
   *
   * The container's init has started: [signal@Lxcmon.Monitor::init].
   *
   * Since: 0.1
   */
  signals[SIGNAL_INIT] = define_signal ("init", type, 0, g_cclosure_marshal_VOID__INT,
                                        g_cclosure_marshal_VOID__INTv, G_TYPE_INT);

  /**
   * LxcmonClient::exit:
   * @self: the client
   * @status: how the container ended
   *
   * The container has ended: [signal@Lxcmon.Monitor::exit]. The detail is the status's nick.
   *
   * Since: 0.1
   */
  signals[SIGNAL_EXIT]
      = define_signal ("exit", type, G_SIGNAL_DETAILED, g_cclosure_marshal_VOID__ENUM,
                       g_cclosure_marshal_VOID__ENUMv, LXCMON_TYPE_EXIT_STATUS);

  /**
   * LxcmonClient::closed:
   * @self: the client
   * @error: (nullable): %NULL where EXIT has come before; otherwise why the client cannot tell how the
   *   container ended
   *
   * The controller has gone: [signal@Lxcmon.Monitor::closed].
   *
   * Since: 0.1
   */
  signals[SIGNAL_CLOSED] = define_signal ("closed", type, 0, g_cclosure_marshal_VOID__BOXED,
                                          g_cclosure_marshal_VOID__BOXEDv, G_TYPE_ERROR);
}

/* With each event it is asked whether the interface's handlers are to hear of it, up to so many of a kind in a
 * turn; and then before every so manieth, as that costs a quarter of an emission. A controller tells of one
 * start and one end: who tells of more in one go is a flood, in which a handler that connects by the
 * interface's id begins to hear a little later. */
#define ASKED_EACH  32
#define ASKED_EVERY 32

static inline gboolean
interface_hears (LxcmonClient *self, LxcmonOwed event, gboolean (*ask) (LxcmonMonitor *monitor))
{
  LxcmonTurn *turn = _lxcmon_hub_source_get_turn (self->source);
  guint n = turn->n_told[event]++;

  if (n < ASKED_EACH || n % ASKED_EVERY == 0)
    turn->interface_hears[event] = ask (LXCMON_MONITOR (self)) != FALSE;
  return turn->interface_hears[event];
}

/*< private >
 * _lxcmon_client_emit_init:
 * @self: a client that is held, and attached
 *
 * Emits "init".
 */
void
_lxcmon_client_emit_init (LxcmonClient *self, gint pid)
{
  gboolean too = interface_hears (self, LXCMON_OWED_INIT, _lxcmon_monitor_wants_init);
  guint16 epoch = self->epoch;

  g_signal_emit (self, signals[SIGNAL_INIT], 0, pid);
  if (G_UNLIKELY (too) && !_lxcmon_client_has_left (self, epoch))
    lxcmon_monitor_emit_init (LXCMON_MONITOR (self), pid);
}

/*< private >
 * _lxcmon_client_emit_exit:
 * @self: a client that is held, and attached
 *
 * Emits "exit".
 */
void
_lxcmon_client_emit_exit (LxcmonClient *self, LxcmonExitStatus status)
{
  gboolean too = interface_hears (self, LXCMON_OWED_EXIT, _lxcmon_monitor_wants_exit);
  GQuark detail = _lxcmon_exit_status_to_detail (status);
  guint16 epoch = self->epoch;

  g_signal_emit (self, signals[SIGNAL_EXIT], detail, status);
  if (G_UNLIKELY (too) && !_lxcmon_client_has_left (self, epoch))
    lxcmon_monitor_emit_exit (LXCMON_MONITOR (self), status);
}

/*< private >
 * _lxcmon_client_emit_closed:
 * @self: a client that is held
 *
 * Emits "closed".
 */
void
_lxcmon_client_emit_closed (LxcmonClient *self, const GError *error)
{
  guint16 epoch = self->epoch;

  g_signal_emit (self, signals[SIGNAL_CLOSED], 0, error);
  if (!_lxcmon_client_has_left (self, epoch))
    lxcmon_monitor_emit_closed (LXCMON_MONITOR (self), error);
}
