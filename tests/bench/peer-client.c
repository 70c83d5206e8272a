/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lxcmon's GObject layer: signals of LxcmonClient, in GLib's main loop.
 */

#include "peers.h"

#include <lxcmon-glib/lxcmon-glib.h>

static guint n_handlers_each;

static void
on_init (LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  bench_on_init (pid);
}

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  bench_on_exit ((int) status);
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  bench_on_closed ();
}

static void
start (guint n_handlers)
{
  n_handlers_each = n_handlers;
}

static void
open_connection (const char *path)
{
  LxcmonClient *client = lxcmon_client_new_for_path (path);

  if (n_handlers_each > 0)
    g_signal_connect (client, "init", G_CALLBACK (on_init), NULL);
  if (n_handlers_each > 1)
    g_signal_connect (client, "exit", G_CALLBACK (on_exit_signal), NULL);
  if (n_handlers_each > 2)
    g_signal_connect (client, "closed", G_CALLBACK (on_closed), NULL);
  lxcmon_client_set_force (client, TRUE);
  lxcmon_client_attach_async (client, NULL, NULL, NULL);
}

static gboolean
turn (gboolean block)
{
  return g_main_context_iteration (NULL, block);
}

const BenchPeer bench_peer_client = {
  .id = BENCH_CLIENT,
  .name = "client",
  .what = "lxcmon: signals of LxcmonClient in GLib's main loop",
  .fds_per_connection = 1,
  .n_bulk = 3000000,
  .n_single = 200000,
  .start = start,
  .open = open_connection,
  .turn = turn,
};
