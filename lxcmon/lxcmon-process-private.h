/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-process.h"

/* The size of a process's name: 15 bytes and a NUL */
#define LXCMON_PROCESS_NAME_SIZE 16

bool _lxcmon_process_is_init (int pid, int controller_pid);
bool _lxcmon_process_get_name (int pid, char name[LXCMON_PROCESS_NAME_SIZE]);
int _lxcmon_process_has_socket (int pid, uint64_t inode);
