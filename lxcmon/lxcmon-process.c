/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what is read from /proc/PID. A pid is only used during a call: it may be used again later.
 */

#include "lxcmon-process-private.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A status file has about 1500 bytes; a controller has one child, or a few if there is qemu-nbd. */
#define FILE_SIZE_MAX 4096

/* Limits for what is only found for an error message: a descriptor takes about 1 µs, a process 20 µs. */
#define PROCESSES_MAX   4096
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
      if (n <= 0)
        break;
      length += (size_t) n;
    }
  close (fd);
  text[length] = '\0';

  return (ssize_t) length;
}

/* Whether a process is pid 1 of a pid namespace below ours: its NSpid line has at least two numbers, and the
 * last one, the pid in its own namespace, is 1. */
static bool
is_init_of_namespace (int pid)
{
  char path[64], text[FILE_SIZE_MAX];

  snprintf (path, sizeof path, "/proc/%d/status", pid);
  if (read_small_file (path, text) < 0)
    return false;
  const char *line = strstr (text, "\nNSpid:");
  if (line == NULL)
    return false;

  const char *cursor = line + strlen ("\nNSpid:");
  int n_numbers = 0;
  long last = 0;
  while (*cursor != '\n' && *cursor != '\0')
    {
      char *end;
      last = strtol (cursor, &end, 10);
      if (end == cursor)
        break;
      n_numbers++;
      cursor = end;
      while (*cursor == '\t' || *cursor == ' ')
        cursor++;
    }

  return n_numbers >= 2 && last == 1;
}

/**
 * lxcmon_process_find_init:
 * @controller_pid: the pid of a controller
 *
 * Finds the pid of a container's init: the one child of the controller that is pid 1 of a pid namespace of its
 * own. It is for clients that have missed INIT.
 *
 * Returns: the pid in our own pid namespace, or 0 if it is not known
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
      if (!is_init_of_namespace ((int) child))
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

static int
compare_owners (const void *a, const void *b)
{
  const LxcmonSocketOwner *first = a, *second = b;

  return first->inode < second->inode ? -1 : first->inode > second->inode;
}

/* Finds out which of the sockets are open in a process, checking at most *n_left descriptors. Returns how many
 * of them had no owner yet. */
static size_t
find_in_process (const char *pid, LxcmonSocketOwner *owners, size_t n, size_t *n_left)
{
  char path[300], link[64];
  size_t n_found = 0;

  snprintf (path, sizeof path, "/proc/%s/fd", pid);
  DIR *dir = opendir (path);
  if (dir == NULL)
    return 0;

  struct dirent *entry;
  while (*n_left > 0 && n_found < n && (entry = readdir (dir)) != NULL)
    {
      LxcmonSocketOwner key = { .pid = NULL };
      ssize_t length = readlinkat (dirfd (dir), entry->d_name, link, sizeof link - 1);

      --*n_left;
      if (length <= 0)
        continue;
      link[length] = '\0';
      if (sscanf (link, "socket:[%" SCNu64 "]", &key.inode) != 1)
        continue;
      LxcmonSocketOwner *found = bsearch (&key, owners, n, sizeof *owners, compare_owners);
      if (found == NULL || *found->pid != 0)
        continue;
      *found->pid = atoi (pid);
      n_found++;
    }
  closedir (dir);

  return n_found;
}

/* Walks over /proc until all sockets have an owner, or the limits are reached. A container's init has copies of
 * its controller's sockets until it has executed a program, and is not an owner. */
static void
find_owners (LxcmonSocketOwner *owners, size_t n, size_t n_processes, size_t n_descriptors)
{
  size_t n_missing = n;
  DIR *dir = n > 0 ? opendir ("/proc") : NULL;

  if (dir == NULL)
    return;
  struct dirent *entry;
  while (n_missing > 0 && n_processes > 0 && (entry = readdir (dir)) != NULL)
    {
      if (!isdigit ((unsigned char) entry->d_name[0]))
        continue;
      n_processes--;
      if (n == 1 || !is_init_of_namespace (atoi (entry->d_name)))
        n_missing -= find_in_process (entry->d_name, owners, n, &n_descriptors);
    }
  closedir (dir);
}

/**
 * _lxcmon_process_find_socket_owner:
 *
 * Finds a process that has a socket open. It is meant for error messages: it walks over /proc, and gives up on
 * machines where that would take long.
 *
 * Returns: a pid, or 0 if it is not known
 */
int
_lxcmon_process_find_socket_owner (uint64_t socket_inode)
{
  int pid = 0;
  LxcmonSocketOwner owner = { socket_inode, &pid };

  if (socket_inode != 0)
    find_owners (&owner, 1, PROCESSES_MAX, DESCRIPTORS_MAX);
  return pid;
}

/**
 * lxcmon_process_has_socket:
 * @pid: a process
 * @socket_inode: a socket's inode, as in `/proc/net/unix`
 *
 * Checks whether a process has a socket open. Only root and the process's own user may ask.
 *
 * Returns: whether it has; also false if that is not known
 *
 * Since: 0.1
 */
bool
lxcmon_process_has_socket (int pid, uint64_t socket_inode)
{
  int owner_pid = 0;
  LxcmonSocketOwner owner = { socket_inode, &owner_pid };
  size_t n_left = DESCRIPTORS_MAX;
  char digits[16];

  if (pid <= 0 || socket_inode == 0)
    return false;
  snprintf (digits, sizeof digits, "%d", pid);
  return find_in_process (digits, &owner, 1, &n_left) > 0;
}

/**
 * _lxcmon_process_find_socket_owners:
 * @owners: sockets, whose pids are 0; the array will be sorted
 *
 * Finds the processes that have sockets open, by one walk over /proc, which takes about 20 µs for each process
 * and 1 µs for each descriptor.
 */
void
_lxcmon_process_find_socket_owners (LxcmonSocketOwner *owners, size_t n)
{
  qsort (owners, n, sizeof *owners, compare_owners);
  find_owners (owners, n, SIZE_MAX, SIZE_MAX);
}

static int64_t
read_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
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
  char path[64], text[FILE_SIZE_MAX];
  unsigned long long ticks;
  long ticks_per_second = sysconf (_SC_CLK_TCK);

  if (pid <= 0 || ticks_per_second <= 0)
    return 0;
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

  int64_t since_boot = (int64_t) ((double) ticks / (double) ticks_per_second * 1e6);
  return read_clock (CLOCK_REALTIME) - read_clock (CLOCK_BOOTTIME) + since_boot;
}
