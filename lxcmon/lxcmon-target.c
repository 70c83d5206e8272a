/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the safe way from a path to a connected descriptor. Directory and socket are opened with O_PATH, without
 * following a symbolic link in the last component, and their owners are checked. The connection is made through
 * /proc/self/fd: so the socket cannot be replaced in between, and its path may be longer than the 107 bytes of an
 * address.
 */

#include "lxcmon-target-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fd-private.h"
#include "lxcmon-trust-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool
check_directory (int fd, const char *path, LxcmonError *error)
{
  struct stat info;

  if (fstat (fd, &info) < 0)
    return _lxcmon_error_set_system (error, errno, "fstat of the directory of %s", path);
  if (S_ISLNK (info.st_mode))
    return _lxcmon_error_set (
        error, LXCMON_MONITOR_ERROR_UNTRUSTED, ELOOP,
        "the directory of %s is a symbolic link; use the path of the directory itself", path);
  if (!S_ISDIR (info.st_mode))
    return _lxcmon_error_set_system (error, ENOTDIR, "the directory of %s", path);
  if (!_lxcmon_is_trusted (info.st_uid))
    return _lxcmon_error_set (
        error, LXCMON_MONITOR_ERROR_UNTRUSTED, 0,
        "the directory of %s belongs to uid %ld, and neither to root nor to us", path,
        (long) info.st_uid);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, 0,
                              "other users may write to the directory of %s (mode %04o), and could "
                              "create a socket in it",
                              path, (unsigned) info.st_mode & 07777);
  return true;
}

static const char *
describe_type (mode_t mode)
{
  if (S_ISLNK (mode))
    return "a symbolic link";
  if (S_ISDIR (mode))
    return "a directory";
  if (S_ISFIFO (mode))
    return "a FIFO";
  if (S_ISREG (mode))
    return "a regular file";
  return "a device";
}

static bool
check_socket (LxcmonTarget *self, LxcmonError *error)
{
  const struct stat *info = &self->info;

  if (fstat (self->socket_fd, &self->info) < 0)
    return _lxcmon_error_set_system (error, errno, "fstat of %s", self->path);
  if (!S_ISSOCK (info->st_mode))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, ENOTSOCK,
                              "%s is %s and not a socket", self->path,
                              describe_type (info->st_mode));
  if (!_lxcmon_is_trusted (info->st_uid))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, 0,
                              "%s belongs to uid %ld, and neither to root nor to us", self->path,
                              (long) info->st_uid);
  self->open_to_others = (info->st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return true;
}

/* Opens the directory of the path's last component, or "." if the path has no other component. */
static bool
open_directory (LxcmonTarget *self, LxcmonError *error)
{
  const char *slash = strrchr (self->path, '/');
  size_t length = slash == NULL ? 0 : (size_t) (slash - self->path);
  char directory[PATH_MAX];

  while (length > 1 && self->path[length - 1] == '/')
    length--;
  if (length >= sizeof directory)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_INVALID_NAME, ENAMETOOLONG,
                              "a socket's path can have at most %d bytes", PATH_MAX - 1);
  if (slash == NULL)
    strcpy (directory, ".");
  else if (length == 0)
    strcpy (directory, "/");
  else
    *(char *) mempcpy (directory, self->path, length) = '\0';

  self->base = slash == NULL ? self->path : slash + 1;
  self->dir_fd = open (directory, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (self->dir_fd < 0)
    return _lxcmon_error_set_open (error, errno, "cannot open the directory of", self->path);
  return check_directory (self->dir_fd, self->path, error);
}

/**
 * _lxcmon_target_open:
 * @self: (out caller-allocates): a target; after success to close with _lxcmon_target_close()
 * @socket_path: the socket's path, which must stay valid as long as the target
 * @error: (out) (optional): return location for an error
 *
 * Opens a controller's socket without connecting to it.
 *
 * Returns: false with @error set if there is no socket, or it cannot be trusted
 */
bool
_lxcmon_target_open (LxcmonTarget *self, const char *socket_path, LxcmonError *error)
{
  *self = (LxcmonTarget){ .dir_fd = -1, .socket_fd = -1, .path = socket_path };

  if (!open_directory (self, error))
    goto fail;
  if (self->base[0] == '\0')
    {
      _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_INVALID_NAME, 0,
                         "not a socket's path: \"%s\" names no file", socket_path);
      goto fail;
    }
  self->socket_fd = openat (self->dir_fd, self->base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (self->socket_fd < 0)
    {
      _lxcmon_error_set_open (error, errno, "no controller's socket at", socket_path);
      goto fail;
    }
  if (!check_socket (self, error))
    goto fail;
  return true;

fail:
  _lxcmon_target_close (self);
  return false;
}

void
_lxcmon_target_close (LxcmonTarget *self)
{
  if (self->dir_fd >= 0)
    close (self->dir_fd);
  if (self->socket_fd >= 0)
    close (self->socket_fd);
  *self = (LxcmonTarget){ .dir_fd = -1, .socket_fd = -1 };
}

static bool
connect_through_proc (const LxcmonTarget *self, int fd, LxcmonError *error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", self->socket_fd);
  while (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      if (errno == EINTR)
        continue;
      if (errno == ECONNREFUSED)
        return _lxcmon_error_set (
            error, LXCMON_MONITOR_ERROR_REFUSED, ECONNREFUSED,
            "no process listens on %s: its controller is not running any more", self->path);
      if (errno == EAGAIN)
        return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_BUSY, EAGAIN,
                                  "the backlog of the controller of %s is full", self->path);
      if (errno == EPROTOTYPE)
        return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, EPROTOTYPE,
                                  "%s is not a stream socket, as a controller's is", self->path);
      if (errno == ENOENT)
        return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, ENOENT,
                                  "cannot connect to %s without /proc, which is not mounted here",
                                  self->path);
      return _lxcmon_error_set_system (error, errno, "cannot connect to %s", self->path);
    }

  return true;
}

/**
 * _lxcmon_target_connect:
 * @self: an open target
 * @fd: (out): a connected descriptor, non-blocking and close-on-exec
 * @error: (out) (optional): return location for an error
 *
 * Connects, without ever blocking: a full backlog is BUSY.
 *
 * Returns: whether it is connected
 */
bool
_lxcmon_target_connect (const LxcmonTarget *self, int *fd, LxcmonError *error)
{
  int socket_fd
      = _lxcmon_fd_above_stdio (socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

  if (socket_fd < 0)
    return _lxcmon_error_set_system (error, errno, "cannot make a socket for %s", self->path);
  if (!connect_through_proc (self, socket_fd, error))
    {
      close (socket_fd);
      return false;
    }

  *fd = socket_fd;
  return true;
}

/**
 * _lxcmon_peer_check:
 * @fd: a connected descriptor
 * @path: its path, for the error message
 * @pid: (out): the pid of the process that listens, or 0 if it is not in our pid namespace
 * @error: (out) (optional): return location for an error
 *
 * Checks that the peer is run by root or by us. The credentials are those of the process that called listen(2).
 *
 * Returns: whether it is
 */
bool
_lxcmon_peer_check (int fd, const char *path, int *pid, LxcmonError *error)
{
  struct ucred credentials;
  socklen_t size = sizeof credentials;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
    return _lxcmon_error_set_system (error, errno,
                                     "cannot get the credentials of the process that listens on %s",
                                     path);
  if (!_lxcmon_is_trusted (credentials.uid))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, 0,
                              "the process that listens on %s runs as uid %ld, and neither as root "
                              "nor as us",
                              path, (long) credentials.uid);

  *pid = credentials.pid > 0 ? (int) credentials.pid : 0;
  return true;
}
