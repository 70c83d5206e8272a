/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What an event or a list is decided to change.
 */

#include "lxcmon-libvirt-backend-private.h"

typedef struct
{
  LxcmonLibvirtBackend *backend;
  GQueue steps; /* of LxcmonLibvirtStep */
} LxcmonLibvirtPlan;

void _lxcmon_libvirt_plan_report (LxcmonLibvirtPlan *self, LxcmonRow *row, LxcmonReport what,
                                  const LxcmonModel *model, GError *error);
void _lxcmon_libvirt_plan_addition (LxcmonLibvirtPlan *self, LxcmonRow *row);
void _lxcmon_libvirt_plan_removal (LxcmonLibvirtPlan *self, LxcmonRow *row);
void _lxcmon_libvirt_plan_push (LxcmonLibvirtPlan *self);
void _lxcmon_libvirt_row_linger (LxcmonLibvirtBackend *self, LxcmonRow *row, guint ms);
