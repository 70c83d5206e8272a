/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers "lxcmon watch" with containers that run: every event as text and as JSON, every end and its exit
 * code, several containers at once, the time limit, signals, and messages.
 */

#include <glib/gstdio.h>
#include <signal.h>

#include "event.h"
#include "room.h"

#define LINE(what) TIME_PATTERN " web1 " what "\n"

/* EXIT with an unknown number. */
static const guint8 exit_9[] = {
  0, 0, 0, 32, 0x12, 0x34, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 1, /* length, program, version, EXIT */
  0, 0, 0, 2,  0,    0,    0,    1,    0, 0, 0, 0, 0, 0, 0, 9, /* message, serial, ok, status */
};

static Command *
start_text (Room *room)
{
  room_start (room);
  Command *command = command_start ("watch", room->path, NULL);
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  return command;
}

static Events
start_json (Room *room)
{
  room_start (room);
  Events events = { command_start ("watch", "--json", room->path, NULL), "web1", 0 };
  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  return events;
}

static void
die (LxcmonMockController *controller)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_die (controller, &error);
  g_assert_no_error (error);
}

static void
test_text_statuses (Room *room)
{
  static const struct
  {
    LxcmonExitStatus status;
    const char *lines;
  } ends[] = {
    { LXCMON_EXIT_STATUS_SHUTDOWN, LINE ("exit status=shutdown") LINE ("closed") },
    { LXCMON_EXIT_STATUS_ERROR, LINE ("exit status=error") LINE ("closed") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      Command *command = start_text (room);
      room_finish (room->controller, ends[i].status);
      command_expect_end (command, 0, ends[i].lines, "lxcmon: web1: attached\n");
    }
}

static void
test_text_unknown_status (Room *room)
{
  Command *command = start_text (room);

  room_send (room->controller, exit_9, sizeof exit_9);
  die (room->controller);
  command_expect_end (command, 0, LINE ("exit status=unknown") LINE ("closed"), ".+\n");
}

static void
test_text_lost (Room *room)
{
  Command *command = start_text (room);

  die (room->controller);
  command_expect_end (command, 5, LINE ("closed error=lost: .+"), "lxcmon: web1: attached\n");
}

static void
test_text_broken (Room *room)
{
  static const guint8 too_short[] = { 0, 0, 0, 4 };
  Command *command = start_text (room);

  room_send (room->controller, too_short, sizeof too_short);
  command_expect_end (command, 1, LINE ("closed error=protocol: .+"), ".+\n");

  command = start_text (room);
  room_send (room->controller, exit_9, 20);
  die (room->controller);
  command_expect_end (command, 1, LINE ("closed error=truncated: .+"), ".+\n");
}

static void
test_json_ends (Room *room)
{
  static const guint8 too_short[] = { 0, 0, 0, 4 };

  Events events = start_json (room);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  events_expect_exit (&events, "shutdown", 1);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);

  events = start_json (room);
  room_send (room->controller, exit_9, sizeof exit_9);
  events_expect_exit (&events, "unknown", 9);
  die (room->controller);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);

  events = start_json (room);
  die (room->controller);
  events_expect_closed (&events, "lost");
  command_expect_end (events.command, 5, NOTHING, NOTHING);

  events = start_json (room);
  room_send (room->controller, too_short, sizeof too_short);
  events_expect_closed (&events, "protocol");
  command_expect_end (events.command, 1, NOTHING, NOTHING);

  events = start_json (room);
  room_send (room->controller, exit_9, 20);
  die (room->controller);
  events_expect_closed (&events, "truncated");
  command_expect_end (events.command, 1, NOTHING, NOTHING);
}

/* The controller answers no PING. EXIT is the first message, and proves that the client is attached. */
static void
test_json_exit_first (Room *room)
{
  lxcmon_mock_controller_set_init_pid (room->controller, 0);
  mock_set_reading (room->controller, FALSE);
  room_start (room);
  Events events = { command_start ("watch", "--json", room->path, NULL), "web1", 0 };

  room_wait_attached (room->controller, 1);
  room_finish (room->controller, LXCMON_EXIT_STATUS_ERROR);
  events_expect_attached (&events, getpid (), 0);
  events_expect_exit (&events, "error", 0);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

/* Each one is watched until it ends. The exit code is the largest one, not the last one. */
static void
test_several (Room *room)
{
  g_autoptr (LxcmonMockController) one = room_add (room, "one.sock", 1001);
  g_autoptr (LxcmonMockController) two = room_add (room, "two.sock", 1002);
  room_start (room);
  Command *command
      = command_start ("watch", "--runtime-dir", room->dir, "one", "two", "web1", "none", NULL);

  command_expect_message (command, "lxcmon: none: no container of this name runs");
  command_expect_line (command, TIME_PATTERN " listed containers=3");
  for (int i = 0; i < 3; i++)
    command_expect_line (command,
                         TIME_PATTERN " (one init pid=1001|two init pid=1002|web1 init pid=4711)");
  room_finish (one, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_line (command, TIME_PATTERN " one exit status=shutdown");
  command_expect_line (command, TIME_PATTERN " one closed");
  die (two);
  command_expect_line (command, TIME_PATTERN " two closed error=lost: .+");
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_end (command, 7, LINE ("exit status=shutdown") LINE ("closed"), ANYTHING);
  lxcmon_mock_controller_stop (two);
}

/* All containers share one sequence of numbers. */
static void
test_several_json (Room *room)
{
  g_autoptr (LxcmonMockController) one = room_add (room, "one.sock", 0);
  g_autofree char *path = room_build_path (room, "one.sock");

  lxcmon_mock_controller_set_init_pid (room->controller, 0);
  Events events = { command_start ("watch", "--json", path, room->path, NULL), "one", 0 };
  events_expect_attached (&events, getpid (), 0);
  die (one);
  events_expect_closed (&events, "lost");
  command_expect_end (events.command, 7, NOTHING, "lxcmon: web1: no controller's socket at .+\n");
  lxcmon_mock_controller_stop (one);
}

static void
test_timeout (Room *room)
{
  room_start (room);
  Command *command = command_start ("watch", "--timeout", "300ms", room->path, NULL);
  command_expect_end (command, 124, LINE ("init pid=4711"),
                      "lxcmon: web1: attached\nlxcmon: timed out\n");

  command = command_start ("watch", "--quiet", "--timeout=300ms", room->path, NULL);
  command_expect_end (command, 124, NOTHING, NOTHING);
}

static void
test_signals (Room *room)
{
  static const int numbers[] = { SIGINT, SIGTERM };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      Command *command = start_text (room);
      command_signal (command, numbers[i]);
      command_expect_end (command, 0, NOTHING, "lxcmon: web1: attached\n");
      room_wait_attached (room->controller, 0);
    }
}

static void
test_quiet (Room *room)
{
  room_start (room);
  Command *command = command_start ("watch", "-q", room->path, "./none", NULL);

  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_end (command, 7, LINE ("exit status=shutdown") LINE ("closed"), NOTHING);
}

/* A warning of the library is a message like any other. */
static void
test_warning (Room *room)
{
  room_start (room);
  g_assert_cmpint (g_chmod (room->path, 0777), ==, 0);
  Command *command = command_start ("watch", room->path, NULL);
  command_expect_message (command, "lxcmon: web1: users other than its owner may connect to .+");
  command_expect_message (command, "lxcmon: web1: attached");
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, LINE ("init pid=4711"), NOTHING);
  room_wait_attached (room->controller, 0);

  command = command_start ("watch", "--quiet", "--timeout", "300ms", room->path, NULL);
  command_expect_end (command, 124, NOTHING, NOTHING);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/watch/text-statuses", test_text_statuses);
  room_test_add ("/tool/watch/text-unknown-status", test_text_unknown_status);
  room_test_add ("/tool/watch/text-lost", test_text_lost);
  room_test_add ("/tool/watch/text-broken", test_text_broken);
  room_test_add ("/tool/watch/json-ends", test_json_ends);
  room_test_add ("/tool/watch/json-exit-first", test_json_exit_first);
  room_test_add ("/tool/watch/several", test_several);
  room_test_add ("/tool/watch/several-json", test_several_json);
  room_test_add ("/tool/watch/timeout", test_timeout);
  room_test_add ("/tool/watch/signals", test_signals);
  room_test_add ("/tool/watch/quiet", test_quiet);
  room_test_add ("/tool/watch/warning", test_warning);

  return g_test_run ();
}
