/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers "lxcmon simulate" as the controller of "lxcmon watch" and "lxcmon wait": its INIT, its end by
 * itself or by a signal, several starts, and the file of its socket.
 */

#include <glib/gstdio.h>
#include <signal.h>

#include "room.h"

#define LISTENS "lxcmon: a controller listens on .+/web1\\.sock; "

/* Watches the controller, and reads INIT. */
static Command *
watch (Room *room, int init_pid)
{
  g_autofree char *init = g_strdup_printf (TIME_PATTERN " web1 init pid=%d", init_pid);
  Command *command = command_start ("watch", room->path, NULL);

  command_expect_line (command, init);
  return command;
}

static void
test_until_signal (Room *room)
{
  static const int numbers[] = { SIGINT, SIGTERM };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      Command *controller = command_start ("simulate", room->path, NULL);
      g_autofree char *listens
          = g_strdup_printf (LISTENS "its init has pid %d", command_get_pid (controller));
      command_expect_message (controller, listens);
      Command *client = watch (room, command_get_pid (controller));

      command_signal (controller, numbers[i]);
      command_expect_end (client, 0,
                          TIME_PATTERN " web1 exit status=shutdown\n" TIME_PATTERN " web1 closed\n",
                          "lxcmon: web1: attached\n");
      command_expect_end (controller, 0, NOTHING, NOTHING);
      g_assert_false (g_file_test (room->path, G_FILE_TEST_EXISTS));
    }
}

static void
test_signal_without_client (Room *room)
{
  Command *controller = command_start ("simulate", "--exit", "none", room->path, NULL);

  command_expect_message (controller, LISTENS ".+");
  g_assert_true (g_file_test (room->path, G_FILE_TEST_EXISTS));
  command_signal (controller, SIGTERM);
  command_expect_end (controller, 0, NOTHING, NOTHING);
  g_assert_false (g_file_test (room->path, G_FILE_TEST_EXISTS));
}

static void
test_init_pid (Room *room)
{
  Command *controller = command_start ("simulate", "--init-pid", "77", room->path, NULL);
  command_expect_message (controller, LISTENS "its init has pid 77");
  Command *client = watch (room, 77);

  command_signal (controller, SIGTERM);
  command_expect_end (client, 0, ANYTHING, ANYTHING);
  command_expect_end (controller, 0, NOTHING, NOTHING);
}

static void
test_no_init (Room *room)
{
  Command *controller
      = command_start ("simulate", "--init-pid=0", "--after=100ms", room->path, NULL);

  command_expect_message (controller, LISTENS "it sends no INIT");
  command_expect_end (command_start ("watch", room->path, NULL), 0,
                      TIME_PATTERN " web1 exit status=shutdown\n" TIME_PATTERN " web1 closed\n",
                      "lxcmon: web1: attached\n");
  command_expect_end (controller, 0, NOTHING, NOTHING);
}

static void
test_exits (Room *room)
{
  static const struct
  {
    const char *nick;
    int code;
    const char *word;
    const char *message;
  } ends[] = {
    { "shutdown", 0, "shutdown\n", NOTHING },
    { "reboot", 3, "reboot\n", NOTHING },
    { "error", 4, "error\n", NOTHING },
    { "none", 5, NOTHING, "lxcmon: web1: .+ without EXIT.*\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      Command *controller
          = command_start ("simulate", "--exit", ends[i].nick, "--after", "50ms", room->path, NULL);
      command_expect_message (controller, LISTENS ".+");
      command_expect_end (command_start ("wait", room->path, NULL), ends[i].code, ends[i].word,
                          ends[i].message);
      command_expect_end (controller, 0, NOTHING, NOTHING);
      g_assert_false (g_file_test (room->path, G_FILE_TEST_EXISTS));
    }
}

/* The time starts when a client is served, and starts again for the next client if that one leaves. Also
 * if the end has no EXIT. */
static void
test_after (Room *room)
{
  Command *controller
      = command_start ("simulate", "--after", "1s", "--exit", "none", room->path, NULL);
  command_expect_message (controller, LISTENS ".+");
  command_expect_end (command_start ("watch", "--timeout=500ms", room->path, NULL), 124,
                      TIME_PATTERN " web1 init pid=[0-9]+\n", ANYTHING);

  gint64 begin = g_get_monotonic_time ();
  command_expect_end (command_start ("wait", room->path, NULL), 5, NOTHING, ANYTHING);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, G_USEC_PER_SEC);
  command_expect_end (controller, 0, NOTHING, NOTHING);
}

static void
test_repeat (Room *room)
{
  Command *controller = command_start ("simulate", "--exit=reboot", "--repeat=3", "--after=50ms",
                                       "--init-pid=5", room->path, NULL);
  command_expect_message (controller, LISTENS "its init has pid 5");
  Command *client = command_start ("watch", room->path, NULL);

  for (int life = 0; life < 3; life++)
    {
      command_expect_line (client, TIME_PATTERN " web1 init pid=5");
      command_expect_line (client, TIME_PATTERN " web1 exit status=reboot");
      command_expect_line (client, TIME_PATTERN " web1 closed");
    }
  command_expect_end (controller, 0, NOTHING, NOTHING);
  g_assert_false (g_file_test (room->path, G_FILE_TEST_EXISTS));
  command_signal (client, SIGTERM);
  command_expect_end (client, 0, NOTHING, "(lxcmon: web1: attached\n){3}");
}

/* A file that exists is not touched. */
static void
test_existing_file (Room *room)
{
  g_assert_true (g_file_set_contents (room->path, "mine", -1, NULL));
  command_expect_end (
      command_start ("simulate", room->path, NULL), 1, NOTHING,
      "lxcmon: cannot listen on .+: Address already in use \\(remove the file, if no "
      "controller uses it\\)\n");
  g_assert_true (g_file_test (room->path, G_FILE_TEST_IS_REGULAR));
}

static void
test_no_directory (Room *room)
{
  g_autofree char *path = room_build_path (room, "no\ndirectory/web1.sock");

  command_expect_end (command_start ("simulate", path, NULL), 1, NOTHING,
                      "lxcmon: cannot listen on .+/no\\\\x0Adirectory/web1.sock: .+\n");
}

static void
test_quiet (Room *room)
{
  command_expect_end (command_start ("simulate", "--quiet", "/nonexistent/x.sock", NULL), 1,
                      NOTHING, NOTHING);
}

static void
expect_refused (const char *option, const char *why)
{
  g_autofree char *messages
      = g_strdup_printf ("lxcmon: %s\nTry \"lxcmon --help\", or \"lxcmon VERB --help\"\\.\n", why);

  command_expect_end (command_start ("simulate", option, "/nonexistent/x.sock", NULL), 2, NOTHING,
                      messages);
}

static void
test_wrong_values (Room *room)
{
  expect_refused ("--exit=unknown", "simulate: --exit must be .+, not \"unknown\"");
  expect_refused ("--exit=", "simulate: --exit must be .+, not \"\"");
  expect_refused ("--exit=a\nb", "simulate: --exit must be .+, not \"a\\\\x0Ab\"");
  expect_refused ("--init-pid=-1", "simulate: --init-pid must be a pid.+");
  expect_refused ("--init-pid=one", ".*--init-pid.*");
  expect_refused ("--init-pid=2147483648", ".*--init-pid.*");
  expect_refused ("--repeat=0", "simulate: --repeat must be 1 or more");
  expect_refused ("--repeat=2", "simulate: --repeat needs --after");
  expect_refused ("--after=soon", "simulate: \"soon\" is not a duration .+");
  expect_refused ("--json", ".*--json.*");
  expect_refused ("second", "simulate: the path of one socket is expected");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/simulate/until-signal", test_until_signal);
  room_test_add ("/tool/simulate/signal-without-client", test_signal_without_client);
  room_test_add ("/tool/simulate/init-pid", test_init_pid);
  room_test_add ("/tool/simulate/no-init", test_no_init);
  room_test_add ("/tool/simulate/exits", test_exits);
  room_test_add ("/tool/simulate/after", test_after);
  room_test_add ("/tool/simulate/repeat", test_repeat);
  room_test_add ("/tool/simulate/existing-file", test_existing_file);
  room_test_add ("/tool/simulate/no-directory", test_no_directory);
  room_test_add ("/tool/simulate/quiet", test_quiet);
  room_test_add ("/tool/simulate/wrong-values", test_wrong_values);

  return g_test_run ();
}
