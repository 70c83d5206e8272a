/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What sock_diag says about Unix sockets that /proc/net/unix does not: the peer of a socket.
 */

#include "lxcmon-types.h"

bool _lxcmon_diag_find_peer (uint64_t socket_inode, uint64_t *peer_inode);
uint64_t _lxcmon_diag_find_accepted_client (const char *const paths[2]);
