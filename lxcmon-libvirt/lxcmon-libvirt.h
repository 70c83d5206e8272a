/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * lxcmon through libvirt: monitors of the containers that a libvirtd manages, on this host or another one.
 */

#define LXCMON_LIBVIRT_INSIDE
#include <lxcmon-libvirt/lxcmon-libvirt-host.h>
#undef LXCMON_LIBVIRT_INSIDE
