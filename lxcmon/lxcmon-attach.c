/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the way in: from a path to being connected, and the manners on it. A controller serves one
 * client, gives INIT to its very first one, and libvirtd needs that place where it manages the
 * container. Even a client that connects and leaves does harm: where nobody is served yet, its dead
 * entry in the backlog takes INIT from whoever comes next. So we look before we connect, and once
 * connected we stay while nobody else is served.
 *
 * Refuses to judge what comes over the wire: the first message makes a connection served, elsewhere.
 */

#include "lxcmon-connection-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-diag-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fork-private.h"
#include "lxcmon-hub-private.h"
#include "lxcmon-process-private.h"
#include "lxcmon-snapshot-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Pauses between two looks for a place that somebody has: a look reads all of /proc/net/unix. */
#define PLACE_INTERVAL_MIN_MS 100
#define PLACE_INTERVAL_MAX_MS 1000

/* A pause before judging again where bytes lie unread: who only waits to be served leaves them there. */
#define UNREAD_INTERVAL_MS 10

void
_lxcmon_connection_drop_attempt (LxcmonConnection *self)
{
  if (self->attempt == NULL)
    return;

  free (self->attempt->path);
  free (self->attempt);
  self->attempt = NULL;
}

/* Writes who a process is, as far as that can be known. */
static const char *
describe_process (int pid, const char *otherwise, char *text, size_t size)
{
  char name[LXCMON_PROCESS_NAME_SIZE];

  if (_lxcmon_process_get_name (pid, name))
    snprintf (text, size, "%s (pid %d)", name, pid);
  else if (pid > 0)
    snprintf (text, size, "%s (pid %d)", otherwise, pid);
  else
    snprintf (text, size, "%s", otherwise);

  return text;
}

static bool
fail_driver_lives (const LxcmonDriver *driver, const char *path, LxcmonError *error)
{
  char who[64];

  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_BUSY, 0,
                            "%s manages the containers beside %s and needs the controller's one "
                            "place; whoever took it would cost it the container's end",
                            describe_process (driver->pid, "libvirtd", who, sizeof who), path);
}

static bool
fail_served (const char *const paths[2], LxcmonError *error)
{
  char who[64];
  uint64_t client = _lxcmon_diag_find_served_client (paths);
  int pid = _lxcmon_process_find_socket_owner (client);

  return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_BUSY, 0,
                            "the controller of %s serves one client, and that is %s", paths[0],
                            describe_process (pid, "another process", who, sizeof who));
}

/* The controller may be another one than before, or none. */
static void
compare_controller_pid (LxcmonConnection *self, int before)
{
  if (self->controller_pid != before)
    self->changes |= LXCMON_CHANGE_CONTROLLER_PID;
}

/* Looks whether the place is free, without connecting. */
static bool
look_first (const LxcmonConnection *self, const LxcmonTarget *target, LxcmonError *error)
{
  LxcmonPlace place;
  LxcmonDriver driver = _lxcmon_target_find_driver (target);

  if (driver.lives)
    return fail_driver_lives (&driver, target->path, error);
  if (!_lxcmon_snapshot_look (LXCMON_LOOK_SHARED, target->paths, &place, error))
    return false;
  if (place.n_served == 0)
    return true;

  /* Who waits for the place looks again anyway, and need not be told who has it. */
  if (self->attempt->wait_if_busy)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_BUSY, 0,
                              "the controller of %s serves somebody else", target->path);

  /* A shared look may be older than somebody's leaving: a refusal is true when it is told. */
  if (!_lxcmon_snapshot_look (LXCMON_LOOK_FRESH, target->paths, &place, error))
    return false;
  return place.n_served == 0 || fail_served (target->paths, error);
}

/* Takes a connected descriptor into use: watched, asked by one PING whether it is served. */
static bool
start_waiting (LxcmonConnection *self, int fd, LxcmonError *error)
{
  self->fd = fd;
  if (self->hub != NULL && !_lxcmon_hub_watch (self->hub, self, error))
    return false;

  _lxcmon_sender_add_ping (self);
  _lxcmon_sender_flush (self);
  if (!self->attempt->wait_if_busy)
    _lxcmon_connection_set_timer (self, self->attempt->attach_timeout);
  _lxcmon_connection_set_state (self, LXCMON_STATE_QUEUED);
  return true;
}

static bool
connect_target (LxcmonConnection *self, const LxcmonTarget *target, LxcmonError *error)
{
  int fd;

  if (!self->attempt->force && !look_first (self, target, error))
    return false;
  if (target->open_to_others)
    _lxcmon_connection_log (
        self, LXCMON_LOG_WARNING,
        "others than its owner may connect to %s: a controller makes its socket "
        "with mode 0700",
        target->path);
  if (!_lxcmon_target_connect (target, &fd, error))
    return false;
  _lxcmon_snapshot_spoil (target->paths);
  /* From here on the descriptor is the connection's: whoever gives that up closes it. */
  self->fd = fd;
  if (!_lxcmon_peer_check (fd, target->path, &self->controller_pid, error))
    return false;

  return start_waiting (self, fd, error);
}

static bool
try_to_connect (LxcmonConnection *self, LxcmonError *error)
{
  LxcmonTarget target;

  if (!_lxcmon_target_open (&target, self->attempt->path, error))
    return false;
  bool done = connect_target (self, &target, error);
  _lxcmon_target_close (&target);

  return done;
}

/* Waits for the next look for the place, longer each time up to a bound. */
static void
wait_for_next_look (LxcmonConnection *self)
{
  _lxcmon_connection_set_timer (self, self->attempt->place_interval);
  self->attempt->place_interval *= 2;
  if (self->attempt->place_interval > PLACE_INTERVAL_MAX_MS)
    self->attempt->place_interval = PLACE_INTERVAL_MAX_MS;
}

static void
look_again (LxcmonConnection *self)
{
  LxcmonError error;
  bool done = try_to_connect (self, &error);

  compare_controller_pid (self, 0);
  if (done)
    {
      if (!self->attempt->quiet && self->callbacks->queued != NULL)
        self->callbacks->queued (self, self->user_data);
    }
  else if (error.code == LXCMON_MONITOR_ERROR_BUSY)
    wait_for_next_look (self);
  else
    _lxcmon_connection_end (self, &error);
}

/* Whether the controller has accepted us, which is not yet to say that it answers. */
static bool
is_accepted (const LxcmonConnection *self, const LxcmonPlace *place)
{
  struct stat info;
  uint64_t peer_inode;

  if (fstat (self->fd, &info) == 0 && _lxcmon_diag_find_peer (info.st_ino, &peer_inode))
    return peer_inode != 0;

  /* Without sock_diag: who waits stands among those who wait. */
  return place->n_queued == 0;
}

/* The attach timeout is over. Where somebody else is served there is no use in waiting; where nobody
 * is, leaving would cost the next client its INIT, so we stay. */
static void
judge_waiting (LxcmonConnection *self)
{
  LxcmonTarget target;
  LxcmonPlace place;
  LxcmonError error;
  bool busy = false;

  if (_lxcmon_connection_has_unread (self))
    {
      /* Its turn comes as soon as the loop gets to it. */
      _lxcmon_connection_set_timer (self, UNREAD_INTERVAL_MS);
      return;
    }

  if (self->attempt->path != NULL && _lxcmon_target_open (&target, self->attempt->path, NULL))
    {
      if (_lxcmon_snapshot_look (LXCMON_LOOK_FRESH, target.paths, &place, NULL)
          && place.n_served > 0 && !is_accepted (self, &place))
        busy = !fail_served (target.paths, &error);
      _lxcmon_target_close (&target);
    }

  if (busy)
    _lxcmon_connection_end (self, &error);
  else
    _lxcmon_connection_set_timer (self, self->attempt->attach_timeout);
}

/**
 * _lxcmon_attach_on_timer:
 *
 * The timer of a connection that is attaching has gone off. The connection may be gone afterwards.
 */
void
_lxcmon_attach_on_timer (LxcmonConnection *self)
{
  if (self->state == LXCMON_STATE_CONNECTING)
    look_again (self);
  else
    judge_waiting (self);
}

static bool
check_options (const LxcmonAttachOptions *options, LxcmonError *error)
{
  if (options->size < sizeof *options)
    return _lxcmon_error_set (
        error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
        "bad options: size is %zu, and LXCMON_ATTACH_OPTIONS_INIT makes it %zu", options->size,
        sizeof *options);
  if (options->attach_timeout == 0)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EINVAL,
                              "bad options: attach_timeout is 0, and has to be 1 ms at least");
  return true;
}

/* Everything of an earlier attach is forgotten. Whether the controller is another one, whoever connects
 * will see. */
static void
forget_last_attach (LxcmonConnection *self)
{
  _lxcmon_connection_forget_error (self);
  if (lxcmon_decoder_get_skipped (&self->decoder) > 0)
    self->changes |= LXCMON_CHANGE_SKIPPED;
  lxcmon_decoder_reset (&self->decoder);
  self->controller_pid = 0;
  _lxcmon_connection_note_init_pid (self, 0);
  _lxcmon_connection_note_exit (self, false, 0);
  self->n_pongs_due = 0;
  self->n_sent_of_first = 0;
  self->ping_due = self->ping_unanswered = self->send_blocked = false;
  self->heard = self->late = self->hung_up = false;
}

/* Begins an attach: after it the connection is connecting, or nothing has happened. */
static bool
begin (LxcmonConnection *self, const char *path, const LxcmonAttachOptions *options,
       LxcmonError *error)
{
  static const LxcmonAttachOptions defaults = LXCMON_ATTACH_OPTIONS_INIT;

  if (options == NULL)
    options = &defaults;
  if (!check_options (options, error))
    return false;
  if (_lxcmon_connection_is_attached (self))
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_FAILED, EALREADY,
                              "the connection is attached already: detach it first");

  LxcmonAttempt *attempt = calloc (1, sizeof *attempt);
  if (attempt != NULL && path != NULL)
    attempt->path = strdup (path);
  if (attempt == NULL || (path != NULL && attempt->path == NULL))
    {
      free (attempt);
      return _lxcmon_error_set_no_memory (error);
    }
  if (self->hub != NULL && !_lxcmon_hub_add (self->hub, self, error))
    {
      free (attempt->path);
      free (attempt);
      return false;
    }

  forget_last_attach (self);
  attempt->attach_timeout = options->attach_timeout;
  attempt->place_interval = PLACE_INTERVAL_MIN_MS;
  attempt->force = options->force;
  attempt->wait_if_busy = options->wait_if_busy;
  self->attempt = attempt;
  self->keepalive_interval = options->keepalive_interval;
  self->fork_generation = (uint16_t) _lxcmon_fork_generation ();
  _lxcmon_connection_set_state (self, LXCMON_STATE_CONNECTING);
  return true;
}

/* Gives up an attach that the caller is told about by the return value. */
static bool
give_up (LxcmonConnection *self, const LxcmonError *why, LxcmonError *error)
{
  self->attempt->quiet = true;
  _lxcmon_connection_end (self, why);
  if (error != NULL)
    *error = *why;
  return false;
}

/**
 * lxcmon_connection_attach:
 * @self: a connection that is not attached
 * @socket_path: the path of a controller's socket, of any length; lxcmon_name_to_socket_path() knows
 *   where libvirt puts it
 * @options: (nullable): how to attach; %NULL for the defaults
 * @error: (out) (optional): where the error goes
 *
 * Begins to attach: looks whether the controller's place is free, connects, and asks by one PING
 * whether we are served. It never blocks. When it returns true, the state is %LXCMON_STATE_QUEUED, or
 * %LXCMON_STATE_CONNECTING where it waits for the place, and `served` or `failed` follows.
 *
 * Returns: whether it has begun; where not, the state is what it was, or %LXCMON_STATE_DETACHED
 *
 * Since: 0.1
 */
bool
lxcmon_connection_attach (LxcmonConnection *self, const char *socket_path,
                          const LxcmonAttachOptions *options, LxcmonError *error)
{
  LxcmonError why;
  int last_pid = self->controller_pid;

  if (socket_path == NULL)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_INVALID_NAME, EINVAL,
                              "not a socket's path: it is NULL");
  if (!begin (self, socket_path, options, error))
    return false;
  bool done = try_to_connect (self, &why);
  compare_controller_pid (self, last_pid);
  if (done)
    return true;
  if (why.code != LXCMON_MONITOR_ERROR_BUSY || !self->attempt->wait_if_busy)
    return give_up (self, &why, error);

  _lxcmon_connection_log (self, LXCMON_LOG_DEBUG, "waits for the place: %s", why.message);
  wait_for_next_look (self);
  return true;
}

/* Makes a descriptor that was handed over fit to be used. */
static bool
prepare_descriptor (int fd, LxcmonError *error)
{
  int type;
  socklen_t size = sizeof type;

  if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot attach to descriptor %d", fd);
  if (type != SOCK_STREAM)
    return _lxcmon_error_set (error, LXCMON_MONITOR_ERROR_UNTRUSTED, EPROTOTYPE,
                              "descriptor %d is no stream socket, as a controller's is", fd);

  int flags = fcntl (fd, F_GETFL);
  if (flags < 0 || fcntl (fd, F_SETFL, flags | O_NONBLOCK) < 0
      || fcntl (fd, F_SETFD, FD_CLOEXEC) < 0)
    return _lxcmon_error_set_system (error, errno, "cannot attach to descriptor %d", fd);
  return true;
}

/**
 * lxcmon_connection_attach_fd:
 * @self: a connection that is not attached
 * @fd: (transfer full): a connected stream socket; it is the connection's from now on, also where
 *   this fails
 * @options: (nullable): how to attach; %NULL for the defaults
 * @error: (out) (optional): where the error goes
 *
 * As lxcmon_connection_attach(), with a socket that was connected elsewhere: by a privileged helper,
 * or as one end of a socketpair. It is made non-blocking and close-on-exec. Nothing is known of its
 * path, so nobody can be found to have the place.
 *
 * Returns: whether it has begun
 *
 * Since: 0.1
 */
bool
lxcmon_connection_attach_fd (LxcmonConnection *self, int fd, const LxcmonAttachOptions *options,
                             LxcmonError *error)
{
  LxcmonError why;
  int last_pid = self->controller_pid;

  if (fd < 0)
    return _lxcmon_error_set_system (error, EBADF, "cannot attach to descriptor %d", fd);
  if (!begin (self, NULL, options, error))
    {
      _lxcmon_target_close (&(LxcmonTarget){ .dir_fd = -1, .socket_fd = fd });
      return false;
    }

  self->fd = fd;
  bool done = prepare_descriptor (fd, &why)
              && _lxcmon_peer_check (fd, "the descriptor", &self->controller_pid, &why)
              && start_waiting (self, fd, &why);
  compare_controller_pid (self, last_pid);
  return done || give_up (self, &why, error);
}
