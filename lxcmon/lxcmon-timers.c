/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the order of deadlines. Memory for every timer is reserved before it can be set, so that setting
 * one never fails. It knows no clock and no descriptor.
 */

#include "lxcmon-timers-private.h"

#include <assert.h>
#include <stdlib.h>

static void
put (LxcmonTimers *self, uint32_t index, LxcmonTimer *timer)
{
  self->heap[index] = timer;
  timer->index = index;
}

static void
sift_up (LxcmonTimers *self, uint32_t index)
{
  LxcmonTimer *timer = self->heap[index];

  while (index > 0)
    {
      uint32_t parent = (index - 1) / 2;
      if (self->heap[parent]->deadline <= timer->deadline)
        break;
      put (self, index, self->heap[parent]);
      index = parent;
    }
  put (self, index, timer);
}

static void
sift_down (LxcmonTimers *self, uint32_t index)
{
  LxcmonTimer *timer = self->heap[index];

  for (;;)
    {
      uint32_t child = index * 2 + 1;
      if (child >= self->n)
        break;
      if (child + 1 < self->n && self->heap[child + 1]->deadline < self->heap[child]->deadline)
        child++;
      if (self->heap[child]->deadline >= timer->deadline)
        break;
      put (self, index, self->heap[child]);
      index = child;
    }
  put (self, index, timer);
}

/**
 * _lxcmon_timers_reserve:
 *
 * Reserves memory for @n_timers timers.
 *
 * Returns: false if memory has run out; nothing has changed then
 */
bool
_lxcmon_timers_reserve (LxcmonTimers *self, size_t n_timers)
{
  if (n_timers <= self->capacity)
    return true;
  if (n_timers > LXCMON_TIMER_UNSET / 2)
    return false;

  uint32_t capacity = self->capacity == 0 ? 16 : self->capacity + self->capacity / 2;
  LxcmonTimer **heap = realloc (self->heap, capacity * sizeof *heap);
  if (heap == NULL)
    return false;
  self->heap = heap;
  self->capacity = capacity;

  return true;
}

void
_lxcmon_timers_clear (LxcmonTimers *self)
{
  free (self->heap);
  *self = (LxcmonTimers){ .heap = NULL };
}

/**
 * _lxcmon_timers_set:
 *
 * Sets a timer, or moves it if it was set before.
 */
void
_lxcmon_timers_set (LxcmonTimers *self, LxcmonTimer *timer, int64_t deadline)
{
  timer->deadline = deadline;
  if (timer->index == LXCMON_TIMER_UNSET)
    {
      assert (self->n < self->capacity);
      put (self, self->n++, timer);
    }
  sift_up (self, timer->index);
  sift_down (self, timer->index);
}

/**
 * _lxcmon_timers_unset:
 *
 * Removes a timer, if it was set.
 */
void
_lxcmon_timers_unset (LxcmonTimers *self, LxcmonTimer *timer)
{
  uint32_t index = timer->index;

  if (index == LXCMON_TIMER_UNSET)
    return;
  timer->index = LXCMON_TIMER_UNSET;

  LxcmonTimer *last = self->heap[--self->n];
  if (last == timer)
    return;
  put (self, index, last);
  sift_up (self, index);
  sift_down (self, last->index);
}
