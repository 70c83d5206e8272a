/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Measures of many connections in one thread: a lone event among them, an event or the end on all of
 * them, and adding one more.
 */

#include "cell.h"

#include <stdlib.h>

enum
{
  SAMPLES_MAX = 2000,
  SAMPLES_MIN = 100,
  SAMPLES_MIN_QUICK = 50,
};

/* A cell of latency stops there, if it has the samples that it needs. */
#define LATENCY_NS       1000000000
#define LATENCY_NS_QUICK 100000000

/* Connections are used in an order that caches cannot predict. */
#define STRIDE 7919

static int
compare_doubles (const void *a, const void *b)
{
  double left = *(const double *) a, right = *(const double *) b;

  return (left > right) - (left < right);
}

static double
find_median (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare_doubles);
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void
bench_measure_latency (BenchCell *cell)
{
  double samples[SAMPLES_MAX];
  guint n = 0;
  guint n_min = cell->quick ? SAMPLES_MIN_QUICK : SAMPLES_MIN;
  gint64 limit = cell->quick ? LATENCY_NS_QUICK : LATENCY_NS;

  bench_cell_set_up (cell);
  for (gint64 start = bench_now (); n < SAMPLES_MAX && (n < n_min || bench_now () - start < limit);
       n++)
    {
      gint64 begin = bench_now ();
      bench_cell_send (cell, n * STRIDE % cell->n, FALSE, (int) (1000 + n));
      bench_cell_wait_events (cell);
      samples[n] = (double) (bench_now () - begin);
    }

  bench_cell_finish (cell, find_median (samples, n) / 1000);
}

/* All is pending before the peer's loop runs, so the figure is the peer's own. */
void
bench_measure_storm (BenchCell *cell)
{
  bench_cell_set_up (cell);
  for (guint i = 0; i < cell->n; i++)
    {
      bench_cell_send (cell, i, FALSE, (int) (1000 + i));
      bench_cell_send (cell, i, TRUE, 1 + (int) (i % 2));
      bench_cell_hang_up (cell, i);
    }

  gint64 begin = bench_now ();
  bench_cell_wait_closed (cell);
  gint64 end = bench_now ();

  bench_cell_finish (cell, (double) (end - begin) / 1e6);
}

void
bench_measure_wave (BenchCell *cell)
{
  bench_cell_set_up (cell);
  for (guint i = 0; i < cell->n; i++)
    bench_cell_send (cell, i, FALSE, (int) (1000 + i));

  gint64 begin = bench_now ();
  bench_cell_wait_events (cell);
  gint64 end = bench_now ();

  bench_cell_finish (cell, (double) (end - begin) / cell->n);
}

/* The controller's part in between is not counted: only the peer's call is. */
void
bench_measure_add (BenchCell *cell)
{
  guint part = MAX (cell->n / 10, 1);
  double *times = g_new (double, cell->n);

  cell->peer->start (cell->n_handlers);
  for (guint i = 0; i < cell->n; i++)
    times[i] = bench_cell_link_timed (cell);

  double first = find_median (times, part);
  double last = find_median (times + cell->n - part, part);
  g_free (times);
  bench_cell_serve (cell);
  bench_cell_finish (cell, last / first);
}
