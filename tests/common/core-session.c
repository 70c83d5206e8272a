/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Records what a connection calls, and runs its loop by hand: as often as something is ready, and
 * never longer than a test may wait.
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
on_queued (LxcmonConnection *connection, void *user_data)
{
  CoreSession *self = user_data;

  g_assert_true (connection == self->connection);
  record (self, "queued");
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
    {
      self->error = *error;
      g_assert_nonnull (lxcmon_connection_get_error (self->connection));
      g_assert_cmpstr (lxcmon_connection_get_error (self->connection)->message, ==, error->message);
    }
  else
    g_assert_null (lxcmon_connection_get_error (self->connection));
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

static void
on_free (void *user_data)
{
  CoreSession *self = user_data;

  self->n_freed++;
}

static const LxcmonCallbacks callbacks = {
  LXCMON_CALLBACKS_INIT, .queued = on_queued, .attached = on_attached,
  .init = on_init,       .exit = on_exit_event, .closed = on_closed,
  .failed = on_failed,   .log = on_log,         .free = on_free,
};

/* Makes a connection behind a hub that the session takes a reference of, or alone for NULL. */
void
core_session_init_behind (CoreSession *self, LxcmonHub *hub)
{
  memset (self, 0, sizeof *self);
  self->peer = -1;
  self->trace = g_string_new (NULL);
  self->log = g_string_new (NULL);
  self->hub = hub != NULL ? lxcmon_hub_ref (hub) : NULL;
  self->connection = lxcmon_connection_new (&callbacks, self);
  g_assert_nonnull (self->connection);
  g_assert_true (lxcmon_connection_set_hub (self->connection, hub, NULL));
}

void
core_session_init (CoreSession *self, CoreMode mode)
{
  LxcmonError error;
  LxcmonHub *hub = mode == CORE_BEHIND_HUB ? lxcmon_hub_new (&error) : NULL;

  g_assert_true ((hub != NULL) == (mode == CORE_BEHIND_HUB));
  core_session_init_behind (self, hub);
  lxcmon_hub_unref (hub);
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
  if (!lxcmon_connection_attach_fd (self->connection, pair[0], options, &error))
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
  g_assert_cmpuint (self->n_freed, ==, 0);
  self->connection = NULL;
  lxcmon_connection_free (connection);
  g_assert_cmpuint (self->n_freed, ==, 1);
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
  g_assert_cmpuint (self->n_freed, ==, 1);
  core_session_hang_up (self);
  lxcmon_hub_unref (self->hub);
  g_string_free (self->trace, TRUE);
  g_string_free (self->log, TRUE);
}

/* Polls as a loop would, for @timeout_ms at the most. Returns whether there is something to do. */
gboolean
core_session_is_ready (CoreSession *self, int timeout_ms)
{
  struct pollfd descriptor = { .fd = -1 };
  int timeout;

  if (self->hub != NULL)
    {
      descriptor.fd = lxcmon_hub_get_fd (self->hub);
      descriptor.events = lxcmon_hub_get_events (self->hub);
      timeout = lxcmon_hub_get_timeout (self->hub);
    }
  else if (self->connection != NULL)
    {
      descriptor.fd = lxcmon_connection_get_fd (self->connection);
      descriptor.events = lxcmon_connection_get_events (self->connection);
      timeout = lxcmon_connection_get_timeout (self->connection);
    }
  else
    return FALSE;

  if (poll (&descriptor, 1, timeout < 0 ? timeout_ms : MIN (timeout, timeout_ms)) > 0)
    return TRUE;
  if (self->hub != NULL)
    return FALSE;
  return lxcmon_connection_get_timeout (self->connection) == 0;
}

void
core_session_dispatch (CoreSession *self)
{
  if (self->hub != NULL)
    lxcmon_hub_dispatch (self->hub);
  else if (self->connection != NULL)
    lxcmon_connection_dispatch (self->connection);
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

/* Runs for that long, whatever happens. Returns how often something was ready. */
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

/* Runs until @event was called. */
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
