/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GIO's streams: a GSocketConnection, g_input_stream_read_bytes_async() over and over, and signals.
 */

#include "peers.h"
#include "watcher.h"
#include "wire.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>

enum
{
  READ_SIZE = 4096,
};

typedef struct
{
  GSocketConnection *connection;
  GInputStream *stream;
  BenchWatcher *watcher;
  BenchPartial partial;
} Connection;

static void on_read (GObject *source, GAsyncResult *result, gpointer user_data);

static guint n_handlers_each;

static inline void
handle_init (gpointer user_data, int pid)
{
  bench_watcher_emit_init (user_data, pid);
}

static inline void
handle_exit (gpointer user_data, int status)
{
  bench_watcher_emit_exit (user_data, status);
}

static const BenchWireSink sink = { handle_init, handle_exit };

static void
start (guint n_handlers)
{
  n_handlers_each = n_handlers;
}

static void
read_on (Connection *self)
{
  g_input_stream_read_bytes_async (self->stream, READ_SIZE, G_PRIORITY_DEFAULT, NULL, on_read,
                                   self);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Connection *self = user_data;
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (self->stream, result, NULL);
  gsize size = 0;
  const guint8 *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  if (size == 0)
    {
      g_clear_object (&self->connection);
      bench_watcher_emit_closed (self->watcher);
      g_free (self);
      return;
    }
  bench_wire_feed (&self->partial, data, size, &sink, self->watcher);
  read_on (self);
}

static void
open_connection (const char *path)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GError) error = NULL;
  Connection *self = g_new0 (Connection, 1);

  self->connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  if (self->connection == NULL)
    bench_die ("%s", error->message);
  self->stream = g_io_stream_get_input_stream (G_IO_STREAM (self->connection));
  self->watcher = bench_watcher_new (n_handlers_each);
  read_on (self);
}

static gboolean
turn (gboolean block)
{
  return g_main_context_iteration (NULL, block);
}

const BenchPeer bench_peer_gio = {
  .id = BENCH_GIO,
  .name = "gio",
  .what = "GSocketConnection, g_input_stream_read_bytes_async(), g_signal_emit",
  .fds_per_connection = 1,
  .n_bulk = 800000,
  .n_single = 200000,
  .start = start,
  .open = open_connection,
  .turn = turn,
};
