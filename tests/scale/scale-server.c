/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the controllers' side of the scale test: one epoll loop, a socket and a client for each container.
 * It uses neither GLib's main loop nor an allocation per event, so that its own time is not measured.
 *
 * A run: listen, accept one client, INIT (several, with pids of their own), EXIT, end of file, and
 * the next run at the same path. Some runs end without EXIT, some inside a message, and any message
 * may go out in two pieces with other containers' business in between.
 */

#include "scale-server.h"

#include <errno.h>
#include <lxcmon/lxcmon-encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <signal.h>
#include <unistd.h>

enum
{
  EVENTS_PER_WAIT = 64,
  INITS_MAX = 8,
};

typedef enum
{
  END_WITH_EXIT,
  END_LOST,
  END_TRUNCATED,
} End;

typedef struct
{
  int listen_fd;
  int client_fd;
  guint n_inits_left;
  End end;
  gboolean in_exit; /* the message under way is the last one */
  guint8 message[LXCMON_ENCODED_SIZE];
  gsize size; /* of the message under way, or 0 */
  gsize sent;
  int pid;
} Life;

typedef struct
{
  const ScaleServer *options;
  int epoll_fd;
  Life *lives;
  guint n_open;
  guint32 random;
} Server;

/* A generator of our own: the same seed gives the same runs on every machine. */
static guint
next_random (Server *self, guint below)
{
  self->random ^= self->random << 13;
  self->random ^= self->random >> 17;
  self->random ^= self->random << 5;
  return self->random % below;
}

static void
die (const char *what)
{
  fprintf (stderr, "scale server: %s: %s\n", what, strerror (errno));
  _exit (1);
}

char *
scale_socket_path (const char *directory, guint container)
{
  return g_strdup_printf ("%s/c%u.sock", directory, container);
}

static ScaleTally *
tally_of (Server *self, Life *life)
{
  return &self->options->shared->tally[self->options->first + (guint) (life - self->lives)];
}

static void
watch (Server *self, Life *life, int fd, guint32 events)
{
  struct epoll_event event = { .events = events, .data.u32 = (guint32) (life - self->lives) };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    die ("epoll_ctl");
}

static void
begin_life (Server *self, Life *life)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  guint container = self->options->first + (guint) (life - self->lives);

  *life = (Life){ .listen_fd = -1, .client_fd = -1 };
  if (g_atomic_int_get (&self->options->shared->stop))
    return;
  snprintf (address.sun_path, sizeof address.sun_path, "%s/c%u.sock", self->options->directory,
            container);
  (void) unlink (address.sun_path);
  life->listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (life->listen_fd < 0
      || bind (life->listen_fd, (struct sockaddr *) &address, sizeof address) < 0
      || listen (life->listen_fd, 30) < 0)
    die ("listen");
  watch (self, life, life->listen_fd, EPOLLIN);
  self->n_open++;
}

static void
unlink_socket (const Life *life)
{
  struct sockaddr_un address;
  socklen_t size = sizeof address;

  if (getsockname (life->listen_fd, (struct sockaddr *) &address, &size) == 0)
    (void) unlink (address.sun_path);
}

static void
end_life (Server *self, Life *life)
{
  /* The file goes before the end of file comes, as with a real controller. */
  unlink_socket (life);
  close (life->listen_fd);
  life->listen_fd = -1;
  if (life->client_fd >= 0)
    close (life->client_fd);
  self->n_open--;
  begin_life (self, life);
}

static void
prepare_message (Server *self, Life *life)
{
  life->in_exit = life->n_inits_left == 0;
  life->pid = (int) next_random (self, G_MAXINT - 1) + 1;
  life->size = life->in_exit ? lxcmon_encode_exit (life->message, sizeof life->message,
                                                   (int) next_random (self, 3))
                             : lxcmon_encode_init (life->message, sizeof life->message, life->pid);
  life->sent = 0;
}

/* Writes down that a message is complete on the wire. */
static void
count_message (Server *self, Life *life)
{
  ScaleTally *tally = tally_of (self, life);

  if (life->in_exit)
    tally->n_exit++;
  else
    {
      tally->n_init++;
      tally->pid_sum += (guint64) life->pid;
      life->n_inits_left--;
    }
  life->size = 0;
  g_atomic_int_inc (&self->options->shared->n_events);
}

/* Sends the message under way, or a part of it. Returns FALSE if the client cannot take more. */
static gboolean
send_some (Server *self, Life *life)
{
  gsize left = life->size - life->sent;
  gsize part
      = left > 1 && next_random (self, 4) == 0 ? 1 + next_random (self, (guint) left - 1) : left;
  gssize n = send (life->client_fd, life->message + life->sent, part, MSG_NOSIGNAL);

  if (n < 0 && errno == EAGAIN)
    return FALSE;
  if (n < 0)
    die ("send");
  life->sent += (gsize) n;
  if (life->sent == life->size)
    count_message (self, life);

  return TRUE;
}

/* The next step of a run that has a client: a message, a part of one, or the end. */
static void
step (Server *self, Life *life)
{
  if (life->size == 0 && life->n_inits_left == 0 && life->end == END_LOST)
    {
      tally_of (self, life)->n_lost++;
      end_life (self, life);
      return;
    }
  if (life->size == 0)
    prepare_message (self, life);
  if (life->in_exit && life->end == END_TRUNCATED)
    {
      (void) send (life->client_fd, life->message, 1 + next_random (self, (guint) life->size - 1),
                   MSG_NOSIGNAL);
      tally_of (self, life)->n_truncated++;
      end_life (self, life);
      return;
    }
  if (send_some (self, life) && life->size == 0 && life->in_exit)
    {
      tally_of (self, life)->n_ends++;
      end_life (self, life);
    }
}

static void
accept_client (Server *self, Life *life)
{
  int fd = accept4 (life->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  guint chance = next_random (self, 20);

  if (fd < 0)
    return;
  (void) epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, life->listen_fd, NULL);
  life->client_fd = fd;
  life->n_inits_left = 1 + next_random (self, INITS_MAX);
  life->end = chance == 0 ? END_TRUNCATED : chance < 4 ? END_LOST : END_WITH_EXIT;
  /* Writable at once: each iteration of the loop is one step of this run, among those of the others. */
  watch (self, life, fd, EPOLLOUT);
}

/* How long to wait before checking whether everything has ended. */
#define IDLE_MS 100

void
scale_server_run (const ScaleServer *options)
{
  struct epoll_event events[EVENTS_PER_WAIT];
  Server self = { .options = options, .random = options->seed | 1 };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  self.epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self.lives = calloc (options->n, sizeof *self.lives);
  if (self.epoll_fd < 0 || self.lives == NULL)
    die ("start");
  for (guint i = 0; i < options->n; i++)
    begin_life (&self, &self.lives[i]);

  while (self.n_open > 0)
    {
      int n = epoll_wait (self.epoll_fd, events, EVENTS_PER_WAIT, IDLE_MS);

      /* A server that replaces one that was killed may be too late for its last clients. */
      if (n == 0 && g_atomic_int_get (&options->shared->over))
        break;
      for (int i = 0; i < n; i++)
        {
          Life *life = &self.lives[events[i].data.u32];
          if (life->client_fd >= 0)
            step (&self, life);
          else
            accept_client (&self, life);
        }
    }
  for (guint i = 0; i < options->n; i++)
    unlink_socket (&self.lives[i]);
  _exit (0);
}
