/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What /proc says about processes: controllers, init, and clients.
 */

#include "lxcmon-types.h"

LXCMON_BEGIN_DECLS

LXCMON_EXPORT int lxcmon_process_find_init (int controller_pid);
LXCMON_EXPORT bool lxcmon_process_serves (int pid, uint64_t listener, unsigned int listener_uid);
LXCMON_EXPORT int64_t lxcmon_process_get_start (int pid);
LXCMON_EXPORT uint64_t lxcmon_process_get_start_ticks (int pid);

LXCMON_END_DECLS
