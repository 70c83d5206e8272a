/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Whether a container is libvirtd's although no driver is running.
 */

#include "lxcmon-driver-watch-private.h"
#include "lxcmon-target-private.h"

bool _lxcmon_away_check (const LxcmonTarget *target, const LxcmonDriverDir *dir,
                         LxcmonError *error);
int _lxcmon_away_parse (const char *text);
