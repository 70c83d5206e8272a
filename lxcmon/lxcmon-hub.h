/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Many connections behind one epoll descriptor and one timer descriptor.
 */

#include "lxcmon-connection.h"

LXCMON_BEGIN_DECLS

LXCMON_EXPORT LxcmonHub *lxcmon_hub_new (LxcmonError *error);
LXCMON_EXPORT LxcmonHub *lxcmon_hub_ref (LxcmonHub *self);
LXCMON_EXPORT void lxcmon_hub_unref (LxcmonHub *self);
LXCMON_EXPORT int lxcmon_hub_get_fd (const LxcmonHub *self);
LXCMON_EXPORT short lxcmon_hub_get_events (const LxcmonHub *self);
LXCMON_EXPORT int lxcmon_hub_get_timeout (const LxcmonHub *self);
LXCMON_EXPORT void lxcmon_hub_dispatch (LxcmonHub *self);
LXCMON_EXPORT size_t lxcmon_hub_get_n_connections (const LxcmonHub *self);
LXCMON_EXPORT bool lxcmon_hub_was_forked (const LxcmonHub *self);

LXCMON_END_DECLS
