/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What /proc/net/unix says about a controller's socket, without connecting to it.
 */

#include "lxcmon-error.h"

/* The client slot of a controller */
typedef struct
{
  uint32_t n_listeners; /* sockets that listen on the path */
  uint32_t n_bound;     /* sockets that are bound to it and do not listen (yet) */
  uint32_t n_accepted;  /* clients that the controller has accepted */
  uint32_t n_queued;    /* clients in the backlog, dead ones included */
  uint64_t listener;    /* the inode of a socket that listens, or 0 */
} LxcmonSlot;

typedef enum
{
  LXCMON_SNAPSHOT_SHARED, /* a snapshot that this process took in the last 100 ms will do */
  LXCMON_SNAPSHOT_FRESH
} LxcmonSnapshotMode;

bool _lxcmon_snapshot_get (LxcmonSnapshotMode mode, const char *const paths[2], LxcmonSlot *slot,
                           LxcmonError *error);
bool _lxcmon_snapshot_begin (LxcmonError *error);
LxcmonSlot _lxcmon_snapshot_find (const char *const paths[2]);
void _lxcmon_snapshot_end (void);
void _lxcmon_snapshot_invalidate (const char *const paths[2]);
