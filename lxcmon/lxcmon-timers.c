/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the order of deadlines. Room for every connection is made when it is added, so that setting a
 * timer, as EXIT does, never allocates. Refuses clocks and descriptors: those are the hub's.
 */

#include "lxcmon-timers-private.h"

#include <assert.h>
#include <stdlib.h>

static void
put (LxcmonTimers *self, uint32_t index, LxcmonConnection *connection)
{
  self->heap[index] = connection;
  connection->timer_index = index;
}

static void
sift_up (LxcmonTimers *self, uint32_t index)
{
  LxcmonConnection *connection = self->heap[index];

  while (index > 0)
    {
      uint32_t parent = (index - 1) / 2;
      if (self->heap[parent]->deadline <= connection->deadline)
        break;
      put (self, index, self->heap[parent]);
      index = parent;
    }
  put (self, index, connection);
}

static void
sift_down (LxcmonTimers *self, uint32_t index)
{
  LxcmonConnection *connection = self->heap[index];

  for (;;)
    {
      uint32_t child = index * 2 + 1;
      if (child >= self->n)
        break;
      if (child + 1 < self->n && self->heap[child + 1]->deadline < self->heap[child]->deadline)
        child++;
      if (self->heap[child]->deadline >= connection->deadline)
        break;
      put (self, index, self->heap[child]);
      index = child;
    }
  put (self, index, connection);
}

/**
 * _lxcmon_timers_reserve:
 *
 * Makes room for as many timers as there are connections.
 *
 * Returns: false where memory has run out; what is there stays as it is
 */
bool
_lxcmon_timers_reserve (LxcmonTimers *self, size_t n_connections)
{
  if (n_connections <= self->capacity)
    return true;
  if (n_connections > LXCMON_TIMER_NONE / 2)
    return false;

  uint32_t capacity = self->capacity == 0 ? 16 : self->capacity + self->capacity / 2;
  LxcmonConnection **heap = realloc (self->heap, capacity * sizeof *heap);
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
 * Puts a connection where its deadline belongs, whether it was here before or not.
 */
void
_lxcmon_timers_set (LxcmonTimers *self, LxcmonConnection *connection)
{
  if (connection->timer_index == LXCMON_TIMER_NONE)
    {
      assert (self->n < self->capacity);
      put (self, self->n++, connection);
    }
  sift_up (self, connection->timer_index);
  sift_down (self, connection->timer_index);
}

/**
 * _lxcmon_timers_remove:
 *
 * Takes a connection's timer away, where it has one.
 */
void
_lxcmon_timers_remove (LxcmonTimers *self, LxcmonConnection *connection)
{
  uint32_t index = connection->timer_index;

  if (index == LXCMON_TIMER_NONE)
    return;
  connection->timer_index = LXCMON_TIMER_NONE;

  LxcmonConnection *last = self->heap[--self->n];
  if (last == connection)
    return;
  put (self, index, last);
  sift_up (self, index);
  sift_down (self, last->timer_index);
}
