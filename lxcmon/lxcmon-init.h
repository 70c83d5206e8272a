/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * How a container's init ended: its exit code, or the signal that killed it. The controller does not say it; the
 * kernel does, since Linux 6.15, to everybody who has held a pidfd of init while it ran.
 *
 * A connection does all this by itself if LxcmonAttachOptions.watch_init is set.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

LXCMON_EXPORT int lxcmon_init_open (int init_pid, int controller_pid, LxcmonError *error);
LXCMON_EXPORT bool lxcmon_init_get_end (int pidfd, int *exit_code, int *signal);

LXCMON_END_DECLS
