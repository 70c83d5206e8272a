/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns how messages come together from a stream's bytes, in pieces of any size, and counts them. Refuses
 * I/O, and anything that would need more of a message than its first LXCMON_DECODER_KEPT_MAX bytes. What
 * a message means is in lxcmon-message.c, and at a glance in lxcmon-event-private.h.
 */

#include "lxcmon-decoder-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-event-private.h"
#include "lxcmon-message-private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lxcmon_protocol.h"

enum
{
  INIT_LENGTH = LXCMON_EVENT_INIT_LENGTH,
  EXIT_LENGTH = LXCMON_EVENT_EXIT_LENGTH,
};

/* Takes a message that is complete and whose length is checked. @frame holds at least its first
 * LXCMON_DECODER_KEPT_MAX bytes, or all of it. */
static bool
take (LxcmonDecoder *self, const uint8_t *frame, LxcmonMessage *message, LxcmonError *error)
{
  uint32_t n_known;

  if (!_lxcmon_message_read (frame, self->offset, message, &n_known, error))
    return false;

  if (message->kind == LXCMON_MESSAGE_SKIPPED)
    self->skipped++;
  if (message->length != n_known && self->extended < UINT16_MAX)
    self->extended++;
  self->offset += message->length;
  return true;
}

static LxcmonDecodeResult
fail (LxcmonDecoder *self)
{
  self->failed = true;
  return LXCMON_DECODE_ERROR;
}

/* How many bytes must be kept before the next decision about the message at hand can be taken. */
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

/* Takes the decision that became possible: is the length one, does the header make sense, how much
 * is left to skip. Each is taken as early as it can be, so that nobody waits for the rest of what
 * cannot become a message. */
static bool
judge_kept (LxcmonDecoder *self, LxcmonError *error)
{
  LxcmonMessage message;
  uint32_t length = _lxcmon_message_get_length (self->kept);

  if (self->n_kept == LXCMON_PROTOCOL_LENGTH_SIZE)
    return _lxcmon_message_check_length (length, self->offset, error);
  if (self->n_kept == LXCMON_MESSAGE_LENGTH_MIN
      && !_lxcmon_message_read_header (self->kept, self->offset, &message, error))
    return false;
  if (self->n_kept == next_mark (self))
    self->remaining = length - self->n_kept;

  return true;
}

/* The way of a message that does not lie in the buffer as a whole: its first bytes are kept, the
 * rest is counted down. */
static LxcmonDecodeResult
step_kept (LxcmonDecoder *self, const uint8_t **cursor, const uint8_t *end, LxcmonMessage *message,
           LxcmonError *error)
{
  if (self->kept == NULL && (self->kept = malloc (LXCMON_DECODER_KEPT_MAX)) == NULL)
    {
      _lxcmon_error_set_no_memory (error);
      return fail (self);
    }

  while (self->n_kept < next_mark (self))
    {
      size_t available = (size_t) (end - *cursor);
      size_t wanted = next_mark (self) - self->n_kept;
      size_t taken = wanted < available ? wanted : available;

      /* Of nothing there is no address: memcpy must not be given it. */
      if (taken == 0)
        return LXCMON_DECODE_NEED_MORE;
      memcpy (self->kept + self->n_kept, *cursor, taken);
      self->n_kept = (uint8_t) (self->n_kept + taken);
      *cursor += taken;
      if (taken < wanted)
        return LXCMON_DECODE_NEED_MORE;
      if (!judge_kept (self, error))
        return fail (self);
    }

  size_t available = (size_t) (end - *cursor);
  uint32_t taken = self->remaining < available ? self->remaining : (uint32_t) available;
  self->remaining -= taken;
  *cursor += taken;
  if (self->remaining > 0)
    return LXCMON_DECODE_NEED_MORE;

  self->n_kept = 0;
  return take (self, self->kept, message, error) ? LXCMON_DECODE_MESSAGE : fail (self);
}

/**
 * _lxcmon_decoder_peek_kind:
 *
 * Tells what the message at hand will be, once it has come.
 *
 * Returns: false where its header has not come yet
 */
bool
_lxcmon_decoder_peek_kind (const LxcmonDecoder *self, LxcmonMessageKind *kind)
{
  LxcmonMessage message = { .kind = LXCMON_MESSAGE_SKIPPED };

  if (self->n_kept < LXCMON_MESSAGE_LENGTH_MIN
      || !_lxcmon_message_read_header (self->kept, self->offset, &message, NULL))
    return false;

  *kind = message.kind;
  return true;
}

/* Two fields of a message that follow each other, as they are in memory. */
static inline uint64_t
join (uint32_t first, uint32_t second)
{
  const uint32_t words[2] = { first, second };
  uint64_t joined;

  memcpy (&joined, words, sizeof joined);
  return joined;
}

static inline void
put_16_bytes (void *to, uint64_t first, uint64_t second)
{
  typedef uint64_t Pair __attribute__ ((vector_size (16)));
  const Pair pair = { first, second };

  memcpy (to, &pair, sizeof pair);
}

/* Writes a plain event, all of it, in three stores: one for each field takes longer than all else. */
static inline void
put_event (LxcmonMessage *message, LxcmonMessageKind kind, uint32_t length, uint64_t offset,
           uint32_t serial, int32_t pid, int32_t exit_raw)
{
  const uint32_t procedure
      = kind == LXCMON_MESSAGE_INIT ? LXCMON_PROTOCOL_MONITOR_INIT : LXCMON_PROTOCOL_MONITOR_EXIT;

  _Static_assert(offsetof (LxcmonMessage, length) == 4 && offsetof (LxcmonMessage, offset) == 8,
                 "kind, length and offset are written at once");
  put_16_bytes (&message->kind, join (kind, length), offset);
  _Static_assert(offsetof (LxcmonMessage, program) == 16 && offsetof (LxcmonMessage, version) == 20
                     && offsetof (LxcmonMessage, procedure) == 24
                     && offsetof (LxcmonMessage, type) == 28,
                 "program, version, procedure and type are written at once");
  put_16_bytes (&message->program,
                join (LXCMON_PROTOCOL_MONITOR_PROGRAM, LXCMON_PROTOCOL_MONITOR_VERSION),
                join (procedure, LXCMON_PROTOCOL_TYPE_MESSAGE));
  _Static_assert(offsetof (LxcmonMessage, serial) == 32 && offsetof (LxcmonMessage, status) == 36
                     && offsetof (LxcmonMessage, pid) == 40
                     && offsetof (LxcmonMessage, exit_raw) == 44,
                 "serial, status, pid and exit_raw are written at once");
  put_16_bytes (&message->serial, join (serial, LXCMON_PROTOCOL_STATUS_OK),
                join ((uint32_t) pid, (uint32_t) exit_raw));
}

/* A plain event that lies in the buffer as a whole. Returns its length, or 0 where there is none; the long
 * way judges all else. */
static inline uint32_t
read_event (const uint8_t *frame, size_t available, uint64_t offset, LxcmonMessage *message)
{
  if (_lxcmon_event_is_init (frame, available))
    {
      put_event (message, LXCMON_MESSAGE_INIT, INIT_LENGTH, offset,
                 _lxcmon_event_get_serial (frame), _lxcmon_event_get_pid (frame), 0);
      return INIT_LENGTH;
    }
  if (_lxcmon_event_is_exit (frame, available))
    {
      put_event (message, LXCMON_MESSAGE_EXIT, EXIT_LENGTH, offset,
                 _lxcmon_event_get_serial (frame), 0, _lxcmon_event_get_exit_raw (frame));
      return EXIT_LENGTH;
    }
  return 0;
}

/* The short way. Returns the event's length, or 0 where it is not one for it. */
static inline uint32_t
step_event (LxcmonDecoder *self, const uint8_t *frame, size_t available, LxcmonMessage *message)
{
  uint32_t length = read_event (frame, available, self->offset, message);

  self->offset += length;
  return length;
}

/* The short way of all plain events that follow each other, as far as there is room for them. Where we are
 * stays in registers until the end. Returns how many they were. */
static size_t
step_events (LxcmonDecoder *self, const uint8_t **bytes, size_t *n_bytes, LxcmonMessage *messages,
             size_t room)
{
  const uint8_t *begin = *bytes, *frame = begin, *end = begin + *n_bytes;
  uint64_t offset = self->offset;
  size_t n = 0;

  if (self->failed || self->n_kept > 0)
    return 0;

  for (uint32_t length = 1; n < room; n++, frame += length)
    {
      length = read_event (frame, (size_t) (end - frame), offset + (size_t) (frame - begin),
                           messages + n);
      if (length == 0)
        break;
    }
  self->offset = offset + (size_t) (frame - begin);
  *bytes = frame;
  *n_bytes = (size_t) (end - frame);
  return n;
}

/* The long way of a message, whole or in pieces. */
static LxcmonDecodeResult
step_message (LxcmonDecoder *self, const uint8_t **cursor, const uint8_t *end,
              LxcmonMessage *message, LxcmonError *error)
{
  if (self->n_kept == 0 && end - *cursor >= LXCMON_MESSAGE_LENGTH_MIN)
    {
      const uint8_t *frame = *cursor;
      uint32_t length = _lxcmon_message_get_length (frame);

      if (!_lxcmon_message_check_length (length, self->offset, error))
        return fail (self);
      if (length <= (size_t) (end - frame))
        {
          if (!take (self, frame, message, error))
            return fail (self);
          *cursor = frame + length;
          return LXCMON_DECODE_MESSAGE;
        }
    }

  return step_kept (self, cursor, end, message, error);
}

LxcmonDecodeResult
_lxcmon_decoder_step (LxcmonDecoder *self, const uint8_t **cursor, const uint8_t *end,
                      LxcmonMessage *message, LxcmonError *error)
{
  uint32_t length
      = self->n_kept == 0 ? step_event (self, *cursor, (size_t) (end - *cursor), message) : 0;

  if (length == 0)
    return step_message (self, cursor, end, message, error);
  *cursor += length;
  return LXCMON_DECODE_MESSAGE;
}

/**
 * lxcmon_decoder_new:
 *
 * Makes a decoder at the start of a stream.
 *
 * Returns: (transfer full) (nullable): a decoder to free with lxcmon_decoder_free(), or %NULL where
 *   memory has run out
 *
 * Since: 0.1
 */
LxcmonDecoder *
lxcmon_decoder_new (void)
{
  LxcmonDecoder *self = calloc (1, sizeof *self);

  if (self != NULL && (self->kept = malloc (LXCMON_DECODER_KEPT_MAX)) == NULL)
    {
      free (self);
      return NULL;
    }
  return self;
}

void
_lxcmon_decoder_drop_kept (LxcmonDecoder *self)
{
  free (self->kept);
  self->kept = NULL;
  self->n_kept = 0;
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
  if (self == NULL)
    return;

  _lxcmon_decoder_drop_kept (self);
  free (self);
}

/**
 * lxcmon_decoder_reset:
 * @self: a decoder
 *
 * Puts a decoder to the start of another stream: counters, kept bytes and failure are forgotten.
 *
 * Since: 0.1
 */
void
lxcmon_decoder_reset (LxcmonDecoder *self)
{
  *self = (LxcmonDecoder){ .kept = self->kept };
}

/* A function of its own, so that the short way is not burdened with what only the long one needs. */
static LxcmonDecodeResult __attribute__ ((noinline))
next_message (LxcmonDecoder *self, const uint8_t **bytes, size_t *n_bytes, LxcmonMessage *message,
              LxcmonError *error)
{
  const uint8_t *end = *bytes + *n_bytes;

  if (self->failed)
    {
      _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                         "the stream was found broken in the message at offset %llu",
                         (unsigned long long) self->offset);
      return LXCMON_DECODE_ERROR;
    }

  LxcmonDecodeResult result = step_message (self, bytes, end, message, error);
  *n_bytes = (size_t) (end - *bytes);
  return result;
}

/**
 * lxcmon_decoder_next:
 * @self: a decoder
 * @bytes: (inout): where the bytes begin that are not decoded yet; moved behind what was taken
 * @n_bytes: (inout): how many they are; lessened by what was taken
 * @message: (out): where the message goes with %LXCMON_DECODE_MESSAGE
 * @error: (out) (optional): where the error goes with %LXCMON_DECODE_ERROR
 *
 * Takes the next message. Call it until it needs more, then again with the bytes that follow; each
 * byte is given once.
 *
 * Returns: %LXCMON_DECODE_MESSAGE, %LXCMON_DECODE_NEED_MORE, or %LXCMON_DECODE_ERROR with the code
 *   %LXCMON_MONITOR_ERROR_PROTOCOL and a message that names the field, its value and its offset;
 *   after an error it fails always, until lxcmon_decoder_reset()
 *
 * Since: 0.1
 */
LxcmonDecodeResult
lxcmon_decoder_next (LxcmonDecoder *self, const uint8_t **bytes, size_t *n_bytes,
                     LxcmonMessage *message, LxcmonError *error)
{
  uint32_t length
      = self->failed || self->n_kept > 0 ? 0 : step_event (self, *bytes, *n_bytes, message);

  if (length == 0)
    return next_message (self, bytes, n_bytes, message, error);
  *bytes += length;
  *n_bytes -= length;
  return LXCMON_DECODE_MESSAGE;
}

/**
 * lxcmon_decoder_next_many:
 * @self: a decoder
 * @bytes: (inout): where the bytes begin that are not decoded yet; moved behind what was taken
 * @n_bytes: (inout): how many they are; lessened by what was taken
 * @messages: (out caller-allocates) (array length=n_messages): where the messages go
 * @n_messages: (inout): for how many there is room, and then how many they are, whatever this returns
 * @error: (out) (optional): where the error goes with %LXCMON_DECODE_ERROR
 *
 * Takes as many messages as there are and there is room for. The same as lxcmon_decoder_next() again and
 * again, and faster: for who has much to decode, and nothing to do between two messages. Where there is no room
 * at all, nothing is looked at.
 *
 * Returns: why there are no more of them: %LXCMON_DECODE_MESSAGE where there was no more room,
 *   %LXCMON_DECODE_NEED_MORE where all bytes were taken, %LXCMON_DECODE_ERROR as lxcmon_decoder_next()
 *
 * Since: 0.1
 */
LxcmonDecodeResult
lxcmon_decoder_next_many (LxcmonDecoder *self, const uint8_t **bytes, size_t *n_bytes,
                          LxcmonMessage *messages, size_t *n_messages, LxcmonError *error)
{
  size_t room = *n_messages;
  size_t n = 0;
  LxcmonDecodeResult result = LXCMON_DECODE_MESSAGE;

  while (n < room && result == LXCMON_DECODE_MESSAGE)
    {
      n += step_events (self, bytes, n_bytes, messages + n, room - n);
      if (n < room)
        {
          result = next_message (self, bytes, n_bytes, messages + n, error);
          n += result == LXCMON_DECODE_MESSAGE;
        }
    }
  *n_messages = n;
  return result;
}

/**
 * lxcmon_decoder_finish:
 * @self: a decoder
 * @error: (out) (optional): where the error goes
 *
 * Tells the decoder that the stream has ended.
 *
 * Returns: whether it ended between two messages; where not, @error has the code
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
 * Where the message at hand begins: the number of bytes in whole messages so far.
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
 * How many messages were skipped, being well framed and not for us.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
uint64_t
lxcmon_decoder_get_skipped (const LxcmonDecoder *self)
{
  return self->skipped;
}

/**
 * lxcmon_decoder_get_extended:
 * @self: a decoder
 *
 * How many messages were understood and carried more payload than this version knows of.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
uint64_t
lxcmon_decoder_get_extended (const LxcmonDecoder *self)
{
  return self->extended;
}

/**
 * lxcmon_exit_status_from_raw:
 * @raw: the number that EXIT carries
 *
 * Names the number that EXIT carries.
 *
 * Returns: its name, or %LXCMON_EXIT_STATUS_UNKNOWN
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_exit_status_from_raw (int32_t raw)
{
  return _lxcmon_event_name_exit (raw);
}
