/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The socket of libvirtd or virtlxcd itself, for those who want to be its clients.
 */

#include "lxcmon-runtime-dir.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_DAEMON_PATH_SIZE:
 *
 * The size of the path of a daemon's socket in bytes: what an address has room for, and a NUL at its end.
 *
 * Since: 0.1
 */
#define LXCMON_DAEMON_PATH_SIZE 109

LXCMON_EXPORT bool lxcmon_daemon_find_socket (const LxcmonDriver *driver, const char *runtime_dir,
                                              char path[LXCMON_DAEMON_PATH_SIZE],
                                              LxcmonError *error);

LXCMON_END_DECLS
