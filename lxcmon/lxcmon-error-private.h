/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-error.h"

bool _lxcmon_error_set (LxcmonError *error, LxcmonMonitorError code, int system_errno,
                        const char *format, ...) __attribute__ ((format (printf, 4, 5)));
bool _lxcmon_error_set_system (LxcmonError *error, int system_errno, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
bool _lxcmon_error_set_open (LxcmonError *error, int system_errno, const char *what,
                             const char *path);
bool _lxcmon_error_set_no_memory (LxcmonError *error);
bool _lxcmon_error_is_shortage (const LxcmonError *error);
