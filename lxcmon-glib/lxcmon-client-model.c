/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a client knows of its container, and that each change of it is notified. Most of it is the
 * connection's; what a host, an error or a reboot adds is here. Refuses to know why it has changed.
 */

#include "lxcmon-client-private.h"

#include <string.h>

/* A container elsewhere is called after its socket's file; what is not UTF-8 in it is escaped. */
static char *
name_from_path (const char *socket_path)
{
  g_autofree char *base = g_path_get_basename (socket_path);

  if (g_str_has_suffix (base, ".sock"))
    base[strlen (base) - strlen (".sock")] = '\0';
  return g_filename_display_name (base);
}

/*< private >
 * _lxcmon_client_get_name:
 *
 * The container's name, or %NULL where the client was made without a name or a path.
 */
const char *
_lxcmon_client_get_name (LxcmonClient *self)
{
  if (self->name == NULL && self->socket_path != NULL)
    self->name = name_from_path (self->socket_path);
  return self->name;
}

static const char *
get_name (LxcmonMonitor *monitor)
{
  return _lxcmon_client_get_name (LXCMON_CLIENT (monitor));
}

static LxcmonSource
get_source (LxcmonMonitor *monitor)
{
  return LXCMON_SOURCE_DIRECT;
}

static LxcmonState
find_state (LxcmonClient *self)
{
  LxcmonState state = lxcmon_connection_get_state (_lxcmon_client_get_connection (self));

  if ((state == LXCMON_STATE_CLOSED || state == LXCMON_STATE_DETACHED)
      && _lxcmon_follow_is_running (_lxcmon_client_get_follow (self)))
    return LXCMON_STATE_CONNECTING;
  return state;
}

static LxcmonState
get_state (LxcmonMonitor *monitor)
{
  return find_state (LXCMON_CLIENT (monitor));
}

static const LxcmonConnection *
get_connection (LxcmonMonitor *monitor)
{
  return _lxcmon_client_get_connection (LXCMON_CLIENT (monitor));
}

static gint
get_init_pid (LxcmonMonitor *monitor)
{
  return lxcmon_connection_get_init_pid (get_connection (monitor));
}

static gint
get_controller_pid (LxcmonMonitor *monitor)
{
  gint observed = _lxcmon_client_get_observed_pid (LXCMON_CLIENT (monitor));

  return observed != 0 ? observed : lxcmon_connection_get_controller_pid (get_connection (monitor));
}

static gboolean
get_exited (LxcmonMonitor *monitor)
{
  return lxcmon_connection_get_exited (get_connection (monitor));
}

static LxcmonExitStatus
get_exit_status (LxcmonMonitor *monitor)
{
  return lxcmon_connection_get_exit_status (get_connection (monitor));
}

static gint
get_exit_raw (LxcmonMonitor *monitor)
{
  return lxcmon_connection_get_exit_raw (get_connection (monitor));
}

static const GError *
get_error (LxcmonMonitor *monitor)
{
  return _lxcmon_client_get_error (LXCMON_CLIENT (monitor));
}

static guint64
get_skipped (LxcmonMonitor *monitor)
{
  return lxcmon_connection_get_skipped (get_connection (monitor));
}

void
_lxcmon_client_fill_monitor (LxcmonMonitorInterface *iface)
{
  iface->get_name = get_name;
  iface->get_source = get_source;
  iface->get_state = get_state;
  iface->get_init_pid = get_init_pid;
  iface->get_controller_pid = get_controller_pid;
  iface->get_exited = get_exited;
  iface->get_exit_status = get_exit_status;
  iface->get_exit_raw = get_exit_raw;
  iface->get_error = get_error;
  iface->get_skipped = get_skipped;
}

/*< private >
 * _lxcmon_client_is_active:
 *
 * Whether the client is attached, or waits for what comes after a reboot.
 */
gboolean
_lxcmon_client_is_active (LxcmonClient *self)
{
  LxcmonState state = find_state (self);

  return state != LXCMON_STATE_DETACHED && state != LXCMON_STATE_CLOSED;
}

const GError *
_lxcmon_client_get_error (LxcmonClient *self)
{
  return _lxcmon_client_get_extra (self)->error;
}

#define PENDING(PROP) (1u << (LXCMON_MONITOR_PROP_##PROP - LXCMON_MONITOR_PROP_STATE))

/*< private >
 * _lxcmon_client_set_error:
 * @error: (nullable): why the client is not attached, or %NULL
 */
void
_lxcmon_client_set_error (LxcmonClient *self, const GError *error)
{
  if (_lxcmon_client_get_error (self) == NULL && error == NULL)
    return;

  GError *copy = error != NULL ? g_error_copy (error) : NULL;
  LxcmonClientExtra *extra = _lxcmon_client_ensure_extra (self);
  g_clear_error (&extra->error);
  extra->error = copy;
  _lxcmon_client_tidy_extra (self);
  self->pending |= PENDING (ERROR);
}

gint
_lxcmon_client_get_observed_pid (LxcmonClient *self)
{
  return _lxcmon_client_get_extra (self)->observed_pid;
}

/*< private >
 * _lxcmon_client_set_observed_pid:
 * @controller_pid: who the container's controller is, or 0 where only the connection knows
 */
void
_lxcmon_client_set_observed_pid (LxcmonClient *self, gint controller_pid)
{
  if (_lxcmon_client_get_observed_pid (self) == controller_pid)
    return;

  _lxcmon_client_ensure_extra (self)->observed_pid = controller_pid;
  _lxcmon_client_tidy_extra (self);
  self->pending |= PENDING (CONTROLLER_PID);
}

LxcmonFollow *
_lxcmon_client_get_follow (LxcmonClient *self)
{
  return _lxcmon_client_get_extra (self)->follow;
}

/*< private >
 * _lxcmon_client_set_follow:
 * @follow: (transfer full) (nullable): what follows reboots from now on
 */
void
_lxcmon_client_set_follow (LxcmonClient *self, LxcmonFollow *follow)
{
  LxcmonFollow *before = _lxcmon_client_get_follow (self);

  if (before == follow)
    return;
  _lxcmon_client_ensure_extra (self)->follow = follow;
  _lxcmon_client_tidy_extra (self);
  if (before != NULL)
    _lxcmon_follow_free (before);
}

/* Notes what is to be notified. The state and the exit status are compared with what was notified last; a
 * number may be notified that has changed and changed back, which costs less than to keep another copy. */
static void
note_changes (LxcmonClient *self, guint changes)
{
  G_STATIC_ASSERT (LXCMON_MONITOR_N_PROPS - LXCMON_MONITOR_PROP_STATE <= 8 * sizeof self->pending);
  G_STATIC_ASSERT (LXCMON_STATE_CLOSED < 1 << 3 && LXCMON_EXIT_STATUS_REBOOT + 1 < 1 << 2);
  const LxcmonConnection *connection = _lxcmon_client_get_connection (self);
  LxcmonState state = find_state (self);
  gboolean exited = lxcmon_connection_get_exited (connection);
  guint status = (guint) (lxcmon_connection_get_exit_status (connection) + 1);
  guint pending = 0;

  if (state != self->told_state)
    pending |= PENDING (STATE);
  if ((changes & LXCMON_CHANGE_CONTROLLER_PID) != 0)
    pending |= PENDING (CONTROLLER_PID);
  if ((changes & LXCMON_CHANGE_INIT_PID) != 0)
    pending |= PENDING (INIT_PID);
  if (exited != self->told_exited)
    pending |= PENDING (EXITED);
  if (status != self->told_status)
    pending |= PENDING (EXIT_STATUS);
  if ((changes & LXCMON_CHANGE_EXIT) != 0)
    pending |= PENDING (EXIT_RAW);
  if ((changes & LXCMON_CHANGE_SKIPPED) != 0)
    pending |= PENDING (SKIPPED);

  self->told_state = state & 7u;
  self->told_exited = exited != FALSE;
  self->told_status = status & 3u;
  self->pending |= (guint8) pending;
}

/*< private >
 * _lxcmon_client_notify:
 * @self: a client that is held
 * @changes: what the connection says has changed
 *
 * Notifies what is to be notified; see _lxcmon_client_notify_changes().
 */
void
_lxcmon_client_notify (LxcmonClient *self, guint changes)
{
  note_changes (self, changes);
  while (self->pending != 0 && !_lxcmon_client_is_dropped (self))
    {
      guint first = (guint) g_bit_nth_lsf (self->pending, -1);

      self->pending &= (guint8) ~(1u << first);
      _lxcmon_monitor_notify (LXCMON_MONITOR (self),
                              (LxcmonMonitorProp) (LXCMON_MONITOR_PROP_STATE + first));
    }
}
