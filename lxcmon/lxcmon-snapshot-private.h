/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Who is at a Unix socket's path, by /proc/net/unix: a look that connects to nothing.
 */

#include "lxcmon-error.h"

typedef struct
{
  uint32_t n_listeners; /* sockets that listen on the path */
  uint32_t n_bound;     /* sockets that are bound to it and do not listen, or not yet */
  uint32_t n_served;    /* clients that were accepted */
  uint32_t n_queued;   /* clients, living or dead, in the backlog */
  uint64_t listener;    /* the inode of a socket that listens, or 0 */
} LxcmonPlace;

/* A socket's path as it may have been bound; twice the same where there is but one. */
typedef struct
{
  const char *paths[2];
} LxcmonPathPair;

typedef enum
{
  LXCMON_LOOK_SHARED, /* a recent look of this process will do: 100 ms old at the most */
  LXCMON_LOOK_FRESH
} LxcmonLook;

bool _lxcmon_snapshot_look (LxcmonLook look, const char *const paths[2], LxcmonPlace *place,
                            LxcmonError *error);
bool _lxcmon_snapshot_look_many (const LxcmonPathPair *pairs, LxcmonPlace *places, size_t n,
                                 LxcmonError *error);
void _lxcmon_snapshot_spoil (const char *const paths[2]);
