/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what becomes of the core's callbacks: the model first, then the notifications, then the
 * signal, then those who waited. Each step runs code of the app's, which may detach the client,
 * attach it again or drop it; the epoch tells whether it has, and then nothing more is said of what
 * was before.
 */

#define G_LOG_USE_STRUCTURED

#include "lxcmon-client-private.h"

#include "lxcmon-status-xml-private.h"

static void
tell_init (LxcmonClient *self, gint pid)
{
  if (self->row != NULL && !_lxcmon_host_row_owe (self, LXCMON_OWED_INIT, pid))
    return;
  _lxcmon_client_emit_init (self, pid);
  if (self->row != NULL)
    _lxcmon_host_row_pay (self);
}

/* Those who wait do so for the EXIT that has come: detaching in a handler does not take it from them. */
static void
tell_exit (LxcmonClient *self, LxcmonExitStatus status)
{
  if (self->row != NULL && !_lxcmon_host_row_owe (self, LXCMON_OWED_EXIT, (gint) status))
    return;
  GList *waits = _lxcmon_client_steal_waits (self);

  _lxcmon_client_emit_exit (self, status);
  if (self->row != NULL)
    _lxcmon_host_row_pay (self);
  _lxcmon_client_return_waits (waits, status, NULL);
}

/* Notes what is still to be told, while something else runs the app's code. */
static inline void
owe (LxcmonTurn *turn, LxcmonClient *self, LxcmonOwed event, gint value)
{
  turn->owed = event;
  turn->owed_value = value;
  turn->owed_epoch = self->epoch;
}

/* A handler has run a main loop, and the next event comes in it: what came first is told before. */
static void
tell_owed (LxcmonTurn *turn, LxcmonClient *self)
{
  if (turn == NULL)
    return;
  tell_owed (turn->outer, self);
  if (turn->held != self)
    return;

  /* What it has changed is notified before. */
  if (turn->owed != LXCMON_OWED_NOTHING && !_lxcmon_client_has_left (self, turn->owed_epoch))
    _lxcmon_client_notify_changes (self);
  LxcmonOwed owed = turn->owed;
  turn->owed = LXCMON_OWED_NOTHING;
  if (owed == LXCMON_OWED_NOTHING || _lxcmon_client_has_left (self, turn->owed_epoch))
    return;
  if (owed == LXCMON_OWED_INIT)
    tell_init (self, turn->owed_value);
  else
    tell_exit (self, (LxcmonExitStatus) turn->owed_value);
}

/* Notifies what an event has changed. Returns whether the event is still to be told. */
static inline gboolean
announce (LxcmonClient *self, LxcmonOwed event, gint value)
{
  LxcmonTurn *turn = _lxcmon_hub_source_get_turn (self->source);
  guint16 epoch = self->epoch;
  guint changes = lxcmon_connection_take_changes (_lxcmon_client_get_connection (self));

  if (G_LIKELY (changes == 0 && self->pending == 0))
    return TRUE;

  owe (turn, self, event, value);
  _lxcmon_client_notify (self, changes);
  gboolean is_owed = turn->owed != LXCMON_OWED_NOTHING;
  turn->owed = LXCMON_OWED_NOTHING;
  return is_owed && !_lxcmon_client_has_left (self, epoch);
}

/* Nobody is there any more who could hear of what comes next. Who has left @source is another one's to look
 * after: it may be in another thread by now. */
static inline void
end_event (LxcmonClient *self, LxcmonHubSource *source)
{
  if (G_UNLIKELY (self->source == source && _lxcmon_client_is_dropped (self)))
    _lxcmon_client_leave (self);
}

/* The core tells a client something that others go before: who was told last is let go, and what came earlier
 * is told now. All that may do anything, so the event is owed meanwhile. Returns whether it is still to be
 * told. */
static gboolean
begin_behind_others (LxcmonClient *self, LxcmonTurn *turn, LxcmonOwed event, gint value)
{
  LxcmonHubSource *source = self->source;
  guint16 epoch = self->epoch;
  LxcmonClient *before = turn->held != self ? _lxcmon_turn_change (turn, self) : NULL;

  owe (turn, self, event, value);
  if (before != NULL)
    _lxcmon_client_let_go (before);
  tell_owed (turn->outer, self);
  if (self->row != NULL)
    _lxcmon_host_row_pay (self);
  end_event (self, source);

  gboolean is_told = event != turn->owed;
  turn->owed = LXCMON_OWED_NOTHING;
  return !is_told && self->epoch == epoch;
}

/* The core tells a client something. It lives from now on until the turn is another one's. Returns whether
 * that is still of interest. */
static inline gboolean
begin_event (LxcmonClient *self, LxcmonOwed event, gint value)
{
  LxcmonTurn *turn = _lxcmon_hub_source_get_turn (self->source);

  if (G_UNLIKELY (turn->held != self || turn->outer != NULL))
    return begin_behind_others (self, turn, event, value);
  if (G_LIKELY (!_lxcmon_client_is_dropped (self)))
    return TRUE;

  /* In another thread, since it was told last. */
  _lxcmon_client_leave (self);
  return FALSE;
}

static void
on_queued (LxcmonConnection *connection, void *user_data)
{
  LxcmonClient *self = user_data;
  LxcmonHubSource *source = self->source;

  if (!begin_event (self, LXCMON_OWED_NOTHING, 0))
    return;
  _lxcmon_client_notify_changes (self);
  end_event (self, source);
}

/* Who came late gets no INIT: where /proc did not tell the init pid, the status XML may. */
static void
find_init (LxcmonClient *self)
{
  LxcmonConnection *connection = _lxcmon_client_get_connection (self);

  if (lxcmon_connection_get_missed_init (connection) && lxcmon_connection_get_init_pid (connection) == 0)
    lxcmon_connection_set_init_pid (
        connection,
        _lxcmon_status_xml_find_init (self->socket_path,
                                      lxcmon_connection_get_controller_pid (connection)));
}

/*< private >
 * _lxcmon_client_handle_attached:
 *
 * The controller serves us.
 */
void
_lxcmon_client_handle_attached (LxcmonClient *self)
{
  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);
  guint16 epoch = self->epoch;

  find_init (self);
  if (_lxcmon_client_get_follow (self) != NULL)
    _lxcmon_follow_succeed (_lxcmon_client_get_follow (self));

  _lxcmon_client_notify_changes (self);
  if (self->epoch == epoch)
    _lxcmon_client_return_attach (_lxcmon_client_steal_attach (self), NULL);
}

static void
on_attached (LxcmonConnection *connection, void *user_data)
{
  LxcmonClient *self = user_data;
  LxcmonHubSource *source = self->source;

  if (!begin_event (self, LXCMON_OWED_NOTHING, 0))
    return;
  _lxcmon_client_handle_attached (self);
  end_event (self, source);
}

static void
on_init (LxcmonConnection *connection, int pid, void *user_data)
{
  LxcmonClient *self = user_data;
  LxcmonHubSource *source = self->source;

  if (!begin_event (self, LXCMON_OWED_INIT, pid))
    return;
  if (announce (self, LXCMON_OWED_INIT, pid))
    tell_init (self, pid);
  end_event (self, source);
}

static void
on_exit_message (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data)
{
  LxcmonClient *self = user_data;
  LxcmonHubSource *source = self->source;

  if (!begin_event (self, LXCMON_OWED_EXIT, (gint) status))
    return;
  if (announce (self, LXCMON_OWED_EXIT, (gint) status))
    tell_exit (self, status);
  end_event (self, source);
}

/* The controller has gone. The client stays in its context while the handlers run: it keeps other
 * threads out, and a reboot may have to be followed there. An attach may not have returned yet, where
 * all this comes in a main loop in a handler of "served"; it has succeeded. */
static void
handle_closed (LxcmonClient *self, const LxcmonError *error, gboolean reboot)
{
  GTask *attach = _lxcmon_client_steal_attach (self);
  GList *waits = _lxcmon_client_steal_waits (self);
  g_autoptr (GError) why = error != NULL ? _lxcmon_monitor_error_new (error) : NULL;
  guint16 epoch = self->epoch;

  _lxcmon_client_set_error (self, why);
  _lxcmon_client_notify_changes (self);
  if (!_lxcmon_client_has_left (self, epoch))
    _lxcmon_client_emit_closed (self, why);
  if (self->row != NULL && !_lxcmon_client_has_left (self, epoch))
    _lxcmon_host_row_handle_closed (self, why);
  if (!_lxcmon_client_has_left (self, epoch) && reboot && _lxcmon_client_get_follow (self) != NULL)
    _lxcmon_follow_start (_lxcmon_client_get_follow (self));

  _lxcmon_client_return_attach (attach, NULL);
  /* Whoever waits for an EXIT that has not come hears why it will not. */
  _lxcmon_client_return_waits (waits, LXCMON_EXIT_STATUS_UNKNOWN, why);
  if (self->epoch == epoch && !_lxcmon_client_is_active (self))
    {
      _lxcmon_client_set_follow (self, NULL);
      _lxcmon_client_release (self);
    }
}

static void
on_closed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  LxcmonClient *self = user_data;
  LxcmonHubSource *source = self->source;

  if (!begin_event (self, LXCMON_OWED_NOTHING, 0))
    return;
  if (self->row == NULL || _lxcmon_host_row_owe (self, LXCMON_OWED_NOTHING, 0))
    handle_closed (self, error,
                 lxcmon_connection_get_exit_status (connection) == LXCMON_EXIT_STATUS_REBOOT);
  end_event (self, source);
}

/*< private >
 * _lxcmon_client_handle_failed:
 * @error: (transfer full): why
 *
 * The attach has failed. One that was made by following a reboot is tried again by it.
 */
void
_lxcmon_client_handle_failed (LxcmonClient *self, GError *error)
{
  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (self);
  g_autoptr (GError) why = error;

  LxcmonFollow *follow = _lxcmon_client_get_follow (self);
  if (follow != NULL && _lxcmon_follow_resume (follow, why))
    {
      _lxcmon_client_notify_changes (self);
      return;
    }

  GTask *attach = _lxcmon_client_steal_attach (self);
  GList *waits = _lxcmon_client_steal_waits (self);
  _lxcmon_client_leave (self);
  guint16 epoch = self->epoch;
  _lxcmon_client_set_error (self, why);
  _lxcmon_client_notify_changes (self);
  _lxcmon_client_return_attach (attach, why);
  _lxcmon_client_return_waits (waits, LXCMON_EXIT_STATUS_UNKNOWN, why);
  if (self->epoch != epoch)
    return;
  _lxcmon_client_release (self);
  if (self->row != NULL)
    _lxcmon_host_row_handle_failed (self, why);
}

static void
on_failed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  LxcmonClient *self = user_data;
  LxcmonHubSource *source = self->source;

  if (!begin_event (self, LXCMON_OWED_NOTHING, 0))
    return;
  _lxcmon_client_handle_failed (self, _lxcmon_monitor_error_new (error));
  end_event (self, source);
}

static void
on_log (LxcmonConnection *connection, LxcmonLogLevel level, const char *message, void *user_data)
{
  LxcmonClient *self = user_data;
  const char *state = lxcmon_state_to_string (lxcmon_connection_get_state (connection));

  g_log_structured (G_LOG_DOMAIN,
                    level == LXCMON_LOG_WARNING ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_DEBUG,
                    "LXCMON_CONTAINER", _lxcmon_client_get_name (self), "LXCMON_STATE", state,
                    "MESSAGE", "%s: %s", _lxcmon_client_get_name (self), message);
}

const LxcmonCallbacks _lxcmon_client_callbacks = {
  LXCMON_CALLBACKS_INIT,   .queued = on_queued, .attached = on_attached, .init = on_init,
  .exit = on_exit_message, .closed = on_closed,   .failed = on_failed, .log = on_log,
};
