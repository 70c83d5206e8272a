/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the benchmark's files share. Who does what: bench.c the options and the order of cells, run.c
 * a cell seen from outside, trace.c the counting of its system calls, cell.c a cell seen from inside,
 * measures*.c what is measured, peer*.c who is measured, sender.c the other end of the wire, rows.c
 * the figures, goals.c what they should be, report.c how they are shown.
 */

#include <glib.h>

typedef struct _BenchCell BenchCell;
typedef struct _BenchMeasure BenchMeasure;
typedef struct _BenchPeer BenchPeer;

/* What has been handed to the handlers of the peer at hand. */
typedef struct
{
  guint64 n_inits;
  guint64 n_exits;
  guint64 n_closed;
  guint64 sum; /* of pids and exit statuses */
} BenchTally;

extern BenchTally bench_tally;

static inline void
bench_on_init (int pid)
{
  bench_tally.n_inits++;
  bench_tally.sum += (guint64) pid;
}

static inline void
bench_on_exit (int status)
{
  bench_tally.n_exits++;
  bench_tally.sum += (guint64) status;
}

static inline void
bench_on_closed (void)
{
  bench_tally.n_closed++;
}

typedef enum
{
  BENCH_LIMIT = 1 << 0,
  BENCH_CORE = 1 << 1,
  BENCH_CLIENT = 1 << 2,
  BENCH_DECODER = 1 << 3,
  BENCH_XDRMEM = 1 << 4,
  BENCH_OBVIOUS = 1 << 5,
  BENCH_LIBVIRT = 1 << 6,
  BENCH_GIO = 1 << 7,
  BENCH_GDBUS = 1 << 8,
  BENCH_SIGNAL = 1 << 9,
} BenchPeerId;

#define BENCH_OURS (BENCH_CORE | BENCH_CLIENT | BENCH_DECODER)

struct _BenchPeer
{
  BenchPeerId id;
  const char *name;
  const char *what;
  guint fds_per_connection;           /* of the peer's own */
  guint n_max;                        /* connections that it is measured with; 0 for any number */
  guint n_bulk;                       /* events that take it some 0.2 s in a stream */
  guint n_single;                     /* the same, each sent for itself */
  const char *(*find_missing) (void); /* why it cannot be had, or NULL */
  void (*start) (guint n_handlers);
  void (*open) (const char *path);
  gboolean (*turn) (gboolean block); /* of its loop; whether something was done */
  gsize (*encode) (guint8 *buffer, gboolean is_exit, int number); /* NULL for libvirt's wire */
  void (*decode) (const guint8 *bytes, gsize n_bytes);            /* from memory, whole messages */
};

#define BENCH_N_PEERS 10
extern const BenchPeer *const bench_peers[BENCH_N_PEERS];
const BenchPeer *bench_peer_find (const char *name);

struct _BenchMeasure
{
  const char *name;
  const char *unit;
  const char *what;
  guint peers;
  guint ns[6]; /* numbers of connections, up to a 0 */
  guint ns_quick[6];
  gboolean counts;    /* a count is the same each time: once is enough */
  gboolean traced;    /* system calls are counted from outside */
  guint trace_ms;     /* how long, from the mark on; 0 for up to the other mark */
  gboolean no_slices; /* GLib's slices stand aside, so that each allocation shows */
  void (*run) (BenchCell *cell);
};

extern const BenchMeasure bench_measures[];
extern const guint bench_n_measures;
const BenchMeasure *bench_measure_find (const char *name);

void bench_measure_decode (BenchCell *cell);
void bench_measure_bulk (BenchCell *cell);
void bench_measure_bulk_changes (BenchCell *cell);
void bench_measure_one_write (BenchCell *cell);
void bench_measure_latency (BenchCell *cell);
void bench_measure_storm (BenchCell *cell);
void bench_measure_wave (BenchCell *cell);
void bench_measure_add (BenchCell *cell);
void bench_measure_heap (BenchCell *cell);
void bench_measure_heap_handlers (BenchCell *cell);
void bench_measure_event_syscalls (BenchCell *cell);
void bench_measure_event_allocations (BenchCell *cell);
void bench_measure_idle (BenchCell *cell);

/* alloc.c */
guint64 bench_n_allocations (void);
guint64 bench_heap_in_use (void);

/* bench.c */
void bench_die (const char *format, ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;
