/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers subject.c and what the options about hosts do: --connect with the test driver of libvirt, once and
 * several times; options that cannot be combined with it; and drivers of other directories. The tests with
 * real containers cover libvirtd itself.
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

/* Of several hosts each event has one; the lines of the table too. */
static void
test_list_of_hosts (Room *room)
{
  command_expect_end (command_start ("list", "--connect", URI, "--connect=" URI "?a", NULL), 0,
                      "NAME +STATE +INIT-PID +CONTROLLER-PID +AGE +HOST\n"
                      "test +running +- +- +- +test:///default\n"
                      "test +running +- +- +- +test:///default\\?a\n",
                      NOTHING);
  command_expect_end (
      command_start ("list", "--json", "--connect=" URI "?a", "--connect", URI, NULL), 0,
      ".+\"test\",\"host\":\"test:///default\\?a\",.+\n.+\"test\",\"host\":\"test:///default\",.+\n",
      NOTHING);
}

static void
test_watch_hosts (Room *room)
{
  static const char *const keys[]
      = { "time", "seq", "source", "host", "event", "containers", NULL };
  Command *command
      = command_start ("watch", "--json", "--connect", URI "?a", "--connect", URI "?b", NULL);

  guint n_listed[2] = { 0 }, n_attached[2] = { 0 };
  for (int i = 1; i <= 4; i++)
    {
      g_autofree char *line = command_read_line (command);
      g_autoptr (JsonObject) object = json_parse (line);
      gboolean is_b = g_str_equal (json_expect_string (object, "host"), URI "?b");

      g_assert_cmpint (json_expect_int (object, "seq"), ==, i);
      if (!is_b)
        g_assert_cmpstr (json_expect_string (object, "host"), ==, URI "?a");
      if (g_str_equal (json_expect_string (object, "event"), "attached"))
        n_attached[is_b]++;
      else
        {
          json_expect_keys (object, keys);
          g_assert_cmpstr (json_expect_string (object, "event"), ==, "listed");
          n_listed[is_b]++;
        }
    }
  for (int i = 0; i < 2; i++)
    g_assert_true (n_listed[i] == 1 && n_attached[i] == 1);
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, NOTHING);
}

/* A name is looked for on all hosts; the one that is on none of them is reported once. */
static void
test_watch_names_on_hosts (Room *room)
{
  command_expect_end (command_start ("watch", "--connect", URI "?a", "--connect", URI "?b", "none",
                                     NULL),
                      7,
                      TIME_PATTERN " listed host=test:///default\\?[ab] containers=0\n" TIME_PATTERN
                                   " listed host=test:///default\\?[ab] containers=0\n",
                      "lxcmon: (none|none on .+): no container of this name runs\n");
  Command *command
      = command_start ("watch", "--connect", URI "?a", "--connect", URI "?b", "test", NULL);
  for (int i = 0; i < 2; i++)
    {
      command_expect_message (command,
                              "lxcmon: test on test:///default\\?[ab]: watched through libvirt");
      command_expect_line (command,
                           TIME_PATTERN " listed host=test:///default\\?[ab] containers=1");
    }
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, NOTHING);
}

static void
expect_attached (const char *name)
{
  Events events = { command_start ("watch", "--json", "--connect", URI, name, NULL), "test", 0,
                    .through_libvirt = TRUE };

  events_expect_attached (&events, 0, 0);
  events_expect_listed (&events, 1);
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
  command_expect_line (command, TIME_PATTERN " listed containers=1");
  command_signal (command, SIGINT);
  command_expect_end (command, 0, NOTHING, NOTHING);
  command_expect_end (command_start ("watch", "--connect", URI, "--timeout=300ms", "test", "none",
                                     NULL),
                      124, TIME_PATTERN " listed containers=1\n",
                      "lxcmon: test: watched through libvirt\n"
                      "lxcmon: none: no container of this name runs\nlxcmon: timed out\n");
}

static void
test_not_found (Room *room)
{
  const char *message = "lxcmon: none: no container of this name runs\n";

  command_expect_end (command_start ("watch", "--connect", URI, "none", NULL), 7,
                      TIME_PATTERN " listed containers=0\n", message);
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

/* One host cannot be reached, and the command fails. */
static void
test_one_of_hosts_fails (Room *room)
{
  g_autofree char *uri = g_strdup_printf ("lxc+unix:///system?socket=%s/none", room->dir);
  const char *message = "(?s:.*)lxcmon: lxc.+/none: cannot connect to lxc.+/none.+\n";

  command_expect_end (command_start ("watch", "--connect", uri, "--connect", URI, NULL), 1,
                      ANYTHING, message);
  command_expect_end (command_start ("list", "--connect", uri, "--connect", URI, NULL), 1, NOTHING,
                      message);
}

#else

/* The message says what to install. */
static void
test_no_libvirt (Room *room)
{
  static const char *const message = "lxcmon: lxcmon's backend for libvirt is not installed: .+\n";

  command_expect_end (command_start ("watch", "--connect", URI, NULL), 1, NOTHING, message);
  command_expect_end (command_start ("wait", "--connect", URI, "a", NULL), 1, NOTHING, message);
  command_expect_end (command_start ("list", "--connect", URI, NULL), 1, NOTHING, message);
}

#endif

static void
test_usage (Room *room)
{
  expect_usage (command_start ("list", "--connect=", NULL), "--connect: the URI is empty");
  expect_usage (command_start ("list", "--connect", URI, "--connect=", NULL),
                "--connect: the URI is empty");
  expect_usage (command_start ("watch", "--connect", URI, "a", room->path, NULL),
                "--connect: .+ by name, and not by path");
  expect_usage (command_start ("wait", "--connect", URI, room->path, NULL), "--connect: .+ path");
  expect_usage (command_start ("wait", "--connect", URI, NULL), "wait: name one container");
  expect_usage (command_start ("wait", "--connect", URI, "--connect", URI, "a", NULL),
                "wait: only one --connect");
  expect_usage (command_start ("watch", "--connect", URI, "--direct", NULL), "--connect .+");
  expect_usage (command_start ("wait", "--connect", URI, "--wait-if-busy", "a", NULL),
                "--connect .+--wait-if-busy .+");
  expect_usage (command_start ("list", "--connect", URI, "--runtime-dir", room->dir, NULL),
                "--connect .+--runtime-dir .+");
}

/* The containers of a driver that cannot be reached are busy, with the reason. */
static void
test_driver_cannot_be_reached (Room *room)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  command_expect_end (command_start ("watch", "--runtime-dir", room->dir, "web1", NULL), 6,
                      TIME_PATTERN " web1 unwatched error=busy: libvirtd .+; .+\n(?s:.+)",
                      ANYTHING);
  command_expect_end (command_start ("wait", "--runtime-dir", room->dir, "web1", NULL), 6, NOTHING,
                      "lxcmon: web1: libvirtd \\(pid \\d+\\) manages web1 .+; .+\n(?s:.+)");
  command_expect_end (command_start ("watch", "--direct", "--runtime-dir", room->dir, "web1", NULL),
                      6,
                      TIME_PATTERN " web1 unwatched error=busy: libvirtd .+\n" TIME_PATTERN
                                   " listed containers=0\n",
                      ANYTHING);
  /* A path is never watched through libvirtd. */
  command_expect_end (command_start ("wait", room->path, NULL), 6, NOTHING, ANYTHING);
}

/* A container that is named and watched: the command ends when it cannot be watched any more. */
static void
test_driver_starts (Room *room)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  Events events
      = { command_start ("watch", "--json", "--runtime-dir", room->dir, "web1", NULL), "web1", 0 };
  events_expect_listed (&events, 1);
  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  events_expect_source (&events, "source-lost", "not-found");
  events_expect_unwatched (&events, "busy");
  command_expect_end (events.command, 6, NOTHING, ANYTHING);
}

/* Another client has the slot of one that is named. */
static void
test_busy (Room *room)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new_for_path (room->path);

  room_start (room);
  g_assert_true (lxcmon_client_attach (client, NULL, NULL));
  command_expect_end (command_start ("wait", "--runtime-dir", room->dir, "web1", NULL), 6, NOTHING,
                      "lxcmon: web1: another client .+\n(?:lxcmon: --.+\n){2}");
  Command *command = command_start ("watch", "--quiet", "--wait-if-busy", "--runtime-dir",
                                    room->dir, "web1", NULL);
  command_expect_end (command_start ("watch", "--quiet", "--runtime-dir", room->dir, "web1", NULL),
                      6, TIME_PATTERN " web1 unwatched error=busy: another .+\n.+ listed .+\n",
                      NOTHING);
  lxcmon_client_detach (client);
  room_wait_attached (room->controller, 1);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_end (command, 0, "(?:.+ web1 init .+\n)?.+ web1 exit .+\n.+ web1 closed\n",
                      NOTHING);
}

static void
test_wait_by_name (Room *room)
{
  room_start (room);
  Command *command = command_start ("wait", "--runtime-dir", room->dir, "web1", NULL);
  room_wait_attached (room->controller, 1);
  room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
  command_expect_end (command, 3, "reboot\n", NOTHING);

  room_start (room);
  command = command_start ("wait", "--direct", "--runtime-dir", room->dir, "web1", NULL);
  room_wait_attached (room->controller, 1);
  lxcmon_mock_controller_die (room->controller, NULL);
  command_expect_end (command, 5, NOTHING, "lxcmon: web1: .+\n");
}

static void
expect_listed (Room *room, const char *option, const char *source)
{
  Command *command = command_start ("list", "--json", "--runtime-dir", room->dir, option, NULL);
  g_autofree char *line = command_read_line (command);
  g_autoptr (JsonObject) object = json_parse (line);

  g_assert_cmpstr (json_expect_string (object, "source"), ==, source);
  command_expect_end (command, 0, NOTHING, NOTHING);
}

/* The source is that of a host. */
static void
test_list_source (Room *room)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  expect_listed (room, NULL, "direct");
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  expect_listed (room, NULL, "libvirt");
  expect_listed (room, "--direct", "direct");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#ifdef HAVE_LIBVIRT
  room_test_add ("/tool/subject/list", test_list);
  room_test_add ("/tool/subject/list-of-hosts", test_list_of_hosts);
  room_test_add ("/tool/subject/watch", test_watch);
  room_test_add ("/tool/subject/watch-hosts", test_watch_hosts);
  room_test_add ("/tool/subject/watch-names-on-hosts", test_watch_names_on_hosts);
  room_test_add ("/tool/subject/not-found", test_not_found);
  room_test_add ("/tool/subject/wait", test_wait);
  room_test_add ("/tool/subject/no-libvirtd", test_no_libvirtd);
  room_test_add ("/tool/subject/not-permitted", test_not_permitted);
  room_test_add ("/tool/subject/one-of-hosts-fails", test_one_of_hosts_fails);
#else
  room_test_add ("/tool/subject/no-libvirt", test_no_libvirt);
#endif
  room_test_add ("/tool/subject/usage", test_usage);
  room_test_add ("/tool/subject/driver-cannot-be-reached", test_driver_cannot_be_reached);
  room_test_add ("/tool/subject/driver-starts", test_driver_starts);
  room_test_add ("/tool/subject/busy", test_busy);
  room_test_add ("/tool/subject/wait-by-name", test_wait_by_name);
  room_test_add ("/tool/subject/list-source", test_list_source);

  return g_test_run ();
}
