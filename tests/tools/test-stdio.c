/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers unusual standard input, output and error: a pipe whose reader has exited, a full disk,
 * descriptors that are closed from the start, and a terminal.
 */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "room.h"

static char *
capture (void)
{
  return g_build_filename (g_getenv ("LXCMON_CAPTURES"), "reboot.bin", NULL);
}

/* Watches a container, closes the pipe, and causes output. */
static Command *
leave_output (Room *room, const CommandHow *how)
{
  room_start (room);
  Command *command = command_start_how (how, "watch", room->path, NULL);
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  command_close_output (command);
  g_autoptr (GError) error = NULL;
  lxcmon_mock_controller_send_init (room->controller, INIT_PID, &error);
  g_assert_no_error (error);
  return command;
}

static void
test_reader_leaves (Room *room)
{
  const CommandHow how = { .feed = FALSE };

  command_expect_end (leave_output (room, &how), -SIGPIPE, NOTHING, "lxcmon: web1: attached\n");
}

static void
ignore_sigpipe (gpointer data)
{
  signal (SIGPIPE, SIG_IGN);
}

/* It also ends if the signal is ignored, although the container runs on. */
static void
test_reader_leaves_without_signal (Room *room)
{
  const CommandHow how = { .setup = ignore_sigpipe };

  command_expect_end (leave_output (room, &how), 1, NOTHING, "lxcmon: web1: attached\n");
}

static void
open_full (gpointer data)
{
  int fd = open ("/dev/full", O_WRONLY);

  if (fd < 0 || dup2 (fd, STDOUT_FILENO) < 0)
    _exit (99);
  close (fd);
}

#define FULL "lxcmon: cannot write to standard output: No space left on device\n"

static void
test_full_disk (Room *room)
{
  const CommandHow how = { .setup = open_full };
  g_autofree char *file = capture ();

  command_expect_end (command_start_how (&how, "decode", file, NULL), 1, NOTHING, FULL);
  command_expect_end (command_start_how (&how, "decode", "--json", file, NULL), 1, NOTHING, FULL);
  command_expect_end (command_start_how (&how, "--version", NULL), 1, NOTHING,
                      "lxcmon: cannot write to standard output: .+\n");

  room_start (room);
  command_expect_end (command_start_how (&how, "watch", "--json", room->path, NULL), 1, NOTHING,
                      FULL);
  room_wait_attached (room->controller, 0);
  Command *command = command_start_how (&how, "wait", room->path, NULL);
  room_wait_attached (room->controller, 1);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_end (command, 1, NOTHING, FULL);
}

/* Input that has no end is not read any further. */
static void
test_full_disk_endless_input (Room *room)
{
  const CommandHow how = { .setup = open_full };
  g_autofree char *file = capture ();
  g_autofree char *fifo = room_build_path (room, "fifo");
  g_autofree char *bytes = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (file, &bytes, &size, NULL));
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  int fd = open (fifo, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, bytes, size), ==, (gssize) size);
  command_expect_end (command_start_how (&how, "decode", fifo, NULL), 1, NOTHING, FULL);
  close (fd);
}

static void
close_stdio (gpointer data)
{
  close (GPOINTER_TO_INT (data));
}

/* No file that the command opens may get the number of standard output. */
static void
test_closed_output (Room *room)
{
  const CommandHow how = { .setup = close_stdio, .setup_data = GINT_TO_POINTER (STDOUT_FILENO) };
  g_autofree char *file = capture ();

  command_expect_end (command_start_how (&how, "decode", file, NULL), 1, NOTHING,
                      "lxcmon: cannot write to standard output: Bad file descriptor\n");
  room_start (room);
  command_expect_end (command_start_how (&how, "watch", room->path, NULL), 1, NOTHING,
                      "lxcmon: web1: attached\n"
                      "lxcmon: cannot write to standard output: Bad file descriptor\n");
}

static void
test_closed_input (Room *room)
{
  const CommandHow how = { .setup = close_stdio, .setup_data = GINT_TO_POINTER (STDIN_FILENO) };

  command_expect_end (command_start_how (&how, "decode", NULL), 1, NOTHING,
                      "lxcmon: cannot read standard input: Bad file descriptor\n");
}

static void
test_closed_messages (Room *room)
{
  const CommandHow how = { .setup = close_stdio, .setup_data = GINT_TO_POINTER (STDERR_FILENO) };

  room_start (room);
  Command *command = command_start_how (&how, "watch", room->path, NULL);
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_end (command, 0, "(.+\n){2}", NOTHING);
}

static void
use_terminal (gpointer data)
{
  int fd = open (data, O_RDWR | O_NOCTTY);

  if (fd < 0 || dup2 (fd, STDOUT_FILENO) < 0 || dup2 (fd, STDERR_FILENO) < 0)
    _exit (99);
  close (fd);
}

/* There are no escape sequences on a terminal, not even in warnings of the library. */
static void
test_terminal (Room *room)
{
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  char text[4096];
  gsize length = 0;

  g_assert_cmpint (terminal, >=, 0);
  g_assert_true (grantpt (terminal) == 0 && unlockpt (terminal) == 0);
  const CommandHow how = { .setup = use_terminal, .setup_data = ptsname (terminal) };
  int slave = open (ptsname (terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (slave, >=, 0);

  room_start (room);
  g_assert_cmpint (g_chmod (room->path, 0777), ==, 0);
  Command *command = command_start_how (&how, "watch", "--timeout=300ms", room->path, NULL);
  command_expect_end (command, 124, NOTHING, NOTHING);
  close (slave);

  for (gssize n; (n = read (terminal, text + length, sizeof text - 1 - length)) > 0;)
    length += (gsize) n;
  close (terminal);
  text[length] = '\0';
  g_assert_nonnull (strstr (text, "users other than its owner may connect"));
  g_assert_nonnull (strstr (text, " web1 init pid=4711"));
  g_assert_null (strchr (text, '\033'));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/stdio/reader-leaves", test_reader_leaves);
  room_test_add ("/tool/stdio/reader-leaves-without-signal", test_reader_leaves_without_signal);
  room_test_add ("/tool/stdio/full-disk", test_full_disk);
  room_test_add ("/tool/stdio/full-disk-endless-input", test_full_disk_endless_input);
  room_test_add ("/tool/stdio/closed-output", test_closed_output);
  room_test_add ("/tool/stdio/closed-input", test_closed_input);
  room_test_add ("/tool/stdio/closed-messages", test_closed_messages);
  room_test_add ("/tool/stdio/terminal", test_terminal);

  return g_test_run ();
}
