/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the epoll descriptor and the timer descriptor of a hub, the list of what was ready when epoll
 * was last asked, and when the timer descriptor is set. It does not know what a connection is.
 */

#include "lxcmon-poller-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fd-private.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

/**
 * _lxcmon_poller_open:
 *
 * Makes the two descriptors.
 *
 * Returns: false with @error set if that fails; the poller is to be closed also then
 */
bool
_lxcmon_poller_open (LxcmonPoller *self, LxcmonError *error)
{
  /* All other entries have an owner. */
  struct epoll_event timer_event = { .events = EPOLLIN, .data.ptr = NULL };

  self->fork_generation = _lxcmon_fork_generation ();
  self->timer_fd = -1;
  self->epoll_fd = _lxcmon_fd_above_stdio (epoll_create1 (EPOLL_CLOEXEC));
  if (self->epoll_fd < 0)
    return _lxcmon_error_set_system (error, errno, "cannot make an epoll descriptor");
  self->timer_fd
      = _lxcmon_fd_above_stdio (timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (self->timer_fd < 0)
    return _lxcmon_error_set_system (error, errno, "cannot make a timer descriptor");
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, self->timer_fd, &timer_event) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot watch the timer descriptor");
  return true;
}

void
_lxcmon_poller_close (LxcmonPoller *self)
{
  _lxcmon_timers_clear (&self->timers);
  if (self->timer_fd >= 0)
    close (self->timer_fd);
  if (self->epoll_fd >= 0)
    close (self->epoll_fd);
}

/**
 * _lxcmon_poller_add:
 *
 * Reserves what one more connection needs.
 *
 * Returns: false with @error set if memory has run out
 */
bool
_lxcmon_poller_add (LxcmonPoller *self, LxcmonError *error)
{
  if (!_lxcmon_timers_reserve (&self->timers,
                               (self->n_connections + 1) * LXCMON_TIMERS_PER_CONNECTION
                                   + LXCMON_TIMERS_PER_HUB))
    return _lxcmon_error_set_no_memory (error);

  self->n_connections++;
  return true;
}

static struct epoll_event
make_event (void *owner, bool writable)
{
  return (struct epoll_event){
    .events = EPOLLIN | EPOLLRDHUP | (writable ? EPOLLOUT : 0u),
    .data.ptr = owner,
  };
}

bool
_lxcmon_poller_watch (LxcmonPoller *self, int fd, void *owner, LxcmonError *error)
{
  struct epoll_event event = make_event (owner, false);

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot watch a descriptor");
  return true;
}

void
_lxcmon_poller_watch_writable (LxcmonPoller *self, int fd, void *owner, bool watch)
{
  struct epoll_event event = make_event (owner, watch);

  (void) epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

/**
 * _lxcmon_poller_remove:
 * @fd: a descriptor that is watched, or -1
 *
 * Removes a connection that was added: its descriptor, and its entry in the ready list. Its timers are unset before.
 */
void
_lxcmon_poller_remove (LxcmonPoller *self, int fd, const void *owner)
{
  if (fd >= 0)
    (void) epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  for (int i = self->position; i < self->n_events; i++)
    if (self->events[i].data.ptr == owner)
      self->events[i--] = self->events[--self->n_events];
  self->n_connections--;
}

/* Sets the timer descriptor to the earliest deadline, or turns it off: an idle process must not be woken
 * up. Within a round, this is delayed until its end: the process does not sleep before it. */
static void
arm (LxcmonPoller *self)
{
  const LxcmonTimer *first = _lxcmon_timers_peek (&self->timers);
  int64_t deadline = first != NULL ? first->deadline : 0;
  struct itimerspec when = {
    .it_value = { .tv_sec = deadline / LXCMON_NS_PER_S, .tv_nsec = deadline % LXCMON_NS_PER_S },
  };

  if (self->in_round || deadline == self->armed_for)
    return;
  self->armed_for = deadline;
  (void) timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/**
 * _lxcmon_poller_set_timer:
 *
 * Sets the timer of a connection that was added, instead of when it was set to before.
 */
void
_lxcmon_poller_set_timer (LxcmonPoller *self, LxcmonTimer *timer, unsigned int ms)
{
  _lxcmon_timers_set (&self->timers, timer, _lxcmon_clock_now () + (int64_t) ms * LXCMON_NS_PER_MS);
  arm (self);
}

void
_lxcmon_poller_unset_timer (LxcmonPoller *self, LxcmonTimer *timer)
{
  _lxcmon_timers_unset (&self->timers, timer);
  arm (self);
}

/**
 * _lxcmon_poller_begin_round:
 *
 * Asks epoll what is ready.
 */
void
_lxcmon_poller_begin_round (LxcmonPoller *self)
{
  int n = epoll_wait (self->epoll_fd, self->events, LXCMON_POLLER_EVENTS_PER_ROUND, 0);

  self->in_round = true;
  self->position = 0;
  self->n_events = n > 0 ? n : 0;
}

/**
 * _lxcmon_poller_take_ready:
 *
 * Removes what must be handled first from what is ready.
 *
 * Returns: whether it is ready, or may be: more may be ready than a round has room for
 */
bool
_lxcmon_poller_take_ready (LxcmonPoller *self, const void *owner)
{
  for (int i = self->position; i < self->n_events; i++)
    if (self->events[i].data.ptr == owner)
      {
        self->events[i] = self->events[--self->n_events];
        return true;
      }

  return self->n_events == LXCMON_POLLER_EVENTS_PER_ROUND;
}

/**
 * _lxcmon_poller_next_ready:
 * @events: (out): what it is ready for
 *
 * Returns: the owner of the next descriptor that is ready, or %NULL if there is none left in this round
 */
void *
_lxcmon_poller_next_ready (LxcmonPoller *self, uint32_t *events)
{
  while (self->position < self->n_events)
    {
      const struct epoll_event *event = &self->events[self->position++];

      *events = event->events;
      if (event->data.ptr != NULL)
        return event->data.ptr;
      self->timer_expired = true;
    }

  return NULL;
}

/**
 * _lxcmon_poller_next_due:
 *
 * Removes the next timer whose deadline has passed. Those that are set from now on are for a later round.
 *
 * Returns: a timer, or %NULL if none is due
 */
LxcmonTimer *
_lxcmon_poller_next_due (LxcmonPoller *self)
{
  LxcmonTimer *timer = _lxcmon_timers_peek (&self->timers);

  if (!self->timer_expired)
    return NULL;
  if (self->now == 0)
    self->now = _lxcmon_clock_now ();
  if (timer == NULL || timer->deadline > self->now)
    return NULL;

  _lxcmon_timers_unset (&self->timers, timer);
  return timer;
}

/**
 * _lxcmon_poller_end_round:
 *
 * Returns to a state in which the epoll descriptor says when there is something to do.
 */
void
_lxcmon_poller_end_round (LxcmonPoller *self)
{
  uint64_t n_expirations;

  if (self->timer_expired)
    {
      (void) !read (self->timer_fd, &n_expirations, sizeof n_expirations);
      self->armed_for = 0;
    }
  self->in_round = false;
  self->timer_expired = false;
  self->now = 0;
  arm (self);
}
