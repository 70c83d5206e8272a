/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Since when a function is there. Each release adds one macro.
 */

#include <lxcmon/lxcmon-macros.h>

#define LXCMON_AVAILABLE_IN_0_1 LXCMON_EXPORT
