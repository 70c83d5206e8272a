/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Which names a container can have, and where its controller's socket is.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_RUNTIME_DIR:
 *
 * Where libvirt's LXC driver keeps the sockets of its controllers; it is compiled into libvirt.
 *
 * Since: 0.1
 */
#define LXCMON_RUNTIME_DIR "/run/libvirt/lxc"

/**
 * LXCMON_NAME_MAX:
 *
 * The longest name in bytes: with ".sock" behind it, it has to be a file's name.
 *
 * Since: 0.1
 */
#define LXCMON_NAME_MAX 250

LXCMON_EXPORT bool lxcmon_name_check (const char *name, LxcmonError *error);
LXCMON_EXPORT char *lxcmon_name_to_socket_path (const char *runtime_dir, const char *name,
                                                LxcmonError *error);

LXCMON_END_DECLS
