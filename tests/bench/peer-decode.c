/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Peers that only decode, from memory: lxcmon's decoder, and libtirpc as rpcgen means it to be used.
 */

#include "peers.h"
#include "xdr.h"

#include <lxcmon/lxcmon.h>

static LxcmonDecoder *
get_decoder (void)
{
  static LxcmonDecoder *decoder;

  if (decoder == NULL)
    decoder = lxcmon_decoder_new ();
  return decoder;
}

static inline void
count (const LxcmonMessage *message)
{
  if (message->kind == LXCMON_MESSAGE_INIT)
    bench_on_init (message->pid);
  else if (message->kind == LXCMON_MESSAGE_EXIT)
    bench_on_exit (message->exit_raw);
}

static void
decode_by_decoder (const guint8 *bytes, gsize n_bytes)
{
  LxcmonDecoder *decoder = get_decoder ();
  LxcmonMessage message;
  LxcmonError error;

  while (lxcmon_decoder_next (decoder, &bytes, &n_bytes, &message, &error) == LXCMON_DECODE_MESSAGE)
    count (&message);
}

static void
decode_by_xdrmem (const guint8 *bytes, gsize n_bytes)
{
  BenchXdr event;

  for (gsize at = 0; at < n_bytes; at += event.length)
    {
      event.length = bench_xdr_length (bytes + at);
      bench_xdr_decode (bytes + at, &event);
      if (event.is_exit)
        bench_on_exit (event.number);
      else
        bench_on_init (event.number);
    }
}

const BenchPeer bench_peer_decoder = {
  .id = BENCH_DECODER,
  .name = "decoder",
  .what = "lxcmon: LxcmonDecoder on bytes in memory",
  .decode = decode_by_decoder,
};

const BenchPeer bench_peer_xdrmem = {
  .id = BENCH_XDRMEM,
  .name = "xdrmem",
  .what = "an xdrmem stream of libtirpc for each message",
  .decode = decode_by_xdrmem,
};
