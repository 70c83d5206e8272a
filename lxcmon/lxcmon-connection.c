/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a user may do to a connection: make and free it, run it in a loop, and ask it. Refuses
 * decisions: those are the states' (lxcmon-state.c) and the attach's (lxcmon-attach.c).
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fork-private.h"
#include "lxcmon-hub-private.h"
#include "lxcmon-reader-private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/* A connection without a hub reads into this much of the stack. */
#define OWN_BUFFER_SIZE 4096

/* Whether a table of callbacks is one that this version can read. */
static bool
is_known_table (const LxcmonCallbacks *callbacks)
{
  return callbacks != NULL && callbacks->size >= sizeof (LxcmonCallbacks);
}

/**
 * lxcmon_connection_get_size:
 *
 * How much memory a connection takes that is not made by lxcmon_connection_new(). It may be more in
 * another version of the library, and is to be asked at run time.
 *
 * Returns: a size in bytes, a multiple of 8
 *
 * Since: 0.1
 */
size_t
lxcmon_connection_get_size (void)
{
  /* Where 64-bit numbers are aligned to 4, an array of them is not the struct's own business. */
  return (sizeof (LxcmonConnection) + 7) / 8 * 8;
}

/**
 * lxcmon_connection_init:
 * @memory: as many bytes as lxcmon_connection_get_size() says, aligned to 8; what is in them does not matter
 * @callbacks: what to call; must live as long as the connection
 * @user_data: handed to the callbacks, and freed by their `free`
 *
 * As lxcmon_connection_new(), in memory of the caller's: a part of an object that has a connection, or an
 * array of them. The memory is not moved, and is the caller's again once lxcmon_connection_clear() has
 * returned.
 *
 * Returns: (transfer none) (nullable): @memory, or %NULL where @callbacks is %NULL or its size is not that
 *   of any version; @user_data stays the caller's then
 *
 * Since: 0.1
 */
LxcmonConnection *
lxcmon_connection_init (void *memory, const LxcmonCallbacks *callbacks, void *user_data)
{
  LxcmonConnection *self = memory;

  if (!is_known_table (callbacks))
    return NULL;

  *self = (LxcmonConnection){
    .callbacks = callbacks,
    .user_data = user_data,
    .fd = -1,
    .timer_index = LXCMON_TIMER_NONE,
    .fork_generation = (uint16_t) _lxcmon_fork_generation (),
  };
  return self;
}

/**
 * lxcmon_connection_clear:
 * @self: a connection that lxcmon_connection_init() has made
 *
 * As lxcmon_connection_free(), and leaves the memory to the caller. May be called from inside any of its
 * callbacks but `log`, and the memory used for something else before that callback returns. What is cleared
 * can only be made anew, by lxcmon_connection_init().
 *
 * Since: 0.1
 */
void
lxcmon_connection_clear (LxcmonConnection *self)
{
  _lxcmon_connection_leave (self);
  _lxcmon_connection_forget_error (self);
  lxcmon_hub_unref (self->hub);
  if (self->callbacks->free != NULL)
    self->callbacks->free (self->user_data);
}

/**
 * lxcmon_connection_new:
 * @callbacks: what to call; must live as long as the connection
 * @user_data: handed to the callbacks, and freed by their `free`
 *
 * Makes a connection that is detached.
 *
 * Returns: (transfer full) (nullable): a connection to free with lxcmon_connection_free(), or %NULL
 *   where memory has run out, when @user_data is freed, or where @callbacks is %NULL or its size is not
 *   that of any version, when @user_data stays the caller's
 *
 * Since: 0.1
 */
LxcmonConnection *
lxcmon_connection_new (const LxcmonCallbacks *callbacks, void *user_data)
{
  if (!is_known_table (callbacks))
    return NULL;

  LxcmonConnection *self = malloc (sizeof *self);
  if (self == NULL)
    {
      if (callbacks->free != NULL)
        callbacks->free (user_data);
      return NULL;
    }
  return lxcmon_connection_init (self, callbacks, user_data);
}

/**
 * lxcmon_connection_free:
 * @self: (transfer full) (nullable): a connection
 *
 * Frees a connection, detaching it first. May be called from inside any of its callbacks but `log`.
 *
 * Since: 0.1
 */
void
lxcmon_connection_free (LxcmonConnection *self)
{
  if (self == NULL)
    return;

  lxcmon_connection_clear (self);
  free (self);
}

/**
 * lxcmon_connection_set_hub:
 * @self: a connection that is not attached
 * @hub: (nullable): the hub that is to run it, or %NULL for none
 * @error: (out) (optional): where the error goes
 *
 * Puts a connection behind a hub, which runs it from then on. The connection holds a reference to it.
 *
 * Returns: false where the connection is attached
 *
 * Since: 0.1
 */
bool
lxcmon_connection_set_hub (LxcmonConnection *self, LxcmonHub *hub, LxcmonError *error)
{
  if (_lxcmon_connection_is_attached (self))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EBUSY,
                              "cannot change the hub of a connection that is attached: detach it "
                              "first");

  if (hub != NULL)
    lxcmon_hub_ref (hub);
  lxcmon_hub_unref (self->hub);
  self->hub = hub;
  return true;
}

/**
 * lxcmon_connection_set_debug:
 * @self: a connection
 * @debug: whether the callback `log` gets lines of %LXCMON_LOG_DEBUG
 *
 * Turns lines for debugging on or off. They are off at first, and cost nothing then.
 *
 * Since: 0.1
 */
void
lxcmon_connection_set_debug (LxcmonConnection *self, bool debug)
{
  self->debug = debug;
}

/**
 * lxcmon_connection_detach:
 * @self: a connection
 *
 * Leaves the controller, or gives up getting to it. No callback comes any more until the connection
 * is attached again; its state is %LXCMON_STATE_DETACHED. May be called from inside any callback but
 * `log`.
 *
 * Since: 0.1
 */
void
lxcmon_connection_detach (LxcmonConnection *self)
{
  _lxcmon_connection_leave (self);
  if (self->state != LXCMON_STATE_DETACHED)
    _lxcmon_connection_set_state (self, LXCMON_STATE_DETACHED);
}

/**
 * lxcmon_connection_get_fd:
 * @self: a connection without a hub
 *
 * The descriptor to poll. It changes with each attach, and while the connection waits for the place
 * there is none.
 *
 * Returns: a descriptor that stays the connection's own, or -1
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_fd (const LxcmonConnection *self)
{
  return self->fd;
}

/**
 * lxcmon_connection_get_events:
 * @self: a connection without a hub
 *
 * What to poll the descriptor for.
 *
 * Returns: POLLIN, or POLLIN and POLLOUT, or 0 where there is no descriptor
 *
 * Since: 0.1
 */
short
lxcmon_connection_get_events (const LxcmonConnection *self)
{
  if (self->fd < 0)
    return 0;

  return (short) (self->send_blocked ? POLLIN | POLLOUT : POLLIN);
}

/**
 * lxcmon_connection_get_timeout:
 * @self: a connection
 *
 * How long to poll at the most.
 *
 * Returns: milliseconds, or -1 for as long as it takes
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_timeout (const LxcmonConnection *self)
{
  if (self->timer_index == LXCMON_TIMER_NONE)
    return -1;

  int64_t left = self->deadline - _lxcmon_clock_now ();
  if (left <= 0)
    return 0;
  /* Rounded up, or the last millisecond would be polled away in no time again and again. */
  int64_t ms = (left + LXCMON_NS_PER_MS - 1) / LXCMON_NS_PER_MS;
  return ms > INT32_MAX ? INT32_MAX : (int) ms;
}

static bool
timer_is_due (const LxcmonConnection *self)
{
  return self->timer_index != LXCMON_TIMER_NONE && self->deadline <= _lxcmon_clock_now ();
}

/**
 * lxcmon_connection_dispatch:
 * @self: a connection; it may be gone afterwards, where a callback freed it
 *
 * Does what there is to do, without ever blocking: call it when the descriptor has one of the events
 * or the timeout is over. Also runs a connection behind a hub, where one is waited for alone.
 *
 * Since: 0.1
 */
void
lxcmon_connection_dispatch (LxcmonConnection *self)
{
  uint8_t buffer[OWN_BUFFER_SIZE];
  LxcmonReader reader = { .buffer = buffer, .size = sizeof buffer };

  if (!_lxcmon_connection_is_attached (self) || _lxcmon_connection_was_forked (self))
    return;
  if (self->reader != NULL)
    {
      /* From inside a callback: what was read already comes first, and the rest at the next call. */
      _lxcmon_reader_run (self->reader);
      return;
    }
  if (timer_is_due (self) && (self->fd < 0 || !_lxcmon_connection_has_unread (self)))
    {
      _lxcmon_connection_clear_timer (self);
      _lxcmon_connection_on_timer (self);
      return;
    }
  if (self->fd < 0)
    return;

  if (_lxcmon_sender_is_due (self))
    _lxcmon_sender_flush (self);
  _lxcmon_reader_begin (&reader, self, false);
  _lxcmon_reader_run (&reader);
}

/**
 * lxcmon_connection_get_state:
 * @self: a connection
 *
 * Where it stands with its controller.
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
 * Whether the controller had served somebody before: no INIT comes then.
 *
 * Returns: whether it had; false while it is not known
 *
 * Since: 0.1
 */
bool
lxcmon_connection_get_missed_init (const LxcmonConnection *self)
{
  return self->late;
}

/**
 * lxcmon_connection_get_controller_pid:
 * @self: a connection
 *
 * The controller's pid, which the kernel vouches for.
 *
 * Returns: a pid, or 0 where it is not known
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
 * The pid of the container's init: from INIT, or from /proc where we came late, or as
 * lxcmon_connection_set_init_pid() was told.
 *
 * Returns: a pid, or 0 where it is not known
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
 * Whether EXIT has come since the last attach.
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
 * Returns: a status; %LXCMON_EXIT_STATUS_UNKNOWN where EXIT has not come
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
 * The number that EXIT carried.
 *
 * Returns: that number, or -1 where EXIT has not come
 *
 * Since: 0.1
 */
int
lxcmon_connection_get_exit_raw (const LxcmonConnection *self)
{
  return self->exited ? self->exit_raw : LXCMON_EXIT_STATUS_UNKNOWN;
}

/**
 * lxcmon_connection_get_error:
 * @self: a connection
 *
 * Why the last attach failed or ended.
 *
 * Returns: (nullable): an error that lives until the next attach, or %NULL where there was none, and while
 *   the connection is attached
 *
 * Since: 0.1
 */
const LxcmonError *
lxcmon_connection_get_error (const LxcmonConnection *self)
{
  return _lxcmon_connection_is_attached (self) ? NULL : self->error;
}

/**
 * lxcmon_connection_get_skipped:
 * @self: a connection
 *
 * How many messages were skipped since the last attach, being well framed and not for us.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
uint64_t
lxcmon_connection_get_skipped (const LxcmonConnection *self)
{
  return lxcmon_decoder_get_skipped (&self->decoder);
}

/**
 * lxcmon_connection_get_extended:
 * @self: a connection
 *
 * How many messages since the last attach carried more than this version of lxcmon knows of.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
uint64_t
lxcmon_connection_get_extended (const LxcmonConnection *self)
{
  return lxcmon_decoder_get_extended (&self->decoder);
}

/**
 * lxcmon_connection_set_init_pid:
 * @self: a connection
 * @pid: a pid, or 0 where it is not known; what is less counts as 0
 *
 * Tells a connection the pid of the container's init, where that was found by other means: libvirt's
 * status XML has it too. It is as good as INIT's until that comes, or until the next attach. Nothing is
 * called back.
 *
 * Since: 0.1
 */
void
lxcmon_connection_set_init_pid (LxcmonConnection *self, int pid)
{
  _lxcmon_connection_note_init_pid (self, pid > 0 ? pid : 0);
}

/**
 * lxcmon_connection_take_changes:
 * @self: a connection
 *
 * Tells what may have a new answer since this was called last, for who keeps a copy, or tells others.
 * What has changed and changed back counts as well.
 *
 * Returns: a combination of #LxcmonChange, or 0 where nothing has
 *
 * Since: 0.1
 */
unsigned int
lxcmon_connection_take_changes (LxcmonConnection *self)
{
  unsigned int changes = self->changes;

  self->changes = 0;
  return changes;
}
