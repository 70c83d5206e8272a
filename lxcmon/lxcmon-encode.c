/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns how messages are encoded, with the functions that rpcgen makes. It does no I/O and allocates nothing.
 */

#include "lxcmon-encode.h"

#include "lxcmon_protocol.h"

/* Controllers send serial 1 with every event, although a comment in the protocol says 0. */
#define EVENT_SERIAL     1
#define KEEPALIVE_SERIAL 0

/* Writes length, header and payload. The length is only known after the payload, and written last. Returns the
 * message's length, or 0 if @size is too small. */
static size_t
encode (uint8_t *buffer, size_t size, LxcmonProtocolHeader *header, xdrproc_t encode_payload,
        void *payload)
{
  XDR xdr;
  u_int length = 0;

  if (size > LXCMON_ENCODED_SIZE)
    size = LXCMON_ENCODED_SIZE;
  xdrmem_create (&xdr, (char *) buffer, (u_int) size, XDR_ENCODE);

  if (!xdr_u_int (&xdr, &length) || !xdr_LxcmonProtocolHeader (&xdr, header))
    return 0;
  if (encode_payload != NULL && !encode_payload (&xdr, payload, 0))
    return 0;

  length = xdr_getpos (&xdr);
  xdr_setpos (&xdr, 0);
  if (!xdr_u_int (&xdr, &length))
    return 0;

  return length;
}

static LxcmonProtocolHeader
event_header (LxcmonProtocolMonitorProcedure procedure)
{
  return (LxcmonProtocolHeader){
    .prog = LXCMON_PROTOCOL_MONITOR_PROGRAM,
    .vers = LXCMON_PROTOCOL_MONITOR_VERSION,
    .proc = procedure,
    .type = LXCMON_PROTOCOL_TYPE_MESSAGE,
    .serial = EVENT_SERIAL,
    .status = LXCMON_PROTOCOL_STATUS_OK,
  };
}

static size_t
encode_keepalive (uint8_t *buffer, size_t size, LxcmonProtocolKeepaliveProcedure procedure)
{
  LxcmonProtocolHeader header = {
    .prog = LXCMON_PROTOCOL_KEEPALIVE_PROGRAM,
    .vers = LXCMON_PROTOCOL_KEEPALIVE_VERSION,
    .proc = procedure,
    .type = LXCMON_PROTOCOL_TYPE_MESSAGE,
    .serial = KEEPALIVE_SERIAL,
    .status = LXCMON_PROTOCOL_STATUS_OK,
  };

  return encode (buffer, size, &header, NULL, NULL);
}

/**
 * lxcmon_encode_init:
 * @buffer: (out caller-allocates): where to write
 * @size: its size in bytes; %LXCMON_ENCODED_SIZE is always enough
 * @pid: the pid of the container's init; it is not checked
 *
 * Encodes INIT, which reports that the container's init has started.
 *
 * Returns: the message's length in bytes, or 0 if @size is too small
 *
 * Since: 0.1
 */
size_t
lxcmon_encode_init (uint8_t *buffer, size_t size, int pid)
{
  LxcmonProtocolHeader header = event_header (LXCMON_PROTOCOL_MONITOR_INIT);
  LxcmonProtocolMonitorInit payload = { .pid = (u_quad_t) pid };

  return encode (buffer, size, &header, (xdrproc_t) xdr_LxcmonProtocolMonitorInit, &payload);
}

/**
 * lxcmon_encode_exit:
 * @buffer: (out caller-allocates): where to write
 * @size: its size in bytes; %LXCMON_ENCODED_SIZE is always enough
 * @raw_status: a [enum@Lxcmon.ExitStatus] or any other number
 *
 * Encodes EXIT, which reports how the container ended.
 *
 * Returns: the message's length in bytes, or 0 if @size is too small
 *
 * Since: 0.1
 */
size_t
lxcmon_encode_exit (uint8_t *buffer, size_t size, int raw_status)
{
  LxcmonProtocolHeader header = event_header (LXCMON_PROTOCOL_MONITOR_EXIT);
  LxcmonProtocolMonitorExit payload = { .status = raw_status };

  return encode (buffer, size, &header, (xdrproc_t) xdr_LxcmonProtocolMonitorExit, &payload);
}

/**
 * lxcmon_encode_ping:
 * @buffer: (out caller-allocates): where to write
 * @size: its size in bytes; %LXCMON_ENCODED_SIZE is always enough
 *
 * Encodes PING of libvirt's keepalive program.
 *
 * Returns: the message's length in bytes, or 0 if @size is too small
 *
 * Since: 0.1
 */
size_t
lxcmon_encode_ping (uint8_t *buffer, size_t size)
{
  return encode_keepalive (buffer, size, LXCMON_PROTOCOL_KEEPALIVE_PING);
}

/**
 * lxcmon_encode_pong:
 * @buffer: (out caller-allocates): where to write
 * @size: its size in bytes; %LXCMON_ENCODED_SIZE is always enough
 *
 * Encodes PONG, the answer to PING. It repeats nothing of the PING.
 *
 * Returns: the message's length in bytes, or 0 if @size is too small
 *
 * Since: 0.1
 */
size_t
lxcmon_encode_pong (uint8_t *buffer, size_t size)
{
  return encode_keepalive (buffer, size, LXCMON_PROTOCOL_KEEPALIVE_PONG);
}
