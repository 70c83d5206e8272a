/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the list of peers.
 */

#include "peers.h"

const BenchPeer *const bench_peers[BENCH_N_PEERS] = {
  &bench_peer_limit,   &bench_peer_signal, &bench_peer_core,    &bench_peer_client,
  &bench_peer_decoder, &bench_peer_xdrmem, &bench_peer_obvious, &bench_peer_libvirt,
  &bench_peer_gio,     &bench_peer_gdbus,
};

const BenchPeer *
bench_peer_find (const char *name)
{
  for (guint i = 0; i < BENCH_N_PEERS; i++)
    if (g_str_equal (bench_peers[i]->name, name))
      return bench_peers[i];

  return NULL;
}
