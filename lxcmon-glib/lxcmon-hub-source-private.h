/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One hub per main context, in one GSource.
 */

#include <glib.h>
#include <lxcmon/lxcmon-hub.h>

typedef struct _LxcmonHubSource LxcmonHubSource;

LxcmonHubSource *_lxcmon_hub_source_acquire (GMainContext *context, GError **error);
void _lxcmon_hub_source_release (LxcmonHubSource **place);
LxcmonHub *_lxcmon_hub_source_get_hub (LxcmonHubSource *self);
GMainContext *_lxcmon_hub_source_get_context (LxcmonHubSource *self);
GMainContext *_lxcmon_hub_source_dup_context (LxcmonHubSource **place);
