/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Plays a container that somebody else watches already.
 */

#include "core-place.h"

#include <unistd.h>

#include <lxcmon/lxcmon-snapshot-private.h>

/* What was seen of a listener a moment ago counts no more: the next look is a fresh one. */
void
core_forget_looks (const CoreListener *listener)
{
  const char *const paths[2] = { listener->path, listener->path };

  _lxcmon_snapshot_spoil (paths);
}

void
core_taken_place_init (CoreTakenPlace *self)
{
  core_listener_init (&self->listener);
  core_child_start (&self->holder, core_child_connect, self->listener.path);
  self->served = core_listener_accept (&self->listener);
  g_assert_cmpint (self->served, >=, 0);
  core_forget_looks (&self->listener);
}

/* The client leaves, and the controller sees it. */
void
core_taken_place_release (CoreTakenPlace *self)
{
  core_child_stop (&self->holder);
  close (self->served);
}

void
core_taken_place_clear (CoreTakenPlace *self)
{
  core_listener_clear (&self->listener);
}
