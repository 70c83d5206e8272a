/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The timers of many connections: a binary heap by deadline, each connection having one at the most.
 */

#include "lxcmon-connection-private.h"

typedef struct
{
  LxcmonConnection **heap;
  uint32_t n;
  uint32_t capacity;
} LxcmonTimers;

bool _lxcmon_timers_reserve (LxcmonTimers *self, size_t n_connections);
void _lxcmon_timers_clear (LxcmonTimers *self);
void _lxcmon_timers_set (LxcmonTimers *self, LxcmonConnection *connection);
void _lxcmon_timers_remove (LxcmonTimers *self, LxcmonConnection *connection);

static inline LxcmonConnection *
_lxcmon_timers_peek (const LxcmonTimers *self)
{
  return self->n > 0 ? self->heap[0] : NULL;
}
