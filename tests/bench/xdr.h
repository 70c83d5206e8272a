/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A message read by an xdrmem stream and the functions that rpcgen makes.
 */

#include "bench.h"

typedef struct
{
  guint32 length;
  gboolean is_exit;
  int number; /* the pid or the status */
} BenchXdr;

guint32 bench_xdr_length (const guint8 *bytes);
void bench_xdr_decode (const guint8 *message, BenchXdr *event);
