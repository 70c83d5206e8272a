/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Timers ordered by their deadlines: a binary heap. A timer is part of the object it is for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LXCMON_TIMER_UNSET UINT32_MAX

typedef struct
{
  int64_t deadline; /* monotonic, in ns; valid while the timer is set */
  uint32_t index;   /* in the heap, or UNSET */
  uint32_t kind;    /* for its owner */
} LxcmonTimer;

typedef struct
{
  LxcmonTimer **heap;
  uint32_t n;
  uint32_t capacity;
} LxcmonTimers;

bool _lxcmon_timers_reserve (LxcmonTimers *self, size_t n_timers);
void _lxcmon_timers_clear (LxcmonTimers *self);
void _lxcmon_timers_set (LxcmonTimers *self, LxcmonTimer *timer, int64_t deadline);
void _lxcmon_timers_unset (LxcmonTimers *self, LxcmonTimer *timer);

static inline LxcmonTimer *
_lxcmon_timers_peek (const LxcmonTimers *self)
{
  return self->n > 0 ? self->heap[0] : NULL;
}
