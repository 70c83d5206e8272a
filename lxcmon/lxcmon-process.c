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
