/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A listener whose one place somebody has: a child that is called "libvirtd".
 */

#include "core-child.h"
#include "core-peer.h"

typedef struct
{
  CoreListener listener;
  CoreChild holder;
  int served;
} CoreTakenPlace;

void core_taken_place_init (CoreTakenPlace *self);
void core_taken_place_release (CoreTakenPlace *self);
void core_taken_place_clear (CoreTakenPlace *self);

void core_forget_looks (const CoreListener *listener);
