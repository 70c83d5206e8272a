/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lxcmon's plain C: connections on a hub, in a loop of poll.
 */

#include "peers.h"

#include <lxcmon/lxcmon.h>
#include <poll.h>

static LxcmonHub *hub;

static void
on_init (LxcmonConnection *connection, int pid, void *user_data)
{
  bench_on_init (pid);
}

static void
on_exit_message (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data)
{
  bench_on_exit ((int) status);
}

static void
on_closed (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  bench_on_closed ();
  lxcmon_connection_free (connection);
}

static const LxcmonCallbacks callbacks = {
  LXCMON_CALLBACKS_INIT,
  .init = on_init,
  .exit = on_exit_message,
  .closed = on_closed,
};

static void
start (guint n_handlers)
{
  LxcmonError error;

  hub = lxcmon_hub_new (&error);
  if (hub == NULL)
    bench_die ("%s", error.message);
}

static void
open_connection (const char *path)
{
  LxcmonError error;
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  LxcmonConnection *connection = lxcmon_connection_new (hub, &callbacks, NULL);

  options.force = true;
  if (!lxcmon_connection_attach (connection, path, &options, &error))
    bench_die ("%s", error.message);
}

static gboolean
turn (gboolean block)
{
  struct pollfd descriptor
      = { .fd = lxcmon_hub_get_fd (hub), .events = lxcmon_hub_get_events (hub) };
  gboolean has_pending = lxcmon_hub_has_pending (hub);

  if (poll (&descriptor, 1, block ? lxcmon_hub_get_timeout (hub) : 0) <= 0 && !has_pending)
    return FALSE;
  lxcmon_hub_dispatch (hub);
  return TRUE;
}

const BenchPeer bench_peer_core = {
  .id = BENCH_CORE,
  .name = "core",
  .what = "lxcmon: plain callbacks through LxcmonHub",
  .fds_per_connection = 1,
  .n_bulk = 16000000,
  .n_single = 200000,
  .start = start,
  .open = open_connection,
  .turn = turn,
};
