/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Since which version a function exists. Each release adds one macro.
 */

#include <lxcmon/lxcmon-macros.h>

#define LXCMON_AVAILABLE_IN_0_1 LXCMON_EXPORT
