/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Makes a container's init with clone3(), which can give it a pid that was used before. It does not use lxcmon.
 */

#include "core-init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t
make_process (CoreInitKind kind, pid_t pid)
{
  /* The first number is that in its own namespace. */
  pid_t pids[2] = { kind == CORE_INIT_REAL ? 1 : pid, pid };
  struct clone_args args = {
    .flags = kind == CORE_INIT_REAL ? CLONE_NEWPID : 0,
    .exit_signal = SIGCHLD,
    .set_tid = pid == 0 ? 0 : (guintptr) pids,
    .set_tid_size = pid == 0                 ? 0
                    : kind == CORE_INIT_REAL ? 2
                                             : 1,
  };

  return (pid_t) syscall (SYS_clone3, &args, sizeof args, 0L, 0L, 0L, 0L);
}

/* Runs in the child: waits for the exit code, without the sockets of the test, whose ends would not be seen. */
static G_NORETURN void
run (int commands)
{
  unsigned char code = 0;

  (void) syscall (SYS_close_range, 0L, (long) commands - 1, 0L, 0L, 0L, 0L);
  (void) syscall (SYS_close_range, (long) commands + 1, 0xffffffffL, 0L, 0L, 0L, 0L);
  _exit (read (commands, &code, 1) == 1 ? code : 0);
}

gboolean
core_init_start_as (CoreInit *self, CoreInitKind kind, pid_t pid)
{
  int commands[2];

  g_assert_no_errno (pipe2 (commands, O_CLOEXEC));
  self->pid = make_process (kind, pid);
  if (self->pid == 0)
    {
      close (commands[1]);
      run (commands[0]);
    }
  close (commands[0]);
  self->command = commands[1];
  if (self->pid > 0)
    return TRUE;
  close (self->command);
  return FALSE;
}

void
core_init_start (CoreInit *self, CoreInitKind kind)
{
  g_assert_true (core_init_start_as (self, kind, 0));
}

void
core_init_reap (CoreInit *self)
{
  pid_t reaped;

  while ((reaped = waitpid (self->pid, NULL, 0)) < 0 && errno == EINTR)
    ;
  g_assert_cmpint (reaped, ==, self->pid);
  close (self->command);
}

void
core_init_exit (CoreInit *self, int exit_code)
{
  unsigned char code = (unsigned char) exit_code;

  g_assert_cmpint (write (self->command, &code, 1), ==, 1);
  core_init_reap (self);
}

void
core_init_kill_only (CoreInit *self, int signal)
{
  siginfo_t info;

  g_assert_no_errno (kill (self->pid, signal));
  g_assert_no_errno (waitid (P_PID, (id_t) self->pid, &info, WEXITED | WNOWAIT));
}

void
core_init_kill (CoreInit *self, int signal)
{
  core_init_kill_only (self, signal);
  core_init_reap (self);
}

/* By its own words, so that a mistake in the library skips no test. */
static gboolean
kernel_says_ends (void)
{
  guint64 info[8] = { 1 << 3 };
  CoreInit init;

  if (!core_init_start_as (&init, CORE_INIT_REAL, 0))
    return FALSE;
  int fd = (int) syscall (SYS_pidfd_open, (long) init.pid, 0L, 0L, 0L, 0L, 0L);
  core_init_exit (&init, 0);
  gboolean says
      = fd >= 0 && ioctl (fd, _IOWR (0xFF, 11, guint64[8]), info) == 0 && (info[0] & (1 << 3)) != 0;
  if (fd >= 0)
    close (fd);
  return says;
}

gboolean
core_init_can_run (void)
{
  if (kernel_says_ends ())
    return TRUE;
  g_test_skip ("needs the right to make a pid namespace, and Linux 6.15");
  return FALSE;
}
