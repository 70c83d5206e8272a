/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the scan of a whole runtime directory: its sockets by name, their client slots, and the driver. It asks
 * sock_diag once for all of them, and connects to none. A scan that is not complete is an error: what it left out
 * would be taken for containers that have ended.
 */

#include "lxcmon-runtime-dir-private.h"

#include "lxcmon-diag-private.h"
#include "lxcmon-driver-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-name.h"
#include "lxcmon-utf8-private.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SUFFIX        ".sock"
#define SUFFIX_LENGTH (sizeof SUFFIX - 1)

typedef struct
{
  LxcmonRuntimeSocket socket; /* the first member: entries are sorted by its name */
  LxcmonDiagFile file;
} Entry;

struct _LxcmonRuntimeDir
{
  Entry *entries;
  size_t n_entries;
  size_t capacity;
  size_t n_unlisted;
  LxcmonDriver driver;
};

/**
 * _lxcmon_runtime_dir_open:
 * @path: (nullable): a directory; %NULL for %LXCMON_RUNTIME_DIR
 *
 * Returns: a descriptor, or -1 with @error set
 */
int
_lxcmon_runtime_dir_open (const char *path, LxcmonError *error)
{
  struct stat info;
  int fd;

  if (path == NULL)
    path = LXCMON_RUNTIME_DIR;
  if (path[0] == '\0')
    {
      _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
                         "the runtime directory is an empty string: leave it out for "
                         "" LXCMON_RUNTIME_DIR);
      return -1;
    }
  do
    fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd >= 0)
    return fd;

  /* For a symbolic link, O_DIRECTORY fails with ENOTDIR. */
  int system_errno = errno;
  if (system_errno == ENOTDIR && lstat (path, &info) == 0 && S_ISLNK (info.st_mode))
    _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, ELOOP,
                       "the runtime directory %s is a symbolic link; use the path of the directory "
                       "itself",
                       path);
  else if (system_errno == ENOTDIR)
    _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, ENOTDIR,
                       "the runtime directory %s is not a directory; use the one that contains "
                       "the controllers' sockets",
                       path);
  else
    _lxcmon_error_set_open (error, system_errno, "cannot open the runtime directory", path);
  return -1;
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

/* Makes room for one more. */
static bool
reserve (LxcmonRuntimeDir *self)
{
  if (self->n_entries < self->capacity)
    return true;

  size_t capacity = self->capacity == 0 ? 32 : self->capacity * 2;
  Entry *bigger = realloc (self->entries, capacity * sizeof *bigger);
  if (bigger == NULL)
    return false;
  self->entries = bigger;
  self->capacity = capacity;
  return true;
}

static bool
add_socket (LxcmonRuntimeDir *self, const char *base, const struct stat *info, LxcmonError *error)
{
  char *name = strdup (base);

  if (name == NULL || !reserve (self))
    {
      free (name);
      return _lxcmon_error_set_no_memory (error);
    }
  name[strlen (name) - SUFFIX_LENGTH] = '\0';
  if (!is_name (name))
    {
      free (name);
      self->n_unlisted++;
      return true;
    }

  self->entries[self->n_entries++] = (Entry){
    .socket = { .name = name, .file = identify (info), .listener_uid = UINT_MAX },
    .file = _lxcmon_diag_get_file (info),
  };
  return true;
}

/* Adds a directory entry if it is a socket. Symbolic links are not followed. */
static bool
add_entry (LxcmonRuntimeDir *self, int dir_fd, const struct dirent *entry, LxcmonError *error)
{
  size_t length = strlen (entry->d_name);
  struct stat info;

  if (length < SUFFIX_LENGTH || strcmp (entry->d_name + length - SUFFIX_LENGTH, SUFFIX) != 0)
    return true;
  if (entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN)
    return true;
  if (fstatat (dir_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT /* it was removed meanwhile */
           || _lxcmon_error_set_system (error, errno, "the scan is not complete: stat %s",
                                        entry->d_name);
  return !S_ISSOCK (info.st_mode) || add_socket (self, entry->d_name, &info, error);
}

static DIR *
open_entries (int dir_fd)
{
  int own_fd = fcntl (dir_fd, F_DUPFD_CLOEXEC, 0);
  DIR *dir = own_fd >= 0 ? fdopendir (own_fd) : NULL;
  int saved_errno = errno;

  if (dir == NULL && own_fd >= 0)
    close (own_fd);
  errno = saved_errno;
  return dir;
}

static bool
list_sockets (LxcmonRuntimeDir *self, int dir_fd, const char *path, LxcmonError *error)
{
  DIR *dir = open_entries (dir_fd);
  struct dirent *entry;
  bool done = true;

  if (dir == NULL)
    return _lxcmon_error_set_system (error, errno, "cannot read the runtime directory %s", path);
  while (done && (errno = 0, entry = readdir (dir)) != NULL)
    done = add_entry (self, dir_fd, entry, error);
  if (done && errno != 0)
    done = _lxcmon_error_set_system (error, errno, "cannot read the runtime directory %s", path);
  closedir (dir);

  return done;
}

static int
compare_names (const void *a, const void *b)
{
  const LxcmonRuntimeSocket *first = a, *second = b;

  return strcmp (first->name, second->name);
}

/* ---- Their slots ---- */

static LxcmonDiagSlot *
new_slots (const LxcmonRuntimeDir *self)
{
  LxcmonDiagSlot *slots = calloc (self->n_entries, sizeof *slots);

  for (size_t i = 0; slots != NULL && i < self->n_entries; i++)
    slots[i].file = self->entries[i].file;
  if (slots != NULL)
    qsort (slots, self->n_entries, sizeof *slots, _lxcmon_diag_compare_files);
  return slots;
}

/* Copies what was found to a socket. Returns whether a socket is bound to it. */
static bool
set_slot (Entry *self, const LxcmonDiagSlot *slots, size_t n)
{
  /* Files with several names are in it more than once, and the same one is found always. */
  const LxcmonDiagSlot *slot
      = bsearch (&self->file, slots, n, sizeof *slots, _lxcmon_diag_compare_files);
  LxcmonRuntimeSocket *socket = &self->socket;

  assert (slot != NULL);
  socket->state = slot->listener != 0  ? LXCMON_SOCKET_LISTENING
                  : slot->n_bound != 0 ? LXCMON_SOCKET_BOUND
                                       : LXCMON_SOCKET_UNKNOWN;
  socket->listener = slot->listener;
  socket->listener_uid = slot->listener != 0 ? slot->listener_uid : UINT_MAX;
  socket->n_served = slot->n_accepted;
  socket->n_queued = slot->n_queued;
  return socket->state != LXCMON_SOCKET_UNKNOWN;
}

/* Returns how many sockets were not seen to be bound. */
static size_t
set_slots (LxcmonRuntimeDir *self, const LxcmonDiagSlot *slots)
{
  size_t n_missing = 0;

  for (size_t i = 0; i < self->n_entries; i++)
    n_missing += !set_slot (&self->entries[i], slots, self->n_entries);
  return n_missing;
}

/* Asks for the slots of all sockets. Without sock_diag, nothing is known of them. */
static bool
find_slots (LxcmonRuntimeDir *self, LxcmonError *error)
{
  LxcmonDiagSlot *slots;
  LxcmonDiagResult result;

  if (self->n_entries == 0)
    return true;
  slots = new_slots (self);
  if (slots == NULL)
    return _lxcmon_error_set_no_memory (error);
  result = _lxcmon_diag_find_slots (slots, self->n_entries, error);
  if (result == LXCMON_DIAG_MAY_HAVE_MISSED && set_slots (self, slots) > 0)
    result = _lxcmon_diag_find_slots (slots, self->n_entries, error);
  if (result != LXCMON_DIAG_UNAVAILABLE)
    (void) set_slots (self, slots);
  free (slots);

  return result != LXCMON_DIAG_FAILED;
}

/* Finds out whether no socket at all is bound to a file. It is asked with a socket of another type: so nothing gets
 * into a backlog, and other network namespaces count. A file that was removed meanwhile is stale. */
static bool
check_stale (LxcmonRuntimeSocket *self, int fd, int dir_fd, LxcmonError *error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  char base[NAME_MAX + 1];

  snprintf (base, sizeof base, "%s" SUFFIX, self->name);
  int file_fd = openat (dir_fd, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file_fd < 0 && errno != ENOENT)
    return _lxcmon_error_set_system (error, errno, "the scan is not complete: open %s", base);
  snprintf (address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", file_fd);
  if (file_fd < 0
      || (connect (fd, (struct sockaddr *) &address, sizeof address) < 0 && errno == ECONNREFUSED))
    self->state = LXCMON_SOCKET_STALE;
  if (file_fd >= 0)
    close (file_fd);

  return true;
}

/* Of the sockets that were not seen to be bound, finds those that are stale. */
static bool
find_stale (LxcmonRuntimeDir *self, int dir_fd, LxcmonError *error)
{
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bool done = true;

  if (fd < 0)
    return _lxcmon_error_set_system (error, errno, "cannot make a socket for the scan");
  for (size_t i = 0; done && i < self->n_entries; i++)
    if (self->entries[i].socket.state == LXCMON_SOCKET_UNKNOWN)
      done = check_stale (&self->entries[i].socket, fd, dir_fd, error);
  close (fd);

  return done;
}

/* The driver comes last: one that starts after the sockets were listed is found. */
static bool
scan (LxcmonRuntimeDir *self, const char *path, LxcmonScanFlags flags, LxcmonError *error)
{
  int dir_fd = _lxcmon_runtime_dir_open (path, error);

  if (dir_fd < 0)
    return false;
  bool done = list_sockets (self, dir_fd, path, error) && find_slots (self, error)
              && find_stale (self, dir_fd, error)
              && ((flags & LXCMON_SCAN_WITHOUT_DRIVER) != 0
                  || _lxcmon_driver_find (dir_fd, &self->driver, error));
  if (self->n_entries > 0)
    qsort (self->entries, self->n_entries, sizeof *self->entries, compare_names);
  close (dir_fd);

  return done;
}

/**
 * lxcmon_runtime_dir_scan:
 * @runtime_dir: (nullable): the directory of the sockets; %NULL for %LXCMON_RUNTIME_DIR
 * @flags: how to scan
 * @error: (out) (optional): return location for an error
 *
 * Scans a runtime directory, without connecting to any controller: which sockets there are, whether they listen
 * and have clients, and whether a driver manages them. The time is linear in the number of Unix sockets of the
 * network namespace, about 1.3 µs for each, and in the number of files.
 *
 * Only sockets with a name like `NAME.sock` are listed. If NAME is not UTF-8, the socket is only counted. Without
 * `/proc`, what is stale cannot be known: its state is %LXCMON_SOCKET_UNKNOWN.
 *
 * %LXCMON_MONITOR_ERROR_NOT_FOUND is only for the directory itself: there have been no containers yet. If anything
 * else goes wrong, there is an error and no part of a result.
 *
 * Returns: (transfer full) (nullable): the result, to free with lxcmon_runtime_dir_free(), or %NULL with @error
 *   set
 *
 * Since: 0.1
 */
LxcmonRuntimeDir *
lxcmon_runtime_dir_scan (const char *runtime_dir, LxcmonScanFlags flags, LxcmonError *error)
{
  LxcmonRuntimeDir *self = calloc (1, sizeof *self);

  if (self == NULL)
    {
      _lxcmon_error_set_no_memory (error);
      return NULL;
    }
  if (!scan (self, runtime_dir != NULL ? runtime_dir : LXCMON_RUNTIME_DIR, flags, error))
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

  for (size_t i = 0; i < self->n_entries; i++)
    free ((char *) self->entries[i].socket.name);
  free (self->entries);
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
  return self->n_entries;
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
  return index < self->n_entries ? &self->entries[index].socket : NULL;
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
 * Gets the driver that manages the containers. With %LXCMON_SCAN_WITHOUT_DRIVER, there is none.
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
  int dir_fd = _lxcmon_runtime_dir_open (runtime_dir, error);

  *driver = (LxcmonDriver){ .running = false };
  if (dir_fd < 0)
    return false;
  bool done = _lxcmon_driver_find (dir_fd, driver, error);
  close (dir_fd);

  return done;
}
