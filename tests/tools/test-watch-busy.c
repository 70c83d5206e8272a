/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers the slot with "lxcmon watch": another client has it, a driver runs in the directory, --force,
 * --wait-if-busy, and attaching late.
 */

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event.h"
#include "room.h"

#define WAIT_HINT  "lxcmon: --wait-if-busy waits until the slot is free\\.\n"
#define FORCE_HINT "lxcmon: --direct --force connects nevertheless\\. .+libvirtd.+\n"

static Command *
start_holder (Room *room)
{
  room_start (room);
  Command *holder = command_start ("watch", room->path, NULL);
  command_expect_line (holder, TIME_PATTERN " web1 init pid=4711");
  return holder;
}

static void
end_holder (Command *holder)
{
  command_signal (holder, SIGTERM);
  command_expect_end (holder, 0, NOTHING, "lxcmon: web1: attached\n");
}

static void
test_busy (Room *room)
{
  Command *holder = start_holder (room);
  const char *messages
      = "lxcmon: web1: .+/web1\\.sock is taken by another client\n" WAIT_HINT FORCE_HINT;

  command_expect_end (command_start ("watch", room->path, NULL), 6, NOTHING, messages);
  command_expect_end (command_start ("wait", room->path, NULL), 6, NOTHING, messages);
  command_expect_end (command_start ("watch", "--quiet", room->path, NULL), 6, NOTHING, NOTHING);
  end_holder (holder);
}

/* With --force the client is queued, and the slot stays taken. --force is not suggested again. */
static void
test_force_busy (Room *room)
{
  Command *holder = start_holder (room);

  command_expect_end (command_start ("watch", "--direct", "--force", room->path, NULL), 6, NOTHING,
                      "lxcmon: web1: .+/web1\\.sock is taken by another client\n" WAIT_HINT);
  end_holder (holder);
}

static void
test_wait_if_busy (Room *room)
{
  Command *holder = start_holder (room);

  command_expect_end (command_start ("watch", "--wait-if-busy", "--timeout=400ms", room->path,
                                     NULL),
                      124, NOTHING, "lxcmon: timed out\n");

  Events events
      = { command_start ("watch", "--json", "--wait-if-busy", room->path, NULL), "web1", 0 };
  end_holder (holder);
  events_expect_attached (&events, getpid (), 0);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  events_expect_exit (&events, "shutdown", 1);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

static void
test_driver_runs (Room *room)
{
  g_autofree char *messages = g_strdup_printf (
      "lxcmon: web1: \\S+ \\(pid %d\\) manages the containers .+/web1\\.sock and needs .+\n" WAIT_HINT
          FORCE_HINT,
      (int) getpid ());
  int fd = room_lock_driver (room);

  room_start (room);
  command_expect_end (command_start ("watch", room->path, NULL), 6, NOTHING, messages);
  command_expect_end (command_start ("wait", room->path, NULL), 6, NOTHING, messages);

  /* INIT shows that none of them has connected. */
  Events events
      = { command_start ("watch", "--json", "--direct", "--force", room->path, NULL), "web1", 0 };
  events_expect_attached (&events, getpid (), 0);
  events_expect_init (&events, INIT_PID);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
  close (fd);
}

/* It starts while a container is watched. */
static void
test_driver_starts (Room *room)
{
  const char *messages
      = "lxcmon: web1: attached\n"
        "lxcmon: web1: libvirtd has started \\(pid \\d+\\) and needs .+ The container runs "
        "on, and is not watched any more\\.\n";
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new (room->dir);

  room_start (room);
  Command *command = command_start ("watch", room->path, NULL);
  command_expect_line (command, TIME_PATTERN " web1 init pid=4711");
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  command_expect_end (command, 6, TIME_PATTERN " web1 closed error=busy: libvirtd has .+\n",
                      messages);

  lxcmon_mock_driver_stop (driver);
  room_wait_attached (room->controller, 0);
  command = command_start ("wait", room->path, NULL);
  room_wait_attached (room->controller, 1);
  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  /* It has been accepted, and may not know yet. */
  command_expect_end (command, 6, NOTHING,
                      "lxcmon: web1: libvirtd has started .+ needs .+\n(?:" WAIT_HINT FORCE_HINT
                      ")?");
}

/* A file without a lock is no driver. */
static void
test_driver_has_gone (Room *room)
{
  close (room_lock_driver (room));
  end_holder (start_holder (room));
}

static void
test_late (Room *room)
{
  end_holder (start_holder (room));
  room_wait_attached (room->controller, 0);

  Events events = { command_start ("watch", "--json", room->path, NULL), "web1", 0 };
  events_expect_attached (&events, getpid (), 0);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  events_expect_exit (&events, "shutdown", 1);
  events_expect_closed (&events, NULL);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
}

/* Starts the first process of a pid namespace, like the init of a container. */
static pid_t
start_init (void)
{
  pid_t pid = (pid_t) syscall (SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);

  if (pid == 0)
    for (;;)
      pause ();
  return pid;
}

/* A client that attaches late finds the pid of init. */
static void
test_late_with_init (Room *room)
{
  pid_t pid = start_init ();

  if (pid < 0)
    {
      g_test_skip ("a pid namespace cannot be made here");
      return;
    }
  g_autofree char *attached
      = g_strdup_printf ("lxcmon: web1: attached; its init is pid %d\n", (int) pid);
  end_holder (start_holder (room));
  room_wait_attached (room->controller, 0);

  Events events = { command_start ("watch", "--json", room->path, NULL), "web1", 0 };
  events_expect_attached (&events, getpid (), pid);
  command_signal (events.command, SIGTERM);
  command_expect_end (events.command, 0, NOTHING, NOTHING);
  room_wait_attached (room->controller, 0);

  Command *command = command_start ("watch", room->path, NULL);
  room_wait_attached (room->controller, 1);
  room_finish (room->controller, LXCMON_EXIT_STATUS_SHUTDOWN);
  command_expect_end (command, 0, "(.+\n){2}", attached);

  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  room_test_add ("/tool/watch-busy/busy", test_busy);
  room_test_add ("/tool/watch-busy/force-busy", test_force_busy);
  room_test_add ("/tool/watch-busy/wait-if-busy", test_wait_if_busy);
  room_test_add ("/tool/watch-busy/driver-runs", test_driver_runs);
  room_test_add ("/tool/watch-busy/driver-starts", test_driver_starts);
  room_test_add ("/tool/watch-busy/driver-has-gone", test_driver_has_gone);
  room_test_add ("/tool/watch-busy/late", test_late);
  room_test_add ("/tool/watch-busy/late-with-init", test_late_with_init);

  return g_test_run ();
}
