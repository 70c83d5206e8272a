/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The heap of timers compared with a plain search: whatever is set, moved and unset, the earliest is on top,
 * and the index of each timer is right.
 */

#include "common/core-test.h"

#include <stdlib.h>

#include <lxcmon/lxcmon-timers-private.h>

enum
{
  N = 200
};

static void
check (const LxcmonTimers *timers, const LxcmonTimer *items)
{
  const LxcmonTimer *earliest = NULL;
  guint n_set = 0;

  for (int i = 0; i < N; i++)
    {
      const LxcmonTimer *timer = &items[i];

      if (timer->index == LXCMON_TIMER_UNSET)
        continue;
      n_set++;
      g_assert_cmpuint (timer->index, <, timers->n);
      g_assert_true (timers->heap[timer->index] == timer);
      if (earliest == NULL || timer->deadline < earliest->deadline)
        earliest = timer;
    }
  g_assert_cmpuint (timers->n, ==, n_set);
  const LxcmonTimer *top = _lxcmon_timers_peek (timers);
  g_assert_true ((top == NULL) == (earliest == NULL));
  if (top != NULL && earliest != NULL)
    g_assert_cmpint (top->deadline, ==, earliest->deadline);
}

static LxcmonTimer *
new_timers (LxcmonTimers *timers)
{
  LxcmonTimer *items = g_new0 (LxcmonTimer, N);

  for (gsize i = 0; i < N; i++)
    {
      items[i].index = LXCMON_TIMER_UNSET;
      g_assert_true (_lxcmon_timers_reserve (timers, i + 1));
    }
  return items;
}

static void
test_random (void)
{
  LxcmonTimers timers = { .heap = NULL };
  g_autofree LxcmonTimer *items = new_timers (&timers);

  for (int i = 0; i < 20000; i++)
    {
      LxcmonTimer *timer = &items[g_test_rand_int_range (0, N)];

      if (g_test_rand_int_range (0, 3) == 0)
        _lxcmon_timers_unset (&timers, timer);
      else
        _lxcmon_timers_set (&timers, timer, g_test_rand_int_range (0, 50));
      check (&timers, items);
    }
  _lxcmon_timers_clear (&timers);
}

/* Unset from the top, they come in order. */
static void
test_order (void)
{
  LxcmonTimers timers = { .heap = NULL };
  g_autofree LxcmonTimer *items = new_timers (&timers);
  gint64 last = G_MININT64;
  guint n = 0;

  for (int i = 0; i < N; i++)
    _lxcmon_timers_set (&timers, &items[i], g_test_rand_int_range (0, 1000));
  while (_lxcmon_timers_peek (&timers) != NULL)
    {
      LxcmonTimer *first = _lxcmon_timers_peek (&timers);

      g_assert_cmpint (first->deadline, >=, last);
      last = first->deadline;
      _lxcmon_timers_unset (&timers, first);
      g_assert_cmpuint (first->index, ==, LXCMON_TIMER_UNSET);
      n++;
    }
  g_assert_cmpuint (n, ==, N);
  _lxcmon_timers_clear (&timers);
}

static void
test_unset_twice (void)
{
  LxcmonTimers timers = { .heap = NULL };
  g_autofree LxcmonTimer *items = new_timers (&timers);

  _lxcmon_timers_set (&timers, &items[0], 1);
  _lxcmon_timers_unset (&timers, &items[0]);
  _lxcmon_timers_unset (&timers, &items[0]);
  _lxcmon_timers_unset (&timers, &items[1]);
  g_assert_cmpuint (timers.n, ==, 0);
  _lxcmon_timers_clear (&timers);
}

static void
test_reserve_has_a_limit (void)
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
  core_test_add ("/timers/unset-twice", test_unset_twice);
  core_test_add ("/timers/reserve-has-a-limit", test_reserve_has_a_limit);

  return g_test_run ();
}
