/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * In which process we are. A forked child shares its parent's sockets, epoll and timer: a shutdown or
 * a timer that it sets would be the parent's. So each object remembers the generation it was made in.
 */

/* Written by the fork itself. To be read where an object is at hand, so that forks are watched already. */
extern unsigned int _lxcmon_fork_count;

unsigned int _lxcmon_fork_generation (void);
