/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One hub per main context, in one GSource.
 */

#include <glib.h>
#include <lxcmon/lxcmon-connection.h>
#include <lxcmon/lxcmon-hub.h>

#include "lxcmon-turn-private.h"

typedef struct _LxcmonHubSource LxcmonHubSource;

/* Visible for the turn's sake, which is asked for with each event. */
struct _LxcmonHubSource
{
  GSource source;
  GMainContext *context;
  LxcmonHub *hub;
  LxcmonTurn *turn; /* the innermost, or NULL */
  guint n_users;
};

LxcmonHubSource *_lxcmon_hub_source_acquire (GMainContext *context, GError **error);
void _lxcmon_hub_source_release (LxcmonHubSource **place);
LxcmonHub *_lxcmon_hub_source_get_hub (LxcmonHubSource *self);
GMainContext *_lxcmon_hub_source_get_context (LxcmonHubSource *self);
GMainContext *_lxcmon_hub_source_dup_context (LxcmonHubSource **place);
void _lxcmon_hub_source_dispatch_connection (LxcmonHubSource *self, LxcmonConnection *connection);

/* The turn that somebody is told of something in. */
static inline LxcmonTurn *
_lxcmon_hub_source_get_turn (LxcmonHubSource *self)
{
  return self->turn;
}
