/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The wait for how an init has ended, when its controller has ended first.
 */

#include "lxcmon-monitor-private.h"

/* Called in the context, if the answer has come in time; the monitor is kept meanwhile. */
typedef void (*LxcmonInitWaitFunc) (LxcmonMonitor *monitor, gint exit_code, gint signal);

GSource *_lxcmon_init_wait_new (LxcmonMonitor *monitor, int pidfd, GMainContext *context,
                                LxcmonInitWaitFunc func);
