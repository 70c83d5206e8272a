/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what one message means: its length first, then its header, then its payload.
 *
 * It is strict if an event could be lost: an invalid length, a wrong version of the monitor program, a CALL, a
 * payload that is too short, an invalid pid. It is lenient about what a newer controller may add: unknown
 * programs and procedures are skipped, more payload is ignored.
 */

#include "lxcmon-message-private.h"
#include "lxcmon-error-private.h"

/* The offset of each field in a message, as error messages name it */
enum
{
  AT_LENGTH = 0,
  AT_PROGRAM = 4,
  AT_VERSION = 8,
  AT_PROCEDURE = 12,
  AT_TYPE = 16,
  AT_SERIAL = 20,
  AT_STATUS = 24,
  AT_PAYLOAD = 28,
};

_Static_assert(LXCMON_MESSAGE_LENGTH_MIN
                   == LXCMON_PROTOCOL_LENGTH_SIZE + LXCMON_PROTOCOL_HEADER_SIZE,
               "the smallest message is a length and a header");
_Static_assert(LXCMON_MESSAGE_LENGTH_MAX
                   == LXCMON_PROTOCOL_LENGTH_SIZE + LXCMON_PROTOCOL_CONTENT_MAX,
               "the largest message is a length and libvirt's limit");
_Static_assert(LXCMON_DECODER_KEPT_MAX >= LXCMON_INIT_LENGTH
                   && LXCMON_DECODER_KEPT_MAX >= LXCMON_EXIT_LENGTH,
               "the decoder keeps all that is read of a message");

/* Checks the length of a message at @offset of the stream. */
bool
_lxcmon_message_check_length (uint32_t length, uint64_t offset, LxcmonError *error)
{
  if (_lxcmon_message_is_length (length))
    return true;
  if (length < LXCMON_MESSAGE_LENGTH_MIN)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                              "the length at offset %llu is %lu, less than the %d bytes that every "
                              "message has",
                              (unsigned long long) offset + AT_LENGTH, (unsigned long) length,
                              LXCMON_MESSAGE_LENGTH_MIN);
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                            "the length at offset %llu is %lu, more than libvirt's limit of %lu",
                            (unsigned long long) offset + AT_LENGTH, (unsigned long) length,
                            (unsigned long) LXCMON_MESSAGE_LENGTH_MAX);
}

static void
read_header (const uint8_t *frame, uint64_t offset, LxcmonMessage *message)
{
  *message = (LxcmonMessage){
    .length = _lxcmon_message_get_word (frame + AT_LENGTH),
    .offset = offset,
    .program = _lxcmon_message_get_word (frame + AT_PROGRAM),
    .version = _lxcmon_message_get_word (frame + AT_VERSION),
    .procedure = (int32_t) _lxcmon_message_get_word (frame + AT_PROCEDURE),
    .type = (int32_t) _lxcmon_message_get_word (frame + AT_TYPE),
    .serial = _lxcmon_message_get_word (frame + AT_SERIAL),
    .status = (int32_t) _lxcmon_message_get_word (frame + AT_STATUS),
  };
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

/* Finds out what a message of the monitor program is. If its payload is too short, the length says so before
 * the payload has come. */
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
      return check_payload_length (message, "INIT", LXCMON_INIT_LENGTH, error);
    case LXCMON_PROTOCOL_MONITOR_EXIT:
      message->kind = LXCMON_MESSAGE_EXIT;
      return check_payload_length (message, "EXIT", LXCMON_EXIT_LENGTH, error);
    default:
      return true;
    }
}

/**
 * _lxcmon_message_read_header:
 * @frame: the first LXCMON_MESSAGE_LENGTH_MIN bytes of a message whose length was checked
 * @offset: where in the stream it begins
 * @message: (out): the message, without its payload
 * @error: (out) (optional): return location for an error
 *
 * Reads and checks a header.
 *
 * Returns: whether it is valid
 */
bool
_lxcmon_message_read_header (const uint8_t *frame, uint64_t offset, LxcmonMessage *message,
                             LxcmonError *error)
{
  read_header (frame, offset, message);

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
read_init (const uint8_t *frame, LxcmonMessage *message, LxcmonError *error)
{
  uint64_t high = _lxcmon_message_get_word (frame + AT_PAYLOAD);
  uint64_t pid = high << 32 | _lxcmon_message_get_word (frame + AT_PAYLOAD + 4);

  if (pid == 0 || pid > INT32_MAX)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                              "the pid of INIT at offset %llu is %llu, which is not a valid pid",
                              (unsigned long long) message->offset + AT_PAYLOAD,
                              (unsigned long long) pid);
  message->pid = (int32_t) pid;
  return true;
}

/**
 * _lxcmon_message_read:
 * @frame: a message whose length was checked: its first LXCMON_DECODER_KEPT_MAX bytes, or all of it
 * @offset: where in the stream it begins
 * @message: (out): the message
 * @error: (out) (optional): return location for an error
 *
 * Reads and checks a message that is complete.
 *
 * Returns: whether it is valid
 */
bool
_lxcmon_message_read (const uint8_t *frame, uint64_t offset, LxcmonMessage *message,
                      LxcmonError *error)
{
  if (!_lxcmon_message_read_header (frame, offset, message, error))
    return false;
  if (message->kind == LXCMON_MESSAGE_INIT)
    return read_init (frame, message, error);
  if (message->kind == LXCMON_MESSAGE_EXIT)
    message->exit_raw = (int32_t) _lxcmon_message_get_word (frame + AT_PAYLOAD);
  return true;
}
