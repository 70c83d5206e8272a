/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One client of one controller, for one attach. Its hub runs it: what happens to it is returned by
 * lxcmon_hub_next_event(), or calls its callbacks from lxcmon_hub_dispatch().
 *
 * A connection may be freed at any time, from inside a callback too.
 */

#include "lxcmon-event.h"

LXCMON_BEGIN_DECLS

typedef struct _LxcmonAttachOptions LxcmonAttachOptions;
typedef struct _LxcmonCallbacks LxcmonCallbacks;

/**
 * LxcmonCallbacks:
 * @size: `sizeof (LxcmonCallbacks)`, so that the struct can grow; set by %LXCMON_CALLBACKS_INIT
 * @attached: called for %LXCMON_EVENT_ATTACHED
 * @init: called for %LXCMON_EVENT_INIT
 * @exit: called for %LXCMON_EVENT_EXIT
 * @closed: called for %LXCMON_EVENT_CLOSED
 * @failed: called for %LXCMON_EVENT_FAILED
 *
 * The functions that lxcmon_hub_dispatch() calls for a connection. Any of them may be %NULL. The struct
 * is not copied and must stay valid as long as the connection; it is meant to be `static const`.
 *
 * INIT and EXIT are passed on as they were sent, also if they are repeated.
 *
 * Since: 0.1
 */
struct _LxcmonCallbacks
{
  size_t size;
  void (*attached) (LxcmonConnection *connection, void *user_data);
  void (*init) (LxcmonConnection *connection, int pid, void *user_data);
  void (*exit) (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data);
  void (*closed) (LxcmonConnection *connection, const LxcmonError *error, void *user_data);
  void (*failed) (LxcmonConnection *connection, const LxcmonError *error, void *user_data);
};

/**
 * LXCMON_CALLBACKS_INIT:
 *
 * The first member of an [struct@LxcmonCallbacks] initialiser: `{ LXCMON_CALLBACKS_INIT, .init = … }`.
 *
 * Since: 0.1
 */
#define LXCMON_CALLBACKS_INIT .size = sizeof (LxcmonCallbacks)

/**
 * LxcmonAttachOptions:
 * @size: `sizeof (LxcmonAttachOptions)`, so that the struct can grow
 * @attach_timeout: in milliseconds, at least 1: how long to wait in the controller's backlog if another
 *   client has its slot; 2000 by %LXCMON_ATTACH_OPTIONS_INIT
 * @keepalive_interval: in milliseconds, or 0 for never: a PING is sent after this long without a message,
 *   or after twice as long at most. If the same time passes again without an answer, the connection is
 *   closed with %LXCMON_MONITOR_ERROR_TIMED_OUT
 * @force: connect without a busy check, and stay connected if libvirtd starts; for the container's own driver
 * @wait_if_busy: wait for the slot if it is taken, instead of failing with %LXCMON_MONITOR_ERROR_BUSY
 * @watch_init: find out how the container's init ends; see lxcmon_connection_get_init_exit_code(). It takes a
 *   descriptor while the container runs
 *
 * How to attach.
 *
 * Since: 0.1
 */
struct _LxcmonAttachOptions
{
  size_t size;
  unsigned int attach_timeout;
  unsigned int keepalive_interval;
  bool force;
  bool wait_if_busy;
  bool watch_init;
};

/**
 * LXCMON_ATTACH_OPTIONS_INIT:
 *
 * An initialiser with the defaults.
 *
 * Since: 0.1
 */
#define LXCMON_ATTACH_OPTIONS_INIT                             \
  {                                                            \
    sizeof (LxcmonAttachOptions), 2000, 0, false, false, false \
  }

LXCMON_EXPORT LxcmonConnection *lxcmon_connection_new (LxcmonHub *hub,
                                                       const LxcmonCallbacks *callbacks,
                                                       void *user_data);
LXCMON_EXPORT void lxcmon_connection_free (LxcmonConnection *self);
LXCMON_EXPORT bool lxcmon_connection_attach (LxcmonConnection *self, const char *socket_path,
                                             const LxcmonAttachOptions *options,
                                             LxcmonError *error) LXCMON_WARN_UNUSED;
LXCMON_EXPORT bool lxcmon_connection_attach_fd (LxcmonConnection *self, int fd,
                                                const LxcmonAttachOptions *options,
                                                LxcmonError *error) LXCMON_WARN_UNUSED;
LXCMON_EXPORT void lxcmon_connection_shutdown (LxcmonConnection *self);

LXCMON_EXPORT void *lxcmon_connection_get_user_data (const LxcmonConnection *self);
LXCMON_EXPORT LxcmonState lxcmon_connection_get_state (const LxcmonConnection *self);
LXCMON_EXPORT bool lxcmon_connection_get_missed_init (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_controller_pid (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_init_pid (const LxcmonConnection *self);
LXCMON_EXPORT bool lxcmon_connection_get_exited (const LxcmonConnection *self);
LXCMON_EXPORT LxcmonExitStatus lxcmon_connection_get_exit_status (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_exit_raw (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_init_exit_code (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_init_signal (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_dup_init_pidfd (const LxcmonConnection *self);

LXCMON_END_DECLS
