/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the decision which socket is the one on which libvirtd or virtlxcd listens for its clients. It is one of the
 * descriptors of the process that holds the driver's lock. If these cannot be read, it is one of libvirt's default
 * paths, on which root listens. Nothing is connected to.
 *
 * That a socket is among the descriptors is not enough: any client of libvirtd can send it descriptors, and so a
 * socket of its own. But the kernel knows who has made a socket.
 */

#include "lxcmon-daemon.h"

#include "lxcmon-diag-private.h"
#include "lxcmon-driver-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-name.h"
#include "lxcmon-process-private.h"
#include "lxcmon-trust-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

_Static_assert(LXCMON_DAEMON_PATH_SIZE > sizeof (((struct sockaddr_un *) NULL)->sun_path),
               "a path of any socket has room");

#define DEFAULT_DIR "/run/libvirt"

/* The names of the sockets; those that are preferred come first, and those for reading only before all others. */
static const char *const names[]
    = { "virtlxcd-sock-ro", "libvirt-sock-ro", "virtlxcd-sock", "libvirt-sock" };

#define N_NAMES     (sizeof names / sizeof names[0])
#define N_READ_ONLY 2

/* A socket with one of the names */
typedef struct
{
  char path[LXCMON_DAEMON_PATH_SIZE];
  LxcmonDiagFile file;
  bool listens;
} Candidate;

typedef struct
{
  int pid;          /* of the driver */
  int system_errno; /* if its descriptors could not be read */
  Candidate candidates[N_NAMES];
} Search;

typedef enum
{
  ANSWER_FOUND,
  ANSWER_NONE,
  ANSWER_UNKNOWN
} Answer;

static bool
any_listens (const Search *self, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (self->candidates[i].listens)
      return true;
  return false;
}

/* While sockets are made and closed, an answer may leave out some: then it is asked for twice. */
static bool
find_listeners (Search *self, LxcmonDiagListenerFunc func, LxcmonError *error)
{
  LxcmonDiagResult result = LXCMON_DIAG_MAY_HAVE_MISSED;

  for (int i = 0;
       i < 2 && result == LXCMON_DIAG_MAY_HAVE_MISSED && !any_listens (self, N_READ_ONLY); i++)
    result = _lxcmon_diag_list_listeners (func, self, error);
  if (result == LXCMON_DIAG_MAY_HAVE_MISSED && !any_listens (self, N_NAMES))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, 0,
                              "there are so many sockets that libvirtd's may have been missed");
  return result < LXCMON_DIAG_UNAVAILABLE;
}

/* ---- Among the descriptors of the driver ---- */

/* Finds the candidate for a path by its last component. */
static Candidate *
find_candidate (Search *self, const char *path, size_t length)
{
  if (path[0] != '/' || length >= LXCMON_DAEMON_PATH_SIZE)
    return NULL;
  const char *base = (const char *) memrchr (path, '/', length) + 1;
  size_t base_length = length - (size_t) (base - path);
  for (size_t i = 0; i < N_NAMES; i++)
    if (strlen (names[i]) == base_length && memcmp (names[i], base, base_length) == 0)
      return &self->candidates[i];
  return NULL;
}

/* A path is what some process has bound. It counts only if the driver has the socket, and nobody else has made it. */
static void
handle_drivers (const LxcmonDiagListener *listener, void *user_data)
{
  Search *self = user_data;
  Candidate *candidate = find_candidate (self, listener->path, listener->path_length);

  if (candidate == NULL || candidate->listens || !_lxcmon_is_trusted (listener->uid))
    return;
  int has = _lxcmon_process_has_socket (self->pid, listener->inode);
  if (has < 0)
    self->system_errno = errno;
  if (has <= 0)
    return;
  *(char *) mempcpy (candidate->path, listener->path, listener->path_length) = '\0';
  candidate->file = listener->file;
  candidate->listens = true;
}

static bool
fail_descriptors (const LxcmonDriver *driver, int system_errno, LxcmonError *error)
{
  char who[LXCMON_DRIVER_TEXT_SIZE];

  _lxcmon_driver_describe (driver, who);
  return _lxcmon_error_set_system (error, system_errno, "cannot read which sockets %s has", who);
}

/* Whether the descriptors of the driver can be read, and what they are can be believed: it may have ended, and
 * another process have its pid. */
static bool
check_driver (const LxcmonDriver *driver, const char *runtime_dir, LxcmonError *error)
{
  struct stat info;
  char proc[64];

  if (driver->pid <= 0)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, 0,
                              "the pid of the driver of %s is not known: it may be in another pid "
                              "namespace",
                              runtime_dir);
  snprintf (proc, sizeof proc, "/proc/%d", driver->pid);
  if (stat (proc, &info) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot check the driver: stat %s", proc);
  if (!_lxcmon_is_trusted (info.st_uid))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, 0,
                              "the driver has ended: pid %d belongs to uid %ld, and neither to "
                              "root nor to us",
                              driver->pid, (long) info.st_uid);
  /* No socket is number 0. */
  return _lxcmon_process_has_socket (driver->pid, 0) >= 0
         || fail_descriptors (driver, errno, error);
}

/* Whether a path leads to the socket that is bound to it. It does not if the driver is in another mount namespace. */
static bool
check_path (const Candidate *self, LxcmonError *error)
{
  struct stat info;

  if (fstatat (AT_FDCWD, self->path, &info, AT_SYMLINK_NOFOLLOW) < 0)
    return _lxcmon_error_set_open (error, errno, "cannot find the driver's socket", self->path);
  LxcmonDiagFile file = _lxcmon_diag_get_file (&info);
  return _lxcmon_diag_compare_files (&file, &self->file) == 0
         || _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, 0,
                               "the driver's socket %s is another file here: the driver may be in "
                               "another mount namespace",
                               self->path);
}

/* Of the sockets of the driver, takes the first one that can be reached. */
static Answer
choose (const Search *self, const LxcmonDriver *driver, char path[LXCMON_DAEMON_PATH_SIZE],
        LxcmonError *error)
{
  char who[LXCMON_DRIVER_TEXT_SIZE];
  bool failed = false;

  for (size_t i = 0; i < N_NAMES; i++)
    {
      const Candidate *candidate = &self->candidates[i];

      if (!candidate->listens)
        continue;
      /* The error is that of the one that is preferred. */
      if (check_path (candidate, failed ? NULL : error))
        {
          strcpy (path, candidate->path);
          return ANSWER_FOUND;
        }
      failed = true;
    }
  if (failed)
    return ANSWER_NONE;

  _lxcmon_driver_describe (driver, who);
  _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_NOT_FOUND, 0,
                     "among the descriptors of %s is no socket of root's or ours that listens and "
                     "is called virtlxcd-sock or libvirt-sock, with -ro or without",
                     who);
  return ANSWER_NONE;
}

static Answer
ask_driver (const LxcmonDriver *driver, const char *runtime_dir, char path[LXCMON_DAEMON_PATH_SIZE],
            LxcmonError *error)
{
  Search search = { .pid = driver->pid };

  if (!check_driver (driver, runtime_dir, error)
      || !find_listeners (&search, handle_drivers, error))
    return ANSWER_UNKNOWN;
  if (search.system_errno != 0)
    {
      fail_descriptors (driver, search.system_errno, error);
      return ANSWER_UNKNOWN;
    }
  return choose (&search, driver, path, error);
}

/* ---- At the default paths ---- */

static bool
is_default (const char *runtime_dir)
{
  struct stat one, other;

  if (strcmp (runtime_dir, LXCMON_RUNTIME_DIR) == 0)
    return true;
  return stat (runtime_dir, &one) == 0 && stat (LXCMON_RUNTIME_DIR, &other) == 0
         && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* If there is no such file, that of the candidate remains 0, and no socket has it. */
static bool
set_default (Candidate *self, const char *name, LxcmonError *error)
{
  struct stat info;

  snprintf (self->path, sizeof self->path, DEFAULT_DIR "/%s", name);
  if (fstatat (AT_FDCWD, self->path, &info, AT_SYMLINK_NOFOLLOW) == 0)
    self->file = _lxcmon_diag_get_file (&info);
  else if (errno != ENOENT)
    return _lxcmon_error_set_system (error, errno, "cannot look for the driver's socket: stat %s",
                                     self->path);
  return true;
}

static void
handle_default (const LxcmonDiagListener *listener, void *user_data)
{
  Search *self = user_data;

  if (listener->uid != 0)
    return;
  for (size_t i = 0; i < N_READ_ONLY; i++)
    {
      Candidate *candidate = &self->candidates[i];

      if (_lxcmon_diag_compare_files (&candidate->file, &listener->file) == 0)
        candidate->listens = true;
    }
}

static bool
find_default (char path[LXCMON_DAEMON_PATH_SIZE], LxcmonError *error)
{
  Search search = { .pid = 0 };

  for (size_t i = 0; i < N_READ_ONLY; i++)
    if (!set_default (&search.candidates[i], names[i], error))
      return false;
  if (!find_listeners (&search, handle_default, error))
    return false;
  for (size_t i = 0; i < N_READ_ONLY; i++)
    if (search.candidates[i].listens)
      {
        strcpy (path, search.candidates[i].path);
        return true;
      }
  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_NOT_FOUND, 0,
                            "root listens neither on " DEFAULT_DIR "/%s nor on " DEFAULT_DIR "/%s",
                            names[0], names[1]);
}

/* Adds what was found out at the default paths to why they were tried. That the pid is not known is no reason that
 * helps anybody. */
static void
add_reason (const LxcmonDriver *driver, LxcmonError *error, const LxcmonError *at_default)
{
  LxcmonError first = *error;

  if (driver->pid > 0)
    _lxcmon_error_set (error, first.code, first.system_errno, "%s; %s", first.message,
                       at_default->message);
  else
    *error = *at_default;
}

/**
 * lxcmon_daemon_find_socket:
 * @driver: the driver of a runtime directory; see lxcmon_runtime_dir_find_driver()
 * @runtime_dir: (nullable): the directory; %NULL for %LXCMON_RUNTIME_DIR
 * @path: (out caller-allocates): the path of the socket, NUL-terminated; it may contain any bytes, and is empty if
 *   there is none
 * @error: (out) (optional): return location for an error
 *
 * Finds the socket on which the driver, libvirtd or virtlxcd, listens for its clients. The one that clients can only
 * read from, such as `libvirt-sock-ro`, is preferred to the other one. No connection is made.
 *
 * The sockets are those among the descriptors of the driver that listen, have a name that libvirt gives them, and
 * were made by root or by us. Only root and the user whose process it is can read the descriptors. If they cannot be
 * read, or if the pid of the driver is 0, the default paths are tried: `virtlxcd-sock-ro` and then `libvirt-sock-ro`
 * in `/run/libvirt`, if @runtime_dir is libvirt's own. They count if root listens, also while no driver is running:
 * systemd may listen for it.
 *
 * %LXCMON_MONITOR_ERROR_NOT_FOUND means that there is no such socket. If that could not be found out, it is another
 * error. Linux before 5.3 does not say who has made a socket: there, none is found.
 *
 * Returns: false with @error set if no socket is known
 *
 * Since: 0.1
 */
bool
lxcmon_daemon_find_socket (const LxcmonDriver *driver, const char *runtime_dir,
                           char path[LXCMON_DAEMON_PATH_SIZE], LxcmonError *error)
{
  const char *dir = runtime_dir != NULL ? runtime_dir : LXCMON_RUNTIME_DIR;
  LxcmonError own, at_default;

  path[0] = '\0';
  Answer answer = ask_driver (driver, dir, path, &own);
  if (answer == ANSWER_UNKNOWN && is_default (dir))
    {
      if (find_default (path, &at_default))
        return true;
      add_reason (driver, &own, &at_default);
    }
  if (answer != ANSWER_FOUND && error != NULL)
    *error = own;

  return answer == ANSWER_FOUND;
}
