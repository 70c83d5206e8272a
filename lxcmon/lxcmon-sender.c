/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what is sent to a controller: PING and PONG, and nothing else. Pending messages are counted and
 * not stored, so a peer that sends PINGs and does not read needs no memory.
 *
 * At most one PING is unanswered: a controller that cannot send its PONGs does not exit before we leave.
 * All PINGs that come while nothing can be sent are answered by one PONG.
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-encode.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum
{
  FRAME_SIZE = LXCMON_MESSAGE_LENGTH_MIN, /* PING and PONG have no payload */
  FRAMES_PER_SEND = 64,
};

/* Where the kernel is short of memory, the socket is writable all the time. */
#define SHORTAGE_PAUSE_MS 100

/**
 * _lxcmon_sender_add_ping:
 *
 * Adds a PING, unless one is unanswered.
 */
void
_lxcmon_sender_add_ping (LxcmonConnection *self)
{
  if (self->ping_unanswered)
    return;

  self->ping_pending = true;
  self->ping_unanswered = true;
}

/**
 * _lxcmon_sender_add_pong:
 *
 * Adds a PONG.
 */
void
_lxcmon_sender_add_pong (LxcmonConnection *self)
{
  if (self->n_pongs_pending < UINT16_MAX)
    self->n_pongs_pending++;
}

/* Encodes the next pending messages, beginning with the whole of the first one. A PING is sent first, but
 * not in the middle of a PONG. Returns the number of bytes. */
static size_t
fill (LxcmonConnection *self, uint8_t *buffer)
{
  size_t n_frames = 0;

  if (self->n_sent_of_first == 0)
    self->first_is_ping = self->ping_pending;
  if (self->first_is_ping)
    {
      (void) lxcmon_encode_ping (buffer, FRAME_SIZE);
      n_frames++;
    }
  for (unsigned int i = 0; i < self->n_pongs_pending && n_frames < FRAMES_PER_SEND; i++, n_frames++)
    (void) lxcmon_encode_pong (buffer + n_frames * FRAME_SIZE, FRAME_SIZE);

  return n_frames * FRAME_SIZE;
}

/* Removes what was sent: @n bytes after those of the first message that were sent before. */
static void
count_sent (LxcmonConnection *self, size_t n)
{
  size_t n_frames = (self->n_sent_of_first + n) / FRAME_SIZE;

  self->n_sent_of_first = (uint8_t) ((self->n_sent_of_first + n) % FRAME_SIZE);
  if (self->first_is_ping && n_frames > 0)
    {
      self->first_is_ping = false;
      self->ping_pending = false;
      n_frames--;
    }
  self->n_pongs_pending = (uint16_t) (self->n_pongs_pending - n_frames);
}

static void
set_blocked (LxcmonConnection *self, bool blocked)
{
  if (self->send_blocked == blocked)
    return;

  self->send_blocked = blocked;
  _lxcmon_poller_watch_writable (self->poller, self->fd, self, blocked);
}

/* Sends the rest later. By then one answer is as good as many. */
static void
wait_for_room (LxcmonConnection *self, bool is_full)
{
  if (self->n_pongs_pending > 1)
    self->n_pongs_pending = 1;
  set_blocked (self, is_full);
  if (!is_full)
    _lxcmon_poller_set_timer (self->poller, &self->timers[LXCMON_TIMER_SEND], SHORTAGE_PAUSE_MS);
}

/**
 * _lxcmon_sender_flush:
 *
 * Sends what is pending, as far as that is possible now; the rest is sent when the socket is writable, or after a
 * pause where the kernel is short of memory. It is not an error if the peer has hung up: the reader notices, after it has read what the peer had sent.
 */
void
_lxcmon_sender_flush (LxcmonConnection *self)
{
  uint8_t buffer[FRAMES_PER_SEND * FRAME_SIZE];

  while (_lxcmon_sender_has_pending (self))
    {
      size_t size = fill (self, buffer) - self->n_sent_of_first;
      ssize_t n
          = send (self->fd, buffer + self->n_sent_of_first, size, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
        {
          wait_for_room (self, errno == EAGAIN);
          return;
        }
      if (n < 0)
        {
          self->ping_pending = false;
          self->n_pongs_pending = 0;
          self->n_sent_of_first = 0;
          break;
        }
      count_sent (self, (size_t) n);
    }

  set_blocked (self, false);
}
