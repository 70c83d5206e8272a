/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-decoder.h"

/* The most that is ever kept of a message: the longest one that we read, INIT. */
#define LXCMON_DECODER_KEPT_MAX 36

/* Visible so that a connection can hold one by value: an idle client should cost little. So a connection's
 * has room for the beginning of a message only while one comes in pieces, which is rare; what
 * lxcmon_decoder_new() makes has it from the start. */
struct _LxcmonDecoder
{
  uint64_t offset;    /* of the message at hand, from the start of the stream; a connection's reader
                       * moves it on before it asks the decoder, and not with each event */
  uint64_t skipped;   /* messages that were not for us */
  uint8_t *kept;      /* the first LXCMON_DECODER_KEPT_MAX bytes of the message at hand, or NULL */
  uint32_t remaining; /* bytes of the message at hand behind those that are kept */
  uint16_t extended;  /* messages that carried more than we know; sticks at its maximum */
  uint8_t n_kept;
  bool failed;
};

/* Gives the room back, with what is in it. */
void _lxcmon_decoder_drop_kept (LxcmonDecoder *self);

/* As lxcmon_decoder_next() between two pointers. */
LxcmonDecodeResult _lxcmon_decoder_step (LxcmonDecoder *self, const uint8_t **cursor,
                                         const uint8_t *end, LxcmonMessage *message,
                                         LxcmonError *error);

/* What the message at hand will be, where its header is complete. */
bool _lxcmon_decoder_peek_kind (const LxcmonDecoder *self, LxcmonMessageKind *kind);
