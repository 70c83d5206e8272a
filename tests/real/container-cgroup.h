/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-cgroup.h: the control groups that libvirt makes for a container.
 *
 * Owns: finding, emptying and removing them.
 * Refuses to: touch the group "machine" above them, which is shared with every
 * other container: a start that runs at the same time could fail without it. */

#pragma once

#include <glib.h>
#include <sys/types.h>

/* Kills what still runs in the groups of the container @name, also in those that
 * an aborted test left, and removes them. Only for a container that is ours. */
void container_cgroup_sweep (const char *name);

/* The same, where the container's controller is dead: an init that was never let go outlives it, and
 * holds the socket. */
void container_cgroup_sweep_orphans (const char *name);
