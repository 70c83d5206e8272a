/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-error.h"
#include "lxcmon-runtime-dir.h"

/* In a runtime directory */
#define LXCMON_DRIVER_FILE "driver.pid"

/* The size of a driver's description */
#define LXCMON_DRIVER_TEXT_SIZE 64

bool _lxcmon_driver_find (int dir_fd, LxcmonDriver *driver, LxcmonError *error);
bool _lxcmon_driver_find_again (int dir_fd, int *fd, LxcmonDriver *driver, LxcmonError *error);
void _lxcmon_driver_describe (const LxcmonDriver *driver, char text[LXCMON_DRIVER_TEXT_SIZE]);
