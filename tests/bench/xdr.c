/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the way through libtirpc that its documentation teaches: a stream over memory for each piece.
 */

#include "xdr.h"

#include "lxcmon_protocol.h"

static XDR
open_stream (const guint8 *bytes, guint size)
{
  XDR stream;

  xdrmem_create (&stream, (char *) (gpointer) bytes, size, XDR_DECODE);
  return stream;
}

guint32
bench_xdr_length (const guint8 *bytes)
{
  XDR stream = open_stream (bytes, LXCMON_PROTOCOL_LENGTH_SIZE);
  unsigned int length = 0;

  if (!xdr_u_int (&stream, &length))
    bench_die ("libtirpc reads no length");
  xdr_destroy (&stream);
  return length;
}

void
bench_xdr_decode (const guint8 *message, BenchXdr *event)
{
  XDR stream = open_stream (message + LXCMON_PROTOCOL_LENGTH_SIZE,
                            event->length - LXCMON_PROTOCOL_LENGTH_SIZE);
  LxcmonProtocolHeader header;
  LxcmonProtocolMonitorInit init;
  LxcmonProtocolMonitorExit end;

  if (!xdr_LxcmonProtocolHeader (&stream, &header)
      || header.prog != LXCMON_PROTOCOL_MONITOR_PROGRAM)
    bench_die ("libtirpc reads no header");
  event->is_exit = header.proc == LXCMON_PROTOCOL_MONITOR_EXIT;
  if (event->is_exit ? !xdr_LxcmonProtocolMonitorExit (&stream, &end)
                     : !xdr_LxcmonProtocolMonitorInit (&stream, &init))
    bench_die ("libtirpc reads no payload");
  event->number = event->is_exit ? end.status : (int) init.pid;
  xdr_destroy (&stream);
}
