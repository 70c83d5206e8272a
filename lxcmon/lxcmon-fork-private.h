/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Whether the process was forked. A child shares its parent's sockets, epoll and timer: what it does to them
 * would affect the parent. So a hub keeps the generation that it was made in.
 */

/* Counts once _lxcmon_fork_generation() has been called, as it is when a hub is made. */
extern unsigned int _lxcmon_fork_count;

unsigned int _lxcmon_fork_generation (void);
