/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the list of measures: their names, whom they are for, and with how many connections.
 */

#include "bench.h"

#define LOOPS        (BENCH_LIMIT | BENCH_CORE | BENCH_CLIENT | BENCH_OBVIOUS | BENCH_GIO)
#define WITH_LIBVIRT (LOOPS | BENCH_LIBVIRT)
#define WITH_GDBUS   (WITH_LIBVIRT | BENCH_GDBUS)

const BenchMeasure bench_measures[] = {
  { .name = "decode",
    .unit = "ns/message",
    .what = "decoding from memory",
    .peers = BENCH_LIMIT | BENCH_DECODER | BENCH_XDRMEM,
    .ns = { 1 },
    .ns_quick = { 1 },
    .run = bench_measure_decode },
  { .name = "bulk",
    .unit = "ns/event",
    .what = "INIT and EXIT in turn, in big writes on one connection",
    .peers = WITH_GDBUS | BENCH_SIGNAL,
    .ns = { 1 },
    .ns_quick = { 1 },
    .run = bench_measure_bulk },
  { .name = "bulk-changes",
    .unit = "ns/event",
    .what = "the same with another pid and another status each time",
    .peers = BENCH_LIMIT | BENCH_CORE | BENCH_CLIENT,
    .ns = { 1 },
    .ns_quick = { 1 },
    .run = bench_measure_bulk_changes },
  { .name = "one-write",
    .unit = "ns/event",
    .what = "each message sent for itself, on one connection",
    .peers = WITH_GDBUS,
    .ns = { 1 },
    .ns_quick = { 1 },
    .run = bench_measure_one_write },
  { .name = "latency",
    .unit = "us",
    .what = "from the write to the handler in one thread, among n connections",
    .peers = WITH_GDBUS,
    .ns = { 1, 100, 1000, 4900, 9900 },
    .ns_quick = { 1, 100, 1000 },
    .run = bench_measure_latency },
  { .name = "storm",
    .unit = "ms",
    .what = "INIT, EXIT and close pending on n connections at once",
    .peers = WITH_LIBVIRT | BENCH_SIGNAL,
    .ns = { 9900 },
    .ns_quick = { 1000 },
    .run = bench_measure_storm },
  { .name = "wave",
    .unit = "ns/event",
    .what = "one message pending on each of n connections",
    .peers = WITH_LIBVIRT | BENCH_SIGNAL,
    .ns = { 9900 },
    .ns_quick = { 1000 },
    .run = bench_measure_wave },
  { .name = "add",
    .unit = "ratio",
    .what = "time to add the last tenth of n connections, to that of the first tenth",
    .peers = LOOPS,
    .ns = { 9900 },
    .ns_quick = { 1000 },
    .run = bench_measure_add },
  { .name = "heap",
    .unit = "bytes",
    .what = "heap of an idle connection without handlers",
    .peers = WITH_GDBUS & ~(guint) BENCH_LIMIT,
    .ns = { 1000 },
    .ns_quick = { 1000 },
    .counts = TRUE,
    .no_slices = TRUE,
    .run = bench_measure_heap },
  { .name = "heap-handlers",
    .unit = "bytes",
    .what = "heap of an idle connection with two handlers",
    .peers = BENCH_CLIENT | BENCH_OBVIOUS,
    .ns = { 1000 },
    .ns_quick = { 1000 },
    .counts = TRUE,
    .no_slices = TRUE,
    .run = bench_measure_heap_handlers },
  { .name = "event-syscalls",
    .unit = "calls",
    .what = "system calls for a lone event",
    .peers = WITH_LIBVIRT,
    .ns = { 100 },
    .ns_quick = { 100 },
    .counts = TRUE,
    .traced = TRUE,
    .run = bench_measure_event_syscalls },
  { .name = "event-allocations",
    .unit = "allocations",
    .what = "allocations for a lone event",
    .peers = WITH_GDBUS,
    .ns = { 100 },
    .ns_quick = { 100 },
    .counts = TRUE,
    .no_slices = TRUE,
    .run = bench_measure_event_allocations },
  { .name = "idle",
    .unit = "calls",
    .what = "system calls in 2 s with n idle connections",
    .peers = WITH_LIBVIRT,
    .ns = { 100 },
    .ns_quick = { 100 },
    .counts = TRUE,
    .traced = TRUE,
    .trace_ms = 2000,
    .run = bench_measure_idle },
};

const guint bench_n_measures = G_N_ELEMENTS (bench_measures);

const BenchMeasure *
bench_measure_find (const char *name)
{
  for (guint i = 0; i < bench_n_measures; i++)
    if (g_str_equal (bench_measures[i].name, name))
      return &bench_measures[i];

  return NULL;
}
