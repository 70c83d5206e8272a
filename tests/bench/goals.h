/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the figures should be.
 */

#include "rows.h"

typedef enum
{
  BENCH_GOAL_VALUE,  /* at most so much */
  BENCH_GOAL_RATIO,  /* at most so many times what another peer takes */
  BENCH_GOAL_FACTOR, /* at least so many times as fast as another peer */
  BENCH_GOAL_GROWTH, /* at most so much more for the most connections than for the fewest */
} BenchGoalKind;

typedef struct
{
  const char *measure;
  const char *peer;
  guint n; /* connections that were asked for; 0 for any number */
  BenchGoalKind kind;
  const char *other; /* peer to compare with */
  double bound;
} BenchGoal;

extern const BenchGoal bench_goals[];
extern const guint bench_n_goals;

gboolean bench_goal_measure (const BenchGoal *self, GPtrArray *rows, const BenchRow *row,
                             double *figure);
gboolean bench_goal_is_held (const BenchGoal *self, double figure);
gboolean bench_goal_is_guarded (const BenchGoal *self, const BenchRow *row, double figure);
char *bench_goal_describe (const BenchGoal *self, const BenchRow *row);
