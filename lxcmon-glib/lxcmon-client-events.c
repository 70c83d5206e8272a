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
on_waiting (LxcmonConnection *connection, void *user_data)
{
  g_autoptr (LxcmonClient) alive = g_object_ref (user_data);

  _lxcmon_client_notify_changes (alive);
}

/*< private >
 * _lxcmon_client_take_served:
 *
 * The controller serves us. Who came late gets no INIT: where /proc did not tell the init pid, the
 * status XML may.
 */
void
_lxcmon_client_take_served (LxcmonClient *self)
{
  g_autoptr (LxcmonClient) alive = g_object_ref (self);
  guint16 epoch = self->epoch;

  self->init_pid = lxcmon_connection_get_init_pid (self->connection);
  if (self->init_pid == 0 && lxcmon_connection_get_late (self->connection))
    self->init_pid
        = _lxcmon_status_xml_find_init (self->socket_path,
                                        lxcmon_connection_get_controller_pid (self->connection));
  if (self->follow != NULL)
    _lxcmon_follow_succeed (self->follow);

  _lxcmon_client_notify_changes (self);
  if (self->epoch == epoch)
    _lxcmon_client_return_attach (_lxcmon_client_steal_attach (self), NULL);
}

static void
on_served (LxcmonConnection *connection, void *user_data)
{
  _lxcmon_client_take_served (user_data);
}

/* A signal's emission keeps the client alive by itself; handlers of notifications may drop it. */
static void
on_init (LxcmonConnection *connection, int pid, void *user_data)
{
  LxcmonClient *self = g_object_ref (user_data);
  guint16 epoch = self->epoch;

  if (self->row == NULL || _lxcmon_host_row_owe (self, LXCMON_OWED_INIT, pid))
    {
      self->init_pid = pid;
      _lxcmon_client_notify_init (self);
      if (!_lxcmon_client_has_left (self, epoch))
        _lxcmon_client_emit_init (self, pid);
      if (self->row != NULL)
        _lxcmon_host_row_pay (self);
    }
  g_object_unref (self);
}

static void
on_exit_message (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data)
{
  LxcmonClient *self = g_object_ref (user_data);
  guint16 epoch = self->epoch;
  GList *waits = NULL;

  if (self->row != NULL && !_lxcmon_host_row_owe (self, LXCMON_OWED_EXIT, (gint) status))
    {
      g_object_unref (self);
      return;
    }
  _lxcmon_client_notify_exit (self, TRUE, status, raw);
  if (!_lxcmon_client_has_left (self, epoch))
    {
      /* They wait for the EXIT that has come: detaching now does not take it from them. */
      waits = _lxcmon_client_steal_waits (self);
      _lxcmon_client_emit_exit (self, status);
      if (self->row != NULL)
        _lxcmon_host_row_pay (self);
    }
  _lxcmon_client_return_waits (waits, status, NULL);
  g_object_unref (self);
}

/* The controller has gone. The client stays in its context while the handlers run: it keeps other
 * threads out, and a reboot may have to be followed there. An attach may not have returned yet, where
 * all this comes in a main loop in a handler of "served"; it has succeeded. */
static void
on_closed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  LxcmonClient *self = g_object_ref (user_data);

  if (self->row != NULL && !_lxcmon_host_row_owe (self, LXCMON_OWED_NOTHING, 0))
    {
      g_object_unref (self);
      return;
    }
  GTask *attach = _lxcmon_client_steal_attach (self);
  GList *waits = _lxcmon_client_steal_waits (self);
  gboolean reboot = lxcmon_connection_get_exit_status (connection) == LXCMON_EXIT_STATUS_REBOOT;
  g_autoptr (GError) why = error != NULL ? _lxcmon_monitor_error_new (error) : NULL;
  guint16 epoch = self->epoch;

  _lxcmon_client_set_error (self, why);
  _lxcmon_client_notify_changes (self);
  if (!_lxcmon_client_has_left (self, epoch))
    _lxcmon_client_emit_closed (self, why);
  if (self->row != NULL && !_lxcmon_client_has_left (self, epoch))
    _lxcmon_host_row_take_closed (self, why);
  if (!_lxcmon_client_has_left (self, epoch) && reboot && self->follow != NULL)
    _lxcmon_follow_start (self->follow);

  _lxcmon_client_return_attach (attach, NULL);
  /* Whoever waits for an EXIT that has not come hears why it will not. */
  _lxcmon_client_return_waits (waits, LXCMON_EXIT_STATUS_UNKNOWN, why);
  if (self->epoch == epoch && !_lxcmon_client_is_active (self))
    {
      g_clear_pointer (&self->follow, _lxcmon_follow_free);
      _lxcmon_client_release (self);
    }
  g_object_unref (self);
}

/*< private >
 * _lxcmon_client_take_failed:
 * @error: (transfer full): why
 *
 * The attach has failed. One that was made by following a reboot is tried again by it.
 */
void
_lxcmon_client_take_failed (LxcmonClient *self, GError *error)
{
  g_autoptr (LxcmonClient) alive = g_object_ref (self);
  g_autoptr (GError) why = error;

  if (self->follow != NULL && _lxcmon_follow_resume (self->follow, why))
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
    _lxcmon_host_row_take_failed (self, why);
}

static void
on_failed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  _lxcmon_client_take_failed (user_data, _lxcmon_monitor_error_new (error));
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
  LXCMON_CALLBACKS_INIT,   .waiting = on_waiting, .served = on_served, .init = on_init,
  .exit = on_exit_message, .closed = on_closed,   .failed = on_failed, .log = on_log,
};
