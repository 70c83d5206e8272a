/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The names of containers, and the paths of their controllers' sockets.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_RUNTIME_DIR:
 *
 * The directory of the controllers' sockets; it is compiled into libvirt.
 *
 * Since: 0.1
 */
#define LXCMON_RUNTIME_DIR "/run/libvirt/lxc"

/**
 * LXCMON_NAME_MAX:
 *
 * The greatest length of a name in bytes: with ".sock" appended it must be a valid file name.
 *
 * Since: 0.1
 */
#define LXCMON_NAME_MAX 250

LXCMON_EXPORT bool lxcmon_name_check (const char *name, LxcmonError *error);
LXCMON_EXPORT char *lxcmon_name_to_socket_path (const char *runtime_dir, const char *name,
                                                LxcmonError *error);

LXCMON_END_DECLS
