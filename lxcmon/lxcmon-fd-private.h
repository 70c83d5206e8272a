/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

int _lxcmon_fd_above_stdio (int fd);
void _lxcmon_fd_clear (int *fd);
