/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A libFuzzer target for the decoder: any bytes, decoded where they lie, byte by byte and in pieces
 * whose sizes the bytes themselves choose, must give the same; each message is read a second time with
 * rpcgen's functions, where the decoder uses libtirpc's inline macros.
 *
 * With clang: clang -fsanitize=fuzzer,address and the core's sources; as an ordinary test, fuzz-main.c
 * runs it over the corpus.
 */

#include "lxcmon_protocol.h"

#include <lxcmon/lxcmon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What a stream turned out to be. */
typedef struct
{
  uint64_t hash; /* of all messages, in order */
  uint64_t n_messages;
  uint64_t skipped;
  uint64_t extended;
  bool broken;
  bool truncated;
} Outcome;

static void
fail (const char *what)
{
  fprintf (stderr, "fuzz-decoder: %s\n", what);
  abort ();
}

static void
mix (Outcome *outcome, uint64_t number)
{
  outcome->hash = (outcome->hash ^ number) * 0x100000001b3u + 0x9e3779b9u;
}

/* Reads a message with rpcgen's functions, from all of its bytes. */
static void
check_with_xdr (const uint8_t *bytes, const LxcmonMessage *message)
{
  XDR xdr;
  u_int length;
  LxcmonProtocolHeader header;

  xdrmem_create (&xdr, (char *) bytes, message->length, XDR_DECODE);
  if (!xdr_u_int (&xdr, &length) || !xdr_LxcmonProtocolHeader (&xdr, &header))
    fail ("rpcgen finds no header");
  if (length != message->length || header.prog != message->program
      || header.vers != message->version || header.proc != message->procedure
      || header.type != message->type || header.serial != message->serial
      || header.status != message->status)
    fail ("rpcgen reads another header");

  if (message->kind == LXCMON_MESSAGE_INIT)
    {
      LxcmonProtocolMonitorInit payload;
      if (!xdr_LxcmonProtocolMonitorInit (&xdr, &payload) || message->pid < 1
          || payload.pid != (u_quad_t) message->pid)
        fail ("rpcgen reads another pid");
    }
  else if (message->kind == LXCMON_MESSAGE_EXIT)
    {
      LxcmonProtocolMonitorExit payload;
      if (!xdr_LxcmonProtocolMonitorExit (&xdr, &payload) || payload.status != message->exit_raw)
        fail ("rpcgen reads another status");
    }
  else if (message->pid != 0 || message->exit_raw != 0)
    fail ("a message has what it does not carry");
  xdr_destroy (&xdr);
}

static void
take (Outcome *outcome, const LxcmonMessage *message)
{
  outcome->n_messages++;
  mix (outcome, message->kind);
  mix (outcome, message->length);
  mix (outcome, message->offset);
  mix (outcome, message->program);
  mix (outcome, message->version);
  mix (outcome, (uint32_t) message->procedure);
  mix (outcome, (uint32_t) message->type);
  mix (outcome, message->serial);
  mix (outcome, (uint32_t) message->status);
  mix (outcome, (uint32_t) message->pid);
  mix (outcome, (uint32_t) message->exit_raw);
}

typedef enum
{
  WHOLE,
  BYTEWISE,
  CHOSEN,
} Pieces;

static size_t
piece_size (Pieces pieces, const uint8_t *data, size_t at, size_t left)
{
  size_t size = left;

  if (pieces == BYTEWISE)
    size = 1;
  else if (pieces == CHOSEN)
    size = 1u + data[at] % 61u;
  return size < left ? size : left;
}

static Outcome
decode (const uint8_t *data, size_t size, Pieces pieces)
{
  Outcome outcome = { 0 };
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  size_t at = 0;

  while (at < size && !outcome.broken)
    {
      size_t n = piece_size (pieces, data, at, size - at);
      /* In memory of its own, so that a byte too many is seen. */
      uint8_t *copy = malloc (n);
      const uint8_t *cursor = copy;
      size_t left = n;
      LxcmonMessage message;
      LxcmonError error;
      LxcmonDecodeResult result;

      if (copy == NULL || decoder == NULL)
        fail ("out of memory");
      memcpy (copy, data + at, n);
      while ((result = lxcmon_decoder_next (decoder, &cursor, &left, &message, &error))
             == LXCMON_DECODE_MESSAGE)
        {
          if (message.offset + message.length > size)
            fail ("a message ends behind the stream");
          check_with_xdr (data + message.offset, &message);
          take (&outcome, &message);
        }
      if (result == LXCMON_DECODE_NEED_MORE && left != 0)
        fail ("bytes are left behind");
      if (result == LXCMON_DECODE_ERROR
          && (error.code != LXCMON_MONITOR_ERROR_PROTOCOL || error.message[0] == '\0'))
        fail ("an error says nothing");
      outcome.broken = result == LXCMON_DECODE_ERROR;
      at += n;
      free (copy);
    }

  outcome.truncated = !outcome.broken && !lxcmon_decoder_finish (decoder, NULL);
  outcome.skipped = lxcmon_decoder_get_skipped (decoder);
  outcome.extended = lxcmon_decoder_get_extended (decoder);
  lxcmon_decoder_free (decoder);
  return outcome;
}

static void
compare (const Outcome *a, const Outcome *b)
{
  if (a->hash != b->hash || a->n_messages != b->n_messages)
    fail ("other messages");
  if (a->broken != b->broken || a->truncated != b->truncated)
    fail ("another end");
  if (a->skipped != b->skipped || a->extended != b->extended)
    fail ("other counts");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Outcome whole = decode (data, size, WHOLE);
  Outcome bytewise = decode (data, size, BYTEWISE);
  Outcome chosen = decode (data, size, CHOSEN);

  compare (&whole, &bytewise);
  compare (&whole, &chosen);
  return 0;
}
