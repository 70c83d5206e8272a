/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What a connection asks of the hub that it is behind.
 */

#include "lxcmon-hub.h"

bool _lxcmon_hub_add (LxcmonHub *self, LxcmonConnection *connection, LxcmonError *error);
void _lxcmon_hub_remove (LxcmonHub *self, LxcmonConnection *connection);
bool _lxcmon_hub_watch (LxcmonHub *self, LxcmonConnection *connection, LxcmonError *error);
void _lxcmon_hub_watch_writable (LxcmonHub *self, LxcmonConnection *connection, bool watch);
void _lxcmon_hub_set_timer (LxcmonHub *self, LxcmonConnection *connection);
void _lxcmon_hub_clear_timer (LxcmonHub *self, LxcmonConnection *connection);
void _lxcmon_hub_close_later (LxcmonHub *self, int fd);
