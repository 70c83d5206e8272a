/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What /proc tells: a container's init among a controller's children, a process's name, and who holds
 * a socket.
 */

#include "common/core-test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lxcmon/lxcmon-process-private.h>

/* Starts a child that waits until its standing is ended, by the pipe that is returned. With
 * @in_namespace it is pid 1 of a pid namespace of its own; returns -1 where that may not be. */
static pid_t
start_child (gboolean in_namespace, int *stop)
{
  int end[2], ready[2];
  char byte = 0;

  g_assert_no_errno (pipe2 (end, O_CLOEXEC));
  g_assert_no_errno (pipe2 (ready, O_CLOEXEC));
  /* CLONE_NEWPID by clone, as unshare would move all children that follow. */
  pid_t pid = in_namespace
                  ? (pid_t) syscall (SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL)
                  : fork ();
  if (pid == 0)
    {
      close (end[1]);
      (void) !write (ready[1], "", 1);
      (void) !read (end[0], &byte, 1);
      _exit (0);
    }
  close (end[0]);
  close (ready[1]);
  if (pid > 0)
    g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
  *stop = end[1];
  return pid;
}

static void
stop_child (pid_t pid, int stop)
{
  close (stop);
  if (pid > 0)
    g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static void
test_find_init (void)
{
  int stop_plain, stop_init, stop_second;
  pid_t plain = start_child (FALSE, &stop_plain);
  pid_t init = start_child (TRUE, &stop_init);

  if (init < 0)
    {
      g_test_skip ("may not make a pid namespace");
      stop_child (plain, stop_plain);
      stop_child (init, stop_init);
      return;
    }
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, init);

  /* Two that could be it: neither is. */
  pid_t second = start_child (TRUE, &stop_second);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, 0);
  stop_child (second, stop_second);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, init);
  stop_child (init, stop_init);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, 0);
  stop_child (plain, stop_plain);
}

static void
test_find_init_of_nobody (void)
{
  g_assert_cmpint (lxcmon_process_find_init (0), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (-1), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (G_MININT), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (G_MAXINT), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, 0);
}

static void
test_name (void)
{
  char old[16], name[LXCMON_PROCESS_NAME_SIZE];

  g_assert_no_errno (prctl (PR_GET_NAME, old));
  g_assert_no_errno (prctl (PR_SET_NAME, "virtlxcd"));
  g_assert_true (_lxcmon_process_get_name (getpid (), name));
  g_assert_cmpstr (name, ==, "virtlxcd");
  g_assert_no_errno (prctl (PR_SET_NAME, "fifteen letters"));
  g_assert_true (_lxcmon_process_get_name (getpid (), name));
  g_assert_cmpstr (name, ==, "fifteen letters");
  g_assert_no_errno (prctl (PR_SET_NAME, "a\033[31m\xff"
                                         "b"));
  g_assert_true (_lxcmon_process_get_name (getpid (), name));
  g_assert_cmpstr (name, ==, "a?[31m?b");
  g_assert_no_errno (prctl (PR_SET_NAME, old));
}

static void
test_name_of_nobody (void)
{
  char name[LXCMON_PROCESS_NAME_SIZE];

  g_assert_false (_lxcmon_process_get_name (0, name));
  g_assert_false (_lxcmon_process_get_name (-1, name));
  g_assert_false (_lxcmon_process_get_name (G_MAXINT, name));
}

static void
test_socket_owner (void)
{
  struct stat info;
  int pair[2];

  if (!core_machine_is_small ())
    {
      g_test_skip ("there are more descriptors on this machine than are looked through");
      return;
    }
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  g_assert_no_errno (fstat (pair[0], &info));
  g_assert_cmpint (_lxcmon_process_find_socket_owner (info.st_ino), ==, getpid ());
  close (pair[0]);
  close (pair[1]);
  g_assert_cmpint (_lxcmon_process_find_socket_owner (info.st_ino), ==, 0);
  g_assert_cmpint (_lxcmon_process_find_socket_owner (0), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/process/find-init", test_find_init);
  core_test_add ("/process/find-init-of-nobody", test_find_init_of_nobody);
  core_test_add ("/process/name", test_name);
  core_test_add ("/process/name-of-nobody", test_name_of_nobody);
  core_test_add ("/process/socket-owner", test_socket_owner);

  return g_test_run ();
}
