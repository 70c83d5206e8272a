/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Who is at a Unix socket's path, by /proc/net/unix: a look that connects to nothing.
 */

#include "lxcmon-error.h"

typedef struct
{
  uint32_t n_listeners; /* sockets that listen on the path */
  uint32_t n_served;    /* clients that were accepted */
  uint32_t n_waiting;   /* clients, living or dead, in the backlog */
} LxcmonPlace;

typedef enum
{
  LXCMON_LOOK_SHARED, /* a recent look of this process will do: 100 ms old at the most */
  LXCMON_LOOK_FRESH
} LxcmonLook;

bool _lxcmon_snapshot_look (LxcmonLook look, const char *const paths[2], LxcmonPlace *place,
                            LxcmonError *error);
void _lxcmon_snapshot_spoil (const char *const paths[2]);
