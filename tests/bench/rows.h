/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The figures: one row for each measure, number of connections and peer.
 */

#include "bench.h"

typedef struct
{
  const BenchMeasure *measure;
  const BenchPeer *peer;
  guint n_asked;
  guint n;         /* fewer if there are not enough descriptors */
  GArray *values;  /* a double for each repetition, NAN if there is none */
  guint64 n_lost;  /* the most in one repetition */
  char *failure;   /* why a cell failed */
  gboolean barred; /* could not be measured, by the system's will */
} BenchRow;

typedef struct
{
  char **measures; /* names, NULL for all */
  char **peers;
  gboolean quick;
} BenchPlan;

GPtrArray *bench_rows_new (const BenchPlan *plan);
const BenchRow *bench_rows_find (GPtrArray *rows, const BenchRow *like, const char *peer);
const BenchRow *bench_rows_find_smallest (GPtrArray *rows, const BenchRow *like);
const BenchRow *bench_rows_find_largest (GPtrArray *rows, const BenchRow *like);
void bench_row_add (BenchRow *self, double value, guint64 n_lost);

gboolean bench_row_get_range (const BenchRow *self, double *low, double *high);
double bench_row_get_median (const BenchRow *self);
double bench_row_get_ratio (const BenchRow *self, const BenchRow *other);
