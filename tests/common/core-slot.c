/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Plays a container that has a client already.
 */

#include "core-slot.h"

#include <unistd.h>

void
core_taken_slot_init (CoreTakenSlot *self)
{
  core_listener_init (&self->listener);
  core_child_start (&self->holder, core_child_connect, self->listener.path);
  self->accepted = core_listener_accept (&self->listener);
  g_assert_cmpint (self->accepted, >=, 0);
}

/* The client leaves, and the controller notices. */
void
core_taken_slot_release (CoreTakenSlot *self)
{
  core_child_stop (&self->holder);
  close (self->accepted);
}

void
core_taken_slot_clear (CoreTakenSlot *self)
{
  core_listener_clear (&self->listener);
}
