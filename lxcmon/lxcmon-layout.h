/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The sizes of the public structs, for bindings that declare these structs themselves. C programs do not need it.
 */

#include "lxcmon-macros.h"

#include <stddef.h>

LXCMON_BEGIN_DECLS

LXCMON_EXPORT size_t lxcmon_get_struct_size (const char *name);

LXCMON_END_DECLS
