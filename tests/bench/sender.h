/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The other end of the wire, on a core of its own.
 */

#include "cell.h"

typedef struct
{
  GByteArray *bytes;
  GArray *ends; /* of each message in them, as gsize */
  guint n_rounds;
} BenchStream;

typedef struct
{
  GPid pid;
  int go; /* a byte into it, and the sender begins */
} BenchSender;

void bench_stream_init (BenchStream *self, BenchCell *cell, guint n_events, gboolean changing);
void bench_sender_start (BenchSender *self, BenchCell *cell, const BenchStream *stream,
                         gboolean one_by_one);
void bench_sender_go (BenchSender *self);
void bench_sender_stop (BenchSender *self);
