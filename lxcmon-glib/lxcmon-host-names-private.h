/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * For the lxcmon command, which watches single containers through a host; the header is not installed.
 */

#include <lxcmon-glib/lxcmon-glib.h>

LXCMON_EXPORT void _lxcmon_host_set_names (LxcmonHost *self, const char *const *names);
