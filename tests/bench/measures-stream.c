/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Measures of many events on one connection: from memory, in big writes, each sent for itself.
 */

#include "cell.h"
#include "sender.h"

enum
{
  N_DECODED = 4000000,
  N_DECODED_XDRMEM = 400000,
  QUICK = 4, /* the divisor with --quick */
};

/* Decodes what a stream is made of, round by round. */
void
bench_measure_decode (BenchCell *cell)
{
  BenchStream stream;
  guint n = cell->peer->id == BENCH_XDRMEM ? N_DECODED_XDRMEM : N_DECODED;

  bench_stream_init (&stream, cell, cell->quick ? n / QUICK : n, TRUE);
  gint64 begin = bench_now ();
  for (guint i = 0; i < stream.n_rounds; i++)
    cell->peer->decode (stream.bytes->data, stream.bytes->len);
  gint64 end = bench_now ();

  bench_cell_finish (cell,
                     (double) (end - begin) / (double) (cell->sent.n_inits + cell->sent.n_exits));
}

typedef enum
{
  EACH_FOR_ITSELF = 1 << 0,
  CHANGING = 1 << 1,
} How;

static void
measure_stream (BenchCell *cell, guint n_events, How how)
{
  BenchStream stream;
  BenchSender sender;

  bench_cell_set_up (cell);
  bench_stream_init (&stream, cell, cell->quick ? n_events / QUICK : n_events,
                     (how & CHANGING) != 0);
  bench_sender_start (&sender, cell, &stream, (how & EACH_FOR_ITSELF) != 0);

  gint64 begin = bench_now ();
  bench_sender_go (&sender);
  bench_cell_wait_events (cell);
  gint64 end = bench_now ();

  bench_sender_stop (&sender);
  bench_cell_finish (cell,
                     (double) (end - begin) / (double) (cell->sent.n_inits + cell->sent.n_exits));
}

void
bench_measure_bulk (BenchCell *cell)
{
  measure_stream (cell, cell->peer->n_bulk, 0);
}

/* Each event changes properties, which are notified if there are any. */
void
bench_measure_bulk_changes (BenchCell *cell)
{
  measure_stream (cell, cell->peer->n_bulk, CHANGING);
}

void
bench_measure_one_write (BenchCell *cell)
{
  measure_stream (cell, cell->peer->n_single, EACH_FOR_ITSELF);
}
