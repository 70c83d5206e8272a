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

static bool
fail_type (const LxcmonMessage *message, LxcmonError *error)
{
  bool is_call = message->type == LXCMON_PROTOCOL_TYPE_CALL
                 || message->type == LXCMON_PROTOCOL_TYPE_CALL_WITH_FDS;

  return _lxcmon_error_set (
      error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
      "the type at offset %llu is %ld%s, which no controller sends to its client",
      (unsigned long long) message->offset + AT_TYPE, (long) message->type,
      is_call ? " (a call)" : "");
}

/* Checks that a client can get a message of this type. A CALL would need an answer that we do not know, and
 * other numbers have no meaning. */
static inline bool
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
      return fail_type (message, error);
    }
}

static bool
fail_version (const LxcmonMessage *message, LxcmonError *error)
{
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                            "the version at offset %llu is %lu, and version %d of the monitor "
                            "program is the only one known",
                            (unsigned long long) message->offset + AT_VERSION,
                            (unsigned long) message->version, LXCMON_PROTOCOL_MONITOR_VERSION);
}

static bool
fail_payload (const LxcmonMessage *message, const char *name, uint32_t known, LxcmonError *error)
{
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                            "the payload of %s at offset %llu has %lu bytes, and needs %lu", name,
                            (unsigned long long) message->offset + AT_PAYLOAD,
                            (unsigned long) message->length - AT_PAYLOAD,
                            (unsigned long) known - AT_PAYLOAD);
}

static bool
fail_pid (const LxcmonMessage *message, uint64_t pid, LxcmonError *error)
{
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_PROTOCOL, 0,
                            "the pid of INIT at offset %llu is %llu, which is not a valid pid",
                            (unsigned long long) message->offset + AT_PAYLOAD,
                            (unsigned long long) pid);
}

static inline bool
read_init (LxcmonMessage *message, const uint8_t *payload, LxcmonError *error)
{
  message->kind = LXCMON_MESSAGE_INIT;
  if (message->length < LXCMON_INIT_LENGTH)
    return fail_payload (message, "INIT", LXCMON_INIT_LENGTH, error);
  if (payload == NULL)
    return true;

  uint64_t high = _lxcmon_message_get_word (payload);
  uint64_t pid = high << 32 | _lxcmon_message_get_word (payload + 4);
  if (pid == 0 || pid > INT32_MAX)
    return fail_pid (message, pid, error);
  message->pid = (int32_t) pid;
  return true;
}

static inline bool
read_exit (LxcmonMessage *message, const uint8_t *payload, LxcmonError *error)
{
  message->kind = LXCMON_MESSAGE_EXIT;
  if (message->length < LXCMON_EXIT_LENGTH)
    return fail_payload (message, "EXIT", LXCMON_EXIT_LENGTH, error);
  if (payload != NULL)
    message->exit_raw = (int32_t) _lxcmon_message_get_word (payload);
  return true;
}

/* Reads a message of the monitor program. */
static inline bool
read_event (LxcmonMessage *message, const uint8_t *payload, LxcmonError *error)
{
  if (message->version != LXCMON_PROTOCOL_MONITOR_VERSION)
    return fail_version (message, error);
  if (message->type != LXCMON_PROTOCOL_TYPE_MESSAGE || message->status != LXCMON_PROTOCOL_STATUS_OK)
    return true;
  if (message->procedure == LXCMON_PROTOCOL_MONITOR_INIT)
    return read_init (message, payload, error);
  if (message->procedure == LXCMON_PROTOCOL_MONITOR_EXIT)
    return read_exit (message, payload, error);
  return true;
}

/**
 * _lxcmon_message_read:
 * @frame: the first LXCMON_MESSAGE_LENGTH_MIN bytes of a message whose length was checked, or of a complete
 *   message all bytes, at most LXCMON_DECODER_KEPT_MAX of them
 * @is_complete: which of the two
 * @offset: where in the stream it begins
 * @message: (out): the message
 * @error: (out) (optional): return location for an error
 *
 * Reads and checks a message, or its header alone.
 *
 * Returns: whether it is valid
 */
bool
_lxcmon_message_read (const uint8_t *frame, bool is_complete, uint64_t offset,
                      LxcmonMessage *message, LxcmonError *error)
{
  *message = (LxcmonMessage){
    .kind = LXCMON_MESSAGE_SKIPPED,
    .length = _lxcmon_message_get_word (frame + AT_LENGTH),
    .offset = offset,
    .program = _lxcmon_message_get_word (frame + AT_PROGRAM),
    .version = _lxcmon_message_get_word (frame + AT_VERSION),
    .procedure = (int32_t) _lxcmon_message_get_word (frame + AT_PROCEDURE),
    .type = (int32_t) _lxcmon_message_get_word (frame + AT_TYPE),
    .serial = _lxcmon_message_get_word (frame + AT_SERIAL),
    .status = (int32_t) _lxcmon_message_get_word (frame + AT_STATUS),
  };

  switch (message->program)
    {
    case LXCMON_PROTOCOL_MONITOR_PROGRAM:
      return check_type (message, error)
             && read_event (message, is_complete ? frame + AT_PAYLOAD : NULL, error);
    case LXCMON_PROTOCOL_KEEPALIVE_PROGRAM:
      message->kind = classify_keepalive (message);
      return true;
    default:
      return check_type (message, error);
    }
}
