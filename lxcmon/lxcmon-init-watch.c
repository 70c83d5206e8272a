/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the pidfds of the connections of a hub: they are opened once for each container, and closed when descriptors
 * run short, since a connection is worth more than how a container's init ended.
 */

#include "lxcmon-init-watch-private.h"
#include "lxcmon-clock-private.h"
#include "lxcmon-error-private.h"
#include "lxcmon-fd-private.h"

#include <errno.h>
#include <stdlib.h>

/* More than an attach needs while it is made */
#define N_GIVEN_UP 16

/* What was given up would otherwise be taken by the next pidfds. */
#define PAUSE_NS (10 * (int64_t) LXCMON_NS_PER_S)

static LxcmonInitClient *
client_new (LxcmonInitWatch *watch, int fd)
{
  LxcmonInitClient *self = calloc (1, sizeof *self);

  if (self == NULL)
    return NULL;
  self->fd = fd;
  self->exit_code = -1;
  self->next = watch->clients;
  self->link = &watch->clients;
  if (self->next != NULL)
    self->next->link = &self->next;
  watch->clients = self;
  return self;
}

static void
close_pidfd (LxcmonInitClient *self)
{
  if (self->fd < 0)
    return;
  *self->link = self->next;
  if (self->next != NULL)
    self->next->link = self->link;
  _lxcmon_fd_clear (&self->fd);
}

/**
 * _lxcmon_init_watch_add:
 *
 * Opens the pidfd of a container's init.
 *
 * Returns: (transfer full) (nullable): a client to free with _lxcmon_init_client_free(), or %NULL with @error set
 */
LxcmonInitClient *
_lxcmon_init_watch_add (LxcmonInitWatch *self, int init_pid, int controller_pid, LxcmonError *error)
{
  if (_lxcmon_clock_now () < self->pause_until)
    {
      (void) _lxcmon_error_set_system (error, EMFILE, "cannot open a pidfd of init (pid %d)",
                                       init_pid);
      return NULL;
    }
  int fd = lxcmon_init_open (init_pid, controller_pid, error);
  if (fd < 0)
    return NULL;

  LxcmonInitClient *client = client_new (self, fd);
  if (client == NULL)
    {
      _lxcmon_fd_clear (&fd);
      (void) _lxcmon_error_set_no_memory (error);
    }
  return client;
}

/**
 * _lxcmon_init_watch_give_up:
 *
 * Closes some pidfds, since descriptors have run short; for some time none is opened.
 *
 * Returns: whether there were any
 */
bool
_lxcmon_init_watch_give_up (LxcmonInitWatch *self)
{
  bool any = self->clients != NULL;

  self->pause_until = _lxcmon_clock_now () + PAUSE_NS;
  for (int i = 0; i < N_GIVEN_UP && self->clients != NULL; i++)
    close_pidfd (self->clients);
  return any;
}

/**
 * _lxcmon_init_client_ask:
 * @self: (nullable): a client
 *
 * Finds out how init has ended, if that can be known.
 */
void
_lxcmon_init_client_ask (LxcmonInitClient *self)
{
  if (self != NULL && self->fd >= 0)
    (void) lxcmon_init_get_end (self->fd, &self->exit_code, &self->signal);
}

void
_lxcmon_init_client_free (LxcmonInitClient *self)
{
  if (self == NULL)
    return;
  close_pidfd (self);
  free (self);
}
