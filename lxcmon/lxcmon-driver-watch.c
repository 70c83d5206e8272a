/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns when to ask for the driver's lock while connections are open, and the hang-up for a driver that has it.
 *
 * inotify does not report locks. libvirtd opens driver.pid, locks it, and then truncates and writes it
 * (virPidFileAcquirePath): so what is written to the file comes after the lock. For a driver that does not write, the
 * lock is asked for a few times more after the file was opened. driver.pid is kept open: if it were opened for each
 * question, each question would be the next hint, also between two processes.
 *
 * A directory is watched until the first hint that nobody needs: to remove a watch and add it again soon takes the
 * kernel some 10 ms. So does closing the descriptor, which is done with the hub.
 */

#include "lxcmon-driver-watch-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-driver-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fd-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* After a hint, the lock is asked for again after 5, 10, 20, 40 and 80 ms. */
#define PAUSE_MIN_MS 5
#define PAUSE_MAX_MS 80

/* How often to ask without inotify. */
#define BLIND_PAUSE_MS 100

/* A directory without clients whose driver was not seen for so long need not be remembered. */
#define REMEMBER_NS (10 * (int64_t) LXCMON_NS_PER_S)

/* There may always be more hints: the rest is read in the next round. */
#define READS_MAX 16

#define HINTS                                                                               \
  (IN_CREATE | IN_OPEN | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM \
   | IN_MOVED_TO)

void
_lxcmon_driver_watch_init (LxcmonDriverWatch *self, LxcmonPoller *poller)
{
  *self = (LxcmonDriverWatch){
    .poller = poller,
    .timer = { .index = LXCMON_TIMER_UNSET },
    .fd = -1,
  };
}

/**
 * _lxcmon_driver_watch_close:
 *
 * Closes what is open. There are no clients, or this is a forked child, which must not remove the parent's watches.
 */
void
_lxcmon_driver_watch_close (LxcmonDriverWatch *self)
{
  while (self->dirs != NULL)
    {
      LxcmonDriverDir *dir = self->dirs;

      self->dirs = dir->next;
      _lxcmon_fd_clear (&dir->dir_fd);
      _lxcmon_fd_clear (&dir->file_fd);
      free (dir);
    }
  _lxcmon_fd_clear (&self->fd);
}

/* ---- Directories ---- */

static void
stop_watching (LxcmonDriverWatch *self, LxcmonDriverDir *dir)
{
  if (dir->watch >= 0)
    (void) inotify_rm_watch (self->fd, dir->watch);
  dir->watch = -1;
}

/* A directory that can be forgotten, for another one to use its memory, or %NULL. */
static LxcmonDriverDir *
take_unused (LxcmonDriverWatch *self)
{
  for (LxcmonDriverDir *dir = self->dirs; dir != NULL; dir = dir->next)
    if (dir->clients == NULL
        && (dir->seen_at == 0 || _lxcmon_clock_now () - dir->seen_at > REMEMBER_NS))
      {
        stop_watching (self, dir);
        return dir;
      }
  return NULL;
}

static LxcmonDriverDir *
make_dir (LxcmonDriverWatch *self)
{
  LxcmonDriverDir *dir = calloc (1, sizeof *dir);

  if (dir == NULL)
    return NULL;
  dir->next = self->dirs;
  self->dirs = dir;
  return dir;
}

/* Finds what is known of a directory; it may be nothing. */
static LxcmonDriverDir *
find_dir (LxcmonDriverWatch *self, int dir_fd, LxcmonError *error)
{
  LxcmonDriverDir *dir = self->dirs;
  struct stat info;

  if (fstat (dir_fd, &info) < 0)
    {
      _lxcmon_error_set_system (error, errno, "cannot check for a driver: fstat of the directory");
      return NULL;
    }
  while (dir != NULL && (dir->device != info.st_dev || dir->inode != info.st_ino))
    dir = dir->next;
  if (dir != NULL)
    return dir;

  dir = take_unused (self);
  if (dir == NULL)
    dir = make_dir (self);
  if (dir == NULL)
    {
      _lxcmon_error_set_no_memory (error);
      return NULL;
    }
  *dir = (LxcmonDriverDir){
    .next = dir->next,
    .device = info.st_dev,
    .inode = info.st_ino,
    .known_since = _lxcmon_clock_now (),
    .dir_fd = -1,
    .file_fd = -1,
    .watch = -1,
  };
  return dir;
}

/* ---- The lock ---- */

/* Whether the controller may still be there: also if that cannot be found out. */
static bool
may_have_peer (int fd)
{
  struct pollfd descriptor = { .fd = fd, .events = POLLRDHUP };

  return poll (&descriptor, 1, 0) <= 0;
}

/* Hangs up, so that the controllers accept the driver. What they have sent is read later. One that has hung up itself
 * has ended. */
static void
hang_up (LxcmonDriverDir *self)
{
  for (LxcmonDriverClient *client = self->clients; client != NULL; client = client->next)
    if (client->fd >= 0 && !client->yielded && may_have_peer (client->fd))
      {
        client->yielded = true;
        (void) shutdown (client->fd, SHUT_RDWR);
      }
}

/* Asks for the lock. */
static bool
ask (LxcmonDriverDir *self, int dir_fd, LxcmonError *error)
{
  bool was_running = self->driver.running;
  bool done = _lxcmon_driver_find_again (dir_fd, &self->file_fd, &self->driver, error);

  if (self->clients == NULL)
    _lxcmon_fd_clear (&self->file_fd);
  if (self->driver.running || was_running)
    self->seen_at = _lxcmon_clock_now ();
  if (self->driver.running)
    hang_up (self);
  return done;
}

/* Asks for the lock while there are clients. A driver.pid that has appeared and cannot be asked counts as locked. */
static void
check (LxcmonDriverDir *self)
{
  if (self->clients == NULL || ask (self, self->dir_fd, NULL))
    return;

  self->driver = (LxcmonDriver){ .running = true };
  hang_up (self);
}

/**
 * _lxcmon_driver_watch_ask:
 * @dir_fd: a runtime directory
 *
 * Finds out whether a driver is running.
 *
 * Returns: (nullable): the directory, valid until the next call; %NULL with @error set if that could not be found out
 */
const LxcmonDriverDir *
_lxcmon_driver_watch_ask (LxcmonDriverWatch *self, int dir_fd, LxcmonError *error)
{
  LxcmonDriverDir *dir = find_dir (self, dir_fd, error);

  return dir != NULL && ask (dir, dir_fd, error) ? dir : NULL;
}

/* ---- When to ask ---- */

static void
set_timer (LxcmonDriverWatch *self)
{
  int64_t first = INT64_MAX;

  for (const LxcmonDriverDir *dir = self->dirs; dir != NULL; dir = dir->next)
    if (dir->ask_at != 0 && dir->ask_at < first)
      first = dir->ask_at;
  if (first == INT64_MAX)
    {
      _lxcmon_poller_unset_timer (self->poller, &self->timer);
      return;
    }
  int64_t pause = first - _lxcmon_clock_now ();
  _lxcmon_poller_set_timer (self->poller, &self->timer,
                            pause > 0
                                ? (unsigned int) ((pause + LXCMON_NS_PER_MS - 1) / LXCMON_NS_PER_MS)
                                : 0);
}

/* Sets when to ask again, for the first time after a hint, or @pause after the last time. */
static void
ask_later (LxcmonDriverDir *self, unsigned int pause)
{
  if (self->clients == NULL)
    pause = 0;
  else if (pause == 0 || pause > PAUSE_MAX_MS)
    pause = self->watch < 0 ? BLIND_PAUSE_MS : 0;
  self->pause = pause;
  self->ask_at = pause != 0 ? _lxcmon_clock_now () + (int64_t) pause * LXCMON_NS_PER_MS : 0;
}

static bool
open_inotify (LxcmonDriverWatch *self)
{
  if (self->fd >= 0)
    return true;

  int fd = _lxcmon_fd_above_stdio (inotify_init1 (IN_CLOEXEC | IN_NONBLOCK));
  if (fd < 0)
    return false;
  LxcmonError error;
  if (!_lxcmon_poller_watch (self->poller, fd, self, &error))
    {
      close (fd);
      errno = error.system_errno;
      return false;
    }
  self->fd = fd;
  return true;
}

/* Begins to watch a directory, if that is possible. */
static void
watch (LxcmonDriverWatch *self, LxcmonDriverDir *dir)
{
  char path[64];

  if (dir->watch >= 0)
    return;
  snprintf (path, sizeof path, "/proc/self/fd/%d", dir->dir_fd);
  if (open_inotify (self))
    dir->watch = inotify_add_watch (self->fd, path, HINTS | IN_ONLYDIR);
  self->watch_errno = dir->watch >= 0 ? 0 : errno;
  self->warned = self->warned && dir->watch < 0;
}

/**
 * _lxcmon_driver_watch_on_timer:
 *
 * Handles the timer, which is not set any more.
 */
void
_lxcmon_driver_watch_on_timer (LxcmonDriverWatch *self)
{
  int64_t now = _lxcmon_clock_now ();

  for (LxcmonDriverDir *dir = self->dirs; dir != NULL; dir = dir->next)
    if (dir->ask_at != 0 && dir->ask_at <= now)
      {
        watch (self, dir);
        check (dir);
        ask_later (dir, dir->pause * 2);
      }
  set_timer (self);
}

/* ---- Hints ---- */

static void
note_hint (LxcmonDriverWatch *self, const struct inotify_event *event)
{
  for (LxcmonDriverDir *dir = self->dirs; dir != NULL; dir = dir->next)
    {
      if ((event->mask & IN_Q_OVERFLOW) == 0 && (dir->watch < 0 || dir->watch != event->wd))
        continue;
      if ((event->mask & (IN_IGNORED | IN_UNMOUNT)) != 0)
        dir->watch = -1;
      else if (dir->clients == NULL)
        stop_watching (self, dir);
      if ((event->mask & IN_ISDIR) == 0
          && (event->len == 0 || strcmp (event->name, LXCMON_DRIVER_FILE) == 0))
        dir->hinted = true;
    }
}

/* Returns whether there were any. */
static bool
read_hints (LxcmonDriverWatch *self)
{
  char buffer[4096] __attribute__ ((aligned (__alignof__(struct inotify_event))));
  ssize_t n;

  do
    n = read (self->fd, buffer, sizeof buffer);
  while (n < 0 && errno == EINTR);

  for (ssize_t at = 0; at < n;)
    {
      const struct inotify_event *event = (const void *) (buffer + at);
      note_hint (self, event);
      at += (ssize_t) (sizeof *event + event->len);
    }
  return n > 0;
}

static void
handle_hints (LxcmonDriverWatch *self)
{
  for (int i = 0; i < READS_MAX && read_hints (self); i++)
    ;
  for (LxcmonDriverDir *dir = self->dirs; dir != NULL; dir = dir->next)
    if (dir->hinted)
      {
        dir->hinted = false;
        check (dir);
        ask_later (dir, PAUSE_MIN_MS);
      }
  set_timer (self);
}

/**
 * _lxcmon_driver_watch_serve:
 *
 * Hangs up for a driver that has started, at the beginning of a round: before anything is read from any connection.
 */
void
_lxcmon_driver_watch_serve (LxcmonDriverWatch *self)
{
  if (self->fd >= 0 && _lxcmon_poller_take_ready (self->poller, self))
    handle_hints (self);
  if (self->timer.index != LXCMON_TIMER_UNSET && self->timer.deadline <= _lxcmon_clock_now ())
    {
      _lxcmon_poller_unset_timer (self->poller, &self->timer);
      _lxcmon_driver_watch_on_timer (self);
    }
}

/* ---- Clients ---- */

/**
 * _lxcmon_driver_watch_add:
 * @client: part of a connection, which sets its descriptor once it is connected
 * @dir_fd: the directory of its socket
 *
 * Begins to watch for a driver. One that is running already is not noticed: it is to be asked for after this.
 *
 * Returns: false with @error set if descriptors or memory have run out
 */
bool
_lxcmon_driver_watch_add (LxcmonDriverWatch *self, LxcmonDriverClient *client, int dir_fd,
                          LxcmonError *error)
{
  LxcmonDriverDir *dir = find_dir (self, dir_fd, error);

  if (dir == NULL)
    return false;
  if (dir->dir_fd < 0)
    dir->dir_fd = fcntl (dir_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (dir->dir_fd < 0)
    return _lxcmon_error_set_system (error, errno, "cannot watch for a driver");

  *client
      = (LxcmonDriverClient){ .dir = dir, .next = dir->clients, .link = &dir->clients, .fd = -1 };
  if (client->next != NULL)
    client->next->link = &client->next;
  dir->clients = client;
  watch (self, dir);
  if (dir->watch < 0 && dir->ask_at == 0)
    {
      ask_later (dir, BLIND_PAUSE_MS);
      set_timer (self);
    }
  return true;
}

/**
 * _lxcmon_driver_watch_remove:
 * @client: part of a connection; nothing happens if it was not added
 *
 * Ends that.
 */
void
_lxcmon_driver_watch_remove (LxcmonDriverWatch *self, LxcmonDriverClient *client)
{
  LxcmonDriverDir *dir = client->dir;

  if (dir == NULL)
    return;
  client->dir = NULL;
  *client->link = client->next;
  if (client->next != NULL)
    client->next->link = client->link;
  if (dir->clients != NULL)
    return;

  _lxcmon_fd_clear (&dir->dir_fd);
  _lxcmon_fd_clear (&dir->file_fd);
  if (dir->ask_at != 0)
    {
      ask_later (dir, 0);
      set_timer (self);
    }
}
