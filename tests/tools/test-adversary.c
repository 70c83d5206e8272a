/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The command beside a stranger: list, wait and watch print the same as without. And what it cannot see: containers in
 * another network namespace, or /proc.
 */

#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/adversary.h"
#include "common/core-child.h"

#include "event.h"
#include "room.h"

#define WEB1_RUNNING                                                                         \
  "\\{\"container\":\"web1\",\"source\":\"direct\",\"state\":\"running\",\"init_pid\":null," \
  "\"controller_pid\":null,\"served\":false,\"started\":null\\}\n"
#define WEB1_UNKNOWN                                                                  \
  "\\{\"container\":\"web1\",\"source\":\"direct\",\"state\":null,\"init_pid\":null," \
  "\"controller_pid\":null,\"served\":null,\"started\":null\\}\n"

static void
start_stranger (Adversary *self, Room *room)
{
  g_assert_cmpint (chmod (room->dir, 01777), ==, 0);
  adversary_start (self, room->dir, "web1", 1000);
}

static void
test_list (Room *room)
{
  Adversary stranger;

  room_start (room);
  start_stranger (&stranger, room);
  command_expect_end (command_start ("list", "--json", "--runtime-dir", room->dir, NULL), 0,
                      WEB1_RUNNING, NOTHING);
  adversary_stop (&stranger);
}

static void
test_wait (Room *room)
{
  Adversary stranger;

  room_start (room);
  start_stranger (&stranger, room);
  Command *command = command_start ("wait", room->path, NULL);
  room_wait_attached (room->controller, 1);
  room_finish (room->controller, LXCMON_EXIT_STATUS_REBOOT);
  command_expect_end (command, 3, "reboot\n", NOTHING);
  adversary_stop (&stranger);
}

static void
test_watch (Room *room)
{
  Adversary stranger;

  start_stranger (&stranger, room);
  room_start (room);
  Command *command = command_start ("watch", "--runtime-dir", room->dir, NULL);
  command_expect_line (command, TIME_PATTERN " listed containers=1");
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  command_signal (command, SIGTERM);
  command_expect_end (command, 0, NOTHING, "lxcmon: web1: attached\n");
  adversary_stop (&stranger);
}

static int
listen_elsewhere (gconstpointer path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  if (unshare (CLONE_NEWNET) < 0)
    return 1;
  close (fd);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  return bind (fd, (struct sockaddr *) &address, sizeof address) == 0 && listen (fd, 5) == 0 ? 0
                                                                                             : 1;
}

static void
test_network_namespace (Room *room)
{
  CoreChild child;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, for namespaces");
      return;
    }
  core_child_start (&child, listen_elsewhere, room->path);
  command_expect_end (command_start ("list", "--json", "--runtime-dir", room->dir, NULL), 0,
                      WEB1_UNKNOWN, "lxcmon: whether they run is not known for 1 of .+\n");
  Events events
      = { command_start ("watch", "--json", "--runtime-dir", room->dir, NULL), "web1", 0 };
  events_expect_unwatched (&events, "failed");
  events_expect_listed (&events, 1);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
  /* One that is named is connected to, and queued: this listener accepts nobody. */
  command_expect_end (command_start ("watch", "--timeout=500ms", "--runtime-dir", room->dir, "web1",
                                     NULL),
                      124, TIME_PATTERN " listed containers=0\n", "lxcmon: timed out\n");
  core_child_stop (&child);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/adversary/list", test_list);
  room_test_add ("/tool/adversary/wait", test_wait);
  room_test_add ("/tool/adversary/watch", test_watch);
  room_test_add ("/tool/adversary/network-namespace", test_network_namespace);

  return g_test_run ();
}
