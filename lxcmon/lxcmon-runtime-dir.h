/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * All controllers of a machine, by a scan of the runtime directory that does not connect to any.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

typedef struct _LxcmonDriver LxcmonDriver;
typedef struct _LxcmonRuntimeDir LxcmonRuntimeDir;
typedef struct _LxcmonRuntimeSocket LxcmonRuntimeSocket;

/**
 * LxcmonDriver:
 * @running: whether a process holds the lock on `driver.pid`
 * @pid: its pid, or 0 if it is not known: it may be in another pid namespace
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
 * @name: the container's name: the file name without `.sock`, in UTF-8; it may contain control characters
 * @file: identifies the file: the next controller with the same name has another number
 * @listener: the inode of the socket that listens, as in `/proc/net/unix`, or 0: the file is stale, unless it
 *   is @bound
 * @bound: whether a socket is bound that does not listen (yet)
 * @n_served: how many clients the controller has accepted
 * @n_queued: how many clients are in its backlog, including dead ones
 * @controller_pid: the controller's pid, or 0 if it is not known; see lxcmon_runtime_dir_find_controllers()
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
