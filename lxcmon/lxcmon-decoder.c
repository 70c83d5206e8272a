/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns how messages are found in a stream of bytes that comes in pieces of any size. It does no I/O, and
 * never needs more of a message than its first LXCMON_DECODER_KEPT_MAX bytes. What a message means is in
 * lxcmon-message.c.
 */

#include "lxcmon-decoder-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-message-private.h"

#include <stdlib.h>
#include <string.h>

/**
 * lxcmon_decoder_new:
 *
 * Creates a decoder for the start of a stream.
 *
 * Returns: (transfer full) (nullable): a decoder to free with lxcmon_decoder_free(), or %NULL if memory
 *   has run out
 *
 * Since: 0.1
 */
LxcmonDecoder *
lxcmon_decoder_new (void)
{
  return calloc (1, sizeof (LxcmonDecoder));
}

/**
 * lxcmon_decoder_free:
 * @self: (transfer full) (nullable): a decoder
 *
 * Frees a decoder.
 *
 * Since: 0.1
 */
void
lxcmon_decoder_free (LxcmonDecoder *self)
{
  free (self);
}

/**
 * lxcmon_decoder_reset:
 * @self: a decoder
 *
 * Returns a decoder to the start of a stream. Counters, kept bytes and failure are forgotten.
 *
 * Since: 0.1
 */
void
lxcmon_decoder_reset (LxcmonDecoder *self)
{
  *self = (LxcmonDecoder){ .offset = 0 };
}

static LxcmonDecodeResult
fail (LxcmonDecoder *self)
{
  self->failed = true;
  return LXCMON_DECODE_ERROR;
}

/* Reads a message that is complete and whose length was checked. @frame has at least its first
 * LXCMON_DECODER_KEPT_MAX bytes, or all of it. */
static inline LxcmonDecodeResult
read_message (LxcmonDecoder *self, const uint8_t *frame, LxcmonMessage *message, LxcmonError *error)
{
  if (!_lxcmon_message_read (frame, true, self->offset, message, error))
    return fail (self);

  self->n_skipped += message->kind == LXCMON_MESSAGE_SKIPPED;
  self->n_extended += _lxcmon_message_is_extended (message);
  self->offset += message->length;
  return LXCMON_DECODE_MESSAGE;
}

/* How many bytes must be kept before the next check of the current message is possible. */
static uint32_t
next_mark (const LxcmonDecoder *self)
{
  if (self->n_kept < LXCMON_PROTOCOL_LENGTH_SIZE)
    return LXCMON_PROTOCOL_LENGTH_SIZE;
  if (self->n_kept < LXCMON_MESSAGE_LENGTH_MIN)
    return LXCMON_MESSAGE_LENGTH_MIN;

  uint32_t length = _lxcmon_message_get_length (self->kept);
  return length < LXCMON_DECODER_KEPT_MAX ? length : LXCMON_DECODER_KEPT_MAX;
}

/* Makes the check that became possible: of the length, then of the header. Each is made as early as
 * possible, so that the caller does not wait for the rest of an invalid message. */
static bool
check_kept (LxcmonDecoder *self, LxcmonError *error)
{
  LxcmonMessage message;
  uint32_t length = _lxcmon_message_get_length (self->kept);

  if (self->n_kept == LXCMON_PROTOCOL_LENGTH_SIZE)
    return _lxcmon_message_check_length (length, self->offset, error);
  if (self->n_kept == LXCMON_MESSAGE_LENGTH_MIN
      && !_lxcmon_message_read (self->kept, false, self->offset, &message, error))
    return false;
  if (self->n_kept == next_mark (self))
    self->remaining = length - self->n_kept;

  return true;
}

/* Returns how many of @wanted bytes there are, and advances over them. */
static uint32_t
consume (const uint8_t **bytes, size_t *n_bytes, uint32_t wanted)
{
  uint32_t n = wanted < *n_bytes ? wanted : (uint32_t) *n_bytes;

  *bytes += n;
  *n_bytes -= n;
  return n;
}

/* Handles what is not a message that is in the buffer as a whole: its first bytes are kept and checked, the rest
 * is counted. */
static LxcmonDecodeResult
next_in_pieces (LxcmonDecoder *self, const uint8_t **bytes, size_t *n_bytes, LxcmonMessage *message,
                LxcmonError *error)
{
  if (self->failed)
    {
      _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                         "the stream was found to be invalid in the message at offset %llu",
                         (unsigned long long) self->offset);
      return LXCMON_DECODE_ERROR;
    }

  while (self->n_kept < next_mark (self))
    {
      const uint8_t *from = *bytes;
      uint32_t wanted = next_mark (self) - self->n_kept;
      uint32_t n = consume (bytes, n_bytes, wanted);

      /* @from may be NULL then, which memcpy() does not allow. */
      if (n == 0)
        return LXCMON_DECODE_NEED_MORE;
      memcpy (self->kept + self->n_kept, from, n);
      self->n_kept = (uint8_t) (self->n_kept + n);
      if (n < wanted)
        return LXCMON_DECODE_NEED_MORE;
      if (!check_kept (self, error))
        return fail (self);
    }

  self->remaining -= consume (bytes, n_bytes, self->remaining);
  if (self->remaining > 0)
    return LXCMON_DECODE_NEED_MORE;

  self->n_kept = 0;
  return read_message (self, self->kept, message, error);
}

/**
 * lxcmon_decoder_next:
 * @self: a decoder
 * @bytes: (inout): the bytes that are not decoded yet; advanced over those that were consumed
 * @n_bytes: (inout): their number
 * @message: (out): the message, with %LXCMON_DECODE_MESSAGE
 * @error: (out) (optional): return location for an error, with %LXCMON_DECODE_ERROR
 *
 * Decodes the next message. Call it until it needs more, then again with the bytes that follow; each byte
 * is passed in once.
 *
 * Returns: %LXCMON_DECODE_MESSAGE, %LXCMON_DECODE_NEED_MORE, or %LXCMON_DECODE_ERROR with the code
 *   %LXCMON_MONITOR_ERROR_PROTOCOL and a message that names the field, its value and its offset; after an
 *   error it always fails, until lxcmon_decoder_reset()
 *
 * Since: 0.1
 */
LxcmonDecodeResult
lxcmon_decoder_next (LxcmonDecoder *self, const uint8_t **bytes, size_t *n_bytes,
                     LxcmonMessage *message, LxcmonError *error)
{
  const uint8_t *frame = *bytes;

  if (self->failed || self->n_kept > 0 || *n_bytes < LXCMON_MESSAGE_LENGTH_MIN)
    return next_in_pieces (self, bytes, n_bytes, message, error);
  uint32_t length = _lxcmon_message_get_length (frame);
  if (!_lxcmon_message_is_length (length) || length > *n_bytes)
    return next_in_pieces (self, bytes, n_bytes, message, error);

  *bytes += length;
  *n_bytes -= length;
  return read_message (self, frame, message, error);
}

/**
 * lxcmon_decoder_finish:
 * @self: a decoder
 * @error: (out) (optional): return location for an error
 *
 * Checks that the stream may end here.
 *
 * Returns: whether it ends between two messages; if not, @error has the code
 *   %LXCMON_MONITOR_ERROR_TRUNCATED and says what is missing
 *
 * Since: 0.1
 */
bool
lxcmon_decoder_finish (LxcmonDecoder *self, LxcmonError *error)
{
  unsigned long long offset = self->offset;

  if (self->failed || self->n_kept == 0)
    return true;

  if (self->n_kept < LXCMON_PROTOCOL_LENGTH_SIZE)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_TRUNCATED, 0,
                              "the stream ends at offset %llu inside a length: %d of %d bytes",
                              offset + self->n_kept, self->n_kept, LXCMON_PROTOCOL_LENGTH_SIZE);

  uint32_t length = _lxcmon_message_get_length (self->kept);
  uint32_t here = self->n_kept;
  if (self->n_kept == next_mark (self))
    here = length - self->remaining;
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_TRUNCATED, 0,
                            "the stream ends at offset %llu inside the %s of the message that "
                            "begins at offset %llu: %lu of %lu bytes",
                            offset + here, here < LXCMON_MESSAGE_LENGTH_MIN ? "header" : "payload",
                            offset, (unsigned long) here, (unsigned long) length);
}

/**
 * lxcmon_decoder_get_offset:
 * @self: a decoder
 *
 * Where the current message begins: the number of bytes in complete messages so far.
 *
 * Returns: an offset in bytes
 *
 * Since: 0.1
 */
uint64_t
lxcmon_decoder_get_offset (const LxcmonDecoder *self)
{
  return self->offset;
}

/**
 * lxcmon_decoder_get_skipped:
 * @self: a decoder
 *
 * How many messages were skipped: valid, but with no meaning for a client.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
uint64_t
lxcmon_decoder_get_skipped (const LxcmonDecoder *self)
{
  return self->n_skipped;
}

/**
 * lxcmon_decoder_get_extended:
 * @self: a decoder
 *
 * How many messages had more payload than this version knows of.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
uint64_t
lxcmon_decoder_get_extended (const LxcmonDecoder *self)
{
  return self->n_extended;
}

/**
 * lxcmon_exit_status_from_raw:
 * @raw: the number in EXIT
 *
 * The name of the number in EXIT.
 *
 * Returns: its name, or %LXCMON_EXIT_STATUS_UNKNOWN
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_exit_status_from_raw (int32_t raw)
{
  switch (raw)
    {
    case LXCMON_PROTOCOL_EXIT_STATUS_ERROR:
      return LXCMON_EXIT_STATUS_ERROR;
    case LXCMON_PROTOCOL_EXIT_STATUS_SHUTDOWN:
      return LXCMON_EXIT_STATUS_SHUTDOWN;
    case LXCMON_PROTOCOL_EXIT_STATUS_REBOOT:
      return LXCMON_EXIT_STATUS_REBOOT;
    default:
      return LXCMON_EXIT_STATUS_UNKNOWN;
    }
}
