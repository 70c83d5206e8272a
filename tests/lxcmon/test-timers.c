/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The heap of deadlines against a plain search: whatever is set, moved and removed, the earliest is
 * on top, and every connection knows its place.
 */

#include "common/core-test.h"

#include <stdlib.h>

#include <lxcmon/lxcmon-timers-private.h>

enum
{
  N = 200
};

static void
check (const LxcmonTimers *timers, const LxcmonConnection *connections)
{
  const LxcmonConnection *earliest = NULL;
  guint n_set = 0;

  for (int i = 0; i < N; i++)
    {
      const LxcmonConnection *connection = &connections[i];

      if (connection->timer_index == LXCMON_TIMER_NONE)
        continue;
      n_set++;
      g_assert_cmpuint (connection->timer_index, <, timers->n);
      g_assert_true (timers->heap[connection->timer_index] == connection);
      if (earliest == NULL || connection->deadline < earliest->deadline)
        earliest = connection;
    }
  g_assert_cmpuint (timers->n, ==, n_set);
  const LxcmonConnection *top = _lxcmon_timers_peek (timers);
  g_assert_true ((top == NULL) == (earliest == NULL));
  if (top != NULL && earliest != NULL)
    g_assert_cmpint (top->deadline, ==, earliest->deadline);
}

static LxcmonConnection *
new_connections (LxcmonTimers *timers)
{
  LxcmonConnection *connections = g_new0 (LxcmonConnection, N);

  for (gsize i = 0; i < N; i++)
    {
      connections[i].timer_index = LXCMON_TIMER_NONE;
      g_assert_true (_lxcmon_timers_reserve (timers, i + 1));
    }
  return connections;
}

static void
test_random (void)
{
  LxcmonTimers timers = { .heap = NULL };
  g_autofree LxcmonConnection *connections = new_connections (&timers);

  for (int i = 0; i < 20000; i++)
    {
      LxcmonConnection *connection = &connections[g_test_rand_int_range (0, N)];

      if (g_test_rand_int_range (0, 3) == 0)
        _lxcmon_timers_remove (&timers, connection);
      else
        {
          connection->deadline = g_test_rand_int_range (0, 50);
          _lxcmon_timers_set (&timers, connection);
        }
      check (&timers, connections);
    }
  _lxcmon_timers_clear (&timers);
}

/* Taken from the top, they come in order. */
static void
test_order (void)
{
  LxcmonTimers timers = { .heap = NULL };
  g_autofree LxcmonConnection *connections = new_connections (&timers);
  gint64 last = G_MININT64;
  guint n = 0;

  for (int i = 0; i < N; i++)
    {
      connections[i].deadline = g_test_rand_int_range (0, 1000);
      _lxcmon_timers_set (&timers, &connections[i]);
    }
  while (_lxcmon_timers_peek (&timers) != NULL)
    {
      LxcmonConnection *first = _lxcmon_timers_peek (&timers);

      g_assert_cmpint (first->deadline, >=, last);
      last = first->deadline;
      _lxcmon_timers_remove (&timers, first);
      g_assert_cmpuint (first->timer_index, ==, LXCMON_TIMER_NONE);
      n++;
    }
  g_assert_cmpuint (n, ==, N);
  _lxcmon_timers_clear (&timers);
}

static void
test_remove_twice (void)
{
  LxcmonTimers timers = { .heap = NULL };
  g_autofree LxcmonConnection *connections = new_connections (&timers);

  _lxcmon_timers_set (&timers, &connections[0]);
  _lxcmon_timers_remove (&timers, &connections[0]);
  _lxcmon_timers_remove (&timers, &connections[0]);
  _lxcmon_timers_remove (&timers, &connections[1]);
  g_assert_cmpuint (timers.n, ==, 0);
  _lxcmon_timers_clear (&timers);
}

static void
test_room_has_a_limit (void)
{
  LxcmonTimers timers = { .heap = NULL };

  g_assert_false (_lxcmon_timers_reserve (&timers, G_MAXSIZE));
  g_assert_false (_lxcmon_timers_reserve (&timers, G_MAXUINT32));
  g_assert_cmpuint (timers.capacity, ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/timers/random", test_random);
  core_test_add ("/timers/order", test_order);
  core_test_add ("/timers/remove-twice", test_remove_twice);
  core_test_add ("/timers/room-has-a-limit", test_room_has_a_limit);

  return g_test_run ();
}
