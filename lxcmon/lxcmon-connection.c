/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the creation and freeing of a connection, and its getters.
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-hub-private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/**
 * lxcmon_connection_new:
 * @hub: the hub that will run it; the connection holds a reference
 * @callbacks: (nullable): what lxcmon_hub_dispatch() calls; must stay valid as long as the connection
 * @user_data: passed to the callbacks, and part of each event
 *
 * Creates a connection that is detached.
 *
 * Returns: (transfer full) (nullable): a connection to free with lxcmon_connection_free(), or %NULL if
 *   memory has run out or the size of @callbacks is not that of any known version
 *
 * Since: 0.1
 */
LxcmonConnection *
lxcmon_connection_new (LxcmonHub *hub, const LxcmonCallbacks *callbacks, void *user_data)
{
  if (callbacks != NULL && callbacks->size < sizeof *callbacks)
    return NULL;

  LxcmonConnection *self = calloc (1, sizeof *self);
  if (self == NULL)
    return NULL;
  self->hub = lxcmon_hub_ref (hub);
  self->poller = &hub->poller;
  self->driver_watch = &hub->driver_watch;
  self->init_watch = &hub->init_watch;
  self->log = &hub->log;
  self->taken = &hub->taken;
  self->callbacks = callbacks;
  self->user_data = user_data;
  self->fd = -1;
  for (uint32_t i = 0; i < LXCMON_TIMERS_PER_CONNECTION; i++)
    self->timers[i] = (LxcmonTimer){ .index = LXCMON_TIMER_UNSET, .kind = i };
  return self;
}

/**
 * lxcmon_connection_free:
 * @self: (transfer full) (nullable): a connection
 *
 * Frees a connection. If it is attached, it leaves the controller first; there are no more events of it,
 * also not of what was received already. It may be called at any time between two events, and inside a
 * callback.
 *
 * Since: 0.1
 */
void
lxcmon_connection_free (LxcmonConnection *self)
{
  if (self == NULL)
    return;

  /* A forked child shares the parent's epoll set and its end of the socket. */
  if (_lxcmon_connection_is_active (self) && !lxcmon_hub_was_forked (self->hub))
    {
      _lxcmon_reader_forget (&self->hub->reader, self);
      _lxcmon_connection_leave (self);
    }
  if (self->fd >= 0)
    close (self->fd);
  _lxcmon_init_client_free (self->init);
  lxcmon_hub_unref (self->hub);
  free (self->path);
  free (self);
}

/**
 * lxcmon_connection_shutdown:
 * @self: a connection
 *
 * Hangs up, from any thread: the only function that another thread than the hub's may call. What has been
 * received by then still makes events, followed by CLOSED or FAILED; if there is no socket yet, nothing
 * happens. The caller makes sure that lxcmon_connection_free() does not run at the same time.
 *
 * Since: 0.1
 */
void
lxcmon_connection_shutdown (LxcmonConnection *self)
{
  int fd = self->fd;

  if (fd >= 0 && !_lxcmon_poller_was_forked (self->poller))
    (void) shutdown (fd, SHUT_RDWR);
}

/**
 * lxcmon_connection_get_user_data:
 * @self: a connection
 *
 * What was passed to lxcmon_connection_new().
 *
 * Returns: (transfer none) (nullable): a pointer
 *
 * Since: 0.1
 */
void *
lxcmon_connection_get_user_data (const LxcmonConnection *self)
{
  return self->user_data;
}

/**
 * lxcmon_connection_get_state:
 * @self: a connection
 *
 * The connection's state, as of the last event that was returned.
 *
 * Returns: a state
 *
 * Since: 0.1
 */
LxcmonState
lxcmon_connection_get_state (const LxcmonConnection *self)
{
  return self->state;
}

/**
 * lxcmon_connection_get_missed_init:
 * @self: a connection
 *
 * Whether the controller had another client before: it sends no INIT then.
 *
 * Returns: whether it had; false while that is not known
 *
 * Since: 0.1
 */
bool
lxcmon_connection_get_missed_init (const LxcmonConnection *self)
{
  return self->missed_init;
}

/**
 * lxcmon_connection_get_controller_pid:
 * @self: a connection
 *
 * The controller's pid, as the kernel reports it.
 *
 * Returns: a pid, or 0 if it is not known
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_controller_pid (const LxcmonConnection *self)
{
  return self->controller_pid;
}

/**
 * lxcmon_connection_get_init_pid:
 * @self: a connection
 *
 * The pid of the container's init: from INIT, or from /proc if INIT was missed.
 *
 * Returns: a pid, or 0 if it is not known
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_init_pid (const LxcmonConnection *self)
{
  return self->init_pid;
}

/**
 * lxcmon_connection_get_exited:
 * @self: a connection
 *
 * Whether EXIT has come.
 *
 * Returns: whether it has
 *
 * Since: 0.1
 */
bool
lxcmon_connection_get_exited (const LxcmonConnection *self)
{
  return self->exited;
}

/**
 * lxcmon_connection_get_exit_status:
 * @self: a connection
 *
 * How the container ended.
 *
 * Returns: a status; %LXCMON_EXIT_STATUS_UNKNOWN if EXIT has not come
 *
 * Since: 0.1
 */
LxcmonExitStatus
lxcmon_connection_get_exit_status (const LxcmonConnection *self)
{
  return self->exited ? lxcmon_exit_status_from_raw (self->exit_raw) : LXCMON_EXIT_STATUS_UNKNOWN;
}

/**
 * lxcmon_connection_get_exit_raw:
 * @self: a connection
 *
 * The number in EXIT.
 *
 * Returns: that number, or -1 if EXIT has not come
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_exit_raw (const LxcmonConnection *self)
{
  return self->exited ? self->exit_raw : LXCMON_EXIT_STATUS_UNKNOWN;
}

/**
 * lxcmon_connection_get_init_exit_code:
 * @self: a connection that was attached with LxcmonAttachOptions.watch_init
 *
 * The exit code of the container's init, as the kernel reports it since Linux 6.15. It is there when
 * %LXCMON_EVENT_EXIT is returned; for %LXCMON_EVENT_CLOSED without EXIT often only later:
 * see lxcmon_connection_dup_init_pidfd().
 *
 * Returns: an exit code, or -1 if it is not known, or if a signal killed init
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_init_exit_code (const LxcmonConnection *self)
{
  return self->init != NULL ? self->init->exit_code : -1;
}

/**
 * lxcmon_connection_get_init_signal:
 * @self: a connection that was attached with LxcmonAttachOptions.watch_init
 *
 * The signal that killed the container's init. See lxcmon_connection_get_init_exit_code().
 *
 * Returns: a signal, or 0 if it is not known, or if none did
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_init_signal (const LxcmonConnection *self)
{
  return self->init != NULL ? self->init->signal : 0;
}

/**
 * lxcmon_connection_dup_init_pidfd:
 * @self: a connection that was attached with LxcmonAttachOptions.watch_init
 *
 * Duplicates the pidfd of the container's init. If the controller was killed, init is reaped by another process:
 * poll the pidfd until it has POLLHUP, and then call lxcmon_init_get_end().
 *
 * Returns: (transfer full): a descriptor that is close-on-exec, or -1 if there is none
 *
 * Since: 0.1
 */
int
lxcmon_connection_dup_init_pidfd (const LxcmonConnection *self)
{
  if (self->init == NULL || self->init->fd < 0)
    return -1;
  return fcntl (self->init->fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}
