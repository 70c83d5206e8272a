/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Who has a controller's client slot, asked of the kernel by the socket's file, without connecting to it; and which
 * sockets listen.
 */

#include "lxcmon-error.h"

#include <sys/stat.h>

/* A socket's file as the kernel names it: the device in its own encoding, and 32 bits of the inode */
typedef struct
{
  uint32_t device;
  uint32_t inode;
} LxcmonDiagFile;

/* The sockets that are bound to a file, and their clients */
typedef struct
{
  LxcmonDiagFile file;
  uint64_t listener;         /* the inode of a socket that listens, or 0 */
  unsigned int listener_uid; /* who has made it; UINT_MAX if the kernel does not say */
  unsigned int n_bound;      /* sockets that do not listen (yet) */
  unsigned int n_accepted;   /* clients that the controller has accepted */
  unsigned int n_queued;     /* clients in the backlog, dead ones included */
} LxcmonDiagSlot;

/* A socket that listens. Its path is what its process has bound: any bytes, perhaps relative, not NUL-terminated. */
typedef struct
{
  uint64_t inode;
  unsigned int uid; /* who has made it; UINT_MAX if the kernel does not say */
  LxcmonDiagFile file;
  const char *path;
  size_t path_length; /* at least 1 */
} LxcmonDiagListener;

typedef void (*LxcmonDiagListenerFunc) (const LxcmonDiagListener *listener, void *user_data);

/* A list of files that grows */
typedef struct
{
  LxcmonDiagFile *items;
  size_t n;
  size_t capacity;
} LxcmonDiagFiles;

typedef enum
{
  LXCMON_DIAG_ANSWERED,
  LXCMON_DIAG_MAY_HAVE_MISSED, /* answered, but sockets may be missing that others were made or closed beside */
  LXCMON_DIAG_UNAVAILABLE, /* sock_diag is missing, or not allowed */
  LXCMON_DIAG_FAILED
} LxcmonDiagResult;

LxcmonDiagFile _lxcmon_diag_get_file (const struct stat *info);
int _lxcmon_diag_compare_files (const void *a, const void *b);
LxcmonDiagResult _lxcmon_diag_find_slots (LxcmonDiagSlot *slots, size_t n, LxcmonError *error);
LxcmonDiagResult _lxcmon_diag_add_taken (LxcmonDiagFiles *files, LxcmonError *error);
LxcmonDiagResult _lxcmon_diag_list_listeners (LxcmonDiagListenerFunc func, void *user_data,
                                              LxcmonError *error);
bool _lxcmon_diag_files_add (LxcmonDiagFiles *files, LxcmonDiagFile file);
bool _lxcmon_diag_find_peer (uint64_t socket_inode, uint64_t *peer_inode);
