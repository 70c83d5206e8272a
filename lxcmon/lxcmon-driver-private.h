/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-error.h"
#include "lxcmon-runtime-dir.h"

bool _lxcmon_driver_find (int dir_fd, LxcmonDriver *driver, LxcmonError *error);
