/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-runtime-dir.h"

#include <sys/stat.h>

const LxcmonRuntimeSocket *_lxcmon_runtime_dir_find_file (const LxcmonRuntimeDir *self,
                                                          const char *base,
                                                          const struct stat *info);
