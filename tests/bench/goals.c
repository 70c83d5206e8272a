/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the goals, one table of them, and how far a figure may be off before it is a regression: twice
 * the goal for what is timed, not at all for what is counted.
 */

#include "goals.h"

#include <math.h>

/* Timed figures of one run vary with the machine's other work; a regression is more than that. */
#define SLACK 2.0

#define VALUE  BENCH_GOAL_VALUE
#define RATIO  BENCH_GOAL_RATIO
#define FACTOR BENCH_GOAL_FACTOR
#define GROWTH BENCH_GOAL_GROWTH

const BenchGoal bench_goals[] = {
  { "decode", "decoder", 0, VALUE, NULL, 10 },
  { "decode", "decoder", 0, FACTOR, "xdrmem", 4 },

  { "bulk", "core", 0, RATIO, "limit", 2.5 },
  { "bulk", "core", 0, FACTOR, "obvious", 150 },
  { "bulk", "client", 0, RATIO, "limit", 20 },
  { "bulk", "client", 0, RATIO, "signal", 2 },
  { "bulk", "client", 0, FACTOR, "obvious", 20 },

  { "one-write", "core", 0, RATIO, "limit", 1.35 },
  { "one-write", "client", 0, RATIO, "limit", 1.35 },
  { "one-write", "client", 0, FACTOR, "obvious", 4 },
  { "one-write", "client", 0, FACTOR, "libvirt", 4 },

  { "latency", "core", 0, RATIO, "limit", 1.75 },
  { "latency", "core", 0, GROWTH, NULL, 2.5 },
  { "latency", "client", 0, RATIO, "limit", 1.75 },
  { "latency", "client", 0, GROWTH, NULL, 2.5 },
  { "latency", "client", 1000, FACTOR, "obvious", 12 },
  { "latency", "client", 1000, FACTOR, "libvirt", 12 },
  { "latency", "client", 4900, FACTOR, "libvirt", 70 },
  { "latency", "client", 9900, FACTOR, "obvious", 200 },

  { "storm", "core", 0, RATIO, "limit", 1.4 },
  { "storm", "client", 0, RATIO, "limit", 1.6 },
  { "storm", "client", 9900, FACTOR, "obvious", 5 },

  { "wave", "core", 0, RATIO, "limit", 1.4 },
  { "wave", "client", 0, RATIO, "limit", 1.5 },
  { "wave", "client", 9900, FACTOR, "obvious", 7 },

  { "add", "core", 0, VALUE, NULL, 2 },
  { "add", "client", 0, VALUE, NULL, 2 },

  { "heap", "client", 0, VALUE, NULL, 640 },
  { "heap", "client", 0, RATIO, "libvirt", 0.5 },
  { "heap-handlers", "client", 0, VALUE, NULL, 1100 },

  { "event-syscalls", "core", 0, VALUE, NULL, 3 },
  { "event-syscalls", "client", 0, VALUE, NULL, 3 },
  { "event-allocations", "core", 0, VALUE, NULL, 0 },
  { "event-allocations", "client", 0, VALUE, NULL, 0 },
  { "idle", "core", 0, VALUE, NULL, 0 },
  { "idle", "client", 0, VALUE, NULL, 0 },
};

const guint bench_n_goals = G_N_ELEMENTS (bench_goals);

static gboolean
applies (const BenchGoal *self, GPtrArray *rows, const BenchRow *row)
{
  if (!g_str_equal (self->measure, row->measure->name) || !g_str_equal (self->peer, row->peer->name)
      || (self->n != 0 && self->n != row->n_asked))
    return FALSE;

  return self->kind != BENCH_GOAL_GROWTH
         || (row == bench_rows_find_largest (rows, row)
             && row != bench_rows_find_smallest (rows, row));
}

/**
 * bench_goal_measure:
 * @self: a goal
 * @rows: what was measured
 * @row: one of them
 * @figure: (out): what is to be compared with the goal
 *
 * Returns: whether the goal is one of that row, and all that it needs was measured
 */
gboolean
bench_goal_measure (const BenchGoal *self, GPtrArray *rows, const BenchRow *row, double *figure)
{
  if (!applies (self, rows, row))
    return FALSE;

  switch (self->kind)
    {
    case BENCH_GOAL_VALUE:
      *figure = bench_row_get_median (row);
      break;
    case BENCH_GOAL_RATIO:
      *figure = bench_row_get_ratio (row, bench_rows_find (rows, row, self->other));
      break;
    case BENCH_GOAL_FACTOR:
      *figure = 1 / bench_row_get_ratio (row, bench_rows_find (rows, row, self->other));
      break;
    case BENCH_GOAL_GROWTH:
    default:
      *figure = bench_row_get_ratio (row, bench_rows_find_smallest (rows, row));
      break;
    }
  return isfinite (*figure);
}

static gboolean
is_within (const BenchGoal *self, double bound, double figure, double slack)
{
  return self->kind == BENCH_GOAL_FACTOR ? figure >= bound / slack : figure <= bound * slack;
}

gboolean
bench_goal_is_held (const BenchGoal *self, double figure)
{
  return is_within (self, self->bound, figure, 1);
}

/* Whether a figure is still no regression. */
gboolean
bench_goal_is_guarded (const BenchGoal *self, const BenchRow *row, double figure)
{
  gboolean is_count = row->measure->counts && self->kind == BENCH_GOAL_VALUE;

  return is_within (self, self->bound, figure, is_count ? 1 : SLACK);
}

/* What a goal is, in words. */
char *
bench_goal_describe (const BenchGoal *self, const BenchRow *row)
{
  switch (self->kind)
    {
    case BENCH_GOAL_VALUE:
      return g_strdup_printf ("at most %g %s", self->bound, row->measure->unit);
    case BENCH_GOAL_RATIO:
      return g_strdup_printf ("at most %g times %s", self->bound, self->other);
    case BENCH_GOAL_FACTOR:
      return g_strdup_printf ("%g times better than %s", self->bound, self->other);
    case BENCH_GOAL_GROWTH:
    default:
      return g_strdup_printf ("grows at most %g times", self->bound);
    }
}
