/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One epoll descriptor and one timer for any number of connections. A loop polls the hub's descriptor and
 * gets events from the hub, or lets lxcmon_hub_dispatch() call the connections' callbacks:
 *
 *     while (running)
 *       {
 *         struct pollfd fd = { lxcmon_hub_get_fd (hub), lxcmon_hub_get_events (hub), 0 };
 *         poll (&fd, 1, lxcmon_hub_get_timeout (hub));
 *         while (lxcmon_hub_next_event (hub, &event))
 *           handle (&event);
 *       }
 *
 * Between two calls of lxcmon_hub_next_event() a program may do anything: free the connection, attach
 * another one, run a loop that gets events from the same hub, fork.
 *
 * A hub and its connections belong to one thread at a time. In a forked child they do nothing but close
 * their descriptors when they are freed.
 */

#include "lxcmon-event.h"
#include "lxcmon-runtime-dir.h"

LXCMON_BEGIN_DECLS

/**
 * LxcmonLogLevel:
 * @LXCMON_LOG_DEBUG: each change of state, each message that is skipped
 * @LXCMON_LOG_WARNING: a misconfiguration that should be fixed
 *
 * How important a log message is.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_LOG_DEBUG = 0,
  LXCMON_LOG_WARNING
} LxcmonLogLevel;

/**
 * LxcmonLogFunc:
 * @connection: the connection that the message is about
 * @level: how important it is
 * @message: one line of text, valid during the call
 * @user_data: what was passed to lxcmon_hub_set_log()
 *
 * Receives log messages. It may call the getters of the connection, but must not change it or the hub.
 *
 * Since: 0.1
 */
typedef void (*LxcmonLogFunc) (LxcmonConnection *connection, LxcmonLogLevel level,
                               const char *message, void *user_data);

LXCMON_EXPORT LxcmonHub *lxcmon_hub_new (LxcmonError *error);
LXCMON_EXPORT LxcmonHub *lxcmon_hub_ref (LxcmonHub *self);
LXCMON_EXPORT void lxcmon_hub_unref (LxcmonHub *self);
LXCMON_EXPORT int lxcmon_hub_get_fd (const LxcmonHub *self);
LXCMON_EXPORT short lxcmon_hub_get_events (const LxcmonHub *self);
LXCMON_EXPORT int lxcmon_hub_get_timeout (const LxcmonHub *self);
LXCMON_EXPORT bool lxcmon_hub_has_pending (const LxcmonHub *self);
LXCMON_EXPORT bool lxcmon_hub_next_event (LxcmonHub *self, LxcmonEvent *event);
LXCMON_EXPORT void lxcmon_hub_dispatch (LxcmonHub *self);
LXCMON_EXPORT size_t lxcmon_hub_get_n_connections (const LxcmonHub *self);
LXCMON_EXPORT bool lxcmon_hub_was_forked (const LxcmonHub *self);
LXCMON_EXPORT bool lxcmon_hub_find_driver (LxcmonHub *self, const char *runtime_dir,
                                           LxcmonDriver *driver, LxcmonError *error);
LXCMON_EXPORT void lxcmon_hub_set_log (LxcmonHub *self, LxcmonLogLevel level, LxcmonLogFunc func,
                                       void *user_data);

LXCMON_END_DECLS
