/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers the decision between direct and through libvirtd: --connect with the test driver of libvirt, the
 * options that cannot be combined with it, and drivers of other directories. The tests with real containers
 * cover libvirtd itself.
 */

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event.h"
#include "others.h"
#include "room.h"

#define URI "test:///default"

static void
expect_usage (Command *command, const char *message)
{
  g_autofree char *messages
      = g_strdup_printf ("lxcmon: %s\nTry \"lxcmon --help\", or \"lxcmon VERB --help\"\\.\n",
                         message);

  command_expect_end (command, 2, NOTHING, messages);
}

#ifdef HAVE_LIBVIRT

static void
test_list (Room *room)
{
  static const char *const keys[]
      = { "container", "source", "state", "init_pid", "controller_pid", "served", "started", NULL };

  command_expect_end (command_start ("list", "--connect", URI, NULL), 0,
                      "NAME +STATE +INIT-PID +CONTROLLER-PID +AGE\ntest +running +- +- +-\n",
                      NOTHING);
  Command *command = command_start ("list", "--json", "--connect", URI, "--timeout=20s", NULL);
  g_autofree char *line = command_read_line (command);
  g_autoptr (JsonObject) object = json_parse (line);
  json_expect_keys (object, keys);
  g_assert_cmpstr (json_expect_string (object, "container"), ==, "test");
  g_assert_cmpstr (json_expect_string (object, "source"), ==, "libvirt");
  g_assert_cmpstr (json_expect_string (object, "state"), ==, "running");
  g_assert_true (json_object_get_null_member (object, "init_pid"));
  g_assert_true (json_object_get_null_member (object, "controller_pid"));
  g_assert_true (json_object_get_boolean_member (object, "served"));
  g_assert_true (json_object_get_null_member (object, "started"));
  command_expect_end (command, 0, NOTHING, NOTHING);
}

static void
expect_attached (const char *name)
{
  Events events = { command_start ("watch", "--json", "--connect", URI, name, NULL), "test", 0,
                    .through_libvirt = TRUE };

  events_expect_attached (&events, 0, 0);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

static void
test_watch (Room *room)
{
  expect_attached (NULL);
  expect_attached ("test");
  Command *command = command_start ("watch", "--connect", URI, "test", "test", NULL);
  command_expect_message (command, "lxcmon: test: watched through libvirt");
  command_signal (command, SIGINT);
  command_expect_end (command, 0, NOTHING, NOTHING);
  command_expect_end (command_start ("watch", "--connect", URI, "--timeout=300ms", "test", "none",
                                     NULL),
                      124, NOTHING,
                      "lxcmon: test: watched through libvirt\n"
                      "lxcmon: none: libvirtd runs no container of this name\nlxcmon: timed out\n");
}

static void
test_not_found (Room *room)
{
  const char *message = "lxcmon: none: libvirtd runs no container of this name\n";

  command_expect_end (command_start ("watch", "--connect", URI, "none", NULL), 7, NOTHING, message);
  command_expect_end (command_start ("wait", "--connect", URI, "none", NULL), 7, NOTHING, message);
  command_expect_end (command_start ("wait", "--connect", URI, "--quiet", "none", NULL), 7, NOTHING,
                      NOTHING);
}

static void
expect_wait_signalled (int number)
{
  Command *command = command_start ("wait", "--connect", URI, "test", NULL);

  /* It handles signals before it connects. */
  command_wait_handles (command, number);
  command_signal (command, number);
  command_expect_end (command, 128 + number, NOTHING, NOTHING);
}

static void
test_wait (Room *room)
{
  command_expect_end (command_start ("wait", "--connect", URI, "--timeout=200ms", "test", NULL),
                      124, NOTHING, "lxcmon: timed out\n");
  expect_wait_signalled (SIGINT);
  expect_wait_signalled (SIGTERM);
}

static void
test_no_libvirtd (Room *room)
{
  g_autofree char *uri = g_strdup_printf ("lxc+unix:///system?socket=%s/none", room->dir);
  const char *message = "lxcmon: cannot connect to lxc.+/none.+\n";

  command_expect_end (command_start ("watch", "--connect", uri, NULL), 1, NOTHING, message);
  command_expect_end (command_start ("watch", "--connect", uri, "a", "b", NULL), 1, NOTHING,
                      message);
  command_expect_end (command_start ("wait", "--connect", uri, "a", NULL), 1, NOTHING, message);
  command_expect_end (command_start ("list", "--connect", uri, NULL), 1, NOTHING, message);
  command_expect_end (command_start ("list", "--connect", "what", NULL), 1, NOTHING,
                      "lxcmon: cannot connect to what: .+\n");
}

/* The socket of libvirtd does not permit connecting. */
static void
test_not_permitted (Room *room)
{
  g_autofree char *uri = g_strdup_printf ("lxc+unix:///system?socket=%s", room->path);
  g_autofree char *program = NULL;
  CommandHow how = { .directory = "/" };

  if (geteuid () == 0) /* root may do everything */
    {
      g_autofree char *why = others_why_unsupported ();

      if (why != NULL)
        {
          g_test_skip (why);
          return;
        }
      how.setup = others_become;
      how.program = program = others_copy (g_getenv ("LXCMON_COMMAND"));
    }
  room_start (room);
  g_assert_cmpint (chmod (room->path, 0), ==, 0);
  command_expect_end (command_start_how (&how, "watch", "--connect", uri, NULL), 8, NOTHING,
                      "lxcmon: cannot connect to .+: Permission denied\n");
  command_expect_end (command_start_how (&how, "wait", "--connect", uri, "a", NULL), 8, NOTHING,
                      "lxcmon: cannot connect to .+: Permission denied\n");
}

static void
test_usage (Room *room)
{
  expect_usage (command_start ("list", "--connect=", NULL), "--connect: the URI is empty");
  expect_usage (command_start ("watch", "--connect", URI, "a", room->path, NULL),
                "--connect: libvirtd knows containers by name, and .+/web1.sock is a path");
  expect_usage (command_start ("wait", "--connect", URI, room->path, NULL), "--connect: .+ path");
  expect_usage (command_start ("wait", "--connect", URI, NULL), "wait: name one container");
  expect_usage (command_start ("watch", "--connect", URI, "--force", NULL), "--connect .+");
  expect_usage (command_start ("wait", "--connect", URI, "--wait-if-busy", "a", NULL),
                "--connect .+--wait-if-busy .+");
  expect_usage (command_start ("list", "--connect", URI, "--runtime-dir", room->dir, NULL),
                "--connect .+--runtime-dir .+");
}

#else

/* The message says what is missing, and not that there is no such option. */
static void
test_no_libvirt (Room *room)
{
  static const char *const message = "--connect: this lxcmon is built without libvirt";

  expect_usage (command_start ("watch", "--connect", URI, NULL), message);
  expect_usage (command_start ("wait", "--connect", URI, "a", NULL), message);
  expect_usage (command_start ("list", "--connect", URI, NULL), message);
}

#endif

/* The driver of another directory is not the one that answers at lxc:///system. */
static void
test_other_driver (Room *room)
{
  int fd = room_lock_driver (room);

  room_start (room);
  command_expect_end (command_start ("watch", "--runtime-dir", room->dir, "web1", NULL), 6, NOTHING,
                      ANYTHING);
  command_expect_end (command_start ("wait", room->path, NULL), 6, NOTHING, ANYTHING);
  Command *command = command_start ("watch", "--runtime-dir", room->dir, NULL);
  command_expect_message (command, "lxcmon: web1: .+ manages web1 .+");
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, ANYTHING);
  close (fd);
}

static void
expect_listed (Room *room, const char *source)
{
  Command *command = command_start ("list", "--json", "--runtime-dir", room->dir, NULL);
  g_autofree char *line = command_read_line (command);
  g_autoptr (JsonObject) object = json_parse (line);

  g_assert_cmpstr (json_expect_string (object, "source"), ==, source);
  command_expect_end (command, 0, NOTHING, NOTHING);
}

/* The source is libvirt if a driver runs and the slot is taken. */
static void
test_list_source (Room *room)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new_for_path (room->path);

  room_start (room);
  g_assert_true (lxcmon_client_attach (client, NULL, NULL));
  expect_listed (room, "direct");
  int fd = room_lock_driver (room);
  expect_listed (room, "libvirt");
  close (fd);
  lxcmon_client_detach (client);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#ifdef HAVE_LIBVIRT
  room_test_add ("/tool/source/list", test_list);
  room_test_add ("/tool/source/watch", test_watch);
  room_test_add ("/tool/source/not-found", test_not_found);
  room_test_add ("/tool/source/wait", test_wait);
  room_test_add ("/tool/source/no-libvirtd", test_no_libvirtd);
  room_test_add ("/tool/source/not-permitted", test_not_permitted);
  room_test_add ("/tool/source/usage", test_usage);
#else
  room_test_add ("/tool/source/no-libvirt", test_no_libvirt);
#endif
  room_test_add ("/tool/source/other-driver", test_other_driver);
  room_test_add ("/tool/source/list-source", test_list_source);

  return g_test_run ();
}
