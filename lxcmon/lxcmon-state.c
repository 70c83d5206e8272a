/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a connection's states, its ends, its timer, and the order in which its user hears of them.
 * Refuses paths and looks (lxcmon-attach.c) and bytes (lxcmon-reader.c, lxcmon-sender.c).
 *
 * A callback may free the connection, so calling out is always the last thing that a function does
 * with it.
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fork-private.h"
#include "lxcmon-hub-private.h"
#include "lxcmon-process.h"
#include "lxcmon-reader-private.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* End of file follows EXIT at once; a controller that stays is hung, and has nothing more to say. */
#define END_AFTER_EXIT_MS 5000

#define EDGE(state) (1u << LXCMON_STATE_##state)

static const unsigned int allowed_edges[] = {
  [LXCMON_STATE_DETACHED] = EDGE (CONNECTING),
  [LXCMON_STATE_CONNECTING] = EDGE (QUEUED) | EDGE (DETACHED),
  [LXCMON_STATE_QUEUED] = EDGE (ATTACHED) | EDGE (DETACHED),
  [LXCMON_STATE_ATTACHED] = EDGE (EXITED) | EDGE (CLOSED) | EDGE (DETACHED),
  [LXCMON_STATE_EXITED] = EDGE (CLOSED) | EDGE (DETACHED),
  [LXCMON_STATE_CLOSED] = EDGE (CONNECTING) | EDGE (DETACHED),
};

/* Stands in for an error that there was no memory to keep. */
static const LxcmonError error_no_memory
    = { LXCMON_MONITOR_ERROR_FAILED, ENOMEM,
        "the connection ended, and there was no memory left to "
        "keep why" };

void
_lxcmon_connection_log (LxcmonConnection *self, LxcmonLogLevel level, const char *format, ...)
{
  char message[LXCMON_ERROR_MESSAGE_SIZE];
  va_list args;

  if (self->callbacks->log == NULL || (level == LXCMON_LOG_DEBUG && !self->debug))
    return;

  va_start (args, format);
  vsnprintf (message, sizeof message, format, args);
  va_end (args);
  self->callbacks->log (self, level, message, self->user_data);
}

/**
 * _lxcmon_connection_set_state:
 *
 * The one place where the state changes. An edge that the table does not have is a mistake of ours.
 */
void
_lxcmon_connection_set_state (LxcmonConnection *self, LxcmonState state)
{
  LxcmonState old = self->state;

  assert ((allowed_edges[old] & (1u << state)) != 0);
  self->state = state & 7u;
  self->changes |= LXCMON_CHANGE_STATE;
  _lxcmon_connection_log (self, LXCMON_LOG_DEBUG, "%s → %s", lxcmon_state_to_string (old),
                          lxcmon_state_to_string (state));
}

bool
_lxcmon_connection_was_forked (const LxcmonConnection *self)
{
  return self->fork_generation != (uint16_t) _lxcmon_fork_generation ();
}

void
_lxcmon_connection_clear_timer (LxcmonConnection *self)
{
  if (self->hub != NULL)
    _lxcmon_hub_clear_timer (self->hub, self);
  self->timer_index = LXCMON_TIMER_NONE;
}

/**
 * _lxcmon_connection_set_timer:
 *
 * Sets the connection's one timer, in place of any that was set.
 */
void
_lxcmon_connection_set_timer (LxcmonConnection *self, unsigned int ms)
{
  self->deadline = _lxcmon_clock_now () + (int64_t) ms * LXCMON_NS_PER_MS;
  if (self->hub != NULL)
    _lxcmon_hub_set_timer (self->hub, self);
  else
    self->timer_index = 0;
}

/* Gives back all that belongs to being attached. Out of epoll first, or a forked child's copy would
 * keep the socket there; then the shutdown, that a child's copy cannot delay, unless the peer has gone
 * anyway; the descriptor last, behind all that is ready now. In the child itself, the descriptor is all
 * there is to give back. */
void
_lxcmon_connection_leave (LxcmonConnection *self)
{
  bool foreign = _lxcmon_connection_was_forked (self);

  if (!_lxcmon_connection_is_attached (self))
    return;
  if (self->reader != NULL)
    _lxcmon_reader_leave (self->reader);
  _lxcmon_connection_drop_attempt (self);
  _lxcmon_decoder_drop_kept (&self->decoder);

  int fd = self->fd;
  if (self->hub != NULL && !foreign)
    _lxcmon_hub_remove (self->hub, self);
  self->timer_index = LXCMON_TIMER_NONE;
  self->fd = -1;
  if (fd < 0)
    return;

  if (!foreign && !self->hung_up)
    shutdown (fd, SHUT_RDWR);
  if (self->hub != NULL && !foreign)
    _lxcmon_hub_close_later (self->hub, fd);
  else
    close (fd);
}

void
_lxcmon_connection_forget_error (LxcmonConnection *self)
{
  if (self->error != &error_no_memory)
    free (self->error);
  self->error = NULL;
}

static void
keep_error (LxcmonConnection *self, const LxcmonError *error)
{
  _lxcmon_connection_forget_error (self);
  self->error = malloc (sizeof *error);
  if (self->error != NULL)
    *self->error = *error;
  else
    self->error = (LxcmonError *) &error_no_memory;
}

static void
emit_closed (LxcmonConnection *self, const LxcmonError *error)
{
  if (self->callbacks->closed != NULL)
    self->callbacks->closed (self, error, self->user_data);
}

static void
emit_failed (LxcmonConnection *self, const LxcmonError *error)
{
  if (self->callbacks->failed != NULL)
    self->callbacks->failed (self, error, self->user_data);
}

/**
 * _lxcmon_connection_end:
 * @self: an attached connection; it may be gone afterwards
 * @error: (nullable): why it ends; may be %NULL only behind EXIT
 *
 * The one place where an attach ends by itself: it fails where it was not served yet, and is closed
 * otherwise. What goes wrong behind EXIT is of no interest: the container has ended, and that is known.
 */
void
_lxcmon_connection_end (LxcmonConnection *self, const LxcmonError *error)
{
  LxcmonError why;
  bool quiet = self->attempt != NULL && self->attempt->quiet;

  if (self->state == LXCMON_STATE_EXITED)
    {
      _lxcmon_connection_leave (self);
      _lxcmon_connection_set_state (self, LXCMON_STATE_CLOSED);
      emit_closed (self, NULL);
      return;
    }

  why = *error;
  bool served = self->state == LXCMON_STATE_ATTACHED;
  _lxcmon_connection_log (self, LXCMON_LOG_DEBUG, "%s: %s",
                          lxcmon_monitor_error_to_string (why.code), why.message);
  _lxcmon_connection_leave (self);
  keep_error (self, &why);
  _lxcmon_connection_set_state (self, served ? LXCMON_STATE_CLOSED : LXCMON_STATE_DETACHED);
  if (served)
    emit_closed (self, &why);
  else if (!quiet)
    emit_failed (self, &why);
}

/**
 * _lxcmon_connection_become_attached:
 * @self: a connection that waits; it may be gone afterwards
 * @first: what the controller's first message is
 *
 * The controller has shown that it serves us. INIT goes to its very first client only: who meets
 * anything else as the first message came late, and has to find the init pid by other means.
 */
void
_lxcmon_connection_become_attached (LxcmonConnection *self, LxcmonMessageKind first)
{
  bool quiet = self->attempt != NULL && self->attempt->quiet;

  _lxcmon_connection_clear_timer (self);
  _lxcmon_connection_drop_attempt (self);
  self->late = first != LXCMON_MESSAGE_INIT;
  if (self->late)
    _lxcmon_connection_note_init_pid (self, lxcmon_process_find_init (self->controller_pid));
  _lxcmon_connection_set_state (self, LXCMON_STATE_ATTACHED);
  if (self->keepalive_interval > 0)
    _lxcmon_connection_set_timer (self, self->keepalive_interval);
  if (!quiet && self->callbacks->attached != NULL)
    self->callbacks->attached (self, self->user_data);
}

/**
 * _lxcmon_connection_become_exited:
 * @self: a connection that is served
 * @end_is_near: whether end of file is known to follow at once, so that waiting for it needs no timer
 *
 * The first EXIT has come.
 */
void
_lxcmon_connection_become_exited (LxcmonConnection *self, bool end_is_near)
{
  _lxcmon_connection_set_state (self, LXCMON_STATE_EXITED);
  if (end_is_near)
    _lxcmon_connection_clear_timer (self);
  else
    _lxcmon_connection_set_timer (self, END_AFTER_EXIT_MS);
}

/* Whether bytes have come that were not read yet: nobody is judged before they are. */
bool
_lxcmon_connection_has_unread (const LxcmonConnection *self)
{
  struct pollfd descriptor = { .fd = self->fd, .events = POLLIN };

  return poll (&descriptor, 1, 0) > 0 && descriptor.revents != 0;
}

static void
keep_alive (LxcmonConnection *self)
{
  LxcmonError error;

  if (!self->heard && self->ping_unanswered && !_lxcmon_connection_has_unread (self))
    {
      _lxcmon_error_set (&error, LXCMON_MONITOR_ERROR_TIMED_OUT, 0,
                         "the controller did not answer PING within %u ms: it hangs or is stopped",
                         self->keepalive_interval);
      _lxcmon_connection_end (self, &error);
      return;
    }

  if (!self->heard)
    _lxcmon_sender_add_ping (self);
  self->heard = false;
  _lxcmon_connection_set_timer (self, self->keepalive_interval);
  if (_lxcmon_sender_is_due (self))
    _lxcmon_sender_flush (self);
}

/**
 * _lxcmon_connection_on_timer:
 *
 * The connection's timer has gone off, and is set no more. The connection may be gone afterwards.
 */
void
_lxcmon_connection_on_timer (LxcmonConnection *self)
{
  switch ((LxcmonState) self->state)
    {
    case LXCMON_STATE_CONNECTING:
    case LXCMON_STATE_QUEUED:
      _lxcmon_attach_on_timer (self);
      break;
    case LXCMON_STATE_ATTACHED:
      keep_alive (self);
      break;
    case LXCMON_STATE_EXITED:
      if (_lxcmon_connection_has_unread (self))
        _lxcmon_connection_set_timer (self, END_AFTER_EXIT_MS);
      else
        _lxcmon_connection_end (self, NULL);
      break;
    case LXCMON_STATE_DETACHED:
    case LXCMON_STATE_CLOSED:
    default:
      break;
    }
}
