/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "options.h"

gboolean source_check (const Options *options, ExitCode *code);
LxcmonSource source_choose (const Options *options, const char *argument, char **name);
LxcmonMonitorList *source_new_list (const Options *options, LxcmonSource source, gboolean follow);
