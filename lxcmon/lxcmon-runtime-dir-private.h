/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-runtime-dir.h"

int _lxcmon_runtime_dir_open (const char *path, LxcmonError *error);
