/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-process.h"

/* The size of a process's name: 15 bytes and a NUL */
#define LXCMON_PROCESS_NAME_SIZE 16

bool _lxcmon_process_get_name (int pid, char name[LXCMON_PROCESS_NAME_SIZE]);
int _lxcmon_process_find_socket_owner (uint64_t socket_inode);

/* A socket, and the memory for the pid of a process that has it open; 0 if that is not known */
typedef struct
{
  uint64_t inode;
  int *pid;
} LxcmonSocketOwner;

void _lxcmon_process_find_socket_owners (LxcmonSocketOwner *owners, size_t n);
