/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the scan of a whole runtime directory: its sockets by name, their client slots, and the driver. It reads
 * /proc/net/unix once for all of them, and connects to none.
 */

#include "lxcmon-runtime-dir-private.h"

#include "lxcmon-error-private.h"
#include "lxcmon-name.h"
#include "lxcmon-process-private.h"
#include "lxcmon-snapshot-private.h"
#include "lxcmon-utf8-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX        ".sock"
#define SUFFIX_LENGTH (sizeof SUFFIX - 1)

struct _LxcmonRuntimeDir
{
  LxcmonRuntimeSocket *sockets; /* sorted by name */
  size_t n_sockets;
  size_t capacity;
  size_t n_unlisted;
  LxcmonDriver driver;
};

/* Whether a call failed because of a limit that may not apply a moment later. */
static bool
is_shortage (int system_errno)
{
  return system_errno == EMFILE || system_errno == ENFILE || system_errno == ENOMEM;
}

/**
 * _lxcmon_driver_find:
 * @dir_fd: a runtime directory
 * @driver: (out): the driver
 * @error: (out) (optional): return location for an error
 *
 * Finds out whether libvirtd or virtlxcd is running that manages the containers of a directory: it holds a lock
 * on driver.pid. If the file cannot be read, it is taken not to be running.
 *
 * Returns: false with @error set if descriptors or memory have run out
 */
bool
_lxcmon_driver_find (int dir_fd, LxcmonDriver *driver, LxcmonError *error)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  struct stat info;
  /* O_NONBLOCK: to open a FIFO would block. */
  int fd = openat (dir_fd, "driver.pid", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

  *driver = (LxcmonDriver){ .running = false };
  if (fd < 0)
    return !is_shortage (errno)
           || _lxcmon_error_set_system (error, errno, "cannot open driver.pid");
  if (fstat (fd, &info) == 0 && S_ISREG (info.st_mode) && fcntl (fd, F_GETLK, &lock) == 0
      && lock.l_type != F_UNLCK)
    {
      driver->running = true;
      driver->pid = lock.l_pid > 0 ? (int) lock.l_pid : 0;
    }
  close (fd);

  return true;
}

static int
open_directory (const char *path, LxcmonError *error)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0)
    {
      /* For a symbolic link, O_DIRECTORY fails with ENOTDIR. */
      struct stat info;
      int system_errno = errno;
      if (system_errno == ENOTDIR && lstat (path, &info) == 0 && S_ISLNK (info.st_mode))
        system_errno = ELOOP;
      _lxcmon_error_set_system (error, system_errno, "cannot open the runtime directory %s", path);
    }
  return fd;
}

/* Whether a container may have that name. Control characters are allowed: what displays a name must escape
 * them. */
static bool
is_name (const char *name)
{
  return name[0] != '\0' && strcmp (name, ".") != 0 && strcmp (name, "..") != 0
         && _lxcmon_utf8_is_valid (name);
}

static uint64_t
mix (uint64_t hash, uint64_t value)
{
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

/* Identifies a file. The inode alone is not enough: some file systems use it again at once. */
static uint64_t
identify (const struct stat *info)
{
  uint64_t hash = mix (mix (0, (uint64_t) info->st_dev), (uint64_t) info->st_ino);

  hash = mix (mix (hash, (uint64_t) info->st_ctim.tv_sec), (uint64_t) info->st_ctim.tv_nsec);
  return hash == 0 ? 1 : hash;
}

static bool
add_socket (LxcmonRuntimeDir *self, const char *base, const struct stat *info)
{
  char *name = strndup (base, strlen (base) - SUFFIX_LENGTH);

  if (name != NULL && !is_name (name))
    {
      free (name);
      self->n_unlisted++;
      return true;
    }
  if (name != NULL && self->n_sockets == self->capacity)
    {
      size_t capacity = self->capacity == 0 ? 32 : self->capacity * 2;
      LxcmonRuntimeSocket *bigger = realloc (self->sockets, capacity * sizeof *bigger);
      if (bigger == NULL)
        {
          free (name);
          return false;
        }
      self->sockets = bigger;
      self->capacity = capacity;
    }
  if (name == NULL)
    return false;

  self->sockets[self->n_sockets++] = (LxcmonRuntimeSocket){ .name = name, .file = identify (info) };
  return true;
}

/* Adds a directory entry if it is a socket. Symbolic links are not followed. */
static bool
add_entry (LxcmonRuntimeDir *self, int dir_fd, const struct dirent *entry)
{
  size_t length = strlen (entry->d_name);
  struct stat info;

  if (length < SUFFIX_LENGTH || strcmp (entry->d_name + length - SUFFIX_LENGTH, SUFFIX) != 0)
    return true;
  if (entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN)
    return true;
  if (fstatat (dir_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK (info.st_mode))
    return true;
  return add_socket (self, entry->d_name, &info);
}

static bool
list_sockets (LxcmonRuntimeDir *self, int dir_fd, const char *path, LxcmonError *error)
{
  int own_fd = fcntl (dir_fd, F_DUPFD_CLOEXEC, 0);
  DIR *dir = own_fd >= 0 ? fdopendir (own_fd) : NULL;
  bool done = true;

  if (dir == NULL)
    {
      _lxcmon_error_set_system (error, errno, "cannot read the runtime directory %s", path);
      if (own_fd >= 0)
        close (own_fd);
      return false;
    }
  for (;;)
    {
      errno = 0;
      struct dirent *entry = readdir (dir);
      if (entry == NULL)
        {
          done = errno == 0
                 || _lxcmon_error_set_system (error, errno, "cannot read the runtime directory %s",
                                              path);
          break;
        }
      if (!add_entry (self, dir_fd, entry))
        {
          done = _lxcmon_error_set_no_memory (error);
          break;
        }
    }
  closedir (dir);

  return done;
}

static int
compare_names (const void *a, const void *b)
{
  const LxcmonRuntimeSocket *first = a, *second = b;

  return strcmp (first->name, second->name);
}

static bool
find_real_directory (int dir_fd, char real[PATH_MAX], LxcmonError *error)
{
  char link[64];

  snprintf (link, sizeof link, "/proc/self/fd/%d", dir_fd);
  ssize_t length = readlink (link, real, PATH_MAX - 1);
  if (length < 0)
    return _lxcmon_error_set_system (error, errno, "cannot scan without /proc: readlink %s", link);
  real[length == 1 ? 0 : length] = '\0'; /* "/" is followed by the name */
  return true;
}

static void
set_slot (LxcmonRuntimeSocket *self, const LxcmonSlot *slot)
{
  self->listener = slot->listener;
  self->bound = slot->n_bound > 0;
  self->n_served = slot->n_accepted;
  self->n_queued = slot->n_queued;
}

/* Finds out for each socket whether it listens and has clients. The directory's path may lead through symbolic
 * links, but the kernel has the path that a socket was bound to: both are searched for. */
static bool
find_slots (LxcmonRuntimeDir *self, int dir_fd, const char *path, LxcmonError *error)
{
  char real[PATH_MAX], given_path[PATH_MAX + NAME_MAX], real_path[PATH_MAX + NAME_MAX];
  const char *const paths[2] = { given_path, real_path };
  size_t length = strlen (path);

  if (self->n_sockets == 0)
    return true;
  while (length > 0 && path[length - 1] == '/')
    length--;
  if (!find_real_directory (dir_fd, real, error) || !_lxcmon_snapshot_begin (error))
    return false;
  for (size_t i = 0; i < self->n_sockets; i++)
    {
      LxcmonRuntimeSocket *socket = &self->sockets[i];

      snprintf (given_path, sizeof given_path, "%.*s/%s" SUFFIX, (int) length, path, socket->name);
      snprintf (real_path, sizeof real_path, "%s/%s" SUFFIX, real, socket->name);
      LxcmonSlot slot = _lxcmon_snapshot_find (paths);
      set_slot (socket, &slot);
    }
  _lxcmon_snapshot_end ();
  return true;
}

/* The driver comes last: one that starts after the sockets were listed is found. */
static bool
scan (LxcmonRuntimeDir *self, const char *path, LxcmonError *error)
{
  int dir_fd = open_directory (path, error);

  if (dir_fd < 0)
    return false;
  bool done = list_sockets (self, dir_fd, path, error) && find_slots (self, dir_fd, path, error)
              && _lxcmon_driver_find (dir_fd, &self->driver, error);
  if (self->n_sockets > 0)
    qsort (self->sockets, self->n_sockets, sizeof *self->sockets, compare_names);
  close (dir_fd);

  return done;
}

/**
 * lxcmon_runtime_dir_scan:
 * @runtime_dir: (nullable): the directory of the sockets; %NULL for %LXCMON_RUNTIME_DIR
 * @error: (out) (optional): return location for an error
 *
 * Scans a runtime directory, without connecting to any controller: which sockets there are, whether they listen
 * and have clients, and whether a driver manages them. It reads `/proc/net/unix` once, which takes about 1.6 µs for
 * each row; each socket file takes about the same time.
 *
 * Only sockets with a name like `NAME.sock` are listed. If NAME is not UTF-8, the socket is only counted.
 *
 * Returns: (transfer full) (nullable): the result, to free with lxcmon_runtime_dir_free(), or %NULL with @error
 *   set
 *
 * Since: 0.1
 */
LxcmonRuntimeDir *
lxcmon_runtime_dir_scan (const char *runtime_dir, LxcmonError *error)
{
  LxcmonRuntimeDir *self = calloc (1, sizeof *self);

  if (self == NULL)
    {
      _lxcmon_error_set_no_memory (error);
      return NULL;
    }
  if (!scan (self, runtime_dir != NULL ? runtime_dir : LXCMON_RUNTIME_DIR, error))
    {
      lxcmon_runtime_dir_free (self);
      return NULL;
    }
  return self;
}

/**
 * lxcmon_runtime_dir_free:
 * @self: (nullable) (transfer full): the result of a scan
 *
 * Frees the result of a scan.
 *
 * Since: 0.1
 */
void
lxcmon_runtime_dir_free (LxcmonRuntimeDir *self)
{
  if (self == NULL)
    return;

  for (size_t i = 0; i < self->n_sockets; i++)
    free ((char *) self->sockets[i].name);
  free (self->sockets);
  free (self);
}

/**
 * lxcmon_runtime_dir_get_n_sockets:
 * @self: the result of a scan
 *
 * How many sockets there are, including stale ones.
 *
 * Returns: their number
 *
 * Since: 0.1
 */
size_t
lxcmon_runtime_dir_get_n_sockets (const LxcmonRuntimeDir *self)
{
  return self->n_sockets;
}

/**
 * lxcmon_runtime_dir_get_socket:
 * @self: the result of a scan
 * @index: an index, from 0; sockets are sorted by the bytes of their names
 *
 * Gets one of the sockets.
 *
 * Returns: (transfer none) (nullable): the socket, valid as long as @self, or %NULL if there is no such index
 *
 * Since: 0.1
 */
const LxcmonRuntimeSocket *
lxcmon_runtime_dir_get_socket (const LxcmonRuntimeDir *self, size_t index)
{
  return index < self->n_sockets ? &self->sockets[index] : NULL;
}

/**
 * lxcmon_runtime_dir_get_n_unlisted:
 * @self: the result of a scan
 *
 * How many sockets are not listed because their names are not UTF-8.
 *
 * Returns: their number
 *
 * Since: 0.1
 */
size_t
lxcmon_runtime_dir_get_n_unlisted (const LxcmonRuntimeDir *self)
{
  return self->n_unlisted;
}

/**
 * lxcmon_runtime_dir_get_driver:
 * @self: the result of a scan
 *
 * Gets the driver that manages the containers.
 *
 * Returns: (transfer none): the driver, valid as long as @self
 *
 * Since: 0.1
 */
const LxcmonDriver *
lxcmon_runtime_dir_get_driver (const LxcmonRuntimeDir *self)
{
  return &self->driver;
}

/**
 * lxcmon_runtime_dir_find_controllers:
 * @self: the result of a scan
 *
 * Finds the pids of all controllers, by one walk over `/proc`, which takes about 20 µs for each process and 1 µs
 * for each descriptor. Only root can see the descriptors of other users' processes.
 *
 * Since: 0.1
 */
void
lxcmon_runtime_dir_find_controllers (LxcmonRuntimeDir *self)
{
  LxcmonSocketOwner *owners = calloc (self->n_sockets + 1, sizeof *owners);
  size_t n = 0;

  if (owners == NULL)
    return;
  for (size_t i = 0; i < self->n_sockets; i++)
    {
      LxcmonRuntimeSocket *socket = &self->sockets[i];

      socket->controller_pid = 0;
      if (socket->listener != 0)
        owners[n++] = (LxcmonSocketOwner){ socket->listener, &socket->controller_pid };
    }
  _lxcmon_process_find_socket_owners (owners, n);
  free (owners);
}

/**
 * lxcmon_runtime_dir_find_driver:
 * @runtime_dir: (nullable): a directory; %NULL for %LXCMON_RUNTIME_DIR
 * @driver: (out): the driver
 * @error: (out) (optional): return location for an error
 *
 * Finds out whether libvirtd or virtlxcd is running that manages the containers of a runtime directory. A process
 * that holds the lock itself must not call this: POSIX locks of the same process do not conflict, and are
 * released when any descriptor of the file is closed.
 *
 * Returns: false with @error set if that could not be found out
 *
 * Since: 0.1
 */
bool
lxcmon_runtime_dir_find_driver (const char *runtime_dir, LxcmonDriver *driver, LxcmonError *error)
{
  int dir_fd = open_directory (runtime_dir != NULL ? runtime_dir : LXCMON_RUNTIME_DIR, error);

  *driver = (LxcmonDriver){ .running = false };
  if (dir_fd < 0)
    return false;
  bool done = _lxcmon_driver_find (dir_fd, driver, error);
  close (dir_fd);

  return done;
}
