/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers "lxcmon watch" without names: containers that run, start, reboot and end, until a signal or the
 * time limit.
 */

#include <glib/gstdio.h>
#include <signal.h>

#include "event.h"
#include "room.h"

static Command *
start_watch (Room *room, const char *option)
{
  return command_start ("watch", "--runtime-dir", room->dir, option, NULL);
}

static void
test_text (Room *room)
{
  room_start (room);
  Command *command = start_watch (room, "--quiet");
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  LxcmonMockController *other = room_add (room, "db1.sock", 12);
  command_expect_line (command, TIME_PATTERN " db1 init pid=12");
  room_finish (other, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_line (command, TIME_PATTERN " db1 exit status=shutdown");
  command_expect_line (command, TIME_PATTERN " db1 closed");
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, NOTHING);
  g_object_unref (other);
}

static void
test_json (Room *room)
{
  room_start (room);
  Events events = { start_watch (room, "--json"), "web1", 0 };
  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
  events_expect_exit (&events, "reboot", 2);
  events_expect_closed (&events, NULL);
  room_start (room);
  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  lxcmon_mock_controller_die (room->controller, NULL);
  events_expect_closed (&events, "lost");
  command_signal (events.command, SIGINT);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

static void
test_timeout (Room *room)
{
  command_expect_end (start_watch (room, "--timeout=200ms"), 124, NOTHING, "lxcmon: timed out\n");
}

/* The directory is made later. */
static void
test_directory_comes (Room *room)
{
  g_autofree char *dir = room_build_path (room, "later");
  g_autofree char *path = g_build_filename (dir, "web2.sock", NULL);
  g_autoptr (LxcmonMockController) controller = lxcmon_mock_controller_new (path);

  Command *command = command_start ("watch", "--runtime-dir", dir, NULL);
  g_usleep (100000);
  g_assert_cmpint (g_mkdir (dir, 0700), ==, 0);
  lxcmon_mock_controller_set_init_pid (controller, 9);
  g_assert_true (lxcmon_mock_controller_start (controller, NULL));
  command_expect_line (command, TIME_PATTERN " web2 init pid=9");
  command_expect_message (command, "lxcmon: web2: attached");
  room_finish (controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_line (command, TIME_PATTERN " web2 exit status=shutdown");
  command_expect_line (command, TIME_PATTERN " web2 closed");
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, NOTHING);
}

static void
test_busy (Room *room)
{
  room_start (room);
  g_autoptr (LxcmonClient) client = lxcmon_client_new_for_path (room->path);
  g_assert_true (lxcmon_client_attach (client, NULL, NULL));
  Command *command = start_watch (room, NULL);
  command_expect_message (command, "lxcmon: web1: .*another client.*");
  command_expect_message (command, "lxcmon: Such a container .+");
  command_expect_message (command, "lxcmon: --force .+");
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, NOTHING);
  lxcmon_client_detach (client);
}

static void
test_fails (Room *room)
{
  g_autofree char *link = room_build_path (room, "link");

  g_assert_cmpint (symlink (room->dir, link), ==, 0);
  command_expect_end (command_start ("watch", "--runtime-dir", link, NULL), 1, NOTHING,
                      "lxcmon: .+\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/watch-host/text", test_text);
  room_test_add ("/tool/watch-host/json", test_json);
  room_test_add ("/tool/watch-host/timeout", test_timeout);
  room_test_add ("/tool/watch-host/directory-comes", test_directory_comes);
  room_test_add ("/tool/watch-host/busy", test_busy);
  room_test_add ("/tool/watch-host/fails", test_fails);

  return g_test_run ();
}
