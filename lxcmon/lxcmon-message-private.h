/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What one message means.
 */

#include "lxcmon-decoder-private.h"

#include <string.h>

#include "lxcmon_protocol.h"

/* The macros of libtirpc need words that are aligned, which those of a message may not be. */
static inline uint32_t
_lxcmon_message_get_length (const uint8_t *frame)
{
  int32_t word;
  int32_t *cursor = &word;

  memcpy (&word, frame, sizeof word);
  return IXDR_GET_U_INT32 (cursor);
}

bool _lxcmon_message_check_length (uint32_t length, uint64_t offset, LxcmonError *error);
bool _lxcmon_message_read_header (const uint8_t *frame, uint64_t offset, LxcmonMessage *message,
                                  LxcmonError *error);
bool _lxcmon_message_read (const uint8_t *frame, uint64_t offset, LxcmonMessage *message,
                           uint32_t *n_known, LxcmonError *error);
