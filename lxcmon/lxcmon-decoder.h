/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The decoder: bytes in, messages out. It does no I/O, so the bytes can come from anywhere, and it keeps no
 * more than the first bytes of one message, whatever length the peer claims.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_MESSAGE_LENGTH_MIN:
 *
 * The smallest length in bytes that a message can have: its length field and its header.
 *
 * Since: 0.1
 */
#define LXCMON_MESSAGE_LENGTH_MIN 28

/**
 * LXCMON_MESSAGE_LENGTH_MAX:
 *
 * The largest length in bytes that a message can have: libvirt's limit of 32 MiB, plus the length field.
 *
 * Since: 0.1
 */
#define LXCMON_MESSAGE_LENGTH_MAX 33554436u

/**
 * LxcmonMessageKind:
 * @LXCMON_MESSAGE_SKIPPED: valid, but with no meaning for a client: an unknown program, procedure, type or
 *   status
 * @LXCMON_MESSAGE_INIT: the container's init has started
 * @LXCMON_MESSAGE_EXIT: the container has ended
 * @LXCMON_MESSAGE_PING: a request for a PONG
 * @LXCMON_MESSAGE_PONG: the answer to a PING
 *
 * What a message means.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_MESSAGE_SKIPPED = 0,
  LXCMON_MESSAGE_INIT,
  LXCMON_MESSAGE_EXIT,
  LXCMON_MESSAGE_PING,
  LXCMON_MESSAGE_PONG
} LxcmonMessageKind;

/**
 * LxcmonDecodeResult:
 * @LXCMON_DECODE_MESSAGE: there is a message
 * @LXCMON_DECODE_NEED_MORE: all bytes were consumed, and no message is complete
 * @LXCMON_DECODE_ERROR: the bytes are not a message; the stream cannot be decoded any further
 *
 * What a call of the decoder has found.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_DECODE_MESSAGE = 0,
  LXCMON_DECODE_NEED_MORE,
  LXCMON_DECODE_ERROR
} LxcmonDecodeResult;

typedef struct _LxcmonMessage LxcmonMessage;
typedef struct _LxcmonDecoder LxcmonDecoder;

/**
 * LxcmonMessage:
 * @kind: what it means
 * @length: its length in bytes, the length field included
 * @offset: where it begins: the number of bytes before it in the stream
 * @program: the program's number
 * @version: the program's version
 * @procedure: the procedure within the program
 * @type: 0 call, 1 reply, 2 message, 3 stream, 4 call with descriptors, 5 reply with descriptors,
 *   6 stream hole
 * @serial: the serial; events carry 1
 * @status: 0 ok, 1 error, 2 continue
 * @pid: for %LXCMON_MESSAGE_INIT the pid of init, from 1 to INT32_MAX; otherwise 0
 * @exit_raw: for %LXCMON_MESSAGE_EXIT the number on the wire; otherwise 0
 *
 * One message as it was on the wire.
 *
 * Since: 0.1
 */
struct _LxcmonMessage
{
  LxcmonMessageKind kind;
  uint32_t length;
  uint64_t offset;
  uint32_t program;
  uint32_t version;
  int32_t procedure;
  int32_t type;
  uint32_t serial;
  int32_t status;
  int32_t pid;
  int32_t exit_raw;
};

LXCMON_EXPORT LxcmonDecoder *lxcmon_decoder_new (void);
LXCMON_EXPORT void lxcmon_decoder_free (LxcmonDecoder *self);
LXCMON_EXPORT void lxcmon_decoder_reset (LxcmonDecoder *self);
LXCMON_EXPORT LxcmonDecodeResult lxcmon_decoder_next (LxcmonDecoder *self, const uint8_t **bytes,
                                                      size_t *n_bytes, LxcmonMessage *message,
                                                      LxcmonError *error) LXCMON_WARN_UNUSED;
LXCMON_EXPORT bool lxcmon_decoder_finish (LxcmonDecoder *self, LxcmonError *error);
LXCMON_EXPORT uint64_t lxcmon_decoder_get_offset (const LxcmonDecoder *self);
LXCMON_EXPORT uint64_t lxcmon_decoder_get_skipped (const LxcmonDecoder *self);
LXCMON_EXPORT uint64_t lxcmon_decoder_get_extended (const LxcmonDecoder *self);
LXCMON_EXPORT LxcmonExitStatus lxcmon_exit_status_from_raw (int32_t raw);

LXCMON_END_DECLS
