/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GDBus, peer to peer: a signal of type (ti), whose second number is -1 for INIT. Its wire is D-Bus,
 * without authentication; the sender has the messages ready.
 */

#include "cell.h"
#include "peers.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#define INTERFACE "org.example.Monitor"

enum
{
  NO_STATUS = -1,
};

static void
on_signal (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
           const char *name, GVariant *parameters, gpointer user_data)
{
  guint64 pid;
  int status;

  g_variant_get (parameters, "(ti)", &pid, &status);
  if (status == NO_STATUS)
    bench_on_init ((int) pid);
  else
    bench_on_exit (status);
}

static void
on_closed (GDBusConnection *connection, gboolean remote_peer_vanished, GError *error,
           gpointer user_data)
{
  bench_on_closed ();
}

static void
start (guint n_handlers)
{
}

static void
open_connection (const char *path)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) stream
      = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  GDBusConnection *connection = NULL;

  if (stream != NULL)
    connection = g_dbus_connection_new_sync (G_IO_STREAM (stream), NULL,
                                             G_DBUS_CONNECTION_FLAGS_NONE, NULL, NULL, &error);
  if (connection == NULL)
    bench_die ("%s", error->message);
  g_dbus_connection_signal_subscribe (connection, NULL, INTERFACE, NULL, NULL, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_signal, NULL, NULL);
  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), NULL);
}

static gboolean
turn (gboolean block)
{
  return g_main_context_iteration (NULL, block);
}

static gsize
encode (guint8 *buffer, gboolean is_exit, int number)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_signal ("/web1", INTERFACE, "Event");
  g_autoptr (GError) error = NULL;
  guint64 pid = is_exit ? 0 : (guint64) number;
  gsize size;

  g_dbus_message_set_serial (message, 1);
  g_dbus_message_set_body (message,
                           g_variant_new ("(ti)", pid, is_exit ? number : (int) NO_STATUS));
  g_autofree guint8 *blob
      = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
  if (blob == NULL || size > BENCH_MESSAGE_MAX)
    bench_die ("cannot make a D-Bus message: %s", error != NULL ? error->message : "too long");
  memcpy (buffer, blob, size);

  return size;
}

const BenchPeer bench_peer_gdbus = {
  .id = BENCH_GDBUS,
  .name = "gdbus",
  .what = "GDBus peer to peer, a signal of type (ti)",
  .fds_per_connection = 1,
  .n_max = 1000,
  .n_bulk = 10000,
  .n_single = 10000,
  .start = start,
  .open = open_connection,
  .turn = turn,
  .encode = encode,
};
