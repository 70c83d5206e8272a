/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How init ended: with real processes in pid namespaces of their own, and with kernels that do not know it.
 */

#include "common/core-init.h"
#include "common/core-test.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <lxcmon/lxcmon-init.h>

static int
open_init (const CoreInit *init)
{
  LxcmonError error;
  int fd = lxcmon_init_open (init->pid, getpid (), &error);

  if (fd < 0)
    g_error ("cannot open: %s", error.message);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
  return fd;
}

static void
assert_end (int fd, gboolean is_known, int exit_code, int signal)
{
  int got_exit_code = 1234, got_signal = 1234;

  g_assert_cmpint (lxcmon_init_get_end (fd, &got_exit_code, &got_signal), ==, is_known);
  g_assert_cmpint (got_exit_code, ==, exit_code);
  g_assert_cmpint (got_signal, ==, signal);
}

static void
assert_refused (int pid, int controller_pid, LxcmonMonitorError code, int system_errno)
{
  LxcmonError error;

  g_assert_cmpint (lxcmon_init_open (pid, controller_pid, &error), ==, -1);
  g_assert_cmpint (error.code, ==, code);
  g_assert_cmpint (error.system_errno, ==, system_errno);
  g_assert_nonnull (strstr (error.message, "cannot open a pidfd of init"));
  g_assert_cmpint (lxcmon_init_open (pid, controller_pid, NULL), ==, -1);
}

static void
test_exit_codes (void)
{
  static const int exit_codes[] = { 0, 1, 42, 127, 255 };

  if (!core_init_can_run ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (exit_codes); i++)
    {
      CoreInit init;

      core_init_start (&init, CORE_INIT_REAL);
      int fd = open_init (&init);
      assert_end (fd, FALSE, -1, 0);
      core_init_exit (&init, exit_codes[i]);
      assert_end (fd, TRUE, exit_codes[i], 0);
      assert_end (fd, TRUE, exit_codes[i], 0);
      close (fd);
    }
}

/* The answer is there when init is reaped, and then the descriptor has POLLHUP. */
static void
test_signal (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  core_init_start (&init, CORE_INIT_REAL);
  struct pollfd hung_up = { .fd = open_init (&init) };
  g_assert_cmpint (poll (&hung_up, 1, 0), ==, 0);
  core_init_kill_only (&init, SIGKILL);
  assert_end (hung_up.fd, FALSE, -1, 0);
  g_assert_cmpint (poll (&hung_up, 1, 0), ==, 0);
  core_init_reap (&init);
  g_assert_cmpint (poll (&hung_up, 1, 0), ==, 1);
  g_assert_cmpint (hung_up.revents, ==, POLLHUP);
  assert_end (hung_up.fd, TRUE, -1, SIGKILL);
  close (hung_up.fd);
}

static void
test_no_init (void)
{
  CoreInit plain, init;

  assert_refused (0, getpid (), LXCMON_MONITOR_ERROR_FAILED, EINVAL);
  assert_refused (-1, getpid (), LXCMON_MONITOR_ERROR_FAILED, EINVAL);
  assert_refused (G_MAXINT, getpid (), LXCMON_MONITOR_ERROR_NOT_FOUND, ESRCH);
  assert_refused (getpid (), getppid (), LXCMON_MONITOR_ERROR_NOT_FOUND, ESRCH);
  core_init_start (&plain, CORE_INIT_PLAIN);
  assert_refused (plain.pid, getpid (), LXCMON_MONITOR_ERROR_NOT_FOUND, ESRCH);
  core_init_exit (&plain, 0);

  if (!core_init_can_run ())
    return;
  core_init_start (&init, CORE_INIT_REAL);
  assert_refused (init.pid, getppid (), LXCMON_MONITOR_ERROR_NOT_FOUND, ESRCH);
  assert_refused (init.pid, 0, LXCMON_MONITOR_ERROR_NOT_FOUND, ESRCH);
  core_init_exit (&init, 0);
  assert_refused (init.pid, getpid (), LXCMON_MONITOR_ERROR_NOT_FOUND, ESRCH);
}

/* The next process with that pid, of the same parent, is not taken for init, and does not change what is known of
 * the one before. */
static void
test_reused_pid (void)
{
  CoreInit init, later;

  if (!core_init_can_run ())
    return;
  core_init_start (&init, CORE_INIT_REAL);
  int fd = open_init (&init);
  core_init_exit (&init, 42);
  if (!core_init_start_as (&later, CORE_INIT_PLAIN, init.pid))
    {
      g_test_skip ("may not choose a pid");
      close (fd);
      return;
    }
  g_assert_cmpint (later.pid, ==, init.pid);
  assert_refused (later.pid, getpid (), LXCMON_MONITOR_ERROR_NOT_FOUND, ESRCH);
  assert_end (fd, TRUE, 42, 0);
  core_init_exit (&later, 7);
  assert_end (fd, TRUE, 42, 0);
  close (fd);
}

static int old_kernel_errno;

static gboolean
fail_ioctl (CoreCall call, int *fault_errno)
{
  *fault_errno = old_kernel_errno;
  return call == CORE_CALL_ioctl;
}

/* Before Linux 6.13 the request is not known; before 6.15 it is answered without the end. */
static void
test_old_kernel (void)
{
  static const int errnos[] = { ENOTTY, EINVAL, 0 };
  CoreInit init;

  if (!core_init_can_run ())
    return;
  core_init_start (&init, CORE_INIT_REAL);
  int fd = open_init (&init);
  core_init_exit (&init, 42);
  for (gsize i = 0; i < G_N_ELEMENTS (errnos); i++)
    {
      old_kernel_errno = errnos[i];
      core_wrap_begin ();
      core_wrap_set_fault (fail_ioctl, 0, TRUE);
      assert_end (fd, FALSE, -1, 0);
      g_assert_true (core_wrap_has_struck ());
      core_wrap_end ();
    }
  assert_end (fd, TRUE, 42, 0);
  close (fd);
}

static gboolean
fail_syscall (CoreCall call, int *fault_errno)
{
  *fault_errno = ENOSYS;
  return call == CORE_CALL_syscall;
}

/* Before Linux 5.3, there are no pidfds. */
static void
test_very_old_kernel (void)
{
  core_wrap_begin ();
  core_wrap_set_fault (fail_syscall, 0, TRUE);
  assert_refused (getpid (), getppid (), LXCMON_MONITOR_ERROR_FAILED, ENOSYS);
  core_wrap_end ();
}

static void
set_limit (rlim_t n)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = n;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* Opens a pidfd and closes it again. Returns what that took. */
static char *
count_calls (const CoreInit *init)
{
  core_wrap_begin ();
  close (lxcmon_init_open (init->pid, getpid (), NULL));
  core_wrap_end ();
  return core_wrap_describe ();
}

/* Sixteen descriptors are left for others. The limit may be raised at any time: it is asked for if there seem to be
 * fewer. This is the first test, while nothing was asked for. */
static void
test_reserve (void)
{
  struct rlimit before;
  CoreInit init;

  if (!core_init_can_run ())
    return;
  core_init_start (&init, CORE_INIT_REAL);
  int next = dup (STDERR_FILENO);
  close (next);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  set_limit ((rlim_t) next + 16);
  assert_refused (init.pid, getpid (), LXCMON_MONITOR_ERROR_FAILED, EMFILE);
  set_limit ((rlim_t) next + 17);
  close (open_init (&init));
  set_limit (before.rlim_cur);
  close (open_init (&init));

  int high = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, next + 1);
  g_autofree char *without = count_calls (&init);
  g_assert_cmpstr (without, ==, "close:2 open64:1 read:1 syscall:1");
  close (high);
  core_init_exit (&init, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/init/reserve", test_reserve);
  core_test_add ("/init/exit-codes", test_exit_codes);
  core_test_add ("/init/signal", test_signal);
  core_test_add ("/init/no-init", test_no_init);
  core_test_add ("/init/reused-pid", test_reused_pid);
  core_test_add ("/init/old-kernel", test_old_kernel);
  core_test_add ("/init/very-old-kernel", test_very_old_kernel);

  return g_test_run ();
}
