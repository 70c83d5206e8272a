/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The poller: what it returns in a round, what is removed before it is returned, and when the timer descriptor
 * is set.
 */

#include "common/core-test.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <lxcmon/lxcmon-poller-private.h>

enum
{
  N_OWNERS = 4,
};

typedef struct
{
  int fd;
  int peer;
  LxcmonTimer timer;
} Owner;

static void
poller_init (LxcmonPoller *self, Owner *owners)
{
  *self = (LxcmonPoller){ .epoll_fd = -1 };
  g_assert_true (_lxcmon_poller_open (self, NULL));
  for (int i = 0; i < N_OWNERS; i++)
    {
      int pair[2];

      g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
      owners[i] = (Owner){ .fd = pair[0], .peer = pair[1], .timer.index = LXCMON_TIMER_UNSET };
      g_assert_true (_lxcmon_poller_add (self, NULL));
      g_assert_true (_lxcmon_poller_watch (self, pair[0], &owners[i], NULL));
    }
}

static void
poller_clear (LxcmonPoller *self, Owner *owners)
{
  for (int i = 0; i < N_OWNERS; i++)
    {
      close (owners[i].fd);
      close (owners[i].peer);
    }
  _lxcmon_poller_close (self);
}

static void
make_ready (const Owner *owner)
{
  g_assert_cmpint (write (owner->peer, "x", 1), ==, 1);
}

static gboolean
is_readable (const LxcmonPoller *self)
{
  struct pollfd descriptor = { .fd = self->epoll_fd, .events = POLLIN };

  return poll (&descriptor, 1, 0) > 0;
}

static gboolean
timer_is_armed (const LxcmonPoller *self)
{
  struct itimerspec when;

  g_assert_no_errno (timerfd_gettime (self->timer_fd, &when));
  return when.it_value.tv_sec != 0 || when.it_value.tv_nsec != 0;
}

/* Each that is ready, once in a round. */
static void
test_ready (void)
{
  LxcmonPoller poller;
  Owner owners[N_OWNERS];
  uint32_t events;

  poller_init (&poller, owners);
  for (int round = 0; round < 3; round++)
    {
      guint seen = 0;
      Owner *owner;

      if (round == 0)
        {
          make_ready (&owners[0]);
          make_ready (&owners[2]);
        }
      _lxcmon_poller_begin_round (&poller);
      while ((owner = _lxcmon_poller_next_ready (&poller, &events)) != NULL)
        {
          g_assert_cmphex (events, ==, EPOLLIN);
          seen += 1u << (owner - owners);
        }
      g_assert_cmphex (seen, ==, 5);
      _lxcmon_poller_end_round (&poller);
    }
  poller_clear (&poller, owners);
}

/* What is removed while it is in the ready list is not returned; all others are. */
static void
test_removed (void)
{
  for (int first = 0; first < N_OWNERS; first++)
    {
      LxcmonPoller poller;
      Owner owners[N_OWNERS];
      Owner *owner;
      int n = 0;
      uint32_t events;

      poller_init (&poller, owners);
      for (int i = 0; i < N_OWNERS; i++)
        make_ready (&owners[i]);
      _lxcmon_poller_begin_round (&poller);
      for (int i = first; i < N_OWNERS; i++)
        {
          _lxcmon_poller_unset_timer (&poller, &owners[i].timer);
          _lxcmon_poller_remove (&poller, owners[i].fd, &owners[i]);
        }
      while ((owner = _lxcmon_poller_next_ready (&poller, &events)) != NULL)
        {
          g_assert_cmpint (owner - owners, <, first);
          n++;
        }
      g_assert_cmpint (n, ==, first);
      g_assert_cmpint ((int) poller.n_connections, ==, first);
      _lxcmon_poller_end_round (&poller);
      poller_clear (&poller, owners);
    }
}

/* Waits for the timer descriptor, then begins a round in which nothing else is ready. */
static void
begin_timer_round (LxcmonPoller *self)
{
  struct pollfd descriptor = { .fd = self->epoll_fd, .events = POLLIN };
  uint32_t events;

  g_assert_cmpint (poll (&descriptor, 1, CORE_PATIENCE_US / 1000), ==, 1);
  _lxcmon_poller_begin_round (self);
  g_assert_null (_lxcmon_poller_next_ready (self, &events));
}

/* Timers that are set in a round are for a later one, even if they are due at once. */
static void
test_due (void)
{
  LxcmonPoller poller;
  Owner owners[N_OWNERS];

  poller_init (&poller, owners);
  _lxcmon_poller_set_timer (&poller, &owners[0].timer, 1);
  begin_timer_round (&poller);
  g_assert_true (_lxcmon_poller_next_due (&poller) == &owners[0].timer);
  g_assert_cmpuint (owners[0].timer.index, ==, LXCMON_TIMER_UNSET);
  _lxcmon_poller_set_timer (&poller, &owners[1].timer, 1);
  g_assert_null (_lxcmon_poller_next_due (&poller));
  _lxcmon_poller_end_round (&poller);
  begin_timer_round (&poller);
  g_assert_true (_lxcmon_poller_next_due (&poller) == &owners[1].timer);
  _lxcmon_poller_end_round (&poller);
  g_assert_false (is_readable (&poller));
  poller_clear (&poller, owners);
}

/* The timer descriptor is set at once outside of a round, and at the end of one otherwise. */
static void
test_armed (void)
{
  LxcmonPoller poller;
  Owner owners[N_OWNERS];

  poller_init (&poller, owners);
  g_assert_false (timer_is_armed (&poller));
  _lxcmon_poller_set_timer (&poller, &owners[0].timer, 60000);
  g_assert_true (timer_is_armed (&poller));
  _lxcmon_poller_unset_timer (&poller, &owners[0].timer);
  g_assert_false (timer_is_armed (&poller));

  _lxcmon_poller_begin_round (&poller);
  _lxcmon_poller_set_timer (&poller, &owners[0].timer, 60000);
  g_assert_false (timer_is_armed (&poller));
  _lxcmon_poller_end_round (&poller);
  g_assert_true (timer_is_armed (&poller));
  _lxcmon_poller_unset_timer (&poller, &owners[0].timer);
  _lxcmon_poller_remove (&poller, owners[0].fd, &owners[0]);
  g_assert_false (timer_is_armed (&poller));
  poller_clear (&poller, owners);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/poller/ready", test_ready);
  core_test_add ("/poller/removed", test_removed);
  core_test_add ("/poller/due", test_due);
  core_test_add ("/poller/armed", test_armed);

  return g_test_run ();
}
