/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* smoke-tools.c: see smoke-tools.h for what this file owns. */

#include "smoke-tools.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process.h"

#define EVENT_TIMEOUT_MS 60000
#define INIT_BYTES       36
#define EXIT_BYTES       32
#define KEEPALIVE_HEAD   12
#define CGROUP_ROOT      "/sys/fs/cgroup"
#define ORPHAN_RETRY_MS  20

/* All up to the payload; the second word from the end is the procedure's. */
static const guint8 init_head[] = {
  0, 0, 0, 0x24, 0x12, 0x34, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0,
};
static const guint8 exit_head[] = {
  0, 0, 0, 0x20, 0x12, 0x34, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0,
};

/* Length, program, version, procedure PING, type MESSAGE, serial, status. A PONG has the same head. */
static const guint8 ping[] = {
  0, 0, 0, 0x1c, 0x6b, 0x65, 0x65, 0x70, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
};

int
smoke_connect_to (Container *container)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_strlcpy (address.sun_path, container_get_socket_path (container), sizeof address.sun_path);
  g_assert_no_errno (connect (fd, (struct sockaddr *) &address, sizeof address));
  return fd;
}

/* How many of @length bytes came before end of file. */
static gsize
read_bytes (int fd, guint8 *bytes, gsize length)
{
  gint64 deadline = process_deadline (EVENT_TIMEOUT_MS);
  gsize got = 0;

  while (got < length)
    {
      struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
      ssize_t n;

      g_assert_cmpint (process_poll_until (&poll_fd, 1, deadline), ==, 1);
      n = read (fd, bytes + got, length - got);
      if (n <= 0)
        break;
      got += (gsize) n;
    }
  return got;
}

void
smoke_wait_served (int fd)
{
  guint8 pong[sizeof ping];

  g_assert_cmpint (write (fd, ping, sizeof ping), ==, sizeof ping);
  g_assert_cmpuint (read_bytes (fd, pong, sizeof pong), ==, sizeof pong);
  g_assert_true (memcmp (pong, ping, KEEPALIVE_HEAD) == 0);
}

guint64
smoke_read_init (int fd)
{
  guint8 bytes[INIT_BYTES];
  guint64 pid;

  g_assert_cmpuint (read_bytes (fd, bytes, sizeof bytes), ==, sizeof bytes);
  g_assert_true (memcmp (bytes, init_head, sizeof init_head) == 0);
  memcpy (&pid, bytes + sizeof init_head, sizeof pid);
  return GUINT64_FROM_BE (pid);
}

guint32
smoke_read_exit (int fd)
{
  guint8 bytes[EXIT_BYTES];
  guint32 status;

  g_assert_cmpuint (read_bytes (fd, bytes, sizeof bytes), ==, sizeof bytes);
  g_assert_true (memcmp (bytes, exit_head, sizeof exit_head) == 0);
  memcpy (&status, bytes + sizeof exit_head, sizeof status);
  return GUINT32_FROM_BE (status);
}

void
smoke_assert_end_of_file (int fd)
{
  guint8 byte;

  g_assert_cmpuint (read_bytes (fd, &byte, 1), ==, 0);
  close (fd);
}

guint
smoke_count_entries (const char *path)
{
  DIR *directory = opendir (path);
  guint n = 0;

  while (directory != NULL && readdir (directory) != NULL)
    n++;
  if (directory != NULL)
    closedir (directory);
  return n;
}

/* What of @name is in @path, by the start of the file names. */
void
smoke_assert_nothing_named (const char *path, const char *name)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *entry;

  while (directory != NULL && (entry = g_dir_read_name (directory)) != NULL)
    if (strstr (entry, name) != NULL)
      g_error ("%s/%s was left behind", path, entry);
}

/* A group is named after its controller's pid. If the same test runs a second time on this machine, its
 * controllers are running. */
static gboolean
has_orphan (const char *hierarchy, const char *name)
{
  g_autofree char *path = g_build_filename (CGROUP_ROOT, hierarchy, "machine", NULL);
  g_autoptr (GDir) groups = g_dir_open (path, 0, NULL);
  const char *entry;

  while (groups != NULL && (entry = g_dir_read_name (groups)) != NULL)
    {
      int controller = 0;

      if (strstr (entry, name) != NULL && sscanf (entry, "lxc-%d-", &controller) == 1
          && kill (controller, 0) != 0)
        return TRUE;
    }
  return FALSE;
}

/* That other one's orphans are gone in a moment, ours before. */
static void
wait_for_no_orphan (const char *hierarchy, const char *name)
{
  gint64 deadline = process_deadline (EVENT_TIMEOUT_MS);

  while (has_orphan (hierarchy, name))
    {
      if (g_get_monotonic_time () > deadline)
        g_error ("%s/%s/machine: a group of %s was left", CGROUP_ROOT, hierarchy, name);
      process_poll_until (NULL, 0, process_deadline (ORPHAN_RETRY_MS));
    }
}

void
smoke_assert_nothing_left (const char *name)
{
  g_autoptr (GDir) hierarchies = g_dir_open (CGROUP_ROOT, 0, NULL);
  const char *entry;

  smoke_assert_nothing_named (CONTAINER_RUNTIME_DIR, name);
  wait_for_no_orphan ("", name); /* v2 */
  while (hierarchies != NULL && (entry = g_dir_read_name (hierarchies)) != NULL)
    wait_for_no_orphan (entry, name);
}
