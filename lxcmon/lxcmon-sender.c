/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what goes to a controller: PING and PONG, and nothing else. What is due is counted and never
 * stored, so that a peer which asks and does not read costs nothing.
 *
 * One PING at the most is unanswered: a controller that cannot get rid of its PONGs does not exit
 * before we go. PINGs that come while nothing can be sent are answered by one PONG together.
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-encode.h"
#include "lxcmon-hub-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum
{
  FRAME_SIZE = LXCMON_MESSAGE_LENGTH_MIN, /* PING and PONG have no payload */
  FRAMES_PER_SEND = 64,
};

/**
 * _lxcmon_sender_add_ping:
 *
 * Makes a PING due, unless one is unanswered.
 */
void
_lxcmon_sender_add_ping (LxcmonConnection *self)
{
  if (self->ping_unanswered)
    return;

  self->ping_due = true;
  self->ping_unanswered = true;
}

/**
 * _lxcmon_sender_add_pong:
 *
 * Makes a PONG due.
 */
void
_lxcmon_sender_add_pong (LxcmonConnection *self)
{
  if (self->n_pongs_due < UINT16_MAX)
    self->n_pongs_due++;
}

/* Writes the next messages that are due, from the start of the first one. A PING goes first, but
 * never into the middle of a PONG. Returns how many bytes there are. */
static size_t
fill (LxcmonConnection *self, uint8_t *buffer)
{
  size_t n_frames = 0;

  if (self->n_sent_of_first == 0)
    self->first_is_ping = self->ping_due;
  if (self->first_is_ping)
    {
      (void) lxcmon_encode_ping (buffer, FRAME_SIZE);
      n_frames++;
    }
  for (unsigned int i = 0; i < self->n_pongs_due && n_frames < FRAMES_PER_SEND; i++, n_frames++)
    (void) lxcmon_encode_pong (buffer + n_frames * FRAME_SIZE, FRAME_SIZE);

  return n_frames * FRAME_SIZE;
}

/* Counts @n bytes as sent, that followed those which had been sent of the first message. */
static void
count_sent (LxcmonConnection *self, size_t n)
{
  size_t n_frames = (self->n_sent_of_first + n) / FRAME_SIZE;

  self->n_sent_of_first = ((self->n_sent_of_first + n) % FRAME_SIZE) & 31u;
  if (self->first_is_ping && n_frames > 0)
    {
      self->first_is_ping = false;
      self->ping_due = false;
      n_frames--;
    }
  self->n_pongs_due = (uint16_t) (self->n_pongs_due - n_frames);
}

static void
set_blocked (LxcmonConnection *self, bool blocked)
{
  if (self->send_blocked == blocked)
    return;

  self->send_blocked = blocked;
  if (self->hub != NULL)
    _lxcmon_hub_watch_writable (self->hub, self, blocked);
}

/**
 * _lxcmon_sender_flush:
 *
 * Sends what is due, as far as it can be sent now; the rest goes when the socket is writable. A peer
 * that has gone is no error here: reading tells, after what it still had to say.
 */
void
_lxcmon_sender_flush (LxcmonConnection *self)
{
  uint8_t buffer[FRAMES_PER_SEND * FRAME_SIZE];

  while (_lxcmon_sender_is_due (self))
    {
      size_t size = fill (self, buffer) - self->n_sent_of_first;
      ssize_t n
          = send (self->fd, buffer + self->n_sent_of_first, size, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
        {
          /* One answer is as good as many, later. */
          if (self->n_pongs_due > 1)
            self->n_pongs_due = 1;
          set_blocked (self, true);
          return;
        }
      if (n < 0)
        {
          self->ping_due = false;
          self->n_pongs_due = 0;
          self->n_sent_of_first = 0;
          break;
        }
      count_sent (self, (size_t) n);
    }

  set_blocked (self, false);
}
