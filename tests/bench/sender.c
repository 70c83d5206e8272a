/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the process that writes a stream of events into a connection, as fast as it is taken.
 */

#include "sender.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Events of one round: on libvirt's wire they fill some 60 KiB. */
#define EVENTS_PER_ROUND 1820

#define MESSAGES_PER_CALL 16

/* What a controller says of its container: the pid of its init, and that it was shut down. */
#define INIT_PID    4711
#define EXIT_STATUS 1

/* And where each says something else: with other numbers than a controller has, and one more each time. */
#define PID_FIRST  1000
#define N_STATUSES 3

static int
get_number (guint i, gboolean is_exit, gboolean changing)
{
  if (!changing)
    return is_exit ? EXIT_STATUS : INIT_PID;
  return (int) (is_exit ? i / 2 % N_STATUSES : PID_FIRST + i);
}

/**
 * bench_stream_init:
 *
 * Makes a stream of at least @n_events: a controller's own INIT and EXIT in turn, or where @changing each of
 * them with another number than the last.
 */
void
bench_stream_init (BenchStream *self, BenchCell *cell, guint n_events, gboolean changing)
{
  BenchTally before = cell->sent;
  guint8 message[BENCH_MESSAGE_MAX];

  self->bytes = g_byte_array_new ();
  self->ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  self->n_rounds = (n_events + EVENTS_PER_ROUND - 1) / EVENTS_PER_ROUND;
  for (guint i = 0; i < EVENTS_PER_ROUND; i++)
    {
      gboolean is_exit = i % 2 == 1;
      gsize size = bench_cell_encode (cell, message, is_exit, get_number (i, is_exit, changing));
      g_byte_array_append (self->bytes, message, (guint) size);
      gsize end = self->bytes->len;
      g_array_append_val (self->ends, end);
    }

  guint more = self->n_rounds - 1;
  cell->sent.n_inits += more * (cell->sent.n_inits - before.n_inits);
  cell->sent.n_exits += more * (cell->sent.n_exits - before.n_exits);
  cell->sent.sum += more * (cell->sent.sum - before.sum);
}

/* Sends messages one by one, by as few calls as there can be. */
static void
send_messages (int fd, struct mmsghdr *messages, guint n)
{
  while (n > 0)
    {
      int sent = sendmmsg (fd, messages, n, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR)
        continue;
      if (sent < 0)
        bench_die ("cannot send: %s", g_strerror (errno));
      messages += sent;
      n -= (guint) sent;
    }
}

/* Each message is sent for itself and wakes the receiver up for itself; some in one system call, or it is
 * the sender that is measured. */
static void
send_each (int fd, const BenchStream *stream)
{
  struct iovec parts[MESSAGES_PER_CALL];
  struct mmsghdr messages[MESSAGES_PER_CALL] = { 0 };
  gsize at = 0;
  guint n = 0;

  for (guint i = 0; i < stream->ends->len; i++)
    {
      gsize end = g_array_index (stream->ends, gsize, i);

      parts[n] = (struct iovec){ stream->bytes->data + at, end - at };
      messages[n].msg_hdr = (struct msghdr){ .msg_iov = &parts[n], .msg_iovlen = 1 };
      at = end;
      if (++n == MESSAGES_PER_CALL || i + 1 == stream->ends->len)
        {
          send_messages (fd, messages, n);
          n = 0;
        }
    }
}

static void
send_round (int fd, const BenchStream *stream, gboolean one_by_one)
{
  if (one_by_one)
    send_each (fd, stream);
  else
    bench_write (fd, stream->bytes->data, stream->bytes->len);
}

/* The sender's main function: it waits for the signal to start, writes, and does not exit, as this would
 * be a hang-up. */
static void
run (BenchCell *cell, const BenchStream *stream, gboolean one_by_one, int go)
{
  char sign;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  bench_pin (cell->cpus[1]);
  if (read (go, &sign, 1) == 1)
    {
      for (guint i = 0; i < stream->n_rounds; i++)
        send_round (cell->fds[0], stream, one_by_one);
      pause ();
    }
  _exit (0);
}

/**
 * bench_sender_start:
 *
 * Starts a sender. The cell's ends of its connections are the sender's from now on.
 */
void
bench_sender_start (BenchSender *self, BenchCell *cell, const BenchStream *stream,
                    gboolean one_by_one)
{
  int ends[2];

  if (pipe (ends) < 0)
    bench_die ("cannot make a pipe: %s", g_strerror (errno));
  self->go = ends[1];
  self->pid = fork ();
  if (self->pid < 0)
    bench_die ("cannot start a sender: %s", g_strerror (errno));
  if (self->pid == 0)
    {
      close (ends[1]);
      run (cell, stream, one_by_one, ends[0]);
    }

  close (ends[0]);
  for (guint i = 0; i < cell->n_fds; i++)
    close (cell->fds[i]);
  cell->n_fds = 0;
}

void
bench_sender_go (BenchSender *self)
{
  if (write (self->go, "", 1) != 1)
    bench_die ("the sender has gone");
}

void
bench_sender_stop (BenchSender *self)
{
  kill (self->pid, SIGKILL);
  waitpid (self->pid, NULL, 0);
  close (self->go);
}
