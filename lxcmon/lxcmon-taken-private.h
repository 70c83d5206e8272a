/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Which controllers' slots are taken, as the busy checks of a hub remember it for a moment.
 */

#include "lxcmon-diag-private.h"

/* A hub has one. It is never believed that a slot is taken: that is asked for again. */
typedef struct
{
  LxcmonDiagFiles files; /* sorted: taken, or connected to by us since */
  int64_t valid_until;
} LxcmonTaken;

LxcmonDiagResult _lxcmon_taken_check (LxcmonTaken *self, LxcmonDiagFile file, bool *taken,
                                      LxcmonError *error);
void _lxcmon_taken_add (LxcmonTaken *self, LxcmonDiagFile file);
void _lxcmon_taken_clear (LxcmonTaken *self);
