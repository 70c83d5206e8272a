/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* accept-queue.c: see accept-queue.h for what this file owns. */

#include "accept-queue.h"

#include <gio/gio.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process.h"
#include "real-test.h"

#define PING_BYTES 28
#define RETRY_MS   1

enum
{
  ROW_LISTENS = 1,
  ROW_WAITS = 2,
  ROW_SERVED = 3,
};

AcceptQueue
accept_queue_look (const char *path)
{
  AcceptQueue queue = { 0 };
  g_autofree char *text = NULL;
  g_autofree char *ending = g_strconcat (" ", path, NULL);
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents ("/proc/net/unix", &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      unsigned int flags, state;

      /* Num: RefCount Protocol Flags Type St Inode Path */
      if (!g_str_has_suffix (*line, ending)
          || sscanf (*line, "%*x: %*x %*x %x %*x %x", &flags, &state) != 2)
        continue;
      /* A listener is recognised by its flag: its own state is that of a socket without a peer. */
      if (flags != 0)
        queue.n_listeners++;
      else if (state == ROW_WAITS)
        queue.n_queued++;
      else if (state == ROW_SERVED)
        queue.n_served++;
    }
  return queue;
}

void
accept_queue_wait (const char *path, guint n_queued, guint n_served)
{
  gint64 deadline = real_deadline ();

  for (;;)
    {
      AcceptQueue queue = accept_queue_look (path);

      if (queue.n_queued == n_queued && queue.n_served == n_served)
        return;
      if (g_get_monotonic_time () > deadline)
        g_error ("%s has %u that wait and %u served; expected were %u and %u", path, queue.n_queued,
                 queue.n_served, n_queued, n_served);
      process_poll_until (NULL, 0, process_deadline (RETRY_MS));
    }
}

int
accept_queue_ask_ss (const char *path)
{
  g_autofree char *ss = g_find_program_in_path ("ss");
  const char *argv[] = { ss, "-xlHn", "src", path, NULL };
  g_autofree char *output = NULL;
  int queue = -1;

  if (ss == NULL)
    return -1;
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, &output, NULL, NULL, NULL));
  /* Netid State Recv-Q Send-Q ... */
  g_assert_cmpint (sscanf (output, "u_str LISTEN %d", &queue), ==, 1);
  return queue;
}

/* What the kernel counts for one PING on its way: its bytes and its own overhead. */
static int
measure_one_ping (void)
{
  char ping[PING_BYTES] = { 0 };
  int fds[2], size = 0;

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  g_assert_cmpint (send (fds[0], ping, sizeof ping, 0), ==, PING_BYTES);
  g_assert_no_errno (ioctl (fds[0], SIOCOUTQ, &size));
  close (fds[0]);
  close (fds[1]);
  g_assert_cmpint (size, >=, PING_BYTES);
  return size;
}

static gboolean
is_connected_to (int fd, const char *path)
{
  struct sockaddr_un peer = { 0 };
  socklen_t length = sizeof peer;

  return getpeername (fd, (struct sockaddr *) &peer, &length) == 0 && peer.sun_family == AF_UNIX
         && strcmp (peer.sun_path, path) == 0;
}

guint
accept_queue_count_unread_pings (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *entry;
  int total = 0;

  while ((entry = g_dir_read_name (dir)) != NULL)
    {
      int fd = atoi (entry), size = 0;

      if (!is_connected_to (fd, path))
        continue;
      g_assert_no_errno (ioctl (fd, SIOCOUTQ, &size));
      total += size;
    }
  return (guint) (total / measure_one_ping ());
}
