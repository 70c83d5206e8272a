/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * lxcmon's test controller: what a libvirt_lxc process does on its socket, without a container.
 */

#define LXCMON_MOCK_INSIDE
#include <lxcmon-mock/lxcmon-mock-controller.h>
#undef LXCMON_MOCK_INSIDE
