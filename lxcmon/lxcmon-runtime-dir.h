/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * All controllers of a machine, by one look that connects to nothing: who listens in the runtime
 * directory, who is served there, and whether a driver manages it.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

typedef struct _LxcmonDriver LxcmonDriver;
typedef struct _LxcmonRuntimeDir LxcmonRuntimeDir;
typedef struct _LxcmonRuntimeSocket LxcmonRuntimeSocket;

/**
 * LxcmonDriver:
 * @running: whether somebody holds the lock on `driver.pid`
 * @pid: who that is, or 0 where it cannot be known: it may live in another pid namespace
 *
 * The driver that manages the containers of a runtime directory: libvirtd or virtlxcd.
 *
 * Since: 0.1
 */
struct _LxcmonDriver
{
  bool running;
  int pid;
};

/**
 * LxcmonRuntimeSocket:
 * @name: the container's name: the file's, without `.sock`; UTF-8, and it may have control characters
 *   in it, newlines too
 * @file: which file it is: a number that is another one for each controller that came to the same name
 * @listener: the inode of the socket that listens there, as `/proc/net/unix` has it, or 0 where nobody
 *   does: the file is stale, unless it is @bound
 * @bound: whether a socket is bound there that does not listen: its controller may be about to
 * @n_served: how many clients the controller has accepted
 * @n_queued: how many clients, living or dead, are in its backlog
 * @controller_pid: who listens, or 0 where it was not asked for, or cannot be known
 *
 * A socket in a runtime directory.
 *
 * Since: 0.1
 */
struct _LxcmonRuntimeSocket
{
  const char *name;
  uint64_t file;
  uint64_t listener;
  unsigned int n_served;
  unsigned int n_queued;
  int controller_pid;
  bool bound;
};

LXCMON_EXPORT LxcmonRuntimeDir *lxcmon_runtime_dir_scan (const char *runtime_dir,
                                                         LxcmonError *error);
LXCMON_EXPORT void lxcmon_runtime_dir_free (LxcmonRuntimeDir *self);
LXCMON_EXPORT size_t lxcmon_runtime_dir_get_n_sockets (const LxcmonRuntimeDir *self);
LXCMON_EXPORT const LxcmonRuntimeSocket *lxcmon_runtime_dir_get_socket (
    const LxcmonRuntimeDir *self, size_t index);
LXCMON_EXPORT size_t lxcmon_runtime_dir_get_n_unlisted (const LxcmonRuntimeDir *self);
LXCMON_EXPORT const LxcmonDriver *lxcmon_runtime_dir_get_driver (const LxcmonRuntimeDir *self);
LXCMON_EXPORT void lxcmon_runtime_dir_find_controllers (LxcmonRuntimeDir *self);
LXCMON_EXPORT bool lxcmon_runtime_dir_find_driver (const char *runtime_dir, LxcmonDriver *driver,
                                                   LxcmonError *error);

LXCMON_END_DECLS
