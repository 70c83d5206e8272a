/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what is read from /proc/PID. A pid is only used during a call: it may be used again later.
 */

#include "lxcmon-process-private.h"
#include "lxcmon-trust-private.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A status file has about 1500 bytes; a controller has one child, or a few if there is qemu-nbd. */
#define FILE_SIZE_MAX 4096

/* A controller has a few dozen descriptors; each takes about 1 µs to read. */
#define DESCRIPTORS_MAX 16384

/* Reads the beginning of a small file into @text, NUL-terminated. Returns its length, or -1. */
static ssize_t
read_small_file (const char *path, char text[FILE_SIZE_MAX])
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  size_t length = 0;

  if (fd < 0)
    return -1;
  while (length < FILE_SIZE_MAX - 1)
    {
      ssize_t n = read (fd, text + length, FILE_SIZE_MAX - 1 - length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n > 0)
        length += (size_t) n;
      /* As much of a file in /proc as fits in a page is read at once: there is no more. */
      if (n < FILE_SIZE_MAX - 1)
        break;
    }
  close (fd);
  text[length] = '\0';

  return (ssize_t) length;
}

/* Finds a line of a status file, "Name:" and numbers. Returns how many numbers there are, and the last one. */
static int
read_numbers (const char *status, const char *name, long *last)
{
  const char *line = strstr (status, name);
  int n_numbers = 0;

  if (line == NULL)
    return 0;
  const char *cursor = line + strlen (name);
  while (*cursor != '\n' && *cursor != '\0')
    {
      char *end;
      *last = strtol (cursor, &end, 10);
      if (end == cursor)
        break;
      n_numbers++;
      cursor = end;
      while (*cursor == '\t' || *cursor == ' ')
        cursor++;
    }

  return n_numbers;
}

/**
 * _lxcmon_process_is_init:
 *
 * Checks whether a process is the init of a controller's container: its parent is the controller, and it is pid 1 of
 * a pid namespace below ours. For this, its NSpid line has at least two numbers, and the last one, the pid in its own
 * namespace, is 1.
 *
 * Returns: whether it is; also false if that is not known
 */
bool
_lxcmon_process_is_init (int pid, int controller_pid)
{
  char path[64], text[FILE_SIZE_MAX];
  long parent, own;

  snprintf (path, sizeof path, "/proc/%d/status", pid);
  return read_small_file (path, text) > 0 && read_numbers (text, "\nPPid:", &parent) == 1
         && parent == controller_pid && read_numbers (text, "\nNSpid:", &own) >= 2 && own == 1;
}

/**
 * lxcmon_process_find_init:
 * @controller_pid: the pid of a controller
 *
 * Finds the pid of a container's init: the only child of the controller that is pid 1 of a pid namespace.
 * It is for clients that have missed INIT.
 *
 * Returns: the pid in the pid namespace of the caller, or 0 if it is not known
 *
 * Since: 0.1
 */
int
lxcmon_process_find_init (int controller_pid)
{
  char path[64], text[FILE_SIZE_MAX];
  int found = 0;

  if (controller_pid <= 0)
    return 0;
  snprintf (path, sizeof path, "/proc/%d/task/%d/children", controller_pid, controller_pid);
  if (read_small_file (path, text) < 0)
    return 0;

  char *cursor = text;
  for (;;)
    {
      char *end;
      long child = strtol (cursor, &end, 10);
      if (end == cursor || child <= 0 || child > INT32_MAX)
        return found;
      cursor = end;
      if (!_lxcmon_process_is_init ((int) child, controller_pid))
        continue;
      if (found != 0)
        return 0;
      found = (int) child;
    }
}

/**
 * _lxcmon_process_get_name:
 *
 * Reads the name of a process. What is not printable ASCII is replaced.
 *
 * Returns: whether there is such a process
 */
bool
_lxcmon_process_get_name (int pid, char name[LXCMON_PROCESS_NAME_SIZE])
{
  char path[64], text[FILE_SIZE_MAX];

  snprintf (path, sizeof path, "/proc/%d/comm", pid);
  if (pid <= 0 || read_small_file (path, text) <= 0)
    return false;

  size_t length = strcspn (text, "\n");
  if (length >= LXCMON_PROCESS_NAME_SIZE)
    length = LXCMON_PROCESS_NAME_SIZE - 1;
  for (size_t i = 0; i < length; i++)
    name[i] = isprint ((unsigned char) text[i]) ? text[i] : '?';
  name[length] = '\0';

  return true;
}

/* Whether a descriptor of a process is what a link says. Returns -1 with errno set if that cannot be read. */
static int
is_link_to (int dir_fd, const char *name, const char *wanted)
{
  char link[64];
  ssize_t length = readlinkat (dir_fd, name, link, sizeof link - 1);

  /* "." and ".." are no links, and the process may close descriptors meanwhile. */
  if (length < 0)
    return errno == EINVAL || errno == ENOENT ? 0 : -1;
  link[length] = '\0';
  return strcmp (link, wanted) == 0;
}

/**
 * _lxcmon_process_has_socket:
 *
 * Finds out whether a process has a socket open.
 *
 * Returns: 1 if it has, 0 if it has not, or -1 with errno set if its descriptors cannot be read
 */
int
_lxcmon_process_has_socket (int pid, uint64_t inode)
{
  char path[64], wanted[64];
  const struct dirent *entry;
  int has = 0;

  snprintf (path, sizeof path, "/proc/%d/fd", pid);
  DIR *dir = opendir (path);
  if (dir == NULL)
    return -1;
  snprintf (wanted, sizeof wanted, "socket:[%" PRIu64 "]", inode);
  for (int i = 0; i < DESCRIPTORS_MAX && has == 0; i++)
    {
      errno = 0;
      entry = readdir (dir);
      if (entry != NULL)
        has = is_link_to (dirfd (dir), entry->d_name, wanted);
      else if (errno != 0)
        has = -1;
      else
        break;
    }
  int saved_errno = errno;
  closedir (dir);
  errno = saved_errno;

  return has;
}

/**
 * lxcmon_process_serves:
 * @pid: a process, as something says that may be old or wrong
 * @listener: the inode of a socket that listens; see #LxcmonRuntimeSocket
 * @listener_uid: who has made it, or UINT_MAX
 *
 * Checks whether a process is the controller that listens with a socket: it runs as root or as us, and has the
 * socket open. If we may not read its descriptors, it counts if it is a `libvirt_lxc` of root, and the socket was
 * made by root.
 *
 * Returns: whether it is; also false if that is not known
 *
 * Since: 0.1
 */
bool
lxcmon_process_serves (int pid, uint64_t listener, unsigned int listener_uid)
{
  char path[64], name[LXCMON_PROCESS_NAME_SIZE];
  struct stat info;

  snprintf (path, sizeof path, "/proc/%d", pid);
  if (pid <= 0 || listener == 0 || stat (path, &info) < 0 || !_lxcmon_is_trusted (info.st_uid))
    return false;
  int has = _lxcmon_process_has_socket (pid, listener);
  if (has >= 0)
    return has;

  return listener_uid == 0 && info.st_uid == 0 && _lxcmon_process_get_name (pid, name)
         && strcmp (name, "libvirt_lxc") == 0;
}

static int64_t
read_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/**
 * lxcmon_process_get_start_ticks:
 * @pid: a process
 *
 * When a process started, as the kernel counts it. Together with the pid this identifies the process: the next one
 * with that pid has another number. In another time namespace it is another number too.
 *
 * Returns: clock ticks since the machine booted, or 0 if it is not known
 *
 * Since: 0.1
 */
uint64_t
lxcmon_process_get_start_ticks (int pid)
{
  char path[64], text[FILE_SIZE_MAX];
  unsigned long long ticks;

  snprintf (path, sizeof path, "/proc/%d/stat", pid);
  if (read_small_file (path, text) <= 0)
    return 0;
  /* The name, in brackets, may contain anything. The start is the 20th number after the state. */
  const char *cursor = strrchr (text, ')');
  if (cursor == NULL
      || sscanf (
             cursor + 1,
             " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
             &ticks)
             != 1)
    return 0;

  return ticks;
}

/**
 * lxcmon_process_ticks_to_time:
 * @ticks: as lxcmon_process_get_start_ticks() returns them
 *
 * When that was, as far as it is known now: a change of the date changes it too. It is rounded to ticks, so that all
 * who ask get the same time, although clocks are read at different moments.
 *
 * Returns: microseconds since 1970, in UTC, or 0 if it is not known
 *
 * Since: 0.1
 */
int64_t
lxcmon_process_ticks_to_time (uint64_t ticks)
{
  long ticks_per_second = sysconf (_SC_CLK_TCK);

  if (ticks == 0 || ticks_per_second <= 0)
    return 0;

  int64_t tick = 1000000 / ticks_per_second;
  int64_t boot = read_clock (CLOCK_REALTIME) - read_clock (CLOCK_BOOTTIME);
  return (boot + tick / 2) / tick * tick + (int64_t) ticks * tick;
}

/**
 * lxcmon_process_get_start:
 * @pid: a process
 *
 * When a process started. The kernel counts in hundredths of a second since it booted.
 *
 * Returns: microseconds since 1970, in UTC, or 0 if it is not known
 *
 * Since: 0.1
 */
int64_t
lxcmon_process_get_start (int pid)
{
  return lxcmon_process_ticks_to_time (lxcmon_process_get_start_ticks (pid));
}

/* Whether a namespace of ours is the one that the machine was booted in, whose number is always the same. Kernels
 * before Linux 5.6 have no time namespaces. */
static bool
is_in_first_namespace (const char *path, const char *first)
{
  char link[64];
  ssize_t length = readlink (path, link, sizeof link - 1);

  if (length < 0)
    return errno == ENOENT && access ("/proc/self/ns", F_OK) == 0;
  link[length] = '\0';
  return strcmp (link, first) == 0;
}

/**
 * lxcmon_process_get_life:
 * @controller_pid: the pid of a controller
 * @start_ticks: when it started; see lxcmon_process_get_start_ticks()
 * @life: (out): return location for the name
 *
 * Names one run of a container: by the first 8 digits of the machine's boot id, the controller's pid, and when it
 * started. It is the same name for every process that asks, and no other run on any machine will have it. So it is
 * only known in the pid and time namespaces that the machine was booted in: in others, these numbers differ.
 *
 * Returns: whether it is known
 *
 * Since: 0.1
 */
bool
lxcmon_process_get_life (int controller_pid, uint64_t start_ticks, char life[LXCMON_LIFE_SIZE])
{
  char boot_id[FILE_SIZE_MAX];

  if (controller_pid <= 0 || start_ticks == 0
      || !is_in_first_namespace ("/proc/self/ns/pid", "pid:[4026531836]")
      || !is_in_first_namespace ("/proc/self/ns/time", "time:[4026531834]")
      || read_small_file ("/proc/sys/kernel/random/boot_id", boot_id) < 8)
    return false;

  snprintf (life, LXCMON_LIFE_SIZE, "%.8s-%d-%" PRIu64, boot_id, controller_pid, start_ticks);
  return true;
}
