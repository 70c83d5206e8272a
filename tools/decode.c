/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon decode": the messages in captured bytes. Input is decoded as it comes, so that it can be
 * a pipe.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lxcmon/lxcmon-decoder.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "output.h"
#include "verbs.h"

typedef struct
{
  Options options;
  gboolean hex;
  LxcmonDecoder *decoder;
  guint64 n_read; /* bytes of the input before the current chunk */
  int digit;      /* the first of a pair of hexadecimal digits, or -1 */
  ExitCode code;
} Decode;

static void
add_event (JsonBuilder *builder, const LxcmonMessage *message)
{
  if (message->kind != LXCMON_MESSAGE_INIT && message->kind != LXCMON_MESSAGE_EXIT)
    return;

  gboolean is_init = message->kind == LXCMON_MESSAGE_INIT;
  output_json_string (builder, "event", is_init ? "init" : "exit");
  if (is_init)
    output_json_int (builder, "pid", message->pid);
  else
    output_json_exit (builder, lxcmon_exit_status_from_raw (message->exit_raw), message->exit_raw);
}

static void
print_json (const LxcmonMessage *message)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  output_json_int (builder, "offset", (gint64) message->offset);
  output_json_int (builder, "length", message->length);
  output_json_int (builder, "program", message->program);
  output_json_int (builder, "version", message->version);
  output_json_int (builder, "procedure", message->procedure);
  output_json_int (builder, "type", message->type);
  output_json_int (builder, "serial", message->serial);
  output_json_int (builder, "header_status", message->status);
  add_event (builder, message);
  output_json_line (builder);
}

static void
print_text (const LxcmonMessage *message)
{
  printf ("offset=%" PRIu64 " length=%" PRIu32 " program=0x%08" PRIx32 " version=%" PRIu32
          " procedure=%" PRId32 " type=%" PRId32 " serial=%" PRIu32 " status=%" PRId32,
          message->offset, message->length, message->program, message->version, message->procedure,
          message->type, message->serial, message->status);
  switch (message->kind)
    {
    case LXCMON_MESSAGE_INIT:
      printf (": init pid=%" PRId32 "\n", message->pid);
      break;
    case LXCMON_MESSAGE_EXIT:
      printf (": exit status=%s raw=%" PRId32 "\n",
              output_status_nick (lxcmon_exit_status_from_raw (message->exit_raw)),
              message->exit_raw);
      break;
    case LXCMON_MESSAGE_PING:
      printf (": ping\n");
      break;
    case LXCMON_MESSAGE_PONG:
      printf (": pong\n");
      break;
    case LXCMON_MESSAGE_SKIPPED:
    default:
      printf (": skipped\n");
      break;
    }
  output_flush ();
}

static void
print_error (Decode *self, const LxcmonError *error)
{
  guint64 offset = lxcmon_decoder_get_offset (self->decoder);

  self->code = EXIT_CODE_FAILED;
  if (!self->options.json)
    {
      output_flush ();
      message (&self->options, "no message at offset %" G_GUINT64_FORMAT ": %s", offset,
               error->message);
      return;
    }

  g_autoptr (JsonBuilder) builder = json_builder_new ();
  json_builder_begin_object (builder);
  output_json_int (builder, "offset", (gint64) offset);
  output_json_error (builder, lxcmon_monitor_error_to_string (error->code), error->message);
  output_json_line (builder);
}

/* Returns whether output is not lost. */
static gboolean
print (Decode *self, const LxcmonMessage *message)
{
  if (self->options.json)
    print_json (message);
  else
    print_text (message);
  if (!output_is_broken ())
    return TRUE;

  self->code = EXIT_CODE_FAILED;
  return FALSE;
}

/* Returns whether decoding can go on. */
static gboolean
decode_bytes (Decode *self, const guint8 *bytes, gsize size)
{
  LxcmonMessage found;
  LxcmonError error;
  LxcmonDecodeResult result;

  while ((result = lxcmon_decoder_next (self->decoder, &bytes, &size, &found, &error))
         == LXCMON_DECODE_MESSAGE)
    if (!print (self, &found))
      return FALSE;

  if (result == LXCMON_DECODE_ERROR)
    print_error (self, &error);
  return result == LXCMON_DECODE_NEED_MORE;
}

static gboolean fail (Decode *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (Decode *self, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  output_flush ();
  message (&self->options, "%s", text);
  self->code = EXIT_CODE_FAILED;
  return FALSE;
}

/* Converts hexadecimal digits to bytes, in place. Returns whether decoding can go on. */
static gboolean
decode_hex (Decode *self, guint8 *text, gsize size)
{
  gsize n_bytes = 0;

  for (gsize i = 0; i < size; i++)
    {
      int digit = g_ascii_xdigit_value ((gchar) text[i]);
      if (g_ascii_isspace ((gchar) text[i]))
        continue;
      if (digit < 0)
        {
          if (!decode_bytes (self, text, n_bytes))
            return FALSE;
          return fail (self,
                       "byte %" G_GUINT64_FORMAT
                       " of the input is not a hexadecimal digit or white space, as --hex expects",
                       self->n_read + i);
        }
      if (self->digit < 0)
        self->digit = digit;
      else
        {
          text[n_bytes++] = (guint8) (self->digit << 4 | digit);
          self->digit = -1;
        }
    }

  return decode_bytes (self, text, n_bytes);
}

static gboolean
decode_chunk (Decode *self, guint8 *chunk, gsize size)
{
  gboolean go_on = self->hex ? decode_hex (self, chunk, size) : decode_bytes (self, chunk, size);

  self->n_read += size;
  return go_on;
}

static void
decode_input (Decode *self, int fd, const char *name)
{
  guint8 chunk[65536];
  LxcmonError error;

  for (;;)
    {
      gssize n = read (fd, chunk, sizeof chunk);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          fail (self, "cannot read %s: %s", name, g_strerror (errno));
          return;
        }
      if (n == 0)
        break;
      if (!decode_chunk (self, chunk, (gsize) n))
        return;
    }

  if (self->digit >= 0)
    fail (self, "the input ends in the middle of a byte: it has an odd number of digits");
  else if (!lxcmon_decoder_finish (self->decoder, &error))
    print_error (self, &error);
}

static void
run (Decode *self, const char *file)
{
  gboolean is_stdin = file == NULL || strcmp (file, "-") == 0;
  int fd = is_stdin ? STDIN_FILENO : open (file, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    {
      fail (self, "cannot open %s: %s", file, g_strerror (errno));
      return;
    }
  self->decoder = lxcmon_decoder_new ();
  decode_input (self, fd, is_stdin ? "standard input" : file);
  lxcmon_decoder_free (self->decoder);
  if (!is_stdin)
    close (fd);
}

int
decode_main (int argc, char **argv)
{
  Decode self = { .digit = -1, .code = EXIT_CODE_DONE };
  const GOptionEntry entries[] = {
    { "hex", 0, 0, G_OPTION_ARG_NONE, &self.hex, "Read hexadecimal digits and white space", NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (options_parse (&self.options, OPTIONS_JSON, entries, "[FILE|-]",
                     "Decodes captured bytes: the messages in a stream from a controller.", argc,
                     argv, &self.code))
    {
      char **files = self.options.arguments;
      if (files != NULL && g_strv_length (files) > 1)
        self.code = usage_error ("decode: at most one file can be given");
      else
        run (&self, files != NULL ? files[0] : NULL);
    }

  options_clear (&self.options);
  return self.code;
}
