/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Whether a container is libvirtd's although no driver is running.
 */

#include "lxcmon-driver-watch-private.h"
#include "lxcmon-target-private.h"

/* Who listens on the socket, as far as sock_diag says it */
typedef struct
{
  uint64_t inode; /* 0 if it is not known */
  unsigned int uid;
} LxcmonAwayListener;

bool _lxcmon_away_check (const LxcmonTarget *target, const LxcmonDriverDir *dir,
                         const LxcmonAwayListener *listener, LxcmonError *error);
int _lxcmon_away_parse (const char *text);
