/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what the kernel says of the end of a container's init. It is no child of ours, so we cannot wait for it. But
 * a pidfd that was opened while it ran gives its wait status later, when its parent has reaped it.
 */

#include "lxcmon-init.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fd-private.h"
#include "lxcmon-process-private.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* So many descriptors are left for what is more important: the connections themselves. */
#define N_RESERVED 16

/* From <linux/pidfd.h>, as of Linux 6.15: older headers do not have it. The first 64 bytes are enough. */
typedef struct
{
  uint64_t mask;
  uint64_t cgroup_id;
  uint32_t pid;
  uint32_t tgid;
  uint32_t ppid;
  uint32_t uids_and_gids[8];
  int32_t wait_status;
} PidfdInfo;

#define PIDFD_GET_INFO  _IOWR (0xFF, 11, PidfdInfo)
#define PIDFD_INFO_EXIT (UINT64_C (1) << 3) /* wait_status is wanted; in the answer: it is valid */

_Static_assert(sizeof (PidfdInfo) == 64, "the kernel's struct has 64 bytes");

/* Whether there are enough descriptors beside a new one, which has the lowest number that was free. The limit is only
 * asked for when the number gets near what it was. */
static bool
leaves_reserve (int fd)
{
  static atomic_uint known_limit;
  struct rlimit limit;

  if ((unsigned int) fd + N_RESERVED < known_limit)
    return true;
  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return false;
  known_limit = limit.rlim_cur < INT32_MAX ? (unsigned int) limit.rlim_cur : INT32_MAX;
  return (unsigned int) fd + N_RESERVED < known_limit;
}

/**
 * lxcmon_init_open:
 * @init_pid: the pid of a container's init
 * @controller_pid: the pid of its controller
 * @error: (out) (optional): return location for an error
 *
 * Opens a pidfd of a container's init. That it is init's, and not that of a later process with the same pid, is
 * checked once it is open: the process is a child of the controller, and pid 1 of a pid namespace.
 *
 * A pidfd is given up for more important descriptors: this fails if fewer than 16 are left.
 *
 * Returns: (transfer full): a descriptor that is close-on-exec, and becomes readable when init has ended; or -1 with
 *   @error set: %LXCMON_MONITOR_ERROR_NOT_FOUND if there is no such process any more, and its errno is EMFILE or
 *   ENFILE if descriptors have run short
 *
 * Since: 0.1
 */
int
lxcmon_init_open (int init_pid, int controller_pid, LxcmonError *error)
{
  int fd = _lxcmon_fd_above_stdio ((int) syscall (SYS_pidfd_open, init_pid, 0));
  int why;

  if (fd < 0)
    why = errno;
  else if (!leaves_reserve (fd))
    why = EMFILE;
  else if (!_lxcmon_process_is_init (init_pid, controller_pid))
    why = ESRCH;
  else
    return fd;

  _lxcmon_fd_clear (&fd);
  (void) _lxcmon_error_set_system (error, why, "cannot open a pidfd of init (pid %d)", init_pid);
  if (error != NULL && why == ESRCH)
    error->code = LXCMON_MONITOR_ERROR_NOT_FOUND;
  return -1;
}

/**
 * lxcmon_init_get_end:
 * @pidfd: a pidfd of a container's init
 * @exit_code: (out): its exit code, or -1 if it was killed by a signal, or if this returns false
 * @signal: (out): the signal that killed it, or 0 if none did, or if this returns false
 *
 * Asks the kernel how init ended. If it powered off or rebooted its container, the code is 0.
 *
 * The answer is there when init's parent has reaped it: as soon as the controller has sent EXIT, or else when the
 * descriptor has POLLHUP.
 *
 * Returns: whether it is known: it is not while init runs, and before Linux 6.15
 *
 * Since: 0.1
 */
bool
lxcmon_init_get_end (int pidfd, int *exit_code, int *signal)
{
  PidfdInfo info = { .mask = PIDFD_INFO_EXIT };

  *exit_code = -1;
  *signal = 0;
  if (ioctl (pidfd, PIDFD_GET_INFO, &info) < 0 || (info.mask & PIDFD_INFO_EXIT) == 0)
    return false;

  if (WIFSIGNALED (info.wait_status))
    *signal = WTERMSIG (info.wait_status);
  else
    *exit_code = WEXITSTATUS (info.wait_status);
  return true;
}
