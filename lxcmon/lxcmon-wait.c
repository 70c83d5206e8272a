/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the one call of the core that blocks: until the controller serves us. It looks at what has
 * come without taking it, so that every message is still there for the loop afterwards.
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-error-private.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* Where the start of a message has come and the rest has not, there is nothing to poll for: the
 * descriptor is readable all the time. */
#define PARTIAL_PAUSE_MS 10

typedef enum
{
  PEEK_SERVED,
  PEEK_NOTHING,
  PEEK_PARTIAL,
  PEEK_ENDED, /* the connection has ended, with an error */
} PeekResult;

/* Whether the peer has said all that it will ever say. */
static bool
has_hung_up (const LxcmonConnection *self)
{
  struct pollfd descriptor = { .fd = self->fd, .events = POLLRDHUP };

  return poll (&descriptor, 1, 0) > 0 && descriptor.revents != 0;
}

/* Judges the first bytes by a decoder of their own. A header that makes sense is enough; @is_all tells
 * that no more will come. */
static PeekResult
judge_bytes (LxcmonConnection *self, const uint8_t *bytes, size_t n, bool is_all)
{
  uint8_t kept[LXCMON_DECODER_KEPT_MAX];
  LxcmonDecoder decoder = { .kept = kept };
  LxcmonMessage message;
  LxcmonError error;

  LxcmonDecodeResult result = lxcmon_decoder_next (&decoder, &bytes, &n, &message, &error);
  if (result == LXCMON_DECODE_ERROR)
    {
      _lxcmon_connection_end (self, &error);
      return PEEK_ENDED;
    }
  if (result == LXCMON_DECODE_NEED_MORE && !_lxcmon_decoder_peek_kind (&decoder, &message.kind))
    {
      if (!is_all || lxcmon_decoder_finish (&decoder, &error))
        return PEEK_PARTIAL;
      _lxcmon_connection_end (self, &error);
      return PEEK_ENDED;
    }

  _lxcmon_connection_become_attached (self, message.kind);
  return PEEK_SERVED;
}

static PeekResult
peek (LxcmonConnection *self)
{
  uint8_t bytes[LXCMON_DECODER_KEPT_MAX];
  LxcmonError error;
  /* Asked before the bytes: those that it sent until then have come. */
  bool is_all = has_hung_up (self);
  ssize_t n = recv (self->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

  if (n > 0)
    return judge_bytes (self, bytes, (size_t) n, is_all);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return PEEK_NOTHING;

  if (n < 0 && errno != ECONNRESET)
    _lxcmon_error_set_system (&error, errno, "cannot read from the controller");
  else
    _lxcmon_error_set (&error, LXCMON_MONITOR_ERROR_LOST, n < 0 ? ECONNRESET : 0,
                       "the controller went before it served us");
  _lxcmon_connection_end (self, &error);
  return PEEK_ENDED;
}

/* Polls until the socket is readable, the timer is over, or the wait is cancelled. Returns whether it
 * is cancelled. */
static bool
poll_once (LxcmonConnection *self, int cancel_fd, bool partial)
{
  struct pollfd descriptors[] = {
    { .fd = cancel_fd, .events = POLLIN },
    { .fd = partial ? -1 : self->fd, .events = POLLIN },
  };
  int timeout = lxcmon_connection_get_timeout (self);

  if (partial && (timeout < 0 || timeout > PARTIAL_PAUSE_MS))
    timeout = PARTIAL_PAUSE_MS;
  int n = poll (descriptors, 2, timeout);
  return n > 0 && descriptors[0].revents != 0;
}

static bool
wait_loop (LxcmonConnection *self, int cancel_fd, LxcmonError *error)
{
  PeekResult result = PEEK_NOTHING;

  for (;;)
    {
      if (self->fd >= 0)
        result = peek (self);
      if (self->state == LXCMON_STATE_ATTACHED)
        return true;
      if (self->state == LXCMON_STATE_DETACHED)
        {
          *error = *lxcmon_connection_get_error (self);
          return false;
        }
      if (poll_once (self, cancel_fd, result == PEEK_PARTIAL))
        return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, ECANCELED,
                                  "the wait for the controller was cancelled");
      if (lxcmon_connection_get_timeout (self) == 0)
        {
          _lxcmon_connection_clear_timer (self);
          _lxcmon_connection_on_timer (self);
        }
    }
}

/**
 * lxcmon_connection_wait_attached:
 * @self: a connection that is attaching
 * @cancel_fd: a descriptor that ends the wait when it becomes readable, or -1
 * @error: (out) (optional): where the error goes
 *
 * Blocks until the controller serves us or the attach has failed. It polls the connection's own
 * descriptor, takes nothing from it and calls nothing back: INIT and what else has come is delivered
 * by the loop afterwards.
 *
 * Returns: whether we are served. Where the wait was cancelled, @error has the errno ECANCELED and
 *   the connection goes on attaching; otherwise its state is %LXCMON_STATE_DETACHED
 *
 * Since: 0.1
 */
bool
lxcmon_connection_wait_attached (LxcmonConnection *self, int cancel_fd, LxcmonError *error)
{
  LxcmonError why;

  if (self->state == LXCMON_STATE_ATTACHED || self->state == LXCMON_STATE_EXITED)
    return true;
  LxcmonAttempt *attempt = _lxcmon_connection_get_attempt (self);
  if (attempt == NULL || self->reader != NULL || _lxcmon_connection_was_forked (self))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
                              "cannot wait to be served: the connection is not attaching");

  attempt->quiet = true;
  bool served = wait_loop (self, cancel_fd, &why);
  attempt = _lxcmon_connection_get_attempt (self);
  if (attempt != NULL)
    attempt->quiet = false;
  if (!served && error != NULL)
    *error = why;

  return served;
}
