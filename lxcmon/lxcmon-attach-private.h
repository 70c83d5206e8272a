/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lxcmon-connection-private.h"

bool _lxcmon_attach_on_timer (LxcmonConnection *self, LxcmonEvent *event, LxcmonError *error);
