/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns which descriptor numbers the library uses, and how a descriptor is closed and forgotten.
 */

#include "lxcmon-fd-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/**
 * _lxcmon_fd_above_stdio:
 * @fd: (transfer full): a new descriptor, or -1 with errno set
 *
 * Moves a descriptor out of the range of standard input, output and error. They are free if a program
 * was started with them closed; what it prints to standard error must not reach a controller.
 *
 * Returns: (transfer full): the descriptor to use, or -1 with errno set
 */
int
_lxcmon_fd_above_stdio (int fd)
{
  if (fd < 0 || fd > STDERR_FILENO)
    return fd;

  int higher = fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  int dup_errno = errno;
  close (fd);
  errno = dup_errno;
  return higher;
}

/**
 * _lxcmon_fd_clear:
 * @fd: (inout): a descriptor, or -1; -1 after this
 *
 * Closes a descriptor.
 */
void
_lxcmon_fd_clear (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}
