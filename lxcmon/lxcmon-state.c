/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a connection's state, its end, and what its timer does once the controller has accepted it.
 * Paths and busy checks are in lxcmon-attach.c, bytes in lxcmon-reader.c and lxcmon-sender.c.
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-process.h"

#include <assert.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* End of file follows EXIT at once. A controller that stays hangs, and has nothing more to send. */
#define END_AFTER_EXIT_MS 5000

#define EDGE(state) (1u << LXCMON_STATE_##state)

static const unsigned int allowed_edges[] = {
  [LXCMON_STATE_DETACHED] = EDGE (CONNECTING),
  [LXCMON_STATE_CONNECTING] = EDGE (QUEUED) | EDGE (DETACHED),
  [LXCMON_STATE_QUEUED] = EDGE (ATTACHED) | EDGE (DETACHED),
  [LXCMON_STATE_ATTACHED] = EDGE (EXITED) | EDGE (CLOSED),
  [LXCMON_STATE_EXITED] = EDGE (CLOSED),
  [LXCMON_STATE_CLOSED] = 0,
};

void
_lxcmon_connection_log (LxcmonConnection *self, LxcmonLogLevel level, const char *format, ...)
{
  char message[LXCMON_ERROR_MESSAGE_SIZE];
  va_list args;

  if (self->log->func == NULL || level < self->log->level)
    return;

  va_start (args, format);
  vsnprintf (message, sizeof message, format, args);
  va_end (args);
  self->log->func (self, level, message, self->log->user_data);
}

/**
 * _lxcmon_connection_set_state:
 *
 * Changes the state. An edge that is not in the table is a bug in the library.
 */
void
_lxcmon_connection_set_state (LxcmonConnection *self, LxcmonState state)
{
  LxcmonState old = self->state;

  assert ((allowed_edges[old] & (1u << state)) != 0);
  self->state = state;
  _lxcmon_connection_log (self, LXCMON_LOG_DEBUG, "%s → %s", lxcmon_state_to_string (old),
                          lxcmon_state_to_string (state));
}

void
_lxcmon_connection_set_timer (LxcmonConnection *self, unsigned int ms)
{
  _lxcmon_poller_set_timer (self->poller, &self->timers[LXCMON_TIMER_STATE], ms);
}

/**
 * _lxcmon_connection_leave:
 *
 * Leaves the controller, for good. The descriptor is removed from epoll first, or a copy in a forked child
 * would keep it there; it is shut down, which such a copy cannot delay; it is closed when the connection
 * is freed.
 */
void
_lxcmon_connection_leave (LxcmonConnection *self)
{
  for (int i = 0; i < LXCMON_TIMERS_PER_CONNECTION; i++)
    _lxcmon_poller_unset_timer (self->poller, &self->timers[i]);
  _lxcmon_driver_watch_remove (self->driver_watch, &self->driver);
  _lxcmon_poller_remove (self->poller, self->fd, self);
  if (self->fd >= 0 && !self->is_shut)
    (void) shutdown (self->fd, SHUT_RDWR);
}

/**
 * _lxcmon_connection_end:
 * @self: an active connection
 * @event: (out): CLOSED if the controller had accepted us, otherwise FAILED
 * @error: (nullable): why it ends; valid until the next event is pulled. It is ignored after EXIT: the
 *   container has ended, and how is known
 *
 * Ends a connection.
 *
 * Returns: true: there is an event
 */
bool
_lxcmon_connection_end (LxcmonConnection *self, LxcmonEvent *event, const LxcmonError *error)
{
  bool was_accepted = self->state == LXCMON_STATE_ATTACHED || self->state == LXCMON_STATE_EXITED;

  if (self->state == LXCMON_STATE_EXITED)
    error = NULL;
  else if (was_accepted)
    _lxcmon_init_client_ask (self->init);
  if (error != NULL)
    _lxcmon_connection_log (self, LXCMON_LOG_DEBUG, "%s: %s",
                            lxcmon_monitor_error_to_string (error->code), error->message);
  _lxcmon_connection_leave (self);
  _lxcmon_connection_set_state (self, was_accepted ? LXCMON_STATE_CLOSED : LXCMON_STATE_DETACHED);

  _lxcmon_event_set (event, was_accepted ? LXCMON_EVENT_CLOSED : LXCMON_EVENT_FAILED, self);
  event->error = error;
  return true;
}

/* Warns of the first shortage of descriptors. */
static void
log_unwatched (LxcmonConnection *self, const LxcmonError *error)
{
  LxcmonInitWatch *watch = self->init_watch;
  bool is_shortage = _lxcmon_error_is_shortage (error);

  if (!is_shortage || !watch->warned)
    _lxcmon_connection_log (self, is_shortage ? LXCMON_LOG_WARNING : LXCMON_LOG_DEBUG,
                            "how init ends will not be known: %s", error->message);
  watch->warned = watch->warned || is_shortage;
}

/**
 * _lxcmon_connection_set_init:
 * @pid: a pid, or 0 if it is not known
 *
 * The pid of the container's init is known. A controller has one init: a later pid is not watched.
 */
void
_lxcmon_connection_set_init (LxcmonConnection *self, int pid)
{
  LxcmonError error;

  self->init_pid = pid;
  if (!self->watch_init || pid == 0)
    return;
  self->watch_init = false;
  self->init = _lxcmon_init_watch_add (self->init_watch, pid, self->controller_pid, &error);
  if (self->init == NULL)
    log_unwatched (self, &error);
}

/**
 * _lxcmon_connection_become_attached:
 * @self: a queued connection
 * @first: the controller's first message
 *
 * The controller has accepted the connection. It sends INIT to its very first client only, as the first
 * message: a later client has to find the pid by other means.
 */
void
_lxcmon_connection_become_attached (LxcmonConnection *self, LxcmonMessageKind first)
{
  free (self->path);
  self->path = NULL;
  self->missed_init = first != LXCMON_MESSAGE_INIT;
  if (self->missed_init)
    _lxcmon_connection_set_init (self, lxcmon_process_find_init (self->controller_pid));
  _lxcmon_connection_set_state (self, LXCMON_STATE_ATTACHED);
  if (self->keepalive_interval > 0)
    _lxcmon_connection_set_timer (self, self->keepalive_interval);
  else
    _lxcmon_poller_unset_timer (self->poller, &self->timers[LXCMON_TIMER_STATE]);
}

/**
 * _lxcmon_connection_become_exited:
 * @self: an attached connection
 *
 * The first EXIT has come. The controller has reaped init before it sent that.
 */
void
_lxcmon_connection_become_exited (LxcmonConnection *self)
{
  _lxcmon_init_client_ask (self->init);
  _lxcmon_connection_set_state (self, LXCMON_STATE_EXITED);
  _lxcmon_connection_set_timer (self, END_AFTER_EXIT_MS);
}

/**
 * _lxcmon_connection_has_unread:
 *
 * Whether there is something to read. A timeout must not end a connection before it was read: the loop
 * may only have been slow.
 */
bool
_lxcmon_connection_has_unread (const LxcmonConnection *self)
{
  struct pollfd descriptor = { .fd = self->fd, .events = POLLIN };

  return poll (&descriptor, 1, 0) > 0 && descriptor.revents != 0;
}

static bool
keep_alive (LxcmonConnection *self, LxcmonEvent *event, LxcmonError *error)
{
  if (!self->received && self->ping_unanswered && !_lxcmon_connection_has_unread (self))
    {
      _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_TIMED_OUT, 0,
                         "the controller did not answer PING within %u ms: it hangs or is stopped",
                         self->keepalive_interval);
      return _lxcmon_connection_end (self, event, error);
    }

  if (!self->received)
    _lxcmon_sender_add_ping (self);
  self->received = false;
  _lxcmon_connection_set_timer (self, self->keepalive_interval);
  _lxcmon_sender_flush (self);
  return false;
}

/**
 * _lxcmon_connection_on_timer:
 * @self: a connection that the controller has accepted
 * @event: (out): what happened
 * @error: (out): memory for the event's error
 *
 * Handles the timer, which is not set any more.
 *
 * Returns: whether there is an event
 */
bool
_lxcmon_connection_on_timer (LxcmonConnection *self, LxcmonEvent *event, LxcmonError *error)
{
  if (self->state == LXCMON_STATE_ATTACHED)
    return keep_alive (self, event, error);

  if (!_lxcmon_connection_has_unread (self))
    return _lxcmon_connection_end (self, event, NULL);
  _lxcmon_connection_set_timer (self, END_AFTER_EXIT_MS);
  return false;
}
