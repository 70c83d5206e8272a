/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A controller's socket in the file system, opened so that it cannot be replaced between check and connection.
 */

#include "lxcmon-error.h"

#include <sys/stat.h>

typedef struct
{
  int dir_fd;
  int socket_fd;       /* O_PATH: it names the inode and is no connection */
  const char *path;    /* as given, borrowed */
  const char *base;    /* its last component, in it */
  struct stat info;    /* of the socket's file */
  bool open_to_others; /* others may write to the socket, which is worth a warning */
} LxcmonTarget;

bool _lxcmon_target_open (LxcmonTarget *self, const char *socket_path, LxcmonError *error);
void _lxcmon_target_close (LxcmonTarget *self);
bool _lxcmon_target_check_not_stale (const LxcmonTarget *self, LxcmonError *error);
bool _lxcmon_target_connect (const LxcmonTarget *self, int *fd, LxcmonError *error);
bool _lxcmon_peer_check (int fd, const char *path, int *pid, LxcmonError *error);
