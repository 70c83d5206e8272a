/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One hub per main context, in one GSource.
 */

#include <glib.h>
#include <lxcmon/lxcmon-hub.h>

typedef struct _LxcmonHubSource LxcmonHubSource;

LxcmonHubSource *_lxcmon_hub_source_acquire (GMainContext *context, GError **error);
void _lxcmon_hub_source_release (LxcmonHubSource *self);
LxcmonHub *_lxcmon_hub_source_get_hub (LxcmonHubSource *self);
GMainContext *_lxcmon_hub_source_get_context (LxcmonHubSource *self);
gboolean _lxcmon_hub_source_is_here (LxcmonHubSource *self);
