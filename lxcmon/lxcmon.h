/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * lxcmon, plain C: a client of libvirt's LXC controllers, for any event loop.
 */

#include <lxcmon/lxcmon-connection.h>
#include <lxcmon/lxcmon-daemon.h>
#include <lxcmon/lxcmon-decoder.h>
#include <lxcmon/lxcmon-encode.h>
#include <lxcmon/lxcmon-error.h>
#include <lxcmon/lxcmon-event.h>
#include <lxcmon/lxcmon-hub.h>
#include <lxcmon/lxcmon-init.h>
#include <lxcmon/lxcmon-layout.h>
#include <lxcmon/lxcmon-macros.h>
#include <lxcmon/lxcmon-name.h>
#include <lxcmon/lxcmon-process.h>
#include <lxcmon/lxcmon-runtime-dir.h>
#include <lxcmon/lxcmon-types.h>
#include <lxcmon/lxcmon-version.h>
