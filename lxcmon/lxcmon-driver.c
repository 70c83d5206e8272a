/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the decision whether libvirtd or virtlxcd is running: it holds a write lock on the first byte of driver.pid.
 * The check fails closed: only a file that is not there, or that is not a driver's, means that there is no driver.
 */

#include "lxcmon-driver-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fd-private.h"
#include "lxcmon-process-private.h"
#include "lxcmon-trust-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME LXCMON_DRIVER_FILE

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

/* Opens the file of a driver, which is not there any more if *fd is -1 then. */
static bool
open_file (int dir_fd, int *fd, LxcmonError *error)
{
  do
    *fd = openat (dir_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  while (*fd < 0 && errno == EINTR);

  return *fd >= 0 || errno == ENOENT
         || _lxcmon_error_set_system (error, errno, "cannot check for a driver: open " FILE_NAME);
}

static bool
is_same (int fd, const struct stat *info)
{
  struct stat known;

  return fd >= 0 && fstat (fd, &known) == 0 && known.st_dev == info->st_dev
         && known.st_ino == info->st_ino;
}

/**
 * _lxcmon_driver_find_again:
 * @dir_fd: a runtime directory
 * @fd: (inout): the descriptor of driver.pid, which is kept, or -1
 * @driver: (out): the driver
 * @error: (out) (optional): return location for an error
 *
 * The same as _lxcmon_driver_find(), without opening the file again as long as it is the same one.
 *
 * Returns: false with @error set if that could not be found out
 */
bool
_lxcmon_driver_find_again (int dir_fd, int *fd, LxcmonDriver *driver, LxcmonError *error)
{
  struct stat info;

  *driver = (LxcmonDriver){ .running = false };
  if (fstatat (dir_fd, FILE_NAME, &info, AT_SYMLINK_NOFOLLOW) < 0)
    {
      int stat_errno = errno;
      _lxcmon_fd_clear (fd);
      return stat_errno == ENOENT
             || _lxcmon_error_set_system (error, stat_errno,
                                          "cannot check for a driver: stat " FILE_NAME);
    }
  if (!is_same (*fd, &info))
    _lxcmon_fd_clear (fd);
  /* What is not a driver's is not opened: that may fail, or have effects. */
  if (!is_drivers (&info))
    return true;
  if (*fd < 0 && !open_file (dir_fd, fd, error))
    return false;
  return *fd < 0 || find_lock (*fd, driver, error);
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
  int fd = -1;
  bool done = _lxcmon_driver_find_again (dir_fd, &fd, driver, error);

  _lxcmon_fd_clear (&fd);
  return done;
}

/**
 * _lxcmon_driver_describe:
 *
 * Words who the driver is.
 */
void
_lxcmon_driver_describe (const LxcmonDriver *driver, char text[LXCMON_DRIVER_TEXT_SIZE])
{
  char name[LXCMON_PROCESS_NAME_SIZE];

  if (_lxcmon_process_get_name (driver->pid, name))
    snprintf (text, LXCMON_DRIVER_TEXT_SIZE, "%s (pid %d)", name, driver->pid);
  else if (driver->pid > 0)
    snprintf (text, LXCMON_DRIVER_TEXT_SIZE, "libvirtd (pid %d)", driver->pid);
  else
    strcpy (text, "libvirtd");
}
