/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the conversion of bytes into events: bytes are received into the shared buffer, messages are
 * decoded in it, and each message is converted into an event before the next one is decoded.
 *
 * A Unix socket keeps what was sent after the sender has gone: recv returns the bytes first, then
 * ECONNRESET once if the peer had not read something of ours, then 0. So nothing is lost by reading on.
 * SO_ERROR must not be queried: this would clear the ECONNRESET.
 */

#include "lxcmon-reader-private.h"
#include "lxcmon-error-private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

/**
 * _lxcmon_reader_begin:
 * @self: a reader without a connection
 * @connection: a connection that is ready
 * @hung_up: whether its peer has hung up, so that all that is left must be read now
 *
 * Begins to read from a connection.
 */
void
_lxcmon_reader_begin (LxcmonReader *self, LxcmonConnection *connection, bool hung_up)
{
  self->connection = connection;
  self->hung_up = hung_up;
  self->read_on = true;
  self->has_kept = false;
  self->n_left = 0;
}

/**
 * _lxcmon_reader_forget:
 *
 * Drops what was read from a connection and not returned yet.
 */
void
_lxcmon_reader_forget (LxcmonReader *self, const LxcmonConnection *connection)
{
  if (self->connection == connection)
    self->connection = NULL;
}

static bool
end (LxcmonReader *self, LxcmonEvent *event, const LxcmonError *error)
{
  LxcmonConnection *connection = self->connection;

  self->connection = NULL;
  return _lxcmon_connection_end (connection, event, error);
}

static void
log_skipped (LxcmonConnection *self, const LxcmonMessage *message)
{
  _lxcmon_connection_log (self, LXCMON_LOG_DEBUG,
                          "skipped the message at offset %llu: program 0x%08lx version %lu "
                          "procedure %ld type %ld status %ld, %lu bytes",
                          (unsigned long long) message->offset, (unsigned long) message->program,
                          (unsigned long) message->version, (long) message->procedure,
                          (long) message->type, (long) message->status,
                          (unsigned long) message->length);
}

/* Handles a message. Returns whether it makes an event. */
static bool
handle (LxcmonConnection *self, const LxcmonMessage *message, LxcmonEvent *event)
{
  switch (message->kind)
    {
    case LXCMON_MESSAGE_INIT:
      _lxcmon_connection_set_init (self, message->pid);
      _lxcmon_event_set (event, LXCMON_EVENT_INIT, self);
      event->pid = message->pid;
      return true;
    case LXCMON_MESSAGE_EXIT:
      self->exited = true;
      self->exit_raw = message->exit_raw;
      if (self->state == LXCMON_STATE_ATTACHED)
        _lxcmon_connection_become_exited (self);
      _lxcmon_event_set (event, LXCMON_EVENT_EXIT, self);
      event->raw = message->exit_raw;
      event->status = lxcmon_exit_status_from_raw (message->exit_raw);
      return true;
    case LXCMON_MESSAGE_PING:
      _lxcmon_sender_add_pong (self);
      return false;
    case LXCMON_MESSAGE_PONG:
      self->ping_unanswered = false;
      return false;
    case LXCMON_MESSAGE_SKIPPED:
    default:
      log_skipped (self, message);
      return false;
    }
}

/* Decodes the next message in the buffer and handles it. The first one makes two events: it is kept while
 * the first of them, ATTACHED, is handled. Returns whether there is an event. */
static bool
decode (LxcmonReader *self, LxcmonEvent *event, LxcmonError *error)
{
  LxcmonConnection *connection = self->connection;
  LxcmonMessage *message = &self->kept;

  if (!self->has_kept)
    switch (
        lxcmon_decoder_next (&connection->decoder, &self->cursor, &self->n_left, message, error))
      {
      case LXCMON_DECODE_MESSAGE:
        break;
      case LXCMON_DECODE_NEED_MORE:
        return false;
      case LXCMON_DECODE_ERROR:
      default:
        return end (self, event, error);
      }

  self->has_kept = connection->state == LXCMON_STATE_QUEUED;
  if (!self->has_kept)
    return handle (connection, message, event);
  _lxcmon_connection_become_attached (connection, message->kind);
  return _lxcmon_event_set (event, LXCMON_EVENT_ATTACHED, connection);
}

/* We have hung up ourselves. */
static void
explain_yielding (const LxcmonConnection *self, LxcmonError *error)
{
  int pid = self->driver.dir->driver.pid;
  char who[32] = "";

  if (pid > 0)
    snprintf (who, sizeof who, " (pid %d)", pid);
  _lxcmon_error_set (
      error, LXCMON_MONITOR_ERROR_BUSY, 0,
      "libvirtd has started%s and needs the controller's one client slot: without it, it "
      "would not see the container's end",
      who);
}

/* There is nothing more to read, and all events before that were returned. */
static bool
handle_end_of_file (LxcmonReader *self, int read_errno, LxcmonEvent *event, LxcmonError *error)
{
  LxcmonConnection *connection = self->connection;

  if (connection->driver.yielded)
    explain_yielding (connection, error);
  else if (connection->state != LXCMON_STATE_EXITED
           && lxcmon_decoder_finish (&connection->decoder, error))
    _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_LOST, read_errno,
                       connection->state == LXCMON_STATE_QUEUED
                           ? "the controller closed the connection without accepting it"
                           : "the controller closed the connection without EXIT: how the container "
                             "ended is not known");
  return end (self, event, error);
}

/* Reads once: more than that only if the peer has hung up. Returns whether that makes an event, which it
 * does at the end of file. */
static bool
read_more (LxcmonReader *self, LxcmonEvent *event, LxcmonError *error)
{
  ssize_t n;

  do
    n = recv (self->connection->fd, self->buffer, sizeof self->buffer, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);

  if (n > 0)
    {
      self->cursor = self->buffer;
      self->n_left = (size_t) n;
      self->read_on = self->hung_up;
      self->connection->received = true;
      return false;
    }
  if (n == 0 || errno == ECONNRESET)
    return handle_end_of_file (self, n == 0 ? 0 : errno, event, error);
  if (errno == EAGAIN)
    {
      self->connection = NULL;
      return false;
    }
  _lxcmon_error_set_system (error, errno, "cannot read from the controller");
  return end (self, event, error);
}

/**
 * _lxcmon_reader_next:
 * @event: (out): the next event
 * @error: (out): memory for the event's error
 *
 * Makes the next event of the connection that is read from.
 *
 * Returns: false if it has no more events now; the reader has no connection then
 */
bool
_lxcmon_reader_next (LxcmonReader *self, LxcmonEvent *event, LxcmonError *error)
{
  while (self->connection != NULL)
    {
      if (self->n_left > 0 || self->has_kept)
        {
          if (decode (self, event, error))
            return true;
          continue;
        }
      _lxcmon_sender_flush (self->connection);
      if (!self->read_on)
        self->connection = NULL;
      else if (read_more (self, event, error))
        return true;
    }

  return false;
}
