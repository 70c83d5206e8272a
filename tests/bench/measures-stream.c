/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Measures of many events on one connection: from memory, in big writes, one write each.
 */

#include "cell.h"
#include "sender.h"

enum
{
  N_DECODED = 4000000,
  N_DECODED_XDRMEM = 400000,
  QUICK = 4, /* so much less where it has to be quick */
};

/* Decodes what a stream is made of, round by round. */
void
bench_measure_decode (BenchCell *cell)
{
  BenchStream stream;
  guint n = cell->peer->id == BENCH_XDRMEM ? N_DECODED_XDRMEM : N_DECODED;

  bench_stream_init (&stream, cell, cell->quick ? n / QUICK : n);
  gint64 begin = bench_now ();
  for (guint i = 0; i < stream.n_rounds; i++)
    cell->peer->decode (stream.bytes->data, stream.bytes->len);
  gint64 end = bench_now ();

  bench_cell_finish (cell,
                     (double) (end - begin) / (double) (cell->sent.n_inits + cell->sent.n_exits));
}

static void
measure_stream (BenchCell *cell, guint n_events, gboolean one_by_one)
{
  BenchStream stream;
  BenchSender sender;

  bench_cell_set_up (cell);
  bench_stream_init (&stream, cell, cell->quick ? n_events / QUICK : n_events);
  bench_sender_start (&sender, cell, &stream, one_by_one);

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
  measure_stream (cell, cell->peer->n_bulk, FALSE);
}

void
bench_measure_one_write (BenchCell *cell)
{
  measure_stream (cell, cell->peer->n_single, TRUE);
}
