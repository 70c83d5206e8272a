/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is counted and not timed: bytes, allocations, system calls. The same each time, on any machine.
 */

#include "cell.h"
#include "trace.h"

enum
{
  N_EVENTS = 1000,
  N_WARM_UP = 100,
};

static void
measure_heap (BenchCell *cell, guint n_handlers)
{
  guint n_before = MAX (cell->n / 10, 1);

  /* What is made once is made before, and so is what a second connection brings. */
  cell->n_handlers = n_handlers;
  cell->peer->start (n_handlers);
  bench_cell_link (cell, n_before);
  bench_cell_serve (cell);

  guint64 before = bench_heap_in_use ();
  bench_cell_link (cell, cell->n);
  bench_cell_serve (cell);
  guint64 after = bench_heap_in_use ();

  bench_cell_finish (cell, ((double) after - (double) before) / cell->n);
}

void
bench_measure_heap (BenchCell *cell)
{
  measure_heap (cell, 0);
}

void
bench_measure_heap_handlers (BenchCell *cell)
{
  measure_heap (cell, 2);
}

static void
send_lone_events (BenchCell *cell, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      bench_cell_send (cell, i % cell->n, FALSE, (int) (1000 + i));
      bench_trace_begin ();
      bench_cell_wait_events (cell);
      bench_trace_end ();
    }
}

void
bench_measure_event_allocations (BenchCell *cell)
{
  guint64 n = 0;

  bench_cell_set_up (cell);
  for (guint i = 0; i < N_WARM_UP + N_EVENTS; i++)
    {
      bench_cell_send (cell, i % cell->n, FALSE, (int) (1000 + i));
      guint64 before = bench_n_allocations ();
      bench_cell_wait_events (cell);
      if (i >= N_WARM_UP)
        n += bench_n_allocations () - before;
    }

  bench_cell_finish (cell, (double) n / N_EVENTS);
}

/* The process that traces this one counts; the result is for how many events that was. */
void
bench_measure_event_syscalls (BenchCell *cell)
{
  bench_cell_set_up (cell);
  send_lone_events (cell, N_EVENTS);
  bench_cell_finish (cell, N_EVENTS);
}

/* The process that traces this one counts from the mark on, and ends it. */
void
bench_measure_idle (BenchCell *cell)
{
  bench_cell_set_up (cell);
  bench_cell_finish (cell, 1);
  bench_trace_begin ();
  for (;;)
    cell->peer->turn (TRUE);
}
