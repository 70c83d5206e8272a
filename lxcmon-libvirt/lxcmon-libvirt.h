/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * lxcmon through libvirt: the monitors of a host whose containers libvirtd keeps, here or elsewhere.
 */

#define LXCMON_LIBVIRT_INSIDE
#include <lxcmon-libvirt/lxcmon-libvirt-host.h>
#undef LXCMON_LIBVIRT_INSIDE
