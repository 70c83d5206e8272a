/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Watches containers, and reports events to one function.
 */

#include "event.h"
#include "options.h"

/* Returns EXIT_CODE_NONE to go on. Any other code ends the watch of the event's container, or the whole
 * watch if the event has no container. */
typedef ExitCode (*WatcherFunc) (const Event *event, gpointer user_data);

ExitCode watcher_run (const Options *options, gboolean follow, WatcherFunc func,
                      gpointer user_data);
