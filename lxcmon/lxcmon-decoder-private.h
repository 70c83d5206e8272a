/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-decoder.h"

/* The most that is ever kept of a message: the longest one that is read to its end, INIT */
#define LXCMON_DECODER_KEPT_MAX 36

/* Visible so that a connection can contain one */
struct _LxcmonDecoder
{
  uint64_t offset; /* where the current message begins in the stream */
  uint64_t n_skipped;
  uint64_t n_extended;
  uint32_t remaining; /* bytes of the current message after those that are kept */
  uint8_t n_kept;
  bool failed;
  uint8_t kept[LXCMON_DECODER_KEPT_MAX]; /* the beginning of the current message */
};
