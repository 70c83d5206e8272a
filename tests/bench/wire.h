/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * libvirt's wire, by hand: the fastest way that is possible. It is all inline, as in a program that is
 * written by hand.
 */

#include <string.h>

#include "bench.h"

enum
{
  BENCH_WIRE_PROGRAM = 0x12341234,
  BENCH_WIRE_VERSION = 1,
  BENCH_WIRE_EXIT = 1,
  BENCH_WIRE_INIT = 2,
  BENCH_WIRE_TYPE_MESSAGE = 2,
  BENCH_WIRE_HEADER = 28,
  BENCH_WIRE_MAX = 64, /* more than any message that the benchmark sends */
};

/* A message of which not all has come. */
typedef struct
{
  guint8 kept[BENCH_WIRE_MAX];
  guint n_kept;
} BenchPartial;

static inline guint32
bench_wire_word (const guint8 *bytes)
{
  guint32 word;

  memcpy (&word, bytes, sizeof word);
  return GUINT32_FROM_BE (word);
}

/* What is in a message that is whole. */
typedef enum
{
  BENCH_WIRE_IS_OTHER,
  BENCH_WIRE_IS_INIT,
  BENCH_WIRE_IS_EXIT,
} BenchWireKind;

static inline BenchWireKind
bench_wire_read (const guint8 *message, int *number)
{
  if (bench_wire_word (message + 4) != BENCH_WIRE_PROGRAM
      || bench_wire_word (message + 8) != BENCH_WIRE_VERSION
      || bench_wire_word (message + 16) != BENCH_WIRE_TYPE_MESSAGE
      || bench_wire_word (message + 24) != 0)
    return BENCH_WIRE_IS_OTHER;

  switch (bench_wire_word (message + 12))
    {
    case BENCH_WIRE_INIT:
      *number = (int) bench_wire_word (message + 32);
      return BENCH_WIRE_IS_INIT;
    case BENCH_WIRE_EXIT:
      *number = (int) bench_wire_word (message + 28);
      return BENCH_WIRE_IS_EXIT;
    default:
      return BENCH_WIRE_IS_OTHER;
    }
}

/* What to do with events; constant where it is used, so that nothing is called but what is meant. */
typedef struct
{
  void (*init) (gpointer user_data, int pid);
  void (*exit) (gpointer user_data, int status);
} BenchWireSink;

static inline void
bench_wire_take (const guint8 *message, const BenchWireSink *sink, gpointer user_data)
{
  int number;

  switch (bench_wire_read (message, &number))
    {
    case BENCH_WIRE_IS_INIT:
      sink->init (user_data, number);
      break;
    case BENCH_WIRE_IS_EXIT:
      sink->exit (user_data, number);
      break;
    case BENCH_WIRE_IS_OTHER:
    default:
      break;
    }
}

static inline gsize
bench_wire_length (const guint8 *message)
{
  guint32 length = bench_wire_word (message);

  if (length < BENCH_WIRE_HEADER || length > BENCH_WIRE_MAX)
    bench_die ("a message of %u bytes was not sent by the benchmark", length);
  return length;
}

/* Takes all messages that are whole. Returns how many bytes those were. */
static inline gsize
bench_wire_take_all (const guint8 *bytes, gsize n_bytes, const BenchWireSink *sink,
                     gpointer user_data)
{
  gsize at = 0;

  while (n_bytes - at >= BENCH_WIRE_HEADER)
    {
      gsize length = bench_wire_length (bytes + at);
      if (length > n_bytes - at)
        break;
      bench_wire_take (bytes + at, sink, user_data);
      at += length;
    }

  return at;
}

/* Takes what came of a stream, and keeps what is not whole. */
static inline void
bench_wire_feed (BenchPartial *self, const guint8 *bytes, gsize n_bytes, const BenchWireSink *sink,
                 gpointer user_data)
{
  while (self->n_kept > 0 && n_bytes > 0)
    {
      gsize wanted
          = self->n_kept < BENCH_WIRE_HEADER ? BENCH_WIRE_HEADER : bench_wire_length (self->kept);
      gsize taken = MIN (wanted - self->n_kept, n_bytes);

      memcpy (self->kept + self->n_kept, bytes, taken);
      self->n_kept += (guint) taken;
      bytes += taken;
      n_bytes -= taken;
      if (self->n_kept >= BENCH_WIRE_HEADER && self->n_kept == bench_wire_length (self->kept))
        {
          bench_wire_take (self->kept, sink, user_data);
          self->n_kept = 0;
        }
    }

  if (n_bytes > 0)
    {
      gsize taken = bench_wire_take_all (bytes, n_bytes, sink, user_data);
      self->n_kept = (guint) (n_bytes - taken);
      memcpy (self->kept, bytes + taken, self->n_kept);
    }
}
