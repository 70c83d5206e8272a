/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers reboots with "lxcmon watch": it attaches to the next controller at the same path; no next
 * controller comes; and --no-follow.
 */

#include <signal.h>

#include "event.h"
#include "room.h"

#define LINE(what) TIME_PATTERN " web1 " what "\n"

static void
test_followed (Room *room)
{
  room_start (room);
  Events events = { command_start ("watch", "--json", room->path, NULL), "web1", 0 };

  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  for (int life = 1; life < 4; life++)
    {
      room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
      events_expect_exit (&events, "reboot", 2);
      events_expect_closed (&events, NULL);
      lxcmon_mock_controller_set_init_pid (room->controller, INIT_PID + life);
      room_start (room);
      events_expect_attached (&events, getpid (), 0);
      events_expect_init (&events, INIT_PID + life);
    }
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  events_expect_exit (&events, "shutdown", 1);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

/* The exit code is that of the last end. */
static void
test_lost_after_reboot (Room *room)
{
  g_autoptr (GError) error = NULL;

  room_start (room);
  Command *command = command_start ("watch", room->path, NULL);
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
  command_expect_line (command, TIME_PATTERN " web1 exit status=reboot");
  command_expect_line (command, TIME_PATTERN " web1 closed");
  room_start (room);
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  lxcmon_mock_controller_die (room->controller, &error);
  g_assert_no_error (error);
  command_expect_end (command, 5, LINE ("closed error=lost: .+"), "(lxcmon: web1: attached\n){2}");
}

static void
test_no_follow (Room *room)
{
  room_start (room);
  Command *command = command_start ("watch", "--no-follow", room->path, NULL);

  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
  command_expect_end (command, 0, LINE ("exit status=reboot") LINE ("closed"),
                      "lxcmon: web1: attached\n");
}

static void
test_signal_while_following (Room *room)
{
  room_start (room);
  Command *command = command_start ("watch", room->path, NULL);

  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
  command_expect_line (command, TIME_PATTERN " web1 exit status=reboot");
  command_expect_line (command, TIME_PATTERN " web1 closed");
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, "lxcmon: web1: attached\n");
}

/* No new controller comes, or it exits before the client is attached: the container has ended, and with
 * EXIT. Both commands wait for the ten seconds at the same time. */
static void
test_nobody_follows (Room *room)
{
  g_autoptr (LxcmonMockController) other = room_add (room, "web2.sock", INIT_PID);
  g_autoptr (GError) error = NULL;
  Command *command;

  room_start (room);
  command = command_start ("watch", "--runtime-dir", room->dir, "web1", NULL);
  Command *second = command_start ("watch", "--runtime-dir", room->dir, "web2", NULL);
  command_expect_line (command, TIME_PATTERN " listed containers=1");
  command_expect_line (second, TIME_PATTERN " listed containers=1");
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  command_expect_line (second, TIME_PATTERN " web2 init pid=4711");
  room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
  room_finish (other, LXCMON_EXIT_STATUS_REBOOT);
  command_expect_line (second, TIME_PATTERN " web2 exit status=reboot");
  command_expect_line (second, TIME_PATTERN " web2 closed");

  /* It accepts the client and never answers. */
  lxcmon_mock_controller_set_init_pid (other, 0);
  mock_set_reading (other, FALSE);
  lxcmon_mock_controller_start (other, &error);
  g_assert_no_error (error);
  room_wait_attached (other, 1);
  lxcmon_mock_controller_stop (other);

  command_expect_end (command, 0, LINE ("exit status=reboot") LINE ("closed"),
                      "lxcmon: web1: attached\n"
                      "lxcmon: web1: web1 rebooted, and no new controller .+ within 10000 ms\n");
  command_expect_end (second, 0, NOTHING,
                      "lxcmon: web2: attached\n"
                      "lxcmon: web2: web2 rebooted, and no new controller .+ within 10000 ms\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/watch-reboot/followed", test_followed);
  room_test_add ("/tool/watch-reboot/lost-after-reboot", test_lost_after_reboot);
  room_test_add ("/tool/watch-reboot/no-follow", test_no_follow);
  room_test_add ("/tool/watch-reboot/signal-while-following", test_signal_while_following);
  room_test_add ("/tool/watch-reboot/nobody-follows", test_nobody_follows);

  return g_test_run ();
}
