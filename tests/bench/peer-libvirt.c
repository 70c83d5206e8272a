/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * libvirt's own client, virNetClient on libvirt's GLib event loop, called as its LXC driver calls it. The
 * functions are private to libvirt.so.0 and found by name: if they do not exist, this peer is left out.
 */

#include "peers.h"

#include "lxcmon_protocol.h"

#include <dlfcn.h>

typedef void (*DispatchFunc) (void *program, void *client, void *message, void *user_data);
typedef void (*CloseFunc) (void *client, int reason, void *user_data);

/* One entry of a client program's table, as libvirt lays it out. */
typedef struct
{
  int procedure;
  DispatchFunc function;
  size_t message_size;
  xdrproc_t filter;
} ProgramEvent;

static struct
{
  int (*virInitialize) (void);
  int (*virEventRegisterDefaultImpl) (void);
  void (*virSetErrorFunc) (void *user_data, void (*function) (void *user_data, void *error));
  void *(*virNetClientNewUNIX) (const char *path, const char *daemon_to_spawn);
  void *(*virNetClientProgramNew) (unsigned program, unsigned version, ProgramEvent *events,
                                   size_t n_events, void *user_data);
  int (*virNetClientAddProgram) (void *client, void *program);
  int (*virNetClientRegisterAsyncIO) (void *client);
  void (*virNetClientSetCloseCallback) (void *client, CloseFunc function, void *user_data,
                                        void (*free_function) (void *user_data));
} lib;

static void
on_init (void *program, void *client, void *message, void *user_data)
{
  const LxcmonProtocolMonitorInit *init = message;

  bench_on_init ((int) init->pid);
}

static void
on_exit_message (void *program, void *client, void *message, void *user_data)
{
  const LxcmonProtocolMonitorExit *end = message;

  bench_on_exit (end->status);
}

static void
on_closed (void *client, int reason, void *user_data)
{
  bench_on_closed ();
}

static void
on_error (void *user_data, void *error)
{
}

static ProgramEvent events[] = {
  { LXCMON_PROTOCOL_MONITOR_EXIT, on_exit_message, sizeof (LxcmonProtocolMonitorExit),
    (xdrproc_t) xdr_LxcmonProtocolMonitorExit },
  { LXCMON_PROTOCOL_MONITOR_INIT, on_init, sizeof (LxcmonProtocolMonitorInit),
    (xdrproc_t) xdr_LxcmonProtocolMonitorInit },
};

static const char *
find_missing (void)
{
  static char why[256];
  const struct
  {
    const char *name;
    void *place;
  } symbols[] = {
    { "virInitialize", &lib.virInitialize },
    { "virEventRegisterDefaultImpl", &lib.virEventRegisterDefaultImpl },
    { "virSetErrorFunc", &lib.virSetErrorFunc },
    { "virNetClientNewUNIX", &lib.virNetClientNewUNIX },
    { "virNetClientProgramNew", &lib.virNetClientProgramNew },
    { "virNetClientAddProgram", &lib.virNetClientAddProgram },
    { "virNetClientRegisterAsyncIO", &lib.virNetClientRegisterAsyncIO },
    { "virNetClientSetCloseCallback", &lib.virNetClientSetCloseCallback },
  };
  void *handle = dlopen ("libvirt.so.0", RTLD_NOW);

  if (handle == NULL)
    {
      g_snprintf (why, sizeof why, "%s", dlerror ());
      return why;
    }
  for (guint i = 0; i < G_N_ELEMENTS (symbols); i++)
    {
      *(void **) symbols[i].place = dlsym (handle, symbols[i].name);
      if (*(void **) symbols[i].place == NULL)
        {
          g_snprintf (why, sizeof why, "libvirt.so.0 has no %s", symbols[i].name);
          return why;
        }
    }

  return NULL;
}

static void
start (guint n_handlers)
{
  const char *missing = find_missing ();

  if (missing != NULL)
    bench_die ("%s", missing);
  if (lib.virInitialize () < 0 || lib.virEventRegisterDefaultImpl () < 0)
    bench_die ("libvirt does not start");
  lib.virSetErrorFunc (NULL, on_error);
}

static void
open_connection (const char *path)
{
  void *client = lib.virNetClientNewUNIX (path, NULL);
  void *program = lib.virNetClientProgramNew (LXCMON_PROTOCOL_MONITOR_PROGRAM,
                                              LXCMON_PROTOCOL_MONITOR_VERSION, events,
                                              G_N_ELEMENTS (events), NULL);

  if (client == NULL || program == NULL || lib.virNetClientRegisterAsyncIO (client) < 0
      || lib.virNetClientAddProgram (client, program) < 0)
    bench_die ("libvirt's client does not connect");
  lib.virNetClientSetCloseCallback (client, on_closed, NULL, NULL);
}

static gboolean
turn (gboolean block)
{
  return g_main_context_iteration (NULL, block);
}

const BenchPeer bench_peer_libvirt = {
  .id = BENCH_LIBVIRT,
  .name = "libvirt",
  .what = "libvirt's own virNetClient on its GLib event loop",
  .fds_per_connection = 3,
  .n_bulk = 60000,
  .n_single = 50000,
  .find_missing = find_missing,
  .start = start,
  .open = open_connection,
  .turn = turn,
};
