/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The program that one would write first: an object and a GSource for each connection, read of the
 * length, malloc, read of the rest, libtirpc, g_signal_emit.
 */

#include "cell.h"
#include "peers.h"
#include "watcher.h"
#include "xdr.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static guint n_handlers_each;

static gboolean
read_exactly (int fd, guint8 *bytes, gsize n_bytes)
{
  while (n_bytes > 0)
    {
      gssize n = read (fd, bytes, n_bytes);
      if (n <= 0)
        return FALSE;
      bytes += n;
      n_bytes -= (gsize) n;
    }

  return TRUE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  BenchWatcher *self = user_data;
  guint8 length[4];
  BenchXdr event;

  if (!read_exactly (fd, length, sizeof length))
    {
      close (fd);
      bench_watcher_emit_closed (self);
      return G_SOURCE_REMOVE;
    }

  event.length = bench_xdr_length (length);
  guint8 *message = malloc (event.length);
  memcpy (message, length, sizeof length);
  if (!read_exactly (fd, message + sizeof length, event.length - sizeof length))
    bench_die ("a message is cut off");
  bench_xdr_decode (message, &event);
  free (message);
  if (event.is_exit)
    bench_watcher_emit_exit (self, event.number);
  else
    bench_watcher_emit_init (self, event.number);
  return G_SOURCE_CONTINUE;
}

static void
start (guint n_handlers)
{
  n_handlers_each = n_handlers;
}

static void
open_connection (const char *path)
{
  BenchWatcher *self = bench_watcher_new (n_handlers_each);
  int fd = bench_connect (path);

  GSource *source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (source, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (source, NULL);
  g_source_unref (source);
}

static gboolean
turn (gboolean block)
{
  return g_main_context_iteration (NULL, block);
}

const BenchPeer bench_peer_obvious = {
  .id = BENCH_OBVIOUS,
  .name = "obvious",
  .what = "a GSource for each connection, two reads, malloc, libtirpc, g_signal_emit",
  .fds_per_connection = 1,
  .n_bulk = 60000,
  .n_single = 50000,
  .start = start,
  .open = open_connection,
  .turn = turn,
};
