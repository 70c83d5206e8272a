/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers "lxcmon wait": each end as a word and an exit code, each error, the time limit, and signals.
 */

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#include "others.h"
#include "room.h"

static Command *
start_wait (Room *room)
{
  room_start (room);
  Command *command = command_start ("wait", room->path, NULL);
  room_wait_attached (room->controller, 1);
  return command;
}

static void
test_statuses (Room *room)
{
  static const struct
  {
    LxcmonExitStatus status;
    const char *word;
    int code;
  } ends[] = {
    { LXCMON_EXIT_STATUS_SHUTDOWN, "shutdown\n", 0 },
    { LXCMON_EXIT_STATUS_REBOOT, "reboot\n", 3 },
    { LXCMON_EXIT_STATUS_ERROR, "error\n", 4 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      Command *command = start_wait (room);
      room_finish (room->controller, ends[i].status);
      command_expect_end (command, ends[i].code, ends[i].word, NOTHING);
    }
}

static void
test_unknown_status (Room *room)
{
  static const guint8 exit_9[] = {
    0, 0, 0, 32, 0x12, 0x34, 0x12, 0x34,
    0, 0, 0, 1,  0,    0,    0,    1, /* length, program, version, EXIT */
    0, 0, 0, 2,  0,    0,    0,    1,
    0, 0, 0, 0,  0,    0,    0,    9, /* message, serial, ok, status */
  };
  Command *command = start_wait (room);

  room_send (room->controller, exit_9, sizeof exit_9);
  command_expect_end (command, 4, "unknown\n", NOTHING);
}

static void
test_lost (Room *room)
{
  g_autoptr (GError) error = NULL;
  Command *command = start_wait (room);

  lxcmon_mock_controller_die (room->controller, &error);
  g_assert_no_error (error);
  command_expect_end (command, 5, NOTHING, "lxcmon: web1: the controller .+ without EXIT.*\n");
}

static void
test_broken (Room *room)
{
  static const guint8 too_short[] = { 0, 0, 0, 4 };
  Command *command = start_wait (room);

  room_send (room->controller, too_short, sizeof too_short);
  command_expect_end (command, 1, NOTHING, "lxcmon: web1: .+\n");
}

static void
test_not_there (Room *room)
{
  command_expect_end (command_start ("wait", "--runtime-dir", room->dir, "web1", NULL), 7, NOTHING,
                      "lxcmon: web1: no container of this name runs\n");
  command_expect_end (command_start ("wait", room->path, NULL), 7, NOTHING,
                      "lxcmon: web1: no controller's socket at .+\n");
  command_expect_end (command_start ("wait", "--quiet", room->path, NULL), 7, NOTHING, NOTHING);
}

/* A stale socket, and a file that is not a socket. */
static void
test_no_controller (Room *room)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = room_build_path (room, "file.sock");

  room_start (room);
  lxcmon_mock_controller_die (room->controller, &error);
  g_assert_no_error (error);
  command_expect_end (command_start ("wait", room->path, NULL), 1, NOTHING,
                      "lxcmon: web1: no process listens on .+\n");

  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  command_expect_end (command_start ("wait", path, NULL), 1, NOTHING,
                      "lxcmon: file: .+ is a regular file and not a socket\n");
}

/* The socket belongs to root and has mode 0700. Its directory can be searched, or cannot. */
static void
test_not_permitted (Room *room)
{
  g_autofree char *why = others_why_unsupported ();
  g_autofree char *program = NULL;
  CommandHow how = { .setup = others_become, .directory = "/" };

  if (why != NULL)
    {
      g_test_skip (why);
      return;
    }
  how.program = program = others_copy (g_getenv ("LXCMON_COMMAND"));
  room_start (room);
  g_assert_cmpint (g_chmod (room->dir, 0755), ==, 0);
  command_expect_end (command_start_how (&how, "wait", room->path, NULL), 8, NOTHING,
                      "lxcmon: web1: cannot connect to .+: Permission denied\n");
  command_expect_end (command_start_how (&how, "watch", room->path, NULL), 8, NOTHING,
                      "lxcmon: web1: cannot connect to .+: Permission denied\n");
  g_assert_cmpint (g_chmod (room->dir, 0700), ==, 0);
  command_expect_end (command_start_how (&how, "wait", room->path, NULL), 8, NOTHING,
                      "lxcmon: web1: .+: Permission denied\n");
}

static void
test_timeout (Room *room)
{
  room_start (room);
  command_expect_end (command_start ("wait", "--timeout", "200ms", room->path, NULL), 124, NOTHING,
                      "lxcmon: timed out\n");
  command_expect_end (command_start ("wait", "-q", "--timeout", "200ms", room->path, NULL), 124,
                      NOTHING, NOTHING);
}

/* Waits for the slot within the time limit; then for the end. */
static void
test_wait_if_busy (Room *room)
{
  Command *holder = start_wait (room);

  command_expect_end (command_start ("wait", "--wait-if-busy", "--timeout", "300ms", room->path,
                                     NULL),
                      124, NOTHING, "lxcmon: timed out\n");
  command_signal (holder, SIGTERM);
  command_expect_end (holder, 143, NOTHING, NOTHING);
  room_wait_attached (room->controller, 0);

  Command *command = command_start ("wait", "--direct", "--force", room->path, NULL);
  room_wait_attached (room->controller, 1);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_end (command, 0, "shutdown\n", NOTHING);
}

static void
test_signals (Room *room)
{
  Command *command = start_wait (room);
  command_signal (command, SIGINT);
  command_expect_end (command, 130, NOTHING, NOTHING);

  command = start_wait (room);
  command_signal (command, SIGTERM);
  command_expect_end (command, 143, NOTHING, NOTHING);
}

/* A signal also ends a wait that is not attached yet. */
static void
test_signal_before_served (Room *room)
{
  lxcmon_mock_controller_set_init_pid (room->controller, 0);
  mock_set_reading (room->controller, FALSE);
  Command *command = start_wait (room);

  command_signal (command, SIGTERM);
  command_expect_end (command, 143, NOTHING, NOTHING);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/wait/statuses", test_statuses);
  room_test_add ("/tool/wait/unknown-status", test_unknown_status);
  room_test_add ("/tool/wait/lost", test_lost);
  room_test_add ("/tool/wait/broken", test_broken);
  room_test_add ("/tool/wait/not-there", test_not_there);
  room_test_add ("/tool/wait/no-controller", test_no_controller);
  room_test_add ("/tool/wait/not-permitted", test_not_permitted);
  room_test_add ("/tool/wait/timeout", test_timeout);
  room_test_add ("/tool/wait/wait-if-busy", test_wait_if_busy);
  room_test_add ("/tool/wait/signals", test_signals);
  room_test_add ("/tool/wait/signal-before-served", test_signal_before_served);

  return g_test_run ();
}
