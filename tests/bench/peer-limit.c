/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The limit: one thread, epoll_wait, recv of 64 KiB, and the wire by hand. No library, no signal, no
 * check that can be left out. And the same with GLib's signals, emitted in the shortest way that GLib has.
 */

#include "cell.h"
#include "peers.h"
#include "watcher.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
  EVENTS_PER_WAIT = 256,
};

typedef struct
{
  int fd;
  BenchWatcher *watcher; /* NULL for the limit itself */
  BenchPartial partial;
} Connection;

static inline void
handle_init (gpointer user_data, int pid)
{
  bench_on_init (pid);
}

static inline void
handle_exit (gpointer user_data, int status)
{
  bench_on_exit (status);
}

static const BenchWireSink sink = { handle_init, handle_exit };

static inline void
emit_init (gpointer user_data, int pid)
{
  bench_watcher_emit_init (user_data, pid);
}

static inline void
emit_exit (gpointer user_data, int status)
{
  bench_watcher_emit_exit (user_data, status);
}

static const BenchWireSink emitting_sink = { emit_init, emit_exit };

static int epoll_fd = -1;
static guint n_handlers_each;
static guint8 buffer[65536];

static void
start (guint n_handlers)
{
  n_handlers_each = n_handlers;
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    bench_die ("cannot make an epoll descriptor: %s", g_strerror (errno));
}

static Connection *
add_connection (const char *path)
{
  Connection *self = g_new0 (Connection, 1);
  struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = self };

  self->fd = bench_connect (path);
  (void) fcntl (self->fd, F_SETFL, O_NONBLOCK);
  if (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, self->fd, &event) < 0)
    bench_die ("cannot watch a connection: %s", g_strerror (errno));
  return self;
}

static void
open_connection (const char *path)
{
  (void) add_connection (path);
}

static void
open_emitting (const char *path)
{
  add_connection (path)->watcher = bench_watcher_new (n_handlers_each);
}

static void
close_connection (Connection *self)
{
  close (self->fd);
  if (self->watcher != NULL)
    bench_watcher_emit_closed (self->watcher);
  else
    bench_on_closed ();
  g_free (self);
}

/* Reads once, and up to the end if the other side has hung up. */
static inline void
read_connection (Connection *self, uint32_t events, const BenchWireSink *how)
{
  gssize n;

  do
    {
      n = recv (self->fd, buffer, sizeof buffer, 0);
      if (n > 0)
        bench_wire_feed (&self->partial, buffer, (gsize) n, how, self->watcher);
    }
  while (n > 0 && (events & EPOLLRDHUP) != 0);

  if (n <= 0)
    close_connection (self);
}

static inline gboolean
read_all (gboolean block, const BenchWireSink *how)
{
  struct epoll_event events[EVENTS_PER_WAIT];
  int n = epoll_wait (epoll_fd, events, EVENTS_PER_WAIT, block ? -1 : 0);

  for (int i = 0; i < n; i++)
    read_connection (events[i].data.ptr, events[i].events, how);
  return n > 0;
}

static gboolean
turn (gboolean block)
{
  return read_all (block, &sink);
}

static gboolean
turn_emitting (gboolean block)
{
  return read_all (block, &emitting_sink);
}

static void
decode (const guint8 *bytes, gsize n_bytes)
{
  (void) bench_wire_take_all (bytes, n_bytes, &sink, NULL);
}

const BenchPeer bench_peer_limit = {
  .id = BENCH_LIMIT,
  .name = "limit",
  .what = "epoll_wait, recv and the wire by hand: nobody can be faster",
  .fds_per_connection = 1,
  .n_bulk = 16000000,
  .n_single = 200000,
  .start = start,
  .open = open_connection,
  .turn = turn,
  .decode = decode,
};

const BenchPeer bench_peer_signal = {
  .id = BENCH_SIGNAL,
  .name = "signal",
  .what
  = "the limit with a GLib signal for each event: no library that emits signals can be faster",
  .fds_per_connection = 1,
  .n_bulk = 3000000,
  .start = start,
  .open = open_emitting,
  .turn = turn_emitting,
};
