/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the look at a whole runtime directory: its sockets by name, who is at each, and who manages them
 * all. /proc/net/unix is read once for all of them.
 *
 * Refuses to connect, and to remember: a look is a picture of a moment.
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

/* Whether a call failed for want of something that may be there again a moment later. */
static bool
is_shortage (int system_errno)
{
  return system_errno == EMFILE || system_errno == ENFILE || system_errno == ENOMEM;
}

/**
 * _lxcmon_driver_find:
 * @dir_fd: a runtime directory
 * @driver: (out): the driver, where one lives
 * @error: (out) (optional): where the error goes
 *
 * Finds out whether a living libvirtd or virtlxcd manages the containers of a directory: it holds a
 * lock on driver.pid. Asking disturbs nobody. Where the file may not be read, nobody is assumed.
 *
 * Returns: whether it could be asked; false only for want of descriptors or memory
 */
bool
_lxcmon_driver_find (int dir_fd, LxcmonDriver *driver, LxcmonError *error)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  struct stat info;
  /* O_NONBLOCK: it could be a FIFO, whose opening would wait for a writer. */
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
      /* Of a link, O_DIRECTORY says that it is none. */
      struct stat info;
      int system_errno = errno;
      if (system_errno == ENOTDIR && lstat (path, &info) == 0 && S_ISLNK (info.st_mode))
        system_errno = ELOOP;
      _lxcmon_error_set_system (error, system_errno, "cannot open the runtime directory %s", path);
    }
  return fd;
}

/* Whether a container may be called so. Control characters are passed on: whoever shows a name sees
 * to them. */
static bool
is_name (const char *name)
{
  if (name[0] == '\0' || strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    return false;
  while (*name != '\0')
    {
      size_t length = _lxcmon_utf8_character_length (name);
      if (length == 0)
        return false;
      name += length;
    }
  return true;
}

static uint64_t
mix (uint64_t hash, uint64_t value)
{
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

/* Which file a socket is. Its inode alone is not enough: some file systems use one again at once. */
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

/* Adds a directory's entry, where it is a socket. Links are none, wherever they lead. */
static bool
take_entry (LxcmonRuntimeDir *self, int dir_fd, const struct dirent *entry)
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
      if (!take_entry (self, dir_fd, entry))
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

/* Writes the two paths that a socket may have been bound to, one behind the other. */
static char *
write_paths (char *cursor, LxcmonPathPair *pair, const char *const dirs[2], const char *name)
{
  for (int i = 0; i < 2; i++)
    {
      pair->paths[i] = cursor;
      cursor += sprintf (cursor, "%s/%s" SUFFIX, dirs[i], name) + 1;
    }
  return cursor;
}

/* A directory's path may lead through links, while the kernel knows a socket by the path that it was
 * bound to: both are looked for. */
static bool
find_slots (LxcmonRuntimeDir *self, const char *const dirs[2], LxcmonSlot *slots,
            LxcmonError *error)
{
  size_t size = self->n_sockets * (strlen (dirs[0]) + strlen (dirs[1]) + 2 * (SUFFIX_LENGTH + 2));

  for (size_t i = 0; i < self->n_sockets; i++)
    size += 2 * strlen (self->sockets[i].name);
  char *text = malloc (size);
  LxcmonPathPair *pairs = calloc (self->n_sockets, sizeof *pairs);
  bool done = text != NULL && pairs != NULL;

  if (done)
    {
      char *cursor = text;
      for (size_t i = 0; i < self->n_sockets; i++)
        cursor = write_paths (cursor, &pairs[i], dirs, self->sockets[i].name);
      done = _lxcmon_snapshot_get_many (pairs, slots, self->n_sockets, error);
    }
  else
    _lxcmon_error_set_no_memory (error);

  free (pairs);
  free (text);
  return done;
}

static bool
find_real_directory (int dir_fd, char real[PATH_MAX], LxcmonError *error)
{
  char link[64];

  snprintf (link, sizeof link, "/proc/self/fd/%d", dir_fd);
  ssize_t length = readlink (link, real, PATH_MAX - 1);
  if (length < 0)
    return _lxcmon_error_set_system (error, errno, "cannot look without /proc: readlink %s", link);
  real[length == 1 ? 0 : length] = '\0'; /* "/" has no name of its own */
  return true;
}

static bool
look_at_sockets (LxcmonRuntimeDir *self, int dir_fd, const char *path, LxcmonError *error)
{
  char real[PATH_MAX], given[PATH_MAX];
  size_t length = strlen (path);

  while (length > 0 && path[length - 1] == '/')
    length--;
  snprintf (given, sizeof given, "%.*s", (int) length, path);
  if (self->n_sockets == 0)
    return true;
  if (!find_real_directory (dir_fd, real, error))
    return false;
  qsort (self->sockets, self->n_sockets, sizeof *self->sockets, compare_names);

  LxcmonSlot *slots = calloc (self->n_sockets, sizeof *slots);
  if (slots == NULL)
    return _lxcmon_error_set_no_memory (error);
  bool done = find_slots (self, (const char *const[]){ given, real }, slots, error);
  for (size_t i = 0; i < self->n_sockets && done; i++)
    {
      self->sockets[i].listener = slots[i].listener;
      self->sockets[i].bound = slots[i].n_bound > 0;
      self->sockets[i].n_served = slots[i].n_accepted;
      self->sockets[i].n_queued = slots[i].n_queued;
    }
  free (slots);
  return done;
}

/* The driver is asked last: one that comes after the sockets were listed is seen. */
static bool
look (LxcmonRuntimeDir *self, const char *path, LxcmonError *error)
{
  int dir_fd = open_directory (path, error);

  if (dir_fd < 0)
    return false;
  bool done = list_sockets (self, dir_fd, path, error)
              && look_at_sockets (self, dir_fd, path, error)
              && _lxcmon_driver_find (dir_fd, &self->driver, error);
  close (dir_fd);

  return done;
}

/**
 * lxcmon_runtime_dir_scan:
 * @runtime_dir: (nullable): the directory of the sockets; %NULL for %LXCMON_RUNTIME_DIR
 * @error: (out) (optional): where the error goes
 *
 * Looks at all controllers of a runtime directory, without connecting to any: which sockets there are,
 * who listens and who is served, and whether a driver manages them. `/proc/net/unix` is read once; a
 * row of it costs some 1.6 µs, and a socket's file about as much.
 *
 * What is no socket or is a link is passed over, as is what is not called `NAME.sock`. Names that are
 * not UTF-8 are left out and counted.
 *
 * Returns: (transfer full) (nullable): what was seen, to free with lxcmon_runtime_dir_free(), or %NULL
 *   with @error set
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
  if (!look (self, runtime_dir != NULL ? runtime_dir : LXCMON_RUNTIME_DIR, error))
    {
      lxcmon_runtime_dir_free (self);
      return NULL;
    }
  return self;
}

/**
 * lxcmon_runtime_dir_free:
 * @self: (nullable) (transfer full): a look, or %NULL, which does nothing
 *
 * Frees a look.
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
 * @self: a look
 *
 * How many sockets there are, stale ones included.
 *
 * Returns: a count
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
 * @self: a look
 * @index: from 0; sockets are sorted by name, byte by byte
 *
 * One of the sockets.
 *
 * Returns: (transfer none) (nullable): what is known of it, valid as long as the look, or %NULL where
 *   there is no such index
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
 * @self: a look
 *
 * How many sockets were left out because their names are not UTF-8.
 *
 * Returns: a count
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
 * @self: a look
 *
 * Who manages the containers.
 *
 * Returns: (transfer none): the driver, valid as long as the look
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
 * @self: a look
 *
 * Finds the pids of all controllers that listen, by one walk over `/proc`, which takes some 20 µs a
 * process and a microsecond a descriptor. Only root sees other users' processes.
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
    if (self->sockets[i].listener != 0)
      owners[n++].inode = self->sockets[i].listener;
  _lxcmon_process_find_socket_owners (owners, n);
  for (size_t i = 0; i < self->n_sockets; i++)
    self->sockets[i].controller_pid
        = _lxcmon_process_get_socket_owner (owners, n, self->sockets[i].listener);
  free (owners);
}

/**
 * lxcmon_runtime_dir_find_driver:
 * @runtime_dir: (nullable): a directory; %NULL for %LXCMON_RUNTIME_DIR
 * @driver: (out): the driver, where one lives
 * @error: (out) (optional): where the error goes
 *
 * Finds out whether a living libvirtd or virtlxcd manages the containers of a runtime directory. It
 * disturbs nobody. A process does not see a lock of its own, and loses it by asking, as POSIX locks go.
 *
 * Returns: whether it could be asked
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
