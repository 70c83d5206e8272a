/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the connections of a hub wait for: descriptors and timers. The poller works in rounds: epoll is
 * asked once at the start of a round, and the clock at most once.
 */

#include "lxcmon-error.h"
#include "lxcmon-fork-private.h"
#include "lxcmon-timers-private.h"

#include <sys/epoll.h>

#define LXCMON_POLLER_EVENTS_PER_ROUND 256
#define LXCMON_TIMERS_PER_CONNECTION   2
#define LXCMON_TIMERS_PER_HUB          1

typedef struct
{
  int epoll_fd;
  int timer_fd;
  unsigned int fork_generation;
  bool in_round;
  bool timer_expired;   /* the timer descriptor was readable in this round */
  int64_t now;          /* the time for which timers are due in this round; 0 if not asked yet */
  int64_t armed_for;    /* the deadline that the timer descriptor is set to, or 0 */
  size_t n_connections; /* each of them may set LXCMON_TIMERS_PER_CONNECTION, and the hub its own */
  LxcmonTimers timers;
  int position; /* in events: those from here on were not returned yet */
  int n_events;
  struct epoll_event events[LXCMON_POLLER_EVENTS_PER_ROUND];
} LxcmonPoller;

bool _lxcmon_poller_open (LxcmonPoller *self, LxcmonError *error);
void _lxcmon_poller_close (LxcmonPoller *self);

bool _lxcmon_poller_add (LxcmonPoller *self, LxcmonError *error);
bool _lxcmon_poller_watch (LxcmonPoller *self, int fd, void *owner, LxcmonError *error);
void _lxcmon_poller_watch_writable (LxcmonPoller *self, int fd, void *owner, bool watch);
void _lxcmon_poller_remove (LxcmonPoller *self, int fd, const void *owner);

void _lxcmon_poller_set_timer (LxcmonPoller *self, LxcmonTimer *timer, unsigned int ms);
void _lxcmon_poller_unset_timer (LxcmonPoller *self, LxcmonTimer *timer);

void _lxcmon_poller_begin_round (LxcmonPoller *self);
bool _lxcmon_poller_take_ready (LxcmonPoller *self, const void *owner);
void *_lxcmon_poller_next_ready (LxcmonPoller *self, uint32_t *events);
LxcmonTimer *_lxcmon_poller_next_due (LxcmonPoller *self);
void _lxcmon_poller_end_round (LxcmonPoller *self);

static inline bool
_lxcmon_poller_was_forked (const LxcmonPoller *self)
{
  return self->fork_generation != _lxcmon_fork_count;
}
