/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What /proc says about processes: controllers, init, and clients.
 */

#include "lxcmon-types.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_LIFE_SIZE:
 *
 * A size in bytes that is enough for what lxcmon_process_get_life() writes.
 *
 * Since: 0.1
 */
#define LXCMON_LIFE_SIZE 48

LXCMON_EXPORT int lxcmon_process_find_init (int controller_pid);
LXCMON_EXPORT bool lxcmon_process_serves (int pid, uint64_t listener, unsigned int listener_uid);
LXCMON_EXPORT int64_t lxcmon_process_get_start (int pid);
LXCMON_EXPORT uint64_t lxcmon_process_get_start_ticks (int pid);
LXCMON_EXPORT int64_t lxcmon_process_ticks_to_time (uint64_t ticks);
LXCMON_EXPORT bool lxcmon_process_get_life (int controller_pid, uint64_t start_ticks,
                                            char life[LXCMON_LIFE_SIZE]);

LXCMON_END_DECLS
