/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The end of a process that is no child of ours.
 */

#include <glib.h>

GSource *_lxcmon_pidfd_watch (gint pid, GMainContext *context, GSourceFunc func,
                              gpointer user_data);
