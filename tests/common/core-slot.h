/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A listener whose client slot is taken: by a child process that is called "libvirtd".
 */

#include "core-child.h"
#include "core-peer.h"

typedef struct
{
  CoreListener listener;
  CoreChild holder;
  int accepted;
} CoreTakenSlot;

void core_taken_slot_init (CoreTakenSlot *self);
void core_taken_slot_release (CoreTakenSlot *self);
void core_taken_slot_clear (CoreTakenSlot *self);
