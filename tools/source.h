/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "options.h"

/* The connection behind a list is lost, for @error; or is back, where that is NULL. */
typedef void (*SourceConnectionFunc) (const GError *error, gpointer user_data);

gboolean source_check (const Options *options, ExitCode *code);
LxcmonSource source_choose (const Options *options, const char *argument, char **name);
LxcmonMonitorList *source_new_list (const Options *options, LxcmonSource source, gboolean follow);
gulong source_watch_connection (LxcmonMonitorList *list, SourceConnectionFunc func,
                                gpointer user_data);
