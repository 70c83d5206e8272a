/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What one message means.
 */

#include "lxcmon-decoder-private.h"

#include <string.h>

#include "lxcmon_protocol.h"

enum
{
  LXCMON_EXIT_LENGTH = LXCMON_MESSAGE_LENGTH_MIN + 4,
  LXCMON_INIT_LENGTH = LXCMON_MESSAGE_LENGTH_MIN + 8,
};

/* Reads a field. The macros of libtirpc need words that are aligned, which those of a message may not be. */
static inline uint32_t
_lxcmon_message_get_word (const uint8_t *bytes)
{
  int32_t word;
  int32_t *cursor = &word;

  memcpy (&word, bytes, sizeof word);
  return IXDR_GET_U_INT32 (cursor);
}

static inline uint32_t
_lxcmon_message_get_length (const uint8_t *frame)
{
  return _lxcmon_message_get_word (frame);
}

bool _lxcmon_message_check_length (uint32_t length, uint64_t offset, LxcmonError *error);
bool _lxcmon_message_read (const uint8_t *frame, bool is_complete, uint64_t offset,
                           LxcmonMessage *message, LxcmonError *error);

static inline bool
_lxcmon_message_is_length (uint32_t length)
{
  return length >= LXCMON_MESSAGE_LENGTH_MIN && length <= LXCMON_MESSAGE_LENGTH_MAX;
}

/* Whether a message has more payload than this version knows of. */
static inline bool
_lxcmon_message_is_extended (const LxcmonMessage *message)
{
  uint32_t known = message->kind == LXCMON_MESSAGE_INIT   ? LXCMON_INIT_LENGTH
                   : message->kind == LXCMON_MESSAGE_EXIT ? LXCMON_EXIT_LENGTH
                                                          : LXCMON_MESSAGE_LENGTH_MIN;

  return message->kind != LXCMON_MESSAGE_SKIPPED && message->length > known;
}
