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
 * LxcmonSocketState:
 * @LXCMON_SOCKET_UNKNOWN: a socket may listen, and it cannot be seen: in another network namespace, or because
 *   sock_diag cannot be used
 * @LXCMON_SOCKET_STALE: no socket is bound to the file: its controller was killed
 * @LXCMON_SOCKET_BOUND: a socket is bound that does not listen (yet)
 * @LXCMON_SOCKET_LISTENING: a controller listens
 *
 * What is known of a controller's socket, by its file.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_SOCKET_UNKNOWN = 0,
  LXCMON_SOCKET_STALE,
  LXCMON_SOCKET_BOUND,
  LXCMON_SOCKET_LISTENING
} LxcmonSocketState;

/**
 * LxcmonScanFlags:
 * @LXCMON_SCAN_DEFAULT: finds the driver too
 * @LXCMON_SCAN_WITHOUT_DRIVER: does not open `driver.pid`, for the process that holds the lock itself: to close
 *   any descriptor of the file would release it
 *
 * How to scan a runtime directory.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_SCAN_DEFAULT = 0,
  LXCMON_SCAN_WITHOUT_DRIVER = 1 << 0
} LxcmonScanFlags;

/**
 * LxcmonRuntimeSocket:
 * @name: the container's name: the file name without `.sock`, in UTF-8; it may contain control characters
 * @file: identifies the file: the next controller with the same name has another number
 * @state: whether a controller listens
 * @listener: the inode of the socket that listens, or 0; see lxcmon_process_serves()
 * @listener_uid: the user who has made that socket, or UINT_MAX if it is not known
 * @n_served: how many clients the controller has accepted
 * @n_queued: how many clients are in its backlog, including dead ones
 *
 * A socket in a runtime directory.
 *
 * Since: 0.1
 */
struct _LxcmonRuntimeSocket
{
  const char *name;
  uint64_t file;
  LxcmonSocketState state;
  uint64_t listener;
  unsigned int listener_uid;
  unsigned int n_served;
  unsigned int n_queued;
};

LXCMON_EXPORT LxcmonRuntimeDir *lxcmon_runtime_dir_scan (const char *runtime_dir,
                                                         LxcmonScanFlags flags, LxcmonError *error);
LXCMON_EXPORT void lxcmon_runtime_dir_free (LxcmonRuntimeDir *self);
LXCMON_EXPORT size_t lxcmon_runtime_dir_get_n_sockets (const LxcmonRuntimeDir *self);
LXCMON_EXPORT const LxcmonRuntimeSocket *lxcmon_runtime_dir_get_socket (
    const LxcmonRuntimeDir *self, size_t index);
LXCMON_EXPORT size_t lxcmon_runtime_dir_get_n_unlisted (const LxcmonRuntimeDir *self);
LXCMON_EXPORT const LxcmonDriver *lxcmon_runtime_dir_get_driver (const LxcmonRuntimeDir *self);
LXCMON_EXPORT bool lxcmon_runtime_dir_find_driver (const char *runtime_dir, LxcmonDriver *driver,
                                                   LxcmonError *error);

LXCMON_END_DECLS
