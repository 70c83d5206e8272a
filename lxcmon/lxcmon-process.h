/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What /proc tells of a controller and of whoever stands in the way.
 */

#include "lxcmon-types.h"

LXCMON_BEGIN_DECLS

LXCMON_EXPORT int lxcmon_process_find_init (int controller_pid);

LXCMON_END_DECLS
