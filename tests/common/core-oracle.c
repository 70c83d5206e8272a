/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reference: reads a whole stream that lies in memory, slowly and plainly, with numbers written
 * out. It shares nothing with the decoder but the protocol's description.
 */

#include "core-oracle.h"
#include "core-bytes.h"

#include <string.h>

/* Whether a header is of a message that ends the stream by being what no controller sends. */
static gboolean
header_is_bad (const guint8 *frame)
{
  guint32 length = core_get_word (frame);
  guint32 program = core_get_word (frame + 4);
  guint32 version = core_get_word (frame + 8);
  guint32 procedure = core_get_word (frame + 12);
  guint32 type = core_get_word (frame + 16);
  guint32 status = core_get_word (frame + 24);

  if (program == CORE_KEEPALIVE)
    return FALSE;
  if (type == 0 || type == 4 || type > 6) /* calls, and what is no type */
    return TRUE;
  if (program != CORE_MONITOR)
    return FALSE;
  if (version != 1)
    return TRUE;
  if (type != 2 || status != 0)
    return FALSE;
  return (procedure == 1 && length < 32) || (procedure == 2 && length < 36);
}

/* Writes what a whole message with a good header is. Returns FALSE if its content is bad. */
static gboolean
describe (const guint8 *frame, GString *text)
{
  guint32 program = core_get_word (frame + 4);
  guint32 procedure = core_get_word (frame + 12);
  gboolean is_event = core_get_word (frame + 16) == 2 && core_get_word (frame + 24) == 0;

  if (program == CORE_MONITOR && is_event && procedure == 2)
    {
      guint64 pid = (guint64) core_get_word (frame + 28) << 32 | core_get_word (frame + 32);
      if (pid == 0 || pid > 0x7fffffff)
        return FALSE;
      g_string_append_printf (text, "init(%" G_GUINT64_FORMAT ") ", pid);
    }
  else if (program == CORE_MONITOR && is_event && procedure == 1)
    g_string_append_printf (text, "exit(%d) ", (gint32) core_get_word (frame + 28));
  else if (program == CORE_KEEPALIVE && core_get_word (frame + 8) == 1
           && core_get_word (frame + 16) == 2 && (procedure == 1 || procedure == 2))
    g_string_append (text, procedure == 1 ? "ping " : "pong ");
  else
    g_string_append (text, "skipped ");
  return TRUE;
}

/* What the stream says: its messages, then how it ends: "end", "truncated" or "error". */
char *
core_oracle_decode (const guint8 *bytes, gsize size)
{
  GString *text = g_string_new (NULL);
  const char *ending = "end";

  while (size > 0)
    {
      guint32 length = size >= 4 ? core_get_word (bytes) : 28;

      ending = "error";
      if (length < 28 || length > 33554436)
        break;
      if (size >= 28 && header_is_bad (bytes))
        break;
      ending = "truncated";
      if (size < 28 || size < length)
        break;
      ending = "error";
      if (!describe (bytes, text))
        break;
      ending = "end";
      bytes += length;
      size -= length;
    }

  g_string_append (text, ending);
  return g_string_free (text, FALSE);
}

static void
append_message (GString *text, const LxcmonMessage *message)
{
  switch (message->kind)
    {
    case LXCMON_MESSAGE_INIT:
      g_string_append_printf (text, "init(%d) ", message->pid);
      break;
    case LXCMON_MESSAGE_EXIT:
      g_string_append_printf (text, "exit(%d) ", message->exit_raw);
      break;
    case LXCMON_MESSAGE_PING:
      g_string_append (text, "ping ");
      break;
    case LXCMON_MESSAGE_PONG:
      g_string_append (text, "pong ");
      break;
    case LXCMON_MESSAGE_SKIPPED:
      g_string_append (text, "skipped ");
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Gives a piece to the decoder, in memory of its own so that a sanitizer sees every byte too many.
 * Returns whether the stream is still good. */
static gboolean
feed (LxcmonDecoder *decoder, const guint8 *bytes, gsize size, GString *text)
{
  g_autofree guint8 *copy = g_memdup2 (bytes, size);
  const guint8 *cursor = copy;

  for (;;)
    {
      LxcmonMessage message = { 0 };
      LxcmonError error = { 0 };
      guint64 offset = lxcmon_decoder_get_offset (decoder);

      switch (lxcmon_decoder_next (decoder, &cursor, &size, &message, &error))
        {
        case LXCMON_DECODE_MESSAGE:
          append_message (text, &message);
          g_assert_cmpuint (message.offset, ==, offset);
          g_assert_cmpuint (lxcmon_decoder_get_offset (decoder), ==, offset + message.length);
          break;
        case LXCMON_DECODE_NEED_MORE:
          g_assert_cmpuint (size, ==, 0);
          return TRUE;
        case LXCMON_DECODE_ERROR:
        default:
          g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_PROTOCOL);
          g_assert_cmpuint (strlen (error.message), >, 0);
          g_string_append (text, "error");
          return FALSE;
        }
    }
}

/* What the library makes of the stream, given in pieces. */
char *
core_library_decode (const guint8 *bytes, gsize size, CoreChunkFunc chunk, gpointer data)
{
  GString *text = g_string_new (NULL);
  LxcmonDecoder *decoder = lxcmon_decoder_new ();
  gboolean good = TRUE;
  LxcmonError error;

  while (good && size > 0)
    {
      gsize n = chunk (size, data);

      good = feed (decoder, bytes, n, text);
      bytes += n;
      size -= n;
    }
  if (good && lxcmon_decoder_finish (decoder, &error))
    g_string_append (text, "end");
  else if (good)
    {
      g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_TRUNCATED);
      g_string_append (text, "truncated");
    }

  lxcmon_decoder_free (decoder);
  return g_string_free (text, FALSE);
}

/* What a connection calls for a stream that was decoded so, and then ended. */
char *
core_oracle_trace (const char *decoded)
{
  static const char *const nicks[] = { "error", "shutdown", "reboot" };
  g_auto (GStrv) words = g_strsplit (decoded, " ", -1);
  GString *trace = g_string_new (NULL);
  gboolean exited = FALSE;
  guint n_messages = g_strv_length (words) - 1;
  const char *ending = words[n_messages];

  for (guint i = 0; i < n_messages; i++)
    {
      gint64 raw;

      if (i == 0)
        g_string_append (trace, "attached ");
      if (g_str_has_prefix (words[i], "init("))
        g_string_append_printf (trace, "%s ", words[i]);
      if (!g_str_has_prefix (words[i], "exit("))
        continue;
      exited = TRUE;
      raw = g_ascii_strtoll (words[i] + strlen ("exit("), NULL, 10);
      if (raw >= 0 && raw <= 2)
        g_string_append_printf (trace, "exit(%s) ", nicks[raw]);
      else
        g_string_append_printf (trace, "exit(unknown:%d) ", (int) raw);
    }

  if (exited)
    ending = "null";
  else if (g_str_equal (ending, "error"))
    ending = "protocol";
  else if (g_str_equal (ending, "end"))
    ending = "lost";
  g_string_append_printf (trace, "%s(%s)", n_messages > 0 ? "closed" : "failed", ending);
  return g_string_free (trace, FALSE);
}

gsize
core_chunk_all (gsize left, gpointer data)
{
  return left;
}

gsize
core_chunk_byte (gsize left, gpointer data)
{
  return 1;
}

/* @data: (type GRand): small pieces mostly, as these are the difficult cases of the decoder. */
gsize
core_chunk_random (gsize left, gpointer data)
{
  guint32 limit = g_rand_boolean (data) ? 8 : 80;
  gsize n = (gsize) g_rand_int_range (data, 1, (gint32) limit);

  return MIN (n, left);
}
