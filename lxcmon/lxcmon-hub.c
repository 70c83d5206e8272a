/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the order in which connections are served. All that is pending is part of the hub, nothing is on
 * the stack, so that anything may happen between two events. A round is: what was read already, what
 * epoll says is ready, the timers that are due. Before it, connections are hung up for a driver that has started.
 */

#include "lxcmon-hub-private.h"
#include "lxcmon-attach-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-runtime-dir-private.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* After so many events lxcmon_hub_dispatch() returns, so that the loop's other sources are served. */
#define EVENTS_PER_DISPATCH 1024

/**
 * lxcmon_hub_new:
 * @error: (out) (optional): return location for an error
 *
 * Creates a hub. It needs two descriptors, for any number of connections, and while they are attached without force
 * one more, and two for each runtime directory.
 *
 * Returns: (transfer full) (nullable): a hub to release with lxcmon_hub_unref(), or %NULL with @error set
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
  _lxcmon_driver_watch_init (&self->driver_watch, &self->poller);
  if (!_lxcmon_poller_open (&self->poller, error))
    {
      lxcmon_hub_unref (self);
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
 * Releases a reference. Each connection holds one too, so a hub is freed after its last connection.
 *
 * Since: 0.1
 */
void
lxcmon_hub_unref (LxcmonHub *self)
{
  if (self == NULL || --self->ref_count > 0)
    return;

  _lxcmon_driver_watch_close (&self->driver_watch);
  _lxcmon_poller_close (&self->poller);
  _lxcmon_taken_clear (&self->taken);
  free (self);
}

/**
 * lxcmon_hub_get_fd:
 * @self: a hub
 *
 * The descriptor to poll. It never changes.
 *
 * Returns: a descriptor that belongs to the hub
 *
 * Since: 0.1
 */
int
lxcmon_hub_get_fd (const LxcmonHub *self)
{
  return self->poller.epoll_fd;
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
 * The timeout to poll with. Timers make the descriptor readable, so it is only about events that are
 * pending: see lxcmon_hub_has_pending().
 *
 * Returns: 0 or -1, as poll() takes it
 *
 * Since: 0.1
 */
int
lxcmon_hub_get_timeout (const LxcmonHub *self)
{
  return lxcmon_hub_has_pending (self) ? 0 : -1;
}

/**
 * lxcmon_hub_has_pending:
 * @self: a hub
 *
 * Whether there may be events that do not make the descriptor readable, since they were read already. So
 * it is once lxcmon_hub_next_event() has returned true, and until it has returned false.
 *
 * Returns: whether to call lxcmon_hub_next_event() before polling
 *
 * Since: 0.1
 */
bool
lxcmon_hub_has_pending (const LxcmonHub *self)
{
  return self->poller.in_round && !lxcmon_hub_was_forked (self);
}

/**
 * lxcmon_hub_get_n_connections:
 * @self: a hub
 *
 * How many connections are attached or attaching.
 *
 * Returns: their number
 *
 * Since: 0.1
 */
size_t
lxcmon_hub_get_n_connections (const LxcmonHub *self)
{
  return self->poller.n_connections;
}

/**
 * lxcmon_hub_was_forked:
 * @self: a hub
 *
 * Whether this process was forked after the hub was made. The hub belongs to the parent: in this process,
 * it has no events, and only closes its descriptors when it is freed.
 *
 * Returns: whether this is a forked child
 *
 * Since: 0.1
 */
bool
lxcmon_hub_was_forked (const LxcmonHub *self)
{
  return _lxcmon_poller_was_forked (&self->poller);
}

/**
 * lxcmon_hub_find_driver:
 * @self: a hub
 * @runtime_dir: (nullable): a directory; %NULL for %LXCMON_RUNTIME_DIR
 * @driver: (out): the driver
 * @error: (out) (optional): return location for an error
 *
 * Finds out whether a driver is running, as lxcmon_runtime_dir_find_driver() does, and takes down when it was last
 * seen: for 10 seconds after that, its containers are kept for it, and connections of the hub do not attach to them.
 * A program that knows when a driver ends calls this then. Otherwise, the hub finds it out with the next attach.
 *
 * Returns: false with @error set if that could not be found out
 *
 * Since: 0.1
 */
bool
lxcmon_hub_find_driver (LxcmonHub *self, const char *runtime_dir, LxcmonDriver *driver,
                        LxcmonError *error)
{
  int dir_fd = _lxcmon_runtime_dir_open (runtime_dir, error);

  *driver = (LxcmonDriver){ .running = false };
  if (dir_fd < 0)
    return false;
  const LxcmonDriverDir *dir = _lxcmon_driver_watch_ask (&self->driver_watch, dir_fd, error);
  close (dir_fd);
  if (dir != NULL)
    *driver = dir->driver;
  return dir != NULL;
}

/**
 * lxcmon_hub_set_log:
 * @self: a hub
 * @level: the least important level to log
 * @func: (nullable): receives the messages, or %NULL for none
 * @user_data: passed to @func
 *
 * Sets where log messages of the hub's connections go. By default there are none.
 *
 * Since: 0.1
 */
void
lxcmon_hub_set_log (LxcmonHub *self, LxcmonLogLevel level, LxcmonLogFunc func, void *user_data)
{
  self->log = (LxcmonLog){ .func = func, .level = level, .user_data = user_data };
}

/* The next event of what was read or is ready. */
static bool
next_read (LxcmonHub *self, LxcmonEvent *event)
{
  for (;;)
    {
      LxcmonConnection *connection;
      uint32_t ready;

      if (_lxcmon_reader_next (&self->reader, event, &self->error))
        return true;
      connection = _lxcmon_poller_next_ready (&self->poller, &ready);
      if (connection == NULL)
        return false;
      connection->is_shut = (ready & EPOLLHUP) != 0;
      _lxcmon_reader_begin (&self->reader, connection,
                            (ready & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0);
    }
}

/* Handles a timer that is not set any more. Returns whether there is an event. */
static bool
handle_timer (LxcmonHub *self, LxcmonTimer *timer, LxcmonEvent *event)
{
  if (timer == &self->driver_watch.timer)
    {
      _lxcmon_driver_watch_on_timer (&self->driver_watch);
      return false;
    }

  LxcmonConnection *connection = _lxcmon_connection_from_timer (timer);
  if (timer->kind == LXCMON_TIMER_SEND)
    {
      _lxcmon_sender_flush (connection);
      return false;
    }
  if (connection->state == LXCMON_STATE_CONNECTING || connection->state == LXCMON_STATE_QUEUED)
    return _lxcmon_attach_on_timer (connection, event, &self->error);
  return _lxcmon_connection_on_timer (connection, event, &self->error);
}

/* The next event of a timer. */
static bool
next_timed (LxcmonHub *self, LxcmonEvent *event)
{
  LxcmonTimer *timer;

  while ((timer = _lxcmon_poller_next_due (&self->poller)) != NULL)
    if (handle_timer (self, timer, event))
      return true;

  return false;
}

/* libvirtd must not wait for its slots until what is ready was handled. */
static void
begin_round (LxcmonHub *self)
{
  _lxcmon_poller_begin_round (&self->poller);
  _lxcmon_driver_watch_serve (&self->driver_watch);
}

/**
 * lxcmon_hub_next_event:
 * @self: a hub
 * @event: (out): the event
 *
 * Returns the next event, without ever blocking. Call it until it returns false, then poll the descriptor.
 * Its work is bounded by rounds: if there is more, the descriptor is readable at once.
 *
 * Returns: whether there is an event
 *
 * Since: 0.1
 */
bool
lxcmon_hub_next_event (LxcmonHub *self, LxcmonEvent *event)
{
  if (lxcmon_hub_was_forked (self))
    return false;

  if (!self->poller.in_round)
    begin_round (self);
  if (next_read (self, event) || next_timed (self, event))
    return true;
  _lxcmon_poller_end_round (&self->poller);
  return false;
}

/* Calls the callback for an event. */
static void
call (const LxcmonCallbacks *callbacks, const LxcmonEvent *event)
{
  switch (event->type)
    {
    case LXCMON_EVENT_ATTACHED:
      if (callbacks->attached != NULL)
        callbacks->attached (event->connection, event->user_data);
      break;
    case LXCMON_EVENT_INIT:
      if (callbacks->init != NULL)
        callbacks->init (event->connection, event->pid, event->user_data);
      break;
    case LXCMON_EVENT_EXIT:
      if (callbacks->exit != NULL)
        callbacks->exit (event->connection, event->status, event->raw, event->user_data);
      break;
    case LXCMON_EVENT_CLOSED:
      if (callbacks->closed != NULL)
        callbacks->closed (event->connection, event->error, event->user_data);
      break;
    case LXCMON_EVENT_FAILED:
      if (callbacks->failed != NULL)
        callbacks->failed (event->connection, event->error, event->user_data);
      break;
    case LXCMON_EVENT_CONNECTED:
    default:
      break;
    }
}

/**
 * lxcmon_hub_dispatch:
 * @self: a hub
 *
 * Gets events from the hub and calls the callbacks of their connections, until there are no more or the
 * loop's other sources should be served; lxcmon_hub_get_timeout() is 0 then. It never blocks. It may be
 * called from inside a callback, which may also free the connection and the hub.
 *
 * Since: 0.1
 */
void
lxcmon_hub_dispatch (LxcmonHub *self)
{
  LxcmonEvent event;

  lxcmon_hub_ref (self);
  for (int i = 0; i < EVENTS_PER_DISPATCH && lxcmon_hub_next_event (self, &event); i++)
    if (event.connection->callbacks != NULL)
      call (event.connection->callbacks, &event);
  lxcmon_hub_unref (self);
}
