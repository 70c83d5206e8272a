/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Notices that libvirtd or virtlxcd starts, in the runtime directories of the connections without force, and hangs up
 * for it. One for each hub.
 */

#include "lxcmon-poller-private.h"
#include "lxcmon-runtime-dir.h"

#include <sys/types.h>

typedef struct _LxcmonDriverClient LxcmonDriverClient;
typedef struct _LxcmonDriverDir LxcmonDriverDir;
typedef struct _LxcmonDriverWatch LxcmonDriverWatch;

/* Part of a connection */
struct _LxcmonDriverClient
{
  LxcmonDriverDir *dir; /* NULL while the connection is not watched for */
  LxcmonDriverClient *next;
  LxcmonDriverClient **link; /* what points to this one */
  int fd;                    /* the socket, or -1 before there is one */
  bool yielded;              /* it was hung up for a driver */
};

/* What is known of a directory. It is kept while nobody is connected: when the driver was seen matters then too. All
 * times are monotonic, in ns; 0 for never. */
struct _LxcmonDriverDir
{
  LxcmonDriverDir *next;
  dev_t device;
  ino_t inode;
  LxcmonDriver driver; /* when it was asked for last */
  int64_t known_since;
  int64_t seen_at; /* when a driver was seen last */

  LxcmonDriverClient *clients;
  int dir_fd;  /* these two are open while there are clients, or -1 */
  int file_fd; /* driver.pid */
  int watch;   /* what inotify calls it, or -1 */
  bool hinted;
  int64_t ask_at;     /* when to ask again */
  unsigned int pause; /* in ms, until then */
};

struct _LxcmonDriverWatch
{
  LxcmonPoller *poller;
  LxcmonTimer timer;
  LxcmonDriverDir *dirs;
  int fd;          /* inotify, or -1 */
  int watch_errno; /* why inotify cannot be used, or 0 */
  bool warned;     /* of that */
};

void _lxcmon_driver_watch_init (LxcmonDriverWatch *self, LxcmonPoller *poller);
void _lxcmon_driver_watch_close (LxcmonDriverWatch *self);
const LxcmonDriverDir *_lxcmon_driver_watch_ask (LxcmonDriverWatch *self, int dir_fd,
                                                 LxcmonError *error);
bool _lxcmon_driver_watch_add (LxcmonDriverWatch *self, LxcmonDriverClient *client, int dir_fd,
                               LxcmonError *error);
void _lxcmon_driver_watch_remove (LxcmonDriverWatch *self, LxcmonDriverClient *client);
void _lxcmon_driver_watch_serve (LxcmonDriverWatch *self);
void _lxcmon_driver_watch_on_timer (LxcmonDriverWatch *self);
