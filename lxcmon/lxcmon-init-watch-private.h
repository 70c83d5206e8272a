/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The pidfds of the connections of a hub, one for each container's init. They are given up when descriptors run
 * short.
 */

#include "lxcmon-init.h"

typedef struct _LxcmonInitClient LxcmonInitClient;

/* The init of a connection's container. There is one only if its pidfd could be opened: most of what follows would be
 * unused otherwise. */
struct _LxcmonInitClient
{
  LxcmonInitClient *next;
  LxcmonInitClient **link; /* what points to this one, while there is a pidfd */
  int fd;                  /* the pidfd, or -1 after it was given up */
  int exit_code;           /* -1 while unknown */
  int signal;              /* 0 while unknown */
};

/* Part of a hub */
typedef struct
{
  LxcmonInitClient *clients; /* those that have a pidfd */
  int64_t pause_until;       /* monotonic, in ns: after descriptors have run short, or 0 */
  bool warned;               /* of that */
} LxcmonInitWatch;

LxcmonInitClient *_lxcmon_init_watch_add (LxcmonInitWatch *self, int init_pid, int controller_pid,
                                          LxcmonError *error);
bool _lxcmon_init_watch_give_up (LxcmonInitWatch *self);
void _lxcmon_init_client_ask (LxcmonInitClient *self);
void _lxcmon_init_client_free (LxcmonInitClient *self);
