/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what bytes mean: length first, content second, delivery last. Refuses I/O, and anything that would need more of a message than its first LXCMON_DECODER_KEPT_MAX bytes.
 *
 * Strict where an event could be lost: a bad length, a wrong version of the monitor program, a CALL,
 * a payload that is too short, a pid that is no pid. Lenient where a newer controller may add
 * something: unknown programs and procedures are skipped, more payload is ignored; both are counted.
 */

#include "lxcmon-decoder-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-event-private.h"

#include <stdlib.h>
#include <string.h>

#include "lxcmon_protocol.h"

/* Where each field lies in a message, as error messages name it. */
enum
{
  AT_LENGTH = 0,
  AT_VERSION = 8,
  AT_TYPE = 16,
  AT_SERIAL = 20,
  AT_PAYLOAD = 28,
};

enum
{
  INIT_LENGTH = LXCMON_EVENT_INIT_LENGTH,
  EXIT_LENGTH = LXCMON_EVENT_EXIT_LENGTH,
};

_Static_assert(LXCMON_MESSAGE_LENGTH_MIN
                   == LXCMON_PROTOCOL_LENGTH_SIZE + LXCMON_PROTOCOL_HEADER_SIZE,
               "the smallest message is a length and a header");
_Static_assert(LXCMON_MESSAGE_LENGTH_MAX
                   == LXCMON_PROTOCOL_LENGTH_SIZE + LXCMON_PROTOCOL_CONTENT_MAX,
               "the largest message is a length and libvirt's limit");
_Static_assert(INIT_LENGTH == AT_PAYLOAD + 8 && EXIT_LENGTH == AT_PAYLOAD + 4,
               "the events are a header and what they carry");
_Static_assert(LXCMON_DECODER_KEPT_MAX >= INIT_LENGTH && LXCMON_DECODER_KEPT_MAX >= EXIT_LENGTH,
               "what is read of a message is kept");

static uint32_t
read_length (const uint8_t *bytes)
{
  int32_t word;
  int32_t *cursor = &word;

  memcpy (&word, bytes, sizeof word);
  return IXDR_GET_U_INT32 (cursor);
}

static bool
check_length (uint32_t length, uint64_t offset, LxcmonError *error)
{
  if (length < LXCMON_MESSAGE_LENGTH_MIN)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                              "the length at offset %llu is %lu, less than the %d bytes that every "
                              "message has",
                              (unsigned long long) offset + AT_LENGTH, (unsigned long) length,
                              LXCMON_MESSAGE_LENGTH_MIN);
  if (length > LXCMON_MESSAGE_LENGTH_MAX)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                              "the length at offset %llu is %lu, more than libvirt's limit of %lu",
                              (unsigned long long) offset + AT_LENGTH, (unsigned long) length,
                              (unsigned long) LXCMON_MESSAGE_LENGTH_MAX);
  return true;
}

/* Fills @message from the header in @frame. The bytes are copied out first: the inline macros want
 * words that are aligned, and a frame behind one of odd length is not. */
static inline void
read_header (const uint8_t *frame, LxcmonMessage *message)
{
  int32_t words[LXCMON_MESSAGE_LENGTH_MIN / 4];
  int32_t *cursor = words;

  memcpy (words, frame, sizeof words);
  message->length = IXDR_GET_U_INT32 (cursor);
  message->program = IXDR_GET_U_INT32 (cursor);
  message->version = IXDR_GET_U_INT32 (cursor);
  message->procedure = IXDR_GET_INT32 (cursor);
  message->type = IXDR_GET_INT32 (cursor);
  message->serial = IXDR_GET_U_INT32 (cursor);
  message->status = IXDR_GET_INT32 (cursor);
  message->pid = 0;
  message->exit_raw = 0;
}

static LxcmonMessageKind
classify_keepalive (const LxcmonMessage *message)
{
  if (message->version != LXCMON_PROTOCOL_KEEPALIVE_VERSION
      || message->type != LXCMON_PROTOCOL_TYPE_MESSAGE)
    return LXCMON_MESSAGE_SKIPPED;

  switch (message->procedure)
    {
    case LXCMON_PROTOCOL_KEEPALIVE_PING:
      return LXCMON_MESSAGE_PING;
    case LXCMON_PROTOCOL_KEEPALIVE_PONG:
      return LXCMON_MESSAGE_PONG;
    default:
      return LXCMON_MESSAGE_SKIPPED;
    }
}

/* Types that a client may meet without having asked for anything. A CALL would want an answer that
 * we cannot give, and other numbers have no meaning. */
static bool
check_type (const LxcmonMessage *message, LxcmonError *error)
{
  switch (message->type)
    {
    case LXCMON_PROTOCOL_TYPE_MESSAGE:
    case LXCMON_PROTOCOL_TYPE_REPLY:
    case LXCMON_PROTOCOL_TYPE_REPLY_WITH_FDS:
    case LXCMON_PROTOCOL_TYPE_STREAM:
    case LXCMON_PROTOCOL_TYPE_STREAM_HOLE:
      return true;
    default:
      return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                                "the type at offset %llu is %ld%s, which no controller sends to "
                                "its client",
                                (unsigned long long) message->offset + AT_TYPE,
                                (long) message->type,
                                message->type == LXCMON_PROTOCOL_TYPE_CALL
                                        || message->type == LXCMON_PROTOCOL_TYPE_CALL_WITH_FDS
                                    ? " (a call)"
                                    : "");
    }
}

static bool
check_payload_length (const LxcmonMessage *message, const char *name, uint32_t known,
                      LxcmonError *error)
{
  if (message->length >= known)
    return true;

  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                            "the payload of %s at offset %llu has %lu bytes, and needs %lu", name,
                            (unsigned long long) message->offset + AT_PAYLOAD,
                            (unsigned long) message->length - AT_PAYLOAD,
                            (unsigned long) known - AT_PAYLOAD);
}

/* Decides what a message of the monitor program is. Whether its payload is long enough shows in the
 * length, so a short one is refused before its payload has come. */
static bool
classify_event (LxcmonMessage *message, LxcmonError *error)
{
  if (message->version != LXCMON_PROTOCOL_MONITOR_VERSION)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                              "the version at offset %llu is %lu, and version %d of the monitor "
                              "program is the only one known",
                              (unsigned long long) message->offset + AT_VERSION,
                              (unsigned long) message->version, LXCMON_PROTOCOL_MONITOR_VERSION);

  message->kind = LXCMON_MESSAGE_SKIPPED;
  if (message->type != LXCMON_PROTOCOL_TYPE_MESSAGE || message->status != LXCMON_PROTOCOL_STATUS_OK)
    return true;

  switch (message->procedure)
    {
    case LXCMON_PROTOCOL_MONITOR_INIT:
      message->kind = LXCMON_MESSAGE_INIT;
      return check_payload_length (message, "INIT", INIT_LENGTH, error);
    case LXCMON_PROTOCOL_MONITOR_EXIT:
      message->kind = LXCMON_MESSAGE_EXIT;
      return check_payload_length (message, "EXIT", EXIT_LENGTH, error);
    default:
      return true;
    }
}

/* Reads and judges the header in @frame, which begins at @offset of the stream. */
static bool
parse_header (const uint8_t *frame, uint64_t offset, LxcmonMessage *message, LxcmonError *error)
{
  read_header (frame, message);
  message->offset = offset;

  if (message->program == LXCMON_PROTOCOL_KEEPALIVE_PROGRAM)
    {
      message->kind = classify_keepalive (message);
      return true;
    }
  if (!check_type (message, error))
    return false;
  if (message->program == LXCMON_PROTOCOL_MONITOR_PROGRAM)
    return classify_event (message, error);

  message->kind = LXCMON_MESSAGE_SKIPPED;
  return true;
}

static bool
parse_init (const uint8_t *frame, LxcmonMessage *message, LxcmonError *error)
{
  int32_t words[2];
  int32_t *cursor = words;

  memcpy (words, frame + AT_PAYLOAD, sizeof words);
  uint64_t high = IXDR_GET_U_INT32 (cursor);
  uint64_t pid = high << 32 | IXDR_GET_U_INT32 (cursor);
  if (pid == 0 || pid > INT32_MAX)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                              "the pid of INIT at offset %llu is %llu, which no process has",
                              (unsigned long long) message->offset + AT_PAYLOAD,
                              (unsigned long long) pid);

  message->pid = (int32_t) pid;
  return true;
}

static void
parse_exit (const uint8_t *frame, LxcmonMessage *message)
{
  int32_t word;
  int32_t *cursor = &word;

  memcpy (&word, frame + AT_PAYLOAD, sizeof word);
  message->exit_raw = IXDR_GET_INT32 (cursor);
}

/* Reads a message that is complete and whose length is checked. @frame holds at least its first
 * LXCMON_DECODER_KEPT_MAX bytes, or all of it. Counts what is not for us. */
static bool
parse (LxcmonDecoder *self, const uint8_t *frame, LxcmonMessage *message, LxcmonError *error)
{
  uint32_t known = AT_PAYLOAD;

  if (!parse_header (frame, self->offset, message, error))
    return false;

  switch (message->kind)
    {
    case LXCMON_MESSAGE_INIT:
      if (!parse_init (frame, message, error))
        return false;
      known = INIT_LENGTH;
      break;
    case LXCMON_MESSAGE_EXIT:
      parse_exit (frame, message);
      known = EXIT_LENGTH;
      break;
    case LXCMON_MESSAGE_SKIPPED:
      self->skipped++;
      known = message->length;
      break;
    case LXCMON_MESSAGE_PING:
    case LXCMON_MESSAGE_PONG:
    default:
      break;
    }
  if (message->length != known && self->extended < UINT16_MAX)
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

  uint32_t length = read_length (self->kept);
  return length < LXCMON_DECODER_KEPT_MAX ? length : LXCMON_DECODER_KEPT_MAX;
}

/* Takes the decision that became possible: is the length one, does the header make sense, how much
 * is left to skip. Each is taken as early as it can be, so that nobody waits for the rest of what
 * cannot become a message. */
static bool
judge_kept (LxcmonDecoder *self, LxcmonError *error)
{
  LxcmonMessage message;
  uint32_t length = read_length (self->kept);

  if (self->n_kept == LXCMON_PROTOCOL_LENGTH_SIZE)
    return check_length (length, self->offset, error);
  if (self->n_kept == LXCMON_MESSAGE_LENGTH_MIN
      && !parse_header (self->kept, self->offset, &message, error))
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
  return parse (self, self->kept, message, error) ? LXCMON_DECODE_MESSAGE : fail (self);
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
      || !parse_header (self->kept, self->offset, &message, NULL))
    return false;

  *kind = message.kind;
  return true;
}

/* The two events as every controller sends them, but for the serial and what they carry. */
static const LxcmonMessage plain_init = {
  .kind = LXCMON_MESSAGE_INIT,
  .length = INIT_LENGTH,
  .program = LXCMON_PROTOCOL_MONITOR_PROGRAM,
  .version = LXCMON_PROTOCOL_MONITOR_VERSION,
  .procedure = LXCMON_PROTOCOL_MONITOR_INIT,
  .type = LXCMON_PROTOCOL_TYPE_MESSAGE,
  .status = LXCMON_PROTOCOL_STATUS_OK,
};
static const LxcmonMessage plain_exit = {
  .kind = LXCMON_MESSAGE_EXIT,
  .length = EXIT_LENGTH,
  .program = LXCMON_PROTOCOL_MONITOR_PROGRAM,
  .version = LXCMON_PROTOCOL_MONITOR_VERSION,
  .procedure = LXCMON_PROTOCOL_MONITOR_EXIT,
  .type = LXCMON_PROTOCOL_TYPE_MESSAGE,
  .status = LXCMON_PROTOCOL_STATUS_OK,
};

/* The short way: a plain event that lies in the buffer as a whole. Returns its length, or 0 where there
 * is none; the long way judges all else. */
static inline uint32_t
step_event (LxcmonDecoder *self, const uint8_t *frame, size_t available, LxcmonMessage *message)
{
  uint32_t length;

  if (_lxcmon_event_is_init (frame, available))
    {
      *message = plain_init;
      message->pid = _lxcmon_event_get_pid (frame);
      length = INIT_LENGTH;
    }
  else if (_lxcmon_event_is_exit (frame, available))
    {
      *message = plain_exit;
      message->exit_raw = _lxcmon_event_get_exit_raw (frame);
      length = EXIT_LENGTH;
    }
  else
    return 0;

  message->offset = self->offset;
  message->serial = _lxcmon_event_get_serial (frame);
  self->offset += length;
  return length;
}

/* The long way of a message, whole or in pieces. */
static LxcmonDecodeResult
step_message (LxcmonDecoder *self, const uint8_t **cursor, const uint8_t *end,
              LxcmonMessage *message, LxcmonError *error)
{
  if (self->n_kept == 0 && end - *cursor >= LXCMON_MESSAGE_LENGTH_MIN)
    {
      const uint8_t *frame = *cursor;
      uint32_t length = read_length (frame);

      if (!check_length (length, self->offset, error))
        return fail (self);
      if (length <= (size_t) (end - frame))
        {
          if (!parse (self, frame, message, error))
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

  uint32_t length = read_length (self->kept);
  uint32_t here = self->n_kept;
  if (self->n_kept == next_mark (self))
    here = length - self->remaining;
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_TRUNCATED, 0,
                            "the stream ends at offset %llu inside the %s of the message that "
                            "begins at offset %llu: %lu of %lu bytes",
                            offset + here, here < AT_PAYLOAD ? "header" : "payload", offset,
                            (unsigned long) here, (unsigned long) length);
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
