/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One measurement, in a process of its own: one peer on one core, connected to sockets of ours.
 */

#include "bench.h"

struct _BenchCell
{
  const BenchMeasure *measure;
  const BenchPeer *peer;
  guint n;
  gboolean quick;
  guint n_handlers; /* for each connection; 0 if the peer's events go nowhere */

  char *dir;
  char *path;
  int listener;
  int *fds; /* the controllers' ends */
  guint n_fds;
  guint cpus[2]; /* the peer's and the sender's */

  BenchTally sent;
  double value;
  guint64 n_lost;
};

/* What a cell says to the process that runs it. */
#define BENCH_CELL_FORMAT "%.17g %" G_GUINT64_FORMAT "\n"

int bench_cell_main (const char *spec);

gint64 bench_now (void); /* in ns */
void bench_pin (guint cpu);
int bench_connect (const char *path);
void bench_write (int fd, const guint8 *bytes, gsize n_bytes);
gsize bench_cell_encode (BenchCell *self, guint8 *buffer, gboolean is_exit, int number);

void bench_cell_link (BenchCell *self, guint n);
double bench_cell_link_timed (BenchCell *self);
void bench_cell_serve (BenchCell *self);
void bench_cell_set_up (BenchCell *self);
void bench_cell_settle (BenchCell *self);
void bench_cell_send (BenchCell *self, guint index, gboolean is_exit, int number);
void bench_cell_hang_up (BenchCell *self, guint index);
void bench_cell_wait_events (BenchCell *self);
void bench_cell_wait_closed (BenchCell *self);
void bench_cell_finish (BenchCell *self, double value);

/* Room for a message on any peer's wire. */
#define BENCH_MESSAGE_MAX 512
