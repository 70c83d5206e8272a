/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-process.h"

/* Room for a process's name as the kernel keeps it: 15 bytes and a NUL. */
#define LXCMON_PROCESS_NAME_SIZE 16

bool _lxcmon_process_get_name (int pid, char name[LXCMON_PROCESS_NAME_SIZE]);
int _lxcmon_process_find_socket_owner (uint64_t socket_inode);

/* A socket, and the process that was found to hold it. */
typedef struct
{
  uint64_t inode;
  int pid; /* 0 until it is found */
} LxcmonSocketOwner;

void _lxcmon_process_find_socket_owners (LxcmonSocketOwner *owners, size_t n);
int _lxcmon_process_get_socket_owner (const LxcmonSocketOwner *owners, size_t n,
                                      uint64_t socket_inode);
