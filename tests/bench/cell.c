/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a cell from inside: the controllers' ends, the connections of the peer that is measured, what
 * was sent and whether it has all come. Refuses to know what is measured.
 */

#include "cell.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <lxcmon/lxcmon.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

BenchTally bench_tally;

gint64
bench_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64) now.tv_sec * 1000000000 + now.tv_nsec;
}

void
bench_pin (guint cpu)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  CPU_SET (cpu, &set);
  if (sched_setaffinity (0, sizeof set, &set) < 0)
    bench_die ("cannot stay on one core: %s", g_strerror (errno));
}

/* The first two cores that we may use; a machine with one has it twice. */
static void
find_cpus (guint cpus[2])
{
  cpu_set_t set;
  int n = 0;

  if (sched_getaffinity (0, sizeof set, &set) < 0)
    bench_die ("cannot ask for the cores to use: %s", g_strerror (errno));
  for (guint cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
    if (CPU_ISSET (cpu, &set))
      cpus[n++] = cpu;
  if (n == 1)
    cpus[1] = cpus[0];
}

static void
fill_address (struct sockaddr_un *address, const char *path)
{
  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  if (g_strlcpy (address->sun_path, path, sizeof address->sun_path) >= sizeof address->sun_path)
    bench_die ("the path of the temporary directory is too long: %s", path);
}

/* Connects as a peer does that has no way of its own. */
int
bench_connect (const char *path)
{
  struct sockaddr_un address;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  fill_address (&address, path);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    bench_die ("cannot connect to %s: %s", path, g_strerror (errno));
  return fd;
}

static void
listen_in_temporary_dir (BenchCell *self)
{
  struct sockaddr_un address;

  self->dir = g_dir_make_tmp ("lxcmon-bench-XXXXXX", NULL);
  if (self->dir == NULL)
    bench_die ("cannot make a temporary directory");
  self->path = g_build_filename (self->dir, "web1.sock", NULL);
  fill_address (&address, self->path);
  self->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (self->listener < 0 || bind (self->listener, (struct sockaddr *) &address, sizeof address) < 0
      || listen (self->listener, 16) < 0)
    bench_die ("cannot listen on %s: %s", self->path, g_strerror (errno));
}

static void
remove_temporary_dir (BenchCell *self)
{
  if (self->listener >= 0)
    close (self->listener);
  self->listener = -1;
  if (self->path != NULL)
    g_unlink (self->path);
  if (self->dir != NULL)
    g_rmdir (self->dir);
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->dir, g_free);
}

/* Connects the peer once more. Returns how many ns its part of it took. */
double
bench_cell_link_timed (BenchCell *self)
{
  gint64 begin = bench_now ();
  self->peer->open (self->path);
  gint64 end = bench_now ();

  int fd = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0)
    bench_die ("cannot accept connection %u: %s", self->n_fds + 1, g_strerror (errno));
  self->fds[self->n_fds++] = fd;

  return (double) (end - begin);
}

/* Connects the peer @n times more. */
void
bench_cell_link (BenchCell *self, guint n)
{
  for (guint i = 0; i < n; i++)
    (void) bench_cell_link_timed (self);
}

void
bench_write (int fd, const guint8 *bytes, gsize n_bytes)
{
  while (n_bytes > 0)
    {
      gssize n = send (fd, bytes, n_bytes, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        bench_die ("cannot write: %s", g_strerror (errno));
      bytes += n;
      n_bytes -= (gsize) n;
    }
}

/* Makes a message, and counts it as sent. */
gsize
bench_cell_encode (BenchCell *self, guint8 *buffer, gboolean is_exit, int number)
{
  if (is_exit)
    self->sent.n_exits++;
  else
    self->sent.n_inits++;
  self->sent.sum += (guint64) number;

  if (self->peer->encode != NULL)
    return self->peer->encode (buffer, is_exit, number);
  if (is_exit)
    return lxcmon_encode_exit (buffer, BENCH_MESSAGE_MAX, number);
  return lxcmon_encode_init (buffer, BENCH_MESSAGE_MAX, number);
}

void
bench_cell_send (BenchCell *self, guint index, gboolean is_exit, int number)
{
  guint8 buffer[BENCH_MESSAGE_MAX];
  gsize size = bench_cell_encode (self, buffer, is_exit, number);

  bench_write (self->fds[index], buffer, size);
}

void
bench_cell_hang_up (BenchCell *self, guint index)
{
  close (self->fds[index]);
  self->fds[index] = -1;
  self->sent.n_closed++;
}

/* Runs the peer's loop until all has come that is not lost on the way to its handlers. */
void
bench_cell_wait_events (BenchCell *self)
{
  guint64 n = self->sent.n_inits + self->sent.n_exits;

  while (bench_tally.n_inits + bench_tally.n_exits < n)
    self->peer->turn (TRUE);
}

/* The same if the controllers have hung up: that is the last event. */
void
bench_cell_wait_closed (BenchCell *self)
{
  while (bench_tally.n_closed < self->sent.n_closed)
    self->peer->turn (TRUE);
}

/* Lets the peer do what it still has to do, if no handler reports when that is done. */
void
bench_cell_settle (BenchCell *self)
{
  for (int i = 0; i < 20; i++)
    {
      while (self->peer->turn (FALSE))
        ;
      g_usleep (1000);
    }
}

static void
drain (int fd)
{
  guint8 buffer[4096];

  while (recv (fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
    ;
}

/* Makes everybody served by a first INIT, and forgets it. */
void
bench_cell_serve (BenchCell *self)
{
  for (guint i = 0; i < self->n_fds; i++)
    bench_cell_send (self, i, FALSE, 1);
  if (self->n_handlers > 0)
    bench_cell_wait_events (self);
  bench_cell_settle (self);
  for (guint i = 0; i < self->n_fds; i++)
    drain (self->fds[i]);

  self->sent = bench_tally = (BenchTally){ 0 };
}

/* What most measures begin with: all connections there, and served. */
void
bench_cell_set_up (BenchCell *self)
{
  self->peer->start (self->n_handlers);
  bench_cell_link (self, self->n);
  bench_cell_serve (self);
}

static guint64
count_missing (guint64 sent, guint64 got)
{
  return sent > got ? sent - got : got - sent;
}

/* Takes the result, and compares what has come with what was sent. */
void
bench_cell_finish (BenchCell *self, double value)
{
  self->value = value;
  self->n_lost = count_missing (self->sent.n_inits, bench_tally.n_inits)
                 + count_missing (self->sent.n_exits, bench_tally.n_exits)
                 + count_missing (self->sent.n_closed, bench_tally.n_closed);
  if (self->n_lost == 0 && self->sent.sum != bench_tally.sum)
    self->n_lost = 1;

  remove_temporary_dir (self);
  printf (BENCH_CELL_FORMAT, self->value, self->n_lost);
  fflush (stdout);
}

static void
parse_spec (BenchCell *self, const char *spec)
{
  g_auto (GStrv) parts = g_strsplit (spec, ":", -1);

  if (g_strv_length (parts) != 4)
    bench_die ("not a cell: %s", spec);
  self->measure = bench_measure_find (parts[0]);
  self->peer = bench_peer_find (parts[1]);
  self->n = (guint) strtoul (parts[2], NULL, 10);
  self->quick = g_str_equal (parts[3], "quick");
  if (self->measure == NULL || self->peer == NULL)
    bench_die ("not a cell: %s", spec);
}

/* Measures one cell, and says what came of it in one line on standard output. */
int
bench_cell_main (const char *spec)
{
  BenchCell self = { .n_handlers = 3, .listener = -1 };

  parse_spec (&self, spec);
  find_cpus (self.cpus);
  bench_pin (self.cpus[0]);
  self.fds = g_new (int, 2 * self.n + 1);
  listen_in_temporary_dir (&self);
  self.measure->run (&self);

  /* Peers are not taken apart: the process ends. */
  _exit (0);
}
