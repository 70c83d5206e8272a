/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <stdbool.h>
#include <stddef.h>

size_t _lxcmon_utf8_character_length (const char *text);
bool _lxcmon_utf8_is_valid (const char *text);
size_t _lxcmon_utf8_control_length (const char *text);
