/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the way from a path to a connected socket. A controller has one client slot and gives INIT to its
 * very first client, and libvirtd needs the slot of the containers that it manages. A client that connects
 * and leaves does harm too: if nobody is accepted yet, its dead entry in the backlog gets the INIT that the
 * next client should have had. So there is a busy check before connecting, and a connection that is queued
 * stays while nobody else is accepted. The check fails closed: the one thing that may be unknown is whether
 * another client has the slot, where sock_diag cannot say it; then the connection is queued, and leaves in time.
 *
 * That a connection is accepted is known by the first message (lxcmon-reader.c).
 */

#include "lxcmon-attach-private.h"
#include "lxcmon-away-private.h"
#include "lxcmon-diag-private.h"
#include "lxcmon-driver-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-target-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Pauses between two busy checks, for each of which the kernel goes through all of its sockets. */
#define RETRY_INTERVAL_MIN_MS 100
#define RETRY_INTERVAL_MAX_MS 1000

/* A pause before a timeout is handled again because there are bytes that the loop has not read yet. */
#define UNREAD_INTERVAL_MS 10

static bool
fail_driver_running (const LxcmonDriver *driver, const char *path, LxcmonError *error)
{
  char process[LXCMON_DRIVER_TEXT_SIZE];

  _lxcmon_driver_describe (driver, process);
  return _lxcmon_error_set (
      error, LXCMON_MONITOR_ERROR_BUSY, 0,
      "%s manages the containers in the directory of %s and needs the controller's one client slot: "
      "without it, it would not see the container's end",
      process, path);
}

static bool
fail_slot_taken (const char *path, LxcmonError *error)
{
  return _lxcmon_error_set (
      error, LXCMON_MONITOR_ERROR_BUSY, 0,
      "the one client slot of the controller of %s is taken by another client", path);
}

/* Checks that no other client is accepted, or that this cannot be known. */
static bool
check_slot (LxcmonConnection *self, const LxcmonTarget *target, LxcmonError *error)
{
  LxcmonDiagFile file = _lxcmon_diag_get_file (&target->info);
  LxcmonError reason;
  bool taken;
  LxcmonDiagResult result = _lxcmon_taken_check (self->taken, file, &taken, &reason);

  if (result == LXCMON_DIAG_UNAVAILABLE)
    _lxcmon_connection_log (self, LXCMON_LOG_WARNING,
                            "connecting to %s without knowing whether another client has its slot: "
                            "%s",
                            target->path, reason.message);
  if (result == LXCMON_DIAG_FAILED && error != NULL)
    *error = reason;
  if (result == LXCMON_DIAG_FAILED)
    return false;
  return !taken || fail_slot_taken (target->path, error);
}

/* Checks that no driver is running. */
static const LxcmonDriverDir *
check_driver (LxcmonConnection *self, const LxcmonTarget *target, LxcmonError *error)
{
  const LxcmonDriverDir *dir = _lxcmon_driver_watch_ask (self->driver_watch, target->dir_fd, error);

  if (dir == NULL || !dir->driver.running)
    return dir;
  (void) fail_driver_running (&dir->driver, target->path, error);
  return NULL;
}

/* Checks that no driver needs the slot, or may need it soon, and that it is free, without connecting. */
static bool
busy_check (LxcmonConnection *self, const LxcmonTarget *target, LxcmonError *error)
{
  const LxcmonDriverDir *dir = check_driver (self, target, error);

  return dir != NULL && _lxcmon_away_check (target, dir, error) && check_slot (self, target, error);
}

/* Begins to watch for a driver, as long as the connection is open. */
static bool
watch_for_driver (LxcmonConnection *self, const LxcmonTarget *target, LxcmonError *error)
{
  if (!_lxcmon_driver_watch_add (self->driver_watch, &self->driver, target->dir_fd, error))
    return false;
  /* One that has started since the busy check gives no hint any more. */
  return check_driver (self, target, error) != NULL;
}

/* Warns, once, if inotify cannot be used. */
static void
warn_without_inotify (LxcmonConnection *self)
{
  LxcmonDriverWatch *watch = self->driver_watch;

  if (watch->watch_errno != 0 && !watch->warned)
    _lxcmon_connection_log (
        self, LXCMON_LOG_WARNING,
        "inotify cannot be used (%s): it is asked every 100 ms whether libvirtd "
        "has started",
        strerror (watch->watch_errno));
  watch->warned = watch->watch_errno != 0;
}

/* Begins to use a connected descriptor: watches it, and sends the PING whose answer will show that the
 * controller has accepted us. */
static bool
become_queued (LxcmonConnection *self, LxcmonError *error)
{
  if (!_lxcmon_poller_watch (self->poller, self->fd, self, error))
    return false;

  _lxcmon_sender_add_ping (self);
  _lxcmon_sender_flush (self);
  if (!self->wait_if_busy)
    _lxcmon_connection_set_timer (self, self->attach_timeout);
  _lxcmon_connection_set_state (self, LXCMON_STATE_QUEUED);
  return true;
}

static bool
connect_to_target (LxcmonConnection *self, const LxcmonTarget *target, LxcmonError *error)
{
  int fd;

  /* The slot of a controller that was killed is never free again: waiting for it would be in vain. */
  if (!self->force
      && (!busy_check (self, target, error) || !watch_for_driver (self, target, error)))
    {
      if (error->code == LXCMON_MONITOR_ERROR_BUSY)
        (void) _lxcmon_target_check_not_stale (target, error);
      return false;
    }
  if (target->open_to_others)
    _lxcmon_connection_log (self, LXCMON_LOG_WARNING,
                            "users other than its owner may connect to %s: the mode of a "
                            "controller's socket is 0700",
                            target->path);
  if (!_lxcmon_target_connect (target, &fd, error))
    return false;
  _lxcmon_taken_add (self->taken, _lxcmon_diag_get_file (&target->info));
  self->fd = self->driver.fd = fd;
  warn_without_inotify (self);
  return _lxcmon_peer_check (fd, target->path, &self->controller_pid, error)
         && become_queued (self, error);
}

static bool
open_and_connect (LxcmonConnection *self, LxcmonError *error)
{
  LxcmonTarget target;

  if (!_lxcmon_target_open (&target, self->path, error))
    return false;
  bool done = connect_to_target (self, &target, error);
  _lxcmon_target_close (&target);
  if (self->fd < 0)
    _lxcmon_driver_watch_remove (self->driver_watch, &self->driver);

  return done;
}

/* Tries once to connect. If descriptors run short, pidfds are given up for it. */
static bool
try_to_connect (LxcmonConnection *self, LxcmonError *error)
{
  while (!open_and_connect (self, error))
    if (self->fd >= 0 || !_lxcmon_error_is_shortage (error)
        || !_lxcmon_init_watch_give_up (self->init_watch))
      return false;

  return true;
}

/* Sets the timer for the next try, longer each time up to a bound. */
static void
schedule_retry (LxcmonConnection *self)
{
  _lxcmon_connection_set_timer (self, self->retry_interval);
  self->retry_interval *= 2;
  if (self->retry_interval > RETRY_INTERVAL_MAX_MS)
    self->retry_interval = RETRY_INTERVAL_MAX_MS;
}

static bool
may_retry (const LxcmonConnection *self, const LxcmonError *error)
{
  return self->wait_if_busy && self->fd < 0 && error->code == LXCMON_MONITOR_ERROR_BUSY;
}

static bool
retry (LxcmonConnection *self, LxcmonEvent *event, LxcmonError *error)
{
  if (try_to_connect (self, error))
    return _lxcmon_event_set (event, LXCMON_EVENT_CONNECTED, self);
  if (!may_retry (self, error))
    return _lxcmon_connection_end (self, event, error);

  schedule_retry (self);
  return false;
}

/* Whether the controller has accepted the connection; it may not have answered yet. */
static bool
is_accepted (const LxcmonConnection *self)
{
  struct stat info;
  uint64_t peer_inode;

  return fstat (self->fd, &info) == 0 && _lxcmon_diag_find_peer (info.st_ino, &peer_inode)
         && peer_inode != 0;
}

/* Checks again whether another client has the slot. Returns false with @error set if it has, or if that cannot be
 * known: leaving may harm, but waiting for ever would. A check that fails will be made again. */
static bool
recheck_slot (const LxcmonConnection *self, LxcmonError *error)
{
  LxcmonTarget target;
  LxcmonError reason;
  const char *unknown = NULL;
  bool stays = true;

  if (!_lxcmon_target_open (&target, self->path, NULL))
    return true;
  LxcmonDiagSlot slot = { .file = _lxcmon_diag_get_file (&target.info) };
  LxcmonDiagResult result = _lxcmon_diag_find_slots (&slot, 1, &reason);
  if (result == LXCMON_DIAG_UNAVAILABLE)
    unknown = reason.message;
  else if (result != LXCMON_DIAG_FAILED && slot.n_accepted > 0)
    stays = fail_slot_taken (self->path, error);
  else if (result != LXCMON_DIAG_FAILED && slot.listener == 0)
    unknown = "it is in another network namespace";
  if (unknown != NULL)
    stays = _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_BUSY, 0,
                               "the controller of %s did not accept the connection; whether "
                               "another client has its slot is not known: %s",
                               self->path, unknown);
  _lxcmon_target_close (&target);

  return stays;
}

/* The attach timeout has passed. If another client is accepted, waiting is useless. If none is, closing
 * the connection would deprive the next client of INIT, so the connection stays. */
static bool
handle_attach_timeout (LxcmonConnection *self, LxcmonEvent *event, LxcmonError *error)
{
  if (_lxcmon_connection_has_unread (self))
    {
      _lxcmon_connection_set_timer (self, UNREAD_INTERVAL_MS);
      return false;
    }
  if (self->path != NULL && !is_accepted (self) && !recheck_slot (self, error))
    return _lxcmon_connection_end (self, event, error);

  _lxcmon_connection_set_timer (self, self->attach_timeout);
  return false;
}

/**
 * _lxcmon_attach_on_timer:
 * @self: a connection that is connecting or queued
 * @event: (out): what happened
 * @error: (out): memory for the event's error
 *
 * Handles the timer, which is not set any more.
 *
 * Returns: whether there is an event
 */
bool
_lxcmon_attach_on_timer (LxcmonConnection *self, LxcmonEvent *event, LxcmonError *error)
{
  if (self->state == LXCMON_STATE_CONNECTING)
    return retry (self, event, error);
  return handle_attach_timeout (self, event, error);
}

static bool
check_options (const LxcmonAttachOptions *options, LxcmonError *error)
{
  if (options->size < sizeof *options)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
                              "invalid options: size is %zu, and LXCMON_ATTACH_OPTIONS_INIT makes "
                              "it %zu",
                              options->size, sizeof *options);
  if (options->attach_timeout == 0)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
                              "invalid options: attach_timeout is 0, and must be at least 1 ms");
  return true;
}

/* Begins the one attach of a connection. On success its state is CONNECTING. */
static bool
begin (LxcmonConnection *self, const char *path, const LxcmonAttachOptions *options,
       LxcmonError *error)
{
  static const LxcmonAttachOptions defaults = LXCMON_ATTACH_OPTIONS_INIT;

  if (options == NULL)
    options = &defaults;
  if (self->attach_called)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EALREADY,
                              "a connection can be attached once: make a new one");
  self->attach_called = true;
  if (!check_options (options, error))
    return false;
  if (_lxcmon_poller_was_forked (self->poller))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
                              "cannot attach with the hub of another process: make one after fork");

  if (path != NULL && (self->path = strdup (path)) == NULL)
    return _lxcmon_error_set_no_memory (error);
  if (!_lxcmon_poller_add (self->poller, error))
    return false;
  self->attach_timeout = options->attach_timeout;
  self->keepalive_interval = options->keepalive_interval;
  self->force = options->force;
  self->wait_if_busy = options->wait_if_busy;
  self->watch_init = options->watch_init;
  self->retry_interval = RETRY_INTERVAL_MIN_MS;
  _lxcmon_connection_set_state (self, LXCMON_STATE_CONNECTING);
  return true;
}

/* Ends an attach that the caller learns about by the return value. */
static bool
give_up (LxcmonConnection *self)
{
  _lxcmon_connection_leave (self);
  _lxcmon_connection_set_state (self, LXCMON_STATE_DETACHED);
  return false;
}

/**
 * lxcmon_connection_attach:
 * @self: a connection that was not attached before
 * @socket_path: the path of a controller's socket, of any length; see lxcmon_name_to_socket_path()
 * @options: (nullable): how to attach; %NULL for the defaults
 * @error: (out) (optional): return location for an error
 *
 * Begins to attach: checks that the controller's client slot is free, connects, and sends a PING whose
 * answer will show that the controller has accepted the connection. It never blocks.
 *
 * If it returns true, the state is %LXCMON_STATE_QUEUED, or %LXCMON_STATE_CONNECTING if it waits for the
 * slot, and %LXCMON_EVENT_ATTACHED or %LXCMON_EVENT_FAILED follows. If it returns false, the state is
 * %LXCMON_STATE_DETACHED, and the connection can only be freed.
 *
 * Returns: whether it has begun
 *
 * Since: 0.1
 */
bool
lxcmon_connection_attach (LxcmonConnection *self, const char *socket_path,
                          const LxcmonAttachOptions *options, LxcmonError *error)
{
  LxcmonError reason;

  if (socket_path == NULL)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_INVALID_NAME, EINVAL,
                              "not a socket's path: it is NULL");
  if (!begin (self, socket_path, options, error))
    return false;
  if (try_to_connect (self, &reason))
    return true;
  if (!may_retry (self, &reason))
    {
      if (error != NULL)
        *error = reason;
      return give_up (self);
    }

  _lxcmon_connection_log (self, LXCMON_LOG_DEBUG, "waits for the slot: %s", reason.message);
  schedule_retry (self);
  return true;
}

/* Makes a descriptor that was passed in fit for use. */
static bool
prepare_descriptor (int fd, LxcmonError *error)
{
  int type;
  socklen_t size = sizeof type;

  if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot attach to descriptor %d", fd);
  if (type != SOCK_STREAM)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, EPROTOTYPE,
                              "descriptor %d is not a stream socket, as a controller's is", fd);

  int flags = fcntl (fd, F_GETFL);
  if (flags < 0 || fcntl (fd, F_SETFL, flags | O_NONBLOCK) < 0
      || fcntl (fd, F_SETFD, FD_CLOEXEC) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot attach to descriptor %d", fd);
  return true;
}

/**
 * lxcmon_connection_attach_fd:
 * @self: a connection that was not attached before
 * @fd: (transfer full): a connected stream socket; it belongs to the connection, also if this fails
 * @options: (nullable): how to attach; %NULL for the defaults
 * @error: (out) (optional): return location for an error
 *
 * Attaches, like lxcmon_connection_attach(), with a socket that was connected elsewhere: by a privileged
 * helper, or one end of a socketpair. It is made non-blocking and close-on-exec. Its path is not known, so
 * there is no busy check.
 *
 * Returns: whether it has begun
 *
 * Since: 0.1
 */
bool
lxcmon_connection_attach_fd (LxcmonConnection *self, int fd, const LxcmonAttachOptions *options,
                             LxcmonError *error)
{
  if (fd < 0)
    return _lxcmon_error_set_system (error, EBADF, "cannot attach to descriptor %d", fd);
  if (!begin (self, NULL, options, error))
    {
      close (fd);
      return false;
    }

  self->fd = fd;
  if (prepare_descriptor (fd, error)
      && _lxcmon_peer_check (fd, "the descriptor", &self->controller_pid, error)
      && become_queued (self, error))
    return true;
  return give_up (self);
}
