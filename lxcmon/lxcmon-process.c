/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns reading of /proc/PID. Refuses to wait, to signal, and to believe a pid for longer than a call.
 */

#include "lxcmon-process-private.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A status file is some 1500 bytes; a controller has one child, or a few where qemu-nbd helps it. */
#define FILE_SIZE_MAX 4096

/* A look for a socket's owner is for an error message: it gives up on machines where it would take
 * long. A descriptor takes about a microsecond, a process some twenty. */
#define PROCESSES_MAX   4096
#define DESCRIPTORS_MAX 16384

/* Reads the start of a small file into @text, NUL-terminated. Returns its length, or -1. */
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

/* Whether a process is pid 1 of a pid namespace below ours: its NSpid line has two numbers or more,
 * and the last, its pid in its own namespace, is 1. */
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
 * Finds the pid of a container's init: the one child of the controller that is pid 1 of a pid
 * namespace of its own. A client that comes late, to which no INIT is sent, learns it so.
 *
 * Returns: the pid in our own pid namespace, or 0 where it cannot be known
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
 * Reads a process's name, with what would spoil a message replaced.
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

/* Looks through the descriptors of a process, as long as there are looks left. */
static bool
has_descriptor_of (const char *pid, const char *target, int *n_looks_left)
{
  char path[300], link[64];
  bool found = false;

  snprintf (path, sizeof path, "/proc/%s/fd", pid);
  DIR *dir = opendir (path);
  if (dir == NULL)
    return false;

  struct dirent *entry;
  while (!found && *n_looks_left > 0 && (entry = readdir (dir)) != NULL)
    {
      (*n_looks_left)--;
      ssize_t length = readlinkat (dirfd (dir), entry->d_name, link, sizeof link - 1);
      if (length <= 0)
        continue;
      link[length] = '\0';
      found = strcmp (link, target) == 0;
    }
  closedir (dir);

  return found;
}

/**
 * _lxcmon_process_find_socket_owner:
 *
 * Finds a process that holds the socket of that inode. It walks over /proc, so it is for error
 * messages only.
 *
 * Returns: a pid, or 0 where it cannot be known
 */
int
_lxcmon_process_find_socket_owner (uint64_t socket_inode)
{
  char target[64];
  int found = 0;
  int n_seen = 0;
  int n_looks_left = DESCRIPTORS_MAX;

  if (socket_inode == 0)
    return 0;
  snprintf (target, sizeof target, "socket:[%llu]", (unsigned long long) socket_inode);
  DIR *dir = opendir ("/proc");
  if (dir == NULL)
    return 0;

  struct dirent *entry;
  while (found == 0 && n_seen < PROCESSES_MAX && (entry = readdir (dir)) != NULL)
    {
      if (!isdigit ((unsigned char) entry->d_name[0]))
        continue;
      n_seen++;
      if (has_descriptor_of (entry->d_name, target, &n_looks_left))
        found = atoi (entry->d_name);
    }
  closedir (dir);

  return found;
}

/**
 * lxcmon_process_has_socket:
 * @pid: a process
 * @socket_inode: a socket's inode, as `/proc/net/unix` has it
 *
 * Tells whether a process has a socket open. Only root and the process's own user may ask.
 *
 * Returns: whether it has; also false where that cannot be known
 *
 * Since: 0.1
 */
bool
lxcmon_process_has_socket (int pid, uint64_t socket_inode)
{
  char digits[16], target[64];
  int n_looks_left = DESCRIPTORS_MAX;

  if (pid <= 0 || socket_inode == 0)
    return false;
  snprintf (digits, sizeof digits, "%d", pid);
  snprintf (target, sizeof target, "socket:[%llu]", (unsigned long long) socket_inode);
  return has_descriptor_of (digits, target, &n_looks_left);
}

static int
compare_owners (const void *a, const void *b)
{
  const LxcmonSocketOwner *first = a, *second = b;

  return first->inode < second->inode ? -1 : first->inode > second->inode;
}

/* Gives the sockets that a process has open to it. Returns how many nobody had yet. */
static size_t
take_sockets (const char *pid, LxcmonSocketOwner *owners, size_t n)
{
  char path[300], link[64];
  size_t n_found = 0;

  snprintf (path, sizeof path, "/proc/%s/fd", pid);
  DIR *dir = opendir (path);
  if (dir == NULL)
    return 0;

  struct dirent *entry;
  while ((entry = readdir (dir)) != NULL)
    {
      unsigned long long inode;
      ssize_t length = readlinkat (dirfd (dir), entry->d_name, link, sizeof link - 1);
      if (length <= 0)
        continue;
      link[length] = '\0';
      if (sscanf (link, "socket:[%llu]", &inode) != 1)
        continue;
      LxcmonSocketOwner *found = bsearch (&(LxcmonSocketOwner){ .inode = inode }, owners, n,
                                          sizeof *owners, compare_owners);
      if (found == NULL || found->pid != 0)
        continue;
      found->pid = atoi (pid);
      n_found++;
    }
  closedir (dir);

  return n_found;
}

/**
 * _lxcmon_process_find_socket_owners:
 * @owners: sockets whose owners are to be found; they are sorted by it
 *
 * Finds the processes that have sockets open, by one walk over /proc, which takes some 20 µs a process
 * and a microsecond a descriptor. A container's init has a copy of its controller's sockets until it
 * runs a program of its own, and is passed over.
 */
void
_lxcmon_process_find_socket_owners (LxcmonSocketOwner *owners, size_t n)
{
  size_t n_left = n;
  DIR *dir = n > 0 ? opendir ("/proc") : NULL;

  if (dir == NULL)
    return;
  qsort (owners, n, sizeof *owners, compare_owners);
  struct dirent *entry;
  while (n_left > 0 && (entry = readdir (dir)) != NULL)
    if (isdigit ((unsigned char) entry->d_name[0]) && !is_init_of_namespace (atoi (entry->d_name)))
      n_left -= take_sockets (entry->d_name, owners, n);
  closedir (dir);
}

/**
 * _lxcmon_process_get_socket_owner:
 * @owners: what _lxcmon_process_find_socket_owners() has found
 *
 * Returns: the pid of a socket's owner, or 0
 */
int
_lxcmon_process_get_socket_owner (const LxcmonSocketOwner *owners, size_t n, uint64_t socket_inode)
{
  const LxcmonSocketOwner key = { .inode = socket_inode };
  const LxcmonSocketOwner *found = bsearch (&key, owners, n, sizeof *owners, compare_owners);

  return found != NULL ? found->pid : 0;
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
 * Returns: microseconds since 1970, in UTC, or 0 where that cannot be known
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
  /* The name, in brackets, may have anything in it. The start is the 20th number behind the state. */
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
