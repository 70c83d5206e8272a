/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Records the events of a connection, and runs its loop by hand: as often as something is ready, and never
 * longer than a test may wait.
 */

#include "core-session.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More dispatches without a rest than this are a spin. */
#define DISPATCHES_MAX 100000

static void
record (CoreSession *self, const char *event)
{
  if (!self->counts_only)
    {
      if (self->trace->len > 0)
        g_string_append_c (self->trace, ' ');
      g_string_append (self->trace, event);
    }
  if (self->hook != NULL)
    self->hook (self, event);
}

static void
on_attached (LxcmonConnection *connection, void *user_data)
{
  CoreSession *self = user_data;

  g_assert_true (connection == self->connection);
  g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_ATTACHED);
  record (self, "attached");
}

static void
on_init (LxcmonConnection *connection, int pid, void *user_data)
{
  CoreSession *self = user_data;
  g_autofree char *event = g_strdup_printf ("init(%d)", pid);

  g_assert_true (connection == self->connection);
  g_assert_cmpint (lxcmon_connection_get_init_pid (connection), ==, pid);
  record (self, event);
}

static void
on_exit_event (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data)
{
  CoreSession *self = user_data;
  g_autofree char *event = NULL;

  g_assert_true (connection == self->connection);
  g_assert_true (lxcmon_connection_get_exited (connection));
  g_assert_cmpint (lxcmon_connection_get_exit_raw (connection), ==, raw);
  g_assert_cmpint (lxcmon_connection_get_exit_status (connection), ==, status);
  self->n_exits++;
  if (status == LXCMON_EXIT_STATUS_UNKNOWN)
    event = g_strdup_printf ("exit(unknown:%d)", raw);
  else
    event = g_strdup_printf ("exit(%s)", lxcmon_exit_status_to_string (status));
  record (self, event);
}

static void
record_end (CoreSession *self, const char *what, const LxcmonError *error)
{
  g_autofree char *event
      = g_strdup_printf ("%s(%s)", what,
                         error != NULL ? lxcmon_monitor_error_to_string (error->code) : "null");

  if (error != NULL)
    self->error = *error;
  record (self, event);
}

static void
on_closed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  CoreSession *self = user_data;

  g_assert_true (connection == self->connection);
  g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_CLOSED);
  g_assert_true (lxcmon_connection_get_exited (connection) == (error == NULL));
  record_end (self, "closed", error);
}

static void
on_failed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  CoreSession *self = user_data;

  g_assert_true (connection == self->connection);
  g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_DETACHED);
  g_assert_nonnull (error);
  record_end (self, "failed", error);
}

static void
on_log (LxcmonConnection *connection, LxcmonLogLevel level, const char *message, void *user_data)
{
  CoreSession *self = user_data;

  g_string_append_printf (self->log, "%s: %s\n", level == LXCMON_LOG_DEBUG ? "debug" : "warning",
                          message);
}

static const LxcmonCallbacks callbacks = {
  LXCMON_CALLBACKS_INIT, .attached = on_attached, .init = on_init,
  .exit = on_exit_event, .closed = on_closed,     .failed = on_failed,
};

static void
handle_event (const LxcmonEvent *event)
{
  CoreSession *self = event->user_data;

  g_assert_true (lxcmon_connection_get_user_data (event->connection) == self);
  switch (event->type)
    {
    case LXCMON_EVENT_CONNECTED:
      core_session_assert_state (self, "queued");
      record (self, "connected");
      break;
    case LXCMON_EVENT_ATTACHED:
      on_attached (event->connection, self);
      break;
    case LXCMON_EVENT_INIT:
      on_init (event->connection, event->pid, self);
      break;
    case LXCMON_EVENT_EXIT:
      on_exit_event (event->connection, event->status, event->raw, self);
      break;
    case LXCMON_EVENT_CLOSED:
      on_closed (event->connection, event->error, self);
      break;
    case LXCMON_EVENT_FAILED:
      on_failed (event->connection, event->error, self);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Makes a connection on a hub of which the session takes a reference. */
void
core_session_init_on (CoreSession *self, LxcmonHub *hub, CoreMode mode)
{
  memset (self, 0, sizeof *self);
  self->mode = mode;
  self->peer = -1;
  self->trace = g_string_new (NULL);
  self->log = g_string_new (NULL);
  self->hub = lxcmon_hub_ref (hub);
  self->connection = lxcmon_connection_new (hub, &callbacks, self);
  g_assert_nonnull (self->connection);
}

void
core_session_init (CoreSession *self, CoreMode mode)
{
  LxcmonHub *hub = lxcmon_hub_new (NULL);

  g_assert_nonnull (hub);
  core_session_init_on (self, hub, mode);
  lxcmon_hub_set_log (hub, LXCMON_LOG_WARNING, on_log, self);
  lxcmon_hub_unref (hub);
}

void
core_session_set_debug (CoreSession *self)
{
  lxcmon_hub_set_log (self->hub, LXCMON_LOG_DEBUG, on_log, self);
}

/* Replaces the connection by a new one. */
void
core_session_renew (CoreSession *self)
{
  lxcmon_connection_free (self->connection);
  self->connection = lxcmon_connection_new (self->hub, &callbacks, self);
  self->was_attached = FALSE;
  g_assert_nonnull (self->connection);
}

static void
begin_attach (CoreSession *self)
{
  if (self->was_attached)
    core_session_renew (self);
  self->was_attached = TRUE;
}

/* Attaches, with a new connection if this one was attached before. */
gboolean
core_session_attach (CoreSession *self, const char *path, const LxcmonAttachOptions *options,
                     LxcmonError *error)
{
  begin_attach (self);
  return lxcmon_connection_attach (self->connection, path, options, error);
}

gboolean
core_session_attach_fd (CoreSession *self, int fd, const LxcmonAttachOptions *options,
                        LxcmonError *error)
{
  begin_attach (self);
  return lxcmon_connection_attach_fd (self->connection, fd, options, error);
}

/* Attaches to one end of a new socketpair; the other one is self->peer. */
void
core_session_attach_pair (CoreSession *self, const LxcmonAttachOptions *options)
{
  LxcmonError error;
  int pair[2];

  core_session_hang_up (self);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  self->peer = pair[1];
  if (!core_session_attach_fd (self, pair[0], options, &error))
    g_error ("cannot attach: %s", error.message);
  core_session_assert_state (self, "queued");
}

void
core_session_init_pair (CoreSession *self, CoreMode mode)
{
  core_session_init (self, mode);
  core_session_attach_pair (self, NULL);
}

void
core_session_free_connection (CoreSession *self)
{
  LxcmonConnection *connection = self->connection;

  g_assert_nonnull (connection);
  self->connection = NULL;
  lxcmon_connection_free (connection);
}

void
core_session_hang_up (CoreSession *self)
{
  if (self->peer >= 0)
    close (self->peer);
  self->peer = -1;
}

void
core_session_clear (CoreSession *self)
{
  if (self->connection != NULL)
    core_session_free_connection (self);
  core_session_hang_up (self);
  lxcmon_hub_unref (self->hub);
  g_string_free (self->trace, TRUE);
  g_string_free (self->log, TRUE);
}

/* Polls as a loop would, for @timeout_ms at most. Returns whether there is something to do. */
gboolean
core_session_is_ready (CoreSession *self, int timeout_ms)
{
  struct pollfd descriptor
      = { .fd = lxcmon_hub_get_fd (self->hub), .events = lxcmon_hub_get_events (self->hub) };
  int timeout = lxcmon_hub_get_timeout (self->hub);

  g_assert_cmpint (timeout, ==, lxcmon_hub_has_pending (self->hub) ? 0 : -1);
  return poll (&descriptor, 1, timeout == 0 ? 0 : timeout_ms) > 0 || timeout == 0;
}

void
core_session_dispatch (CoreSession *self)
{
  LxcmonEvent event;

  if (self->mode == CORE_DISPATCHED)
    lxcmon_hub_dispatch (self->hub);
  else if (lxcmon_hub_next_event (self->hub, &event))
    handle_event (&event);
}

/* Dispatches until nothing is ready. Returns how often that was. */
guint
core_session_settle (CoreSession *self)
{
  guint n = 0;

  while (core_session_is_ready (self, 0))
    {
      core_session_dispatch (self);
      if (++n == DISPATCHES_MAX)
        g_error ("spins after: %s", self->trace->str);
    }

  return n;
}

/* Runs for that long. Returns how often something was ready. */
guint
core_session_run_for (CoreSession *self, int ms)
{
  gint64 end = g_get_monotonic_time () + ms * 1000;
  guint n = 0;

  while (g_get_monotonic_time () < end)
    if (core_session_is_ready (self, 5))
      {
        core_session_dispatch (self);
        n++;
      }

  return n;
}

/* Runs until @event was recorded. */
void
core_session_wait_for (CoreSession *self, const char *event)
{
  gint64 deadline = core_deadline ();

  while (strstr (self->trace->str, event) == NULL)
    {
      if (core_session_is_ready (self, 50))
        core_session_dispatch (self);
      core_check_deadline (deadline, event);
    }
}
