/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The wire, field by field, as libvirt's own controller was heard to speak it.
 */

#include "core-bytes.h"

#include <string.h>

const guint8 core_init_bytes[CORE_INIT_SIZE] = {
  0x00, 0x00, 0x00, 0x24, /*  0 length: 36, itself included */
  0x12, 0x34, 0x12, 0x34, /*  4 program: the monitor */
  0x00, 0x00, 0x00, 0x01, /*  8 version: 1 */
  0x00, 0x00, 0x00, 0x02, /* 12 procedure: INIT */
  0x00, 0x00, 0x00, 0x02, /* 16 type: message */
  0x00, 0x00, 0x00, 0x01, /* 20 serial: 1 */
  0x00, 0x00, 0x00, 0x00, /* 24 status: ok */
  0x00, 0x00, 0x00, 0x00, /* 28 init pid, high word */
  0x00, 0x00, 0x0f, 0x1d, /* 32 init pid, low word: 3869 */
};

const guint8 core_shutdown_bytes[CORE_EXIT_SIZE] = {
  0x00, 0x00, 0x00, 0x20, /*  0 length: 32 */
  0x12, 0x34, 0x12, 0x34, /*  4 program: the monitor */
  0x00, 0x00, 0x00, 0x01, /*  8 version: 1 */
  0x00, 0x00, 0x00, 0x01, /* 12 procedure: EXIT */
  0x00, 0x00, 0x00, 0x02, /* 16 type: message */
  0x00, 0x00, 0x00, 0x01, /* 20 serial: 1 */
  0x00, 0x00, 0x00, 0x00, /* 24 status: ok */
  0x00, 0x00, 0x00, 0x01, /* 28 exit status: shutdown */
};

const guint8 core_reboot_bytes[CORE_EXIT_SIZE] = {
  0x00, 0x00, 0x00, 0x20, /*  0 length: 32 */
  0x12, 0x34, 0x12, 0x34, /*  4 program: the monitor */
  0x00, 0x00, 0x00, 0x01, /*  8 version: 1 */
  0x00, 0x00, 0x00, 0x01, /* 12 procedure: EXIT */
  0x00, 0x00, 0x00, 0x02, /* 16 type: message */
  0x00, 0x00, 0x00, 0x01, /* 20 serial: 1 */
  0x00, 0x00, 0x00, 0x00, /* 24 status: ok */
  0x00, 0x00, 0x00, 0x02, /* 28 exit status: reboot */
};

const guint8 core_ping_bytes[CORE_KEEPALIVE_SIZE] = {
  0x00, 0x00, 0x00, 0x1c, /*  0 length: 28 */
  0x6b, 0x65, 0x65, 0x70, /*  4 program: "keep" */
  0x00, 0x00, 0x00, 0x01, /*  8 version: 1 */
  0x00, 0x00, 0x00, 0x01, /* 12 procedure: PING */
  0x00, 0x00, 0x00, 0x02, /* 16 type: message */
  0x00, 0x00, 0x00, 0x00, /* 20 serial: 0 */
  0x00, 0x00, 0x00, 0x00, /* 24 status: ok */
};

const guint8 core_pong_bytes[CORE_KEEPALIVE_SIZE] = {
  0x00, 0x00, 0x00, 0x1c, /*  0 length: 28 */
  0x6b, 0x65, 0x65, 0x70, /*  4 program: "keep" */
  0x00, 0x00, 0x00, 0x01, /*  8 version: 1 */
  0x00, 0x00, 0x00, 0x02, /* 12 procedure: PONG */
  0x00, 0x00, 0x00, 0x02, /* 16 type: message */
  0x00, 0x00, 0x00, 0x00, /* 20 serial: 0 */
  0x00, 0x00, 0x00, 0x00, /* 24 status: ok */
};

guint32
core_get_word (const guint8 *bytes)
{
  return (guint32) bytes[0] << 24 | (guint32) bytes[1] << 16 | (guint32) bytes[2] << 8 | bytes[3];
}

static void
put_at (guint8 *bytes, guint32 word)
{
  for (int i = 0; i < 4; i++)
    bytes[i] = (guint8) (word >> (24 - 8 * i));
}

void
core_put_word (GByteArray *bytes, guint32 word)
{
  guint8 wire[4];

  put_at (wire, word);
  g_byte_array_append (bytes, wire, sizeof wire);
}

void
core_put_message (GByteArray *bytes, const CoreMessage *message)
{
  guint32 length = message->length;

  if (length == 0)
    length = (guint32) (CORE_KEEPALIVE_SIZE + message->payload_size);
  core_put_word (bytes, length);
  core_put_word (bytes, message->program);
  core_put_word (bytes, message->version);
  core_put_word (bytes, message->procedure);
  core_put_word (bytes, message->type);
  core_put_word (bytes, message->serial);
  core_put_word (bytes, message->status);
  g_byte_array_append (bytes, message->payload, (guint) message->payload_size);
}

void
core_put_zeros (GByteArray *bytes, gsize n)
{
  guint start = bytes->len;

  g_byte_array_set_size (bytes, start + (guint) n);
  memset (bytes->data + start, 0, n);
}

CoreMessage
core_init_message (guint64 pid)
{
  CoreMessage message = { 0, CORE_MONITOR, 1, 2, 2, 1, 0, .payload_size = 8 };

  put_at (message.payload, (guint32) (pid >> 32));
  put_at (message.payload + 4, (guint32) pid);
  return message;
}

CoreMessage
core_exit_message (gint32 status)
{
  CoreMessage message = { 0, CORE_MONITOR, 1, 1, 2, 1, 0, .payload_size = 4 };

  put_at (message.payload, (guint32) status);
  return message;
}

CoreMessage
core_keepalive_message (guint32 procedure)
{
  return (CoreMessage){ 0, CORE_KEEPALIVE, 1, procedure, 2, 0, 0, .payload_size = 0 };
}

/* INIT, then EXIT reboot: all messages of a run of a container. */
GByteArray *
core_new_story (void)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, core_init_bytes, CORE_INIT_SIZE);
  g_byte_array_append (bytes, core_reboot_bytes, CORE_EXIT_SIZE);
  return bytes;
}

static char *
dump (const guint8 *bytes, gsize size)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < size; i++)
    g_string_append_printf (text, "%s%02x", i % 4 == 0 && i > 0 ? " " : "", bytes[i]);
  return g_string_free (text, FALSE);
}

void
core_assert_bytes (const guint8 *actual, gsize actual_size, const guint8 *expected,
                   gsize expected_size)
{
  gsize offset = 0;

  while (offset < MIN (actual_size, expected_size) && actual[offset] == expected[offset])
    offset++;
  if (offset == actual_size && offset == expected_size)
    return;

  g_autofree char *actual_text = dump (actual, actual_size);
  g_autofree char *expected_text = dump (expected, expected_size);
  g_error ("bytes differ at offset %" G_GSIZE_FORMAT ":\n  got      %s\n  expected %s", offset,
           actual_text, expected_text);
}
