/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers the arguments of "lxcmon watch": a NAME in --runtime-dir, a PATH; names with spaces, names that
 * would break the line, and names that are not valid.
 */

#include <signal.h>
#include <string.h>

#include "event.h"
#include "room.h"

#define RAW_NAME     "a\nb\033[31m\xc2\x85\xffz"
#define ESCAPED_NAME "a\\\\x0Ab\\\\x1B\\[31m\\\\xC2\\\\x85\xef\xbf\xbdz"

/* By name there is a list first. */
static void
expect_listed (Command *command)
{
  command_expect_line (command, TIME_PATTERN " listed containers=1");
}

static void
expect_watched (Command *command, const char *name)
{
  g_autofree char *init = g_strdup_printf (TIME_PATTERN " %s init pid=4711", name);
  g_autofree char *attached = g_strdup_printf ("lxcmon: %s: attached\n", name);

  command_expect_line (command, init);
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, attached);
}

static void
test_name (Room *room)
{
  room_start (room);
  Command *command = command_start ("watch", "--runtime-dir", room->dir, "web1", NULL);
  expect_listed (command);
  expect_watched (command, "web1");
}

static void
test_name_with_spaces (Room *room)
{
  g_autoptr (LxcmonMockController) controller = room_add (room, " my  box .sock", INIT_PID);

  Command *command = command_start ("watch", "--runtime-dir", room->dir, " my  box ", NULL);
  expect_listed (command);
  expect_watched (command, " my  box ");
  lxcmon_mock_controller_stop (controller);
}

static void
test_name_like_an_option (Room *room)
{
  g_autoptr (LxcmonMockController) controller = room_add (room, "--json.sock", INIT_PID);

  Command *command = command_start ("watch", "--runtime-dir", room->dir, "--", "--json", NULL);
  expect_listed (command);
  expect_watched (command, "--json");
  lxcmon_mock_controller_stop (controller);
}

/* --runtime-dir does not matter for a path. */
static void
test_path (Room *room)
{
  room_start (room);
  expect_watched (command_start ("watch", "--runtime-dir", "/nonexistent", room->path, NULL),
                  "web1");
}

static void
test_relative_path (Room *room)
{
  g_autoptr (LxcmonMockController) controller = room_add (room, "plain", INIT_PID);
  CommandHow how = { .directory = room->dir };

  expect_watched (command_start_how (&how, "watch", "./plain", NULL), "plain");
  lxcmon_mock_controller_stop (controller);
}

static void
test_one_line (Room *room)
{
  g_autoptr (LxcmonMockController) controller = room_add (room, RAW_NAME ".sock", INIT_PID);
  g_autofree char *path = room_build_path (room, RAW_NAME ".sock");

  expect_watched (command_start ("watch", path, NULL), ESCAPED_NAME);
  lxcmon_mock_controller_stop (controller);
}

static void
test_one_line_json (Room *room)
{
  g_autoptr (LxcmonMockController) controller = room_add (room, RAW_NAME ".sock", 0);
  g_autofree char *path = room_build_path (room, RAW_NAME ".sock");
  Events events
      = { command_start ("watch", "--json", path, NULL), "a\nb\033[31m\xc2\x85\xef\xbf\xbdz", 0 };

  events_expect_attached (&events, getpid (), 0);
  room_finish (controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  events_expect_exit (&events, "shutdown", 1);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

/* A message is one line too. */
static void
test_one_line_message (Room *room)
{
  g_autofree char *path = room_build_path (room, RAW_NAME ".sock");

  command_expect_end (command_start ("watch", path, NULL), 7, NOTHING,
                      "lxcmon: " ESCAPED_NAME ": no controller's socket at [^\n]+\n");
}

static void
test_no_names (Room *room)
{
  static const struct
  {
    const char *name;
    const char *message;
  } names[] = {
    { "", "lxcmon: : not a container's name: it is empty\n" },
    { "..", "lxcmon: \\.\\.: not a container's name: .+\n" },
    { "a\nb", "lxcmon: a\\\\x0Ab: not a container's name: .+ control character.*\n" },
    { "\xff", "lxcmon: \\\\xFF: not a container's name: it is not UTF-8\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    command_expect_end (command_start ("watch", "--runtime-dir", room->dir, names[i].name, NULL), 1,
                        NOTHING, names[i].message);
}

static void
test_not_there (Room *room)
{
  command_expect_end (command_start ("watch", room->path, NULL), 7, NOTHING,
                      "lxcmon: web1: no controller's socket at .+/web1\\.sock: .+\n");
  command_expect_end (command_start ("watch", "--json", "/nonexistent/x.sock", NULL), 7, NOTHING,
                      "lxcmon: x: .+\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/watch-names/name", test_name);
  room_test_add ("/tool/watch-names/name-with-spaces", test_name_with_spaces);
  room_test_add ("/tool/watch-names/name-like-an-option", test_name_like_an_option);
  room_test_add ("/tool/watch-names/path", test_path);
  room_test_add ("/tool/watch-names/relative-path", test_relative_path);
  room_test_add ("/tool/watch-names/one-line", test_one_line);
  room_test_add ("/tool/watch-names/one-line-json", test_one_line_json);
  room_test_add ("/tool/watch-names/one-line-message", test_one_line_message);
  room_test_add ("/tool/watch-names/no-names", test_no_names);
  room_test_add ("/tool/watch-names/not-there", test_not_there);

  return g_test_run ();
}
