/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers "lxcmon decode": its output for every capture of a real controller (raw, as digits, from a file,
 * through a pipe, in pieces), and for bytes that are not messages.
 */

#include <string.h>

#include "event.h"
#include "room.h"

#define EVENT(offset, length, procedure)                                                  \
  "offset=" offset " length=" length " program=0x12341234 version=1 procedure=" procedure \
  " type=2 serial=1 status=0: "
#define INIT(offset, pid) EVENT (offset, "36", "2") "init pid=" pid "\n"
#define SHUTDOWN(offset)  EVENT (offset, "32", "1") "exit status=shutdown raw=1\n"
#define REBOOT(offset)    EVENT (offset, "32", "1") "exit status=reboot raw=2\n"

static const struct
{
  const char *file;
  const char *text;
  int n_messages;
  int n_events;
} captures[] = {
  { "call-refused.bin",
    INIT ("0", "4025") "offset=36 length=168 program=0x12341234 version=1 procedure=1 type=1 "
                       "serial=7 status=1: skipped\n" SHUTDOWN ("204"),
    3, 2 },
  { "killed.bin", INIT ("0", "3882"), 1, 1 },
  { "pong.bin",
    INIT ("0", "3999") "offset=36 length=28 program=0x6b656570 version=1 procedure=2 type=2 "
                       "serial=0 status=0: pong\n" SHUTDOWN ("64"),
    3, 2 },
  { "reattach-shutdown.bin", SHUTDOWN ("0"), 1, 1 },
  { "reboot.bin", INIT ("0", "3917") REBOOT ("36"), 2, 2 },
  { "shutdown.bin", INIT ("0", "3869") SHUTDOWN ("36"), 2, 2 },
};

static char *
capture_path (const char *file)
{
  return g_build_filename (g_getenv ("LXCMON_CAPTURES"), file, NULL);
}

static char *
capture_read (const char *file, gsize *size)
{
  g_autofree char *path = capture_path (file);
  g_autoptr (GError) error = NULL;
  char *bytes = NULL;

  g_file_get_contents (path, &bytes, size, &error);
  g_assert_no_error (error);
  return bytes;
}

/* Writes bytes as digits of both cases, with white space between them. */
static char *
to_hex (const char *bytes, gsize size)
{
  GString *text = g_string_new ("\t");

  for (gsize i = 0; i < size; i++)
    g_string_append_printf (text, i % 2 ? "%02x" : (i % 3 ? " %02X\n" : "%02x\r\n"),
                            (guchar) bytes[i]);
  g_string_insert_c (text, 5, ' ');
  return g_string_free (text, FALSE);
}

static void
test_captures (Room *room)
{
  const CommandHow feed = { .feed = TRUE };

  for (guint i = 0; i < G_N_ELEMENTS (captures); i++)
    {
      g_autofree char *path = capture_path (captures[i].file);
      gsize size;
      g_autofree char *bytes = capture_read (captures[i].file, &size);
      g_autofree char *hex = to_hex (bytes, size);
      g_autofree char *hex_path = room_build_path (room, "hex");

      command_expect_end (command_start ("decode", path, NULL), 0, captures[i].text, NOTHING);

      Command *command = command_start_how (&feed, "decode", i % 2 ? "-" : NULL, NULL);
      command_feed (command, bytes, size);
      command_expect_end (command, 0, captures[i].text, NOTHING);

      command = command_start_how (&feed, "decode", "--hex", "-", NULL);
      command_feed (command, hex, strlen (hex));
      command_expect_end (command, 0, captures[i].text, NOTHING);

      g_assert_true (g_file_set_contents (hex_path, hex, -1, NULL));
      command_expect_end (command_start ("decode", "--hex", hex_path, NULL), 0, captures[i].text,
                          NOTHING);
    }
}

/* The table has every capture. */
static void
test_every_capture (Room *room)
{
  g_autoptr (GDir) files = g_dir_open (g_getenv ("LXCMON_CAPTURES"), 0, NULL);
  const char *file;
  guint n_found = 0;

  g_assert_nonnull (files);
  while ((file = g_dir_read_name (files)) != NULL)
    for (guint i = 0; i < G_N_ELEMENTS (captures); i++)
      n_found += strcmp (file, captures[i].file) == 0;
  g_assert_cmpuint (n_found, ==, G_N_ELEMENTS (captures));
  g_dir_rewind (files);
  while (g_dir_read_name (files) != NULL)
    n_found--;
  g_assert_cmpuint (n_found, ==, 0);
}

#define NUMBERS \
  "offset", "length", "program", "version", "procedure", "type", "serial", "header_status"

/* Checks the keys of a line and their types. Returns whether it is an event. */
static gboolean
expect_object (Command *command, gint64 *offset)
{
  const char *const numbers[] = { NUMBERS, NULL };
  const char *const init_keys[] = { NUMBERS, "event", "pid", NULL };
  const char *const exit_keys[] = { NUMBERS, "event", "status", "raw", NULL };
  g_autofree char *line = command_read_line (command);
  g_autoptr (JsonObject) object = json_parse (line);

  for (guint i = 0; numbers[i] != NULL; i++)
    json_expect_int (object, numbers[i]);
  g_assert_cmpint (json_expect_int (object, "offset"), ==, *offset);
  *offset += json_expect_int (object, "length");
  if (!json_object_has_member (object, "event"))
    {
      json_expect_keys (object, numbers);
      return FALSE;
    }

  gboolean is_init = strcmp (json_expect_string (object, "event"), "init") == 0;
  json_expect_keys (object, is_init ? init_keys : exit_keys);
  if (is_init)
    g_assert_cmpint (json_expect_int (object, "pid"), >, 3800);
  else
    assert_matches (json_expect_string (object, "status"),
                    json_expect_int (object, "raw") == 2 ? "reboot" : "shutdown");
  return TRUE;
}

static void
test_captures_json (Room *room)
{
  for (guint i = 0; i < G_N_ELEMENTS (captures); i++)
    {
      g_autofree char *path = capture_path (captures[i].file);
      Command *command = command_start ("decode", "--json", path, NULL);
      gint64 offset = 0;
      int n_events = 0;

      for (int n = 0; n < captures[i].n_messages; n++)
        n_events += expect_object (command, &offset);
      g_assert_cmpint (n_events, ==, captures[i].n_events);
      command_expect_end (command, 0, NOTHING, NOTHING);
    }
}

/* A message is printed as soon as it is complete, however it is cut. */
static void
test_pieces (Room *room)
{
  const CommandHow feed = { .feed = TRUE };
  gsize size;
  g_autofree char *bytes = capture_read ("reboot.bin", &size);
  g_autofree char *hex = to_hex (bytes, size);

  Command *command = command_start_how (&feed, "decode", NULL);
  for (gsize i = 0; i < 36; i++)
    command_feed (command, bytes + i, 1);
  g_autofree char *line = command_read_line (command);
  assert_matches (line, EVENT ("0", "36", "2") "init pid=3917");
  for (gsize i = 36; i < size; i++)
    command_feed (command, bytes + i, 1);
  command_expect_end (command, 0, REBOOT ("36"), NOTHING);

  command = command_start_how (&feed, "decode", "--hex", NULL);
  for (gsize i = 0; hex[i] != '\0'; i++)
    command_feed (command, hex + i, 1);
  command_expect_end (command, 0, INIT ("0", "3917") REBOOT ("36"), NOTHING);
}

static void
expect_fed (const void *bytes, gsize size, const char *option, const char *output,
            const char *messages)
{
  const CommandHow feed = { .feed = TRUE };
  Command *command = command_start_how (&feed, "decode", option, NULL);

  command_feed (command, bytes, size);
  command_expect_end (command, 1, output, messages);
}

/* Wherever the stream is cut: complete messages are printed, and the offset of the rest. */
static void
test_truncated (Room *room)
{
  static const gsize sizes[] = { 1, 4, 35, 37, 40, 67 };
  gsize size;
  g_autofree char *bytes = capture_read ("shutdown.bin", &size);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      gboolean has_init = sizes[i] > 36;
      expect_fed (bytes, sizes[i], NULL, has_init ? INIT ("0", "3869") : NOTHING,
                  has_init ? "lxcmon: no message at offset 36: .+\n"
                           : "lxcmon: no message at offset 0: .+\n");
    }
  expect_fed (bytes, 40, "--json",
              "\\{\"offset\":0.+\\}\n"
              "\\{\"offset\":36,\"error\":\\{\"code\":\"truncated\",\"message\":\".+\"\\}\\}\n",
              NOTHING);
  expect_fed (bytes, 40, "--quiet", INIT ("0", "3869"), NOTHING);
}

static void
test_garbage (Room *room)
{
  static const char garbage[] = "GET / HTTP/1.0\r\n\r\n";
  gsize size;
  g_autofree char *bytes = capture_read ("shutdown.bin", &size);
  g_autofree char *both = g_malloc (size + sizeof garbage);

  expect_fed (garbage, sizeof garbage, NULL, NOTHING, "lxcmon: no message at offset 0: .+\n");
  expect_fed (garbage, sizeof garbage, "--json",
              "\\{\"offset\":0,\"error\":\\{\"code\":\"protocol\",\"message\":\".+\"\\}\\}\n",
              NOTHING);
  memcpy (both, bytes, size);
  memcpy (both + size, garbage, sizeof garbage);
  expect_fed (both, size + sizeof garbage, NULL, INIT ("0", "3869") SHUTDOWN ("36"),
              "lxcmon: no message at offset 68: .+\n");
}

static void
expect_hex (const char *text, int code, const char *messages)
{
  const CommandHow feed = { .feed = TRUE };
  Command *command = command_start_how (&feed, "decode", "--hex", NULL);

  command_feed (command, text, strlen (text));
  command_expect_end (command, code, NOTHING, messages);
}

static void
test_wrong_digits (Room *room)
{
  expect_hex ("000", 1, "lxcmon: the input ends in the middle of a byte: .+\n");
  expect_hex ("00 0\n", 1, "lxcmon: the input ends in the middle of a byte: .+\n");
  expect_hex ("00 0g", 1, "lxcmon: byte 4 of the input is not a hexadecimal digit .+\n");
  expect_hex ("0x00", 1, "lxcmon: byte 1 of the input is not a hexadecimal digit .+\n");
  expect_hex ("00\xc3\xab", 1, "lxcmon: byte 2 of the input is not a hexadecimal digit .+\n");
  expect_hex (" \n", 0, NOTHING);
}

static void
test_files (Room *room)
{
  const CommandHow feed = { .feed = TRUE };
  g_autofree char *missing = room_build_path (room, "mis\nsing\xff");

  command_expect_end (command_start ("decode", missing, NULL), 1, NOTHING,
                      "lxcmon: cannot open .+/mis\\\\x0Asing\\\\xFF: No such file or directory\n");
  command_expect_end (command_start ("decode", room->dir, NULL), 1, NOTHING,
                      "lxcmon: cannot read .+: Is a directory\n");
  command_expect_end (command_start ("decode", "a", "b", NULL), 2, NOTHING, USAGE_LINES);
  command_expect_end (command_start_how (&feed, "decode", NULL), 0, NOTHING, NOTHING);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/decode/captures", test_captures);
  room_test_add ("/tool/decode/every-capture", test_every_capture);
  room_test_add ("/tool/decode/captures-json", test_captures_json);
  room_test_add ("/tool/decode/pieces", test_pieces);
  room_test_add ("/tool/decode/truncated", test_truncated);
  room_test_add ("/tool/decode/garbage", test_garbage);
  room_test_add ("/tool/decode/wrong-digits", test_wrong_digits);
  room_test_add ("/tool/decode/files", test_files);

  return g_test_run ();
}
