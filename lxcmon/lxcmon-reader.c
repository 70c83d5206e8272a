/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what comes from a controller: one recv into a buffer that is shared, every whole message in
 * it decoded where it lies and handed on, in order, before anything is said of the stream's end.
 *
 * A Unix socket keeps what was sent after the sender has gone: recv gives the bytes first, then
 * ECONNRESET once where the peer had bytes of ours unread, then 0. So nothing is ever lost by reading
 * on, and SO_ERROR is never asked, which would eat the ECONNRESET.
 */

#include "lxcmon-reader-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-event-private.h"

#include <errno.h>
#include <sys/socket.h>

/**
 * _lxcmon_reader_leave:
 *
 * Takes a reader and its connection apart; what was not handed on yet is dropped.
 */
void
_lxcmon_reader_leave (LxcmonReader *self)
{
  if (self->connection != NULL)
    self->connection->reader = NULL;
  self->connection = NULL;
  self->cursor = self->counted = self->end = self->buffer;
  self->has_pending = false;
}

/* INIT has come. The connection may be gone afterwards. */
static inline void
handle_init (LxcmonConnection *self, const LxcmonCallbacks *callbacks, int pid)
{
  _lxcmon_connection_note_init_pid (self, pid);
  if (callbacks->init != NULL)
    callbacks->init (self, pid, self->user_data);
}

/* EXIT has come. The connection may be gone afterwards. */
static inline void
handle_exit (LxcmonConnection *self, const LxcmonCallbacks *callbacks, int raw, bool end_is_near)
{
  /* Once it has exited, another EXIT can change the number alone. */
  if (self->exit_raw != raw || !self->exited)
    {
      _lxcmon_connection_note_exit (self, true, raw);
      if (self->state == LXCMON_STATE_ATTACHED)
        _lxcmon_connection_become_exited (self, end_is_near);
    }
  if (callbacks->exit != NULL)
    callbacks->exit (self, _lxcmon_event_name_exit (raw), raw, self->user_data);
}

static void
handle (LxcmonReader *self, LxcmonConnection *connection, const LxcmonMessage *message)
{
  switch (message->kind)
    {
    case LXCMON_MESSAGE_INIT:
      handle_init (connection, connection->callbacks, message->pid);
      break;
    case LXCMON_MESSAGE_EXIT:
      handle_exit (connection, connection->callbacks, message->exit_raw, self->until_end);
      break;
    case LXCMON_MESSAGE_PING:
      _lxcmon_sender_add_pong (connection);
      break;
    case LXCMON_MESSAGE_PONG:
      connection->ping_unanswered = false;
      break;
    case LXCMON_MESSAGE_SKIPPED:
    default:
      connection->changes |= LXCMON_CHANGE_SKIPPED;
      _lxcmon_connection_log (connection, LXCMON_LOG_DEBUG,
                              "skipped the message at offset %llu: program 0x%08lx version %lu "
                              "procedure %ld type %ld status %ld, %lu bytes",
                              (unsigned long long) message->offset,
                              (unsigned long) message->program, (unsigned long) message->version,
                              (long) message->procedure, (long) message->type,
                              (long) message->status, (unsigned long) message->length);
      break;
    }
}

/* Whether a callback has left the reader, entered it again, or forked. The first two move the cursor. */
static inline bool
is_disturbed (const LxcmonReader *self, const LxcmonConnection *connection, const uint8_t *cursor)
{
  return self->cursor != cursor || _lxcmon_connection_was_forked_now (connection);
}

/* The short way of events, from the buffer to the callbacks, as long as there are plain ones. Where the
 * next one begins is in the reader for whoever enters it, and in a register for us: reading back each time
 * what was just written would take longer than the rest. */
static void
deliver_events (LxcmonReader *self, LxcmonConnection *connection)
{
  const LxcmonCallbacks *callbacks = connection->callbacks;
  const uint8_t *end = self->end;
  const uint8_t *frame = self->cursor, *before;

  if (connection->state == LXCMON_STATE_QUEUED || connection->decoder.n_kept > 0)
    return;

  /* INIT and EXIT come in turn, and are looked for in turn: what a processor has to guess is always the same
   * then. */
  do
    {
      before = frame;
      if (_lxcmon_event_is_init (frame, (size_t) (end - frame)))
        {
          int pid = _lxcmon_event_get_pid (frame);
          self->cursor = frame += LXCMON_EVENT_INIT_LENGTH;
          handle_init (connection, callbacks, pid);
          if (is_disturbed (self, connection, frame))
            return;
        }
      if (_lxcmon_event_is_exit (frame, (size_t) (end - frame)))
        {
          int raw = _lxcmon_event_get_exit_raw (frame);
          self->cursor = frame += LXCMON_EVENT_EXIT_LENGTH;
          handle_exit (connection, callbacks, raw, self->until_end);
          if (is_disturbed (self, connection, frame))
            return;
        }
    }
  while (frame != before);
}

/* Where in the stream we are is of interest to the decoder alone, and counted before it is asked. */
static void
count_bytes (LxcmonReader *self, LxcmonConnection *connection)
{
  connection->decoder.offset += (size_t) (self->cursor - self->counted);
  self->counted = self->cursor;
}

/* The long way of the next message. Returns whether there is one in @message; where not, all is delivered,
 * or the connection has ended. */
static bool
decode (LxcmonReader *self, LxcmonConnection *connection, LxcmonMessage *message)
{
  LxcmonError error;

  if (self->cursor == self->end)
    return false;
  LxcmonDecodeResult result
      = _lxcmon_decoder_step (&connection->decoder, &self->cursor, self->end, message, &error);
  self->counted = self->cursor;
  if (connection->decoder.n_kept == 0 && connection->decoder.kept != NULL)
    _lxcmon_decoder_drop_kept (&connection->decoder);
  if (result == LXCMON_DECODE_ERROR)
    _lxcmon_connection_end (connection, &error);
  return result == LXCMON_DECODE_MESSAGE;
}

/* Hands on what is in the buffer. A callback may do anything, so after each nothing is believed but
 * what the reader says; and where it has forked, the child has nothing to do with the rest. */
static void
deliver (LxcmonReader *self)
{
  LxcmonMessage message;

  while (self->connection != NULL)
    {
      if (_lxcmon_connection_was_forked_now (self->connection))
        {
          _lxcmon_reader_leave (self);
          return;
        }
      LxcmonConnection *connection = self->connection;
      if (!self->has_pending)
        deliver_events (self, connection);
      if (self->connection != connection || _lxcmon_connection_was_forked_now (connection))
        continue;

      count_bytes (self, connection);
      if (self->has_pending)
        message = self->pending;
      else if (!decode (self, connection, &message))
        return;
      self->has_pending = false;

      if (connection->state == LXCMON_STATE_QUEUED)
        {
          /* The first message makes two callbacks: it waits here while the first of them runs. */
          self->pending = message;
          self->has_pending = true;
          _lxcmon_connection_become_attached (connection, message.kind);
          continue;
        }
      handle (self, connection, &message);
    }
}

/* The stream has ended, and all that was in it is delivered. */
static void
end_of_stream (LxcmonConnection *connection, int read_errno)
{
  LxcmonError error;

  if (connection->state == LXCMON_STATE_EXITED)
    {
      /* As it should be: there is nothing to say, and saying it would take longer than the end itself. */
      _lxcmon_connection_end (connection, NULL);
      return;
    }
  if (lxcmon_decoder_finish (&connection->decoder, &error))
    _lxcmon_error_set (&error, LXCMON_MONITOR_ERROR_LOST, read_errno,
                       connection->state == LXCMON_STATE_QUEUED
                           ? "the controller went before it served us"
                           : "the controller went without EXIT: how the container ended is not "
                             "known");
  _lxcmon_connection_end (connection, &error);
}

static void
fail_to_read (LxcmonConnection *connection, int read_errno)
{
  LxcmonError error;

  _lxcmon_error_set_system (&error, read_errno, "cannot read from the controller");
  _lxcmon_connection_end (connection, &error);
}

/* Reads once. Returns whether there is something to deliver; where not, the connection has left the
 * reader or ended. */
static bool
read_more (LxcmonReader *self)
{
  LxcmonConnection *connection = self->connection;
  ssize_t n;

  do
    n = recv (connection->fd, self->buffer, self->size, 0);
  while (n < 0 && errno == EINTR);

  if (n > 0)
    {
      self->cursor = self->counted = self->buffer;
      self->end = self->buffer + n;
      self->n_read += (size_t) n;
      /* A buffer that is full has left something behind: reading on costs one call, and coming back
       * three. */
      self->again
          = self->until_end || ((size_t) n == self->size && !_lxcmon_reader_has_enough (self));
      connection->heard = true;
      return true;
    }

  int read_errno = n < 0 ? errno : 0;
  _lxcmon_reader_leave (self);
  if (read_errno == 0 || read_errno == ECONNRESET)
    end_of_stream (connection, read_errno);
  else if (read_errno != EAGAIN)
    fail_to_read (connection, read_errno);
  return false;
}

/**
 * _lxcmon_reader_begin:
 * @self: a reader that is idle
 * @connection: an attached connection that no reader works on
 * @until_end: whether the peer has hung up, so that all that is left must be read now
 *
 * Gives a reader a connection to read from; _lxcmon_reader_run() does it.
 */
void
_lxcmon_reader_begin (LxcmonReader *self, LxcmonConnection *connection, bool until_end)
{
  self->connection = connection;
  connection->reader = self;
  self->cursor = self->counted = self->end = self->buffer;
  self->has_pending = false;
  self->until_end = until_end;
  self->again = true;
}

/**
 * _lxcmon_reader_run:
 *
 * Delivers what is in the buffer, then reads and delivers: as long as the buffer gets full and the
 * dispatch has not read enough, or to the end of file where the peer has hung up. Afterwards the reader is idle. The connection may be gone then.
 */
void
_lxcmon_reader_run (LxcmonReader *self)
{
  for (;;)
    {
      deliver (self);
      if (self->connection == NULL)
        return;

      if (_lxcmon_sender_is_due (self->connection))
        _lxcmon_sender_flush (self->connection);
      if (!self->again)
        {
          _lxcmon_reader_leave (self);
          return;
        }
      if (!read_more (self))
        return;
    }
}
