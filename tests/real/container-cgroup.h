/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-cgroup.h: the control groups that libvirt makes for a container.
 *
 * Owns: finding, emptying and removing them.
 * Does not: touch the group "machine" above them, which is shared with every
 * other container: a start that runs at the same time could fail without it. */

#pragma once

#include <glib.h>
#include <sys/types.h>

/* Kills what still runs in the groups that @controller, which has ended, had for the container @name, and
 * removes them. */
void container_cgroup_sweep (const char *name, pid_t controller);

/* Removes the groups of that name that nothing else removes, as after a test that was killed: those that
 * are empty and some seconds old, and whose controller is dead. The same test may run a second time on this
 * machine, and its groups are not ours. */
void container_cgroup_sweep_orphans (const char *name);
