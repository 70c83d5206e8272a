/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One dispatch, as clients see it: a loop in a handler makes one inside another. Who has been told of an
 * event lives on until somebody else is told of one, or the turn ends; and what it has still to tell stands
 * here, for whoever is told of the next event in a turn further in.
 */

#include <lxcmon-glib/lxcmon-glib.h>

typedef enum
{
  LXCMON_OWED_NOTHING,
  LXCMON_OWED_INIT,
  LXCMON_OWED_EXIT,
  LXCMON_OWED_N
} LxcmonOwed;

typedef struct _LxcmonTurn LxcmonTurn;

struct _LxcmonTurn
{
  LxcmonTurn *outer;
  LxcmonClient *held; /* who was told last, or NULL */
  LxcmonOwed owed;    /* what it has still to tell */
  gint owed_value;    /* a pid, or a status */
  guint16 owed_epoch;
  guint n_told[LXCMON_OWED_N]; /* so many, since it is held */
  gboolean interface_hears[LXCMON_OWED_N];
};

void _lxcmon_turn_begin (LxcmonTurn *self, LxcmonTurn **innermost);
void _lxcmon_turn_end (LxcmonTurn *self, LxcmonTurn **innermost);
LxcmonClient *_lxcmon_turn_change (LxcmonTurn *self, LxcmonClient *client);
