/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the decision whether libvirtd or virtlxcd is running: it holds a write lock on the first byte of driver.pid.
 * The check fails closed: only a file that is not there, or that is not a driver's, means that there is no driver.
 */

#include "lxcmon-driver-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-trust-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "driver.pid"

/* Whether a file may be a driver's. In a directory such as /tmp anybody can make one of that name. */
static bool
is_drivers (const struct stat *info)
{
  return S_ISREG (info->st_mode) && _lxcmon_is_trusted (info->st_uid);
}

static bool
find_lock (int fd, LxcmonDriver *driver, LxcmonError *error)
{
  struct stat info;
  /* Only a write lock conflicts with a read lock: anybody who may read the file can hold one of these. */
  struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int result;

  if (fstat (fd, &info) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot check for a driver: fstat " FILE_NAME);
  if (!is_drivers (&info))
    return true;
  do
    result = fcntl (fd, F_GETLK, &lock);
  while (result < 0 && errno == EINTR);
  if (result < 0)
    return _lxcmon_error_set_system (error, errno,
                                     "cannot check for a driver: F_GETLK of " FILE_NAME);

  driver->running = lock.l_type == F_WRLCK;
  driver->pid = driver->running && lock.l_pid > 0 ? (int) lock.l_pid : 0;
  return true;
}

/**
 * _lxcmon_driver_find:
 * @dir_fd: a runtime directory
 * @driver: (out): the driver
 * @error: (out) (optional): return location for an error
 *
 * Finds out whether libvirtd or virtlxcd is running that manages the containers of a directory. A process that
 * holds the lock itself must not call this: to close any descriptor of the file releases it.
 *
 * Returns: false with @error set if that could not be found out
 */
bool
_lxcmon_driver_find (int dir_fd, LxcmonDriver *driver, LxcmonError *error)
{
  struct stat info;
  int fd;

  *driver = (LxcmonDriver){ .running = false };
  /* What is not a driver's is not opened: that may fail, or have effects. */
  if (fstatat (dir_fd, FILE_NAME, &info, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT
           || _lxcmon_error_set_system (error, errno, "cannot check for a driver: stat " FILE_NAME);
  if (!is_drivers (&info))
    return true;

  do
    fd = openat (dir_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return errno == ENOENT
           || _lxcmon_error_set_system (error, errno, "cannot check for a driver: open " FILE_NAME);
  bool done = find_lock (fd, driver, error);
  close (fd);

  return done;
}
