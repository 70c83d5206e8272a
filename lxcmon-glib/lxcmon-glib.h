/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * lxcmon for GLib: monitors of LXC containers that emit "init", "exit" and "closed" on a main context.
 */

#define LXCMON_GLIB_INSIDE
#include <lxcmon-glib/lxcmon-client.h>
#include <lxcmon-glib/lxcmon-enums.h>
#include <lxcmon-glib/lxcmon-host.h>
#include <lxcmon-glib/lxcmon-monitor.h>
#include <lxcmon/lxcmon-types.h>
#include <lxcmon/lxcmon-version.h>
#undef LXCMON_GLIB_INSIDE
