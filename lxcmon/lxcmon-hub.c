/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns one epoll descriptor, one timer descriptor, one buffer, and the turn of each connection that
 * is behind them. What is ready stands in the hub and not on the stack: a dispatch that is entered
 * again, by a loop in a callback, goes on where the one around it stopped.
 *
 * Refuses to know what a message is (lxcmon-reader.c) and what a timer is for (lxcmon-state.c).
 */

#include "lxcmon-hub-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fork-private.h"
#include "lxcmon-reader-private.h"
#include "lxcmon-timers-private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum
{
  BUFFER_SIZE = 65536,
  EVENTS_PER_WAIT = 256,
  CLOSES_MAX = 256,
};

struct _LxcmonHub
{
  unsigned int ref_count;
  unsigned int fork_generation;
  unsigned int depth; /* of dispatches, one in the other */
  int epoll_fd;
  int timer_fd;
  int64_t armed_for; /* the deadline that the timer is set to, or 0 */
  bool timer_expired;
  size_t n_connections;
  LxcmonTimers timers;
  LxcmonReader reader;
  int position; /* in events: what was ready and has not had its turn */
  int n_events;
  int n_closes;
  int closes[CLOSES_MAX]; /* descriptors to close behind all that is ready */
  struct epoll_event events[EVENTS_PER_WAIT];
  uint8_t buffer[BUFFER_SIZE];
};

static void
close_what_is_left (LxcmonHub *self)
{
  while (self->n_closes > 0)
    close (self->closes[--self->n_closes]);
}

static void
hub_free (LxcmonHub *self)
{
  close_what_is_left (self);
  _lxcmon_timers_clear (&self->timers);
  if (self->timer_fd >= 0)
    close (self->timer_fd);
  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
  free (self);
}

static bool
open_descriptors (LxcmonHub *self, LxcmonError *error)
{
  /* The timer is the one entry that is no connection: it is marked by the hub itself. */
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = self };

  self->epoll_fd = _lxcmon_fd_above_stdio (epoll_create1 (EPOLL_CLOEXEC));
  if (self->epoll_fd < 0)
    return _lxcmon_error_set_system (error, errno, "cannot make an epoll descriptor");
  self->timer_fd
      = _lxcmon_fd_above_stdio (timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (self->timer_fd < 0)
    return _lxcmon_error_set_system (error, errno, "cannot make a timer descriptor");
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, self->timer_fd, &event) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot watch the timer descriptor");
  return true;
}

/**
 * lxcmon_hub_new:
 * @error: (out) (optional): where the error goes
 *
 * Makes a hub. It takes two descriptors, however many connections are behind it.
 *
 * Returns: (transfer full) (nullable): a hub to give back with lxcmon_hub_unref(), or %NULL with
 *   @error set
 *
 * Since: 0.1
 */
LxcmonHub *
lxcmon_hub_new (LxcmonError *error)
{
  LxcmonHub *self = calloc (1, sizeof *self);

  if (self == NULL)
    {
      _lxcmon_error_set_no_memory (error);
      return NULL;
    }
  self->ref_count = 1;
  self->fork_generation = _lxcmon_fork_generation ();
  self->epoll_fd = self->timer_fd = -1;
  self->reader.buffer = self->buffer;
  self->reader.size = sizeof self->buffer;
  if (!open_descriptors (self, error))
    {
      hub_free (self);
      return NULL;
    }

  return self;
}

/**
 * lxcmon_hub_ref:
 * @self: a hub
 *
 * Takes a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 0.1
 */
LxcmonHub *
lxcmon_hub_ref (LxcmonHub *self)
{
  self->ref_count++;
  return self;
}

/**
 * lxcmon_hub_unref:
 * @self: (transfer full) (nullable): a hub
 *
 * Gives back a reference. Each connection behind the hub holds one too, so the hub lives as long as
 * the last of them.
 *
 * Since: 0.1
 */
void
lxcmon_hub_unref (LxcmonHub *self)
{
  if (self != NULL && --self->ref_count == 0)
    hub_free (self);
}

/**
 * lxcmon_hub_get_fd:
 * @self: a hub
 *
 * The one descriptor to poll; it stays the same for the hub's life.
 *
 * Returns: a descriptor that stays the hub's own
 *
 * Since: 0.1
 */
int
lxcmon_hub_get_fd (const LxcmonHub *self)
{
  return self->epoll_fd;
}

/**
 * lxcmon_hub_get_events:
 * @self: a hub
 *
 * What to poll the descriptor for.
 *
 * Returns: POLLIN
 *
 * Since: 0.1
 */
short
lxcmon_hub_get_events (const LxcmonHub *self)
{
  (void) self;
  return POLLIN;
}

/**
 * lxcmon_hub_get_timeout:
 * @self: a hub
 *
 * How long to poll at the most. The hub's timers make its descriptor readable, so it is always -1;
 * the call is there so that a loop can treat hubs and connections alike.
 *
 * Returns: -1: as long as it takes
 *
 * Since: 0.1
 */
int
lxcmon_hub_get_timeout (const LxcmonHub *self)
{
  (void) self;
  return -1;
}

/**
 * lxcmon_hub_get_n_connections:
 * @self: a hub
 *
 * How many connections behind the hub are attached.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
size_t
lxcmon_hub_get_n_connections (const LxcmonHub *self)
{
  return self->n_connections;
}

/**
 * lxcmon_hub_was_forked:
 * @self: a hub
 *
 * Whether the hub was made before this process was forked off. It serves the parent and does nothing
 * here but close its descriptors when it is freed.
 *
 * Returns: whether it was
 *
 * Since: 0.1
 */
bool
lxcmon_hub_was_forked (const LxcmonHub *self)
{
  return self->fork_generation != _lxcmon_fork_generation ();
}

/* The same where a callback has run: it may have forked. */
static inline bool
was_forked_now (const LxcmonHub *self)
{
  return self->fork_generation != _lxcmon_fork_count;
}

static struct epoll_event
make_event (LxcmonConnection *connection, bool writable)
{
  return (struct epoll_event){
    .events = EPOLLIN | EPOLLRDHUP | (writable ? EPOLLOUT : 0u),
    .data.ptr = connection,
  };
}

/**
 * _lxcmon_hub_add:
 *
 * Makes room for a connection that is about to attach.
 *
 * Returns: whether there is room
 */
bool
_lxcmon_hub_add (LxcmonHub *self, LxcmonConnection *connection, LxcmonError *error)
{
  (void) connection;
  if (lxcmon_hub_was_forked (self))
    return _lxcmon_error_set (
        error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
        "cannot attach behind a hub that another process made: make one after "
        "fork");
  if (!_lxcmon_timers_reserve (&self->timers, self->n_connections + 1))
    return _lxcmon_error_set_no_memory (error);

  self->n_connections++;
  return true;
}

/**
 * _lxcmon_hub_watch:
 *
 * Watches the descriptor of a connection that was added.
 *
 * Returns: whether it is watched
 */
bool
_lxcmon_hub_watch (LxcmonHub *self, LxcmonConnection *connection, LxcmonError *error)
{
  struct epoll_event event = make_event (connection, false);

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot watch the controller's socket");
  return true;
}

/**
 * _lxcmon_hub_remove:
 *
 * Forgets a connection that was added: its descriptor, its timer, and its turn where it was ready.
 */
void
_lxcmon_hub_remove (LxcmonHub *self, LxcmonConnection *connection)
{
  if (connection->fd >= 0)
    (void) epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
  _lxcmon_hub_clear_timer (self, connection);
  for (int i = self->position; i < self->n_events; i++)
    if (self->events[i].data.ptr == connection)
      self->events[i].data.ptr = NULL;
  self->n_connections--;
}

void
_lxcmon_hub_watch_writable (LxcmonHub *self, LxcmonConnection *connection, bool watch)
{
  struct epoll_event event = make_event (connection, watch);

  (void) epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

/**
 * _lxcmon_hub_close_later:
 *
 * Closes a descriptor that is watched no more, behind all that is ready now.
 */
void
_lxcmon_hub_close_later (LxcmonHub *self, int fd)
{
  if (self->n_closes == CLOSES_MAX)
    close_what_is_left (self);
  self->closes[self->n_closes++] = fd;
  if (self->depth == 0)
    close_what_is_left (self);
}

/* Sets the timer descriptor to the earliest deadline. An idle hub's timer is off: a connection that
 * was served in time must not wake anybody later. */
static void
arm (LxcmonHub *self)
{
  const LxcmonConnection *first = _lxcmon_timers_peek (&self->timers);
  int64_t deadline = first != NULL ? first->deadline : 0;
  struct itimerspec when = {
    .it_value = { .tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000 },
  };

  if (deadline == self->armed_for)
    return;
  self->armed_for = deadline;
  (void) timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void
_lxcmon_hub_set_timer (LxcmonHub *self, LxcmonConnection *connection)
{
  _lxcmon_timers_set (&self->timers, connection);
  arm (self);
}

void
_lxcmon_hub_clear_timer (LxcmonHub *self, LxcmonConnection *connection)
{
  if (connection->timer_index == LXCMON_TIMER_NONE)
    return;

  _lxcmon_timers_remove (&self->timers, connection);
  arm (self);
}

/* Gives each connection whose deadline is over its turn. Now is asked once: what is set meanwhile is
 * for the next time. */
static void
run_timers (LxcmonHub *self)
{
  int64_t now = _lxcmon_clock_now ();
  uint64_t n_expirations;

  if (was_forked_now (self))
    return;
  self->timer_expired = false;
  self->armed_for = 0;
  (void) !read (self->timer_fd, &n_expirations, sizeof n_expirations);

  for (;;)
    {
      LxcmonConnection *connection = _lxcmon_timers_peek (&self->timers);
      if (connection == NULL || connection->deadline > now)
        break;
      _lxcmon_timers_remove (&self->timers, connection);
      _lxcmon_connection_on_timer (connection);
      if (was_forked_now (self))
        return;
    }
  arm (self);
}

/* The next connection that is ready, or NULL. */
static LxcmonConnection *
next_ready (LxcmonHub *self, uint32_t *events)
{
  while (self->position < self->n_events)
    {
      const struct epoll_event *event = &self->events[self->position++];

      if (event->data.ptr == self)
        self->timer_expired = true;
      else if (event->data.ptr != NULL)
        {
          *events = event->events;
          return event->data.ptr;
        }
    }

  return NULL;
}

/* Gives a connection its turn. It may be gone afterwards. */
static void
run_connection (LxcmonHub *self, LxcmonConnection *connection, uint32_t events)
{
  if (connection->reader != NULL)
    {
      /* Somebody further up the stack has bytes of it in hand: those come first. What else there is
       * to read is still ready afterwards. */
      _lxcmon_reader_run (connection->reader);
      return;
    }

  if (_lxcmon_sender_is_due (connection))
    _lxcmon_sender_flush (connection);
  if ((events & ~(uint32_t) EPOLLOUT) == 0)
    return;
  connection->hung_up = (events & EPOLLHUP) != 0;
  _lxcmon_reader_begin (&self->reader, connection,
                        (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0);
  _lxcmon_reader_run (&self->reader);
}

/* Gives all that is ready its turn, as far as the bounds of one dispatch allow. Who has not had it
 * stands first in line at the next one: the kernel would put those that always have more before it.
 * Returns whether all have had it. */
static bool
run_ready (LxcmonHub *self)
{
  LxcmonConnection *connection;
  uint32_t events;

  while ((connection = next_ready (self, &events)) != NULL)
    {
      run_connection (self, connection, events);
      if (was_forked_now (self))
        return false;
      if (_lxcmon_reader_has_enough (&self->reader))
        return self->position == self->n_events;
    }
  return true;
}

static void
ask_what_is_ready (LxcmonHub *self)
{
  int n = epoll_wait (self->epoll_fd, self->events, EVENTS_PER_WAIT, 0);

  self->position = 0;
  self->n_events = n > 0 ? n : 0;
}

/**
 * lxcmon_hub_dispatch:
 * @self: a hub
 *
 * Does what there is to do for all connections behind the hub, without ever blocking: call it when
 * the descriptor is readable. Its work is bounded; where there is more, the descriptor stays readable.
 * It may be called again from inside a callback.
 *
 * Since: 0.1
 */
void
lxcmon_hub_dispatch (LxcmonHub *self)
{
  if (lxcmon_hub_was_forked (self))
    return;

  lxcmon_hub_ref (self);
  self->depth++;
  self->reader.n_read = 0;

  /* Entered again: the bytes in hand first. Then those whose turn it was, then who is new. */
  if (self->reader.connection != NULL)
    _lxcmon_reader_run (&self->reader);
  if (!was_forked_now (self) && run_ready (self))
    {
      ask_what_is_ready (self);
      run_ready (self);
    }
  if (self->timer_expired)
    run_timers (self);

  close_what_is_left (self);
  self->depth--;
  lxcmon_hub_unref (self);
}
