/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A reader works on the bytes of one connection at a time, in a buffer that it lends. What it has
 * still to do stands in it and not on the stack, so that it can be entered again from a callback:
 * whoever enters it first finishes what is at hand, in order.
 */

#include "lxcmon-connection-private.h"

/* After so many buffers full a dispatch leaves the rest to the next one, so that a loop's other sources
 * have their turn; what is left is still ready. */
#define LXCMON_READER_BUFFERS_PER_DISPATCH 4

struct _LxcmonReader
{
  LxcmonConnection *connection; /* whose bytes these are; NULL when idle or when it has left */
  uint8_t *buffer;
  size_t size;
  const uint8_t *cursor;
  const uint8_t *counted; /* up to where the decoder's offset has been moved on */
  const uint8_t *end;
  size_t n_read;         /* bytes, to bound the work of a dispatch; whoever dispatches resets it */
  LxcmonMessage pending; /* decoded and not handed on yet */
  bool has_pending;
  bool until_end; /* the peer has hung up: read on to the end of file */
  bool again;     /* there may be more to read in this run */
};

static inline bool
_lxcmon_reader_has_enough (const LxcmonReader *self)
{
  return self->n_read >= LXCMON_READER_BUFFERS_PER_DISPATCH * self->size;
}

void _lxcmon_reader_begin (LxcmonReader *self, LxcmonConnection *connection, bool until_end);
void _lxcmon_reader_run (LxcmonReader *self);
void _lxcmon_reader_leave (LxcmonReader *self);
