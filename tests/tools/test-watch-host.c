/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers "lxcmon watch" without names: containers that run, start, reboot and end, until a signal or the
 * time limit.
 */

#include <glib/gstdio.h>
#include <signal.h>

#include "event.h"
#include "room.h"

#define start_watch(room, ...) \
  command_start ("watch", "--runtime-dir", (room)->dir, __VA_ARGS__, NULL)

static void
test_text (Room *room)
{
  room_start (room);
  Command *command = start_watch (room, "--quiet");
  command_expect_line (command, TIME_PATTERN " listed containers=1");
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
  events_expect_listed (&events, 1);
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
  command_expect_end (start_watch (room, "--timeout=200ms"), 124,
                      TIME_PATTERN " listed containers=0\n", "lxcmon: timed out\n");
}

/* The directory is made later. */
static void
test_directory_comes (Room *room)
{
  g_autofree char *dir = room_build_path (room, "later");
  g_autofree char *path = g_build_filename (dir, "web2.sock", NULL);
  g_autoptr (LxcmonMockController) controller = lxcmon_mock_controller_new (path);

  Command *command = command_start ("watch", "--runtime-dir", dir, NULL);
  command_expect_line (command, TIME_PATTERN " listed containers=0");
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

/* The slot is taken when the watch starts; when it is free, the container is attached. */
static void
test_busy (Room *room)
{
  room_start (room);
  g_autoptr (LxcmonClient) client = lxcmon_client_new_for_path (room->path);
  g_assert_true (lxcmon_client_attach (client, NULL, NULL));
  Events events = { start_watch (room, "--json"), "web1", 0 };
  events_expect_unwatched (&events, "busy");
  events_expect_listed (&events, 1);
  command_expect_message (events.command, "lxcmon: A container that is busy .+");
  command_expect_message (events.command, "lxcmon: --direct --force .+");
  lxcmon_client_detach (client);
  events_expect_attached (&events, getpid (), 0);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  events_expect_exit (&events, "shutdown", 1);
  events_expect_closed (&events, NULL);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

/* The container of a driver, which cannot be reached here, is reported once as it is; the other one is
 * attached when the driver has gone. */
static void
test_driver_runs (Room *room)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  Events events = { start_watch (room, "--json"), "web1", 0 };
  events_expect_unwatched (&events, "busy");
  events_expect_source (&events, "source-lost", "not-found");
  events_expect_listed (&events, 1);
  lxcmon_mock_driver_stop (driver);
  events_expect_source (&events, "source-back", NULL);
  events_expect_listed (&events, 1);
  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, ANYTHING);
}

/* A container that was left to a driver is not reported before it is known that the driver's own events
 * cannot be had. */
static void
test_driver_starts (Room *room)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  Events events = { start_watch (room, "--json"), "web1", 0 };
  events_expect_listed (&events, 1);
  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  events_expect_source (&events, "source-lost", "not-found");
  events_expect_unwatched (&events, "busy");
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, ANYTHING);
}

/* The end is seen while nobody is attached, and how is not. */
static void
test_unseen_end (Room *room)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  Events events = { start_watch (room, "--json"), "web1", 0 };
  events_expect_unwatched (&events, "busy");
  events_expect_source (&events, "source-lost", "not-found");
  events_expect_listed (&events, 1);
  lxcmon_mock_controller_stop (room->controller);
  events_expect_end (&events, "unknown", "lost");
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, ANYTHING);
}

static void
test_direct (Room *room)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  Events events = { start_watch (room, "--json", "--direct"), "web1", 0 };
  events_expect_unwatched (&events, "busy");
  events_expect_listed (&events, 1);
  Events forced = { start_watch (room, "--json", "--direct", "--force"), "web1", 0 };
  events_expect_listed (&forced, 1);
  events_expect_attached (&forced, getpid (), 0);
  events_expect_init (&forced, INIT_PID);
  command_signal (forced.command, SIGTERM);
  command_expect_end (forced.command, 0, NOTHING, NOTHING);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, ANYTHING);
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
  room_test_add ("/tool/watch-host/driver-runs", test_driver_runs);
  room_test_add ("/tool/watch-host/driver-starts", test_driver_starts);
  room_test_add ("/tool/watch-host/unseen-end", test_unseen_end);
  room_test_add ("/tool/watch-host/direct", test_direct);
  room_test_add ("/tool/watch-host/fails", test_fails);

  return g_test_run ();
}
