/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "options.h"

LxcmonMonitorList *source_new_list (const Options *options, gboolean follow);
