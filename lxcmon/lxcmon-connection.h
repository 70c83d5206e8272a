/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One client of one controller. It owns a descriptor and the state machine, and calls back; a loop of
 * any kind runs it, alone or many behind a hub.
 *
 * A connection belongs to one thread at a time. From inside any callback but `log` it may be
 * detached, attached again, freed or cleared, and the loop may be run again. In a process that was forked
 * off, it does nothing but close its descriptor when it is freed.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

typedef struct _LxcmonAttachOptions LxcmonAttachOptions;
typedef struct _LxcmonCallbacks LxcmonCallbacks;
typedef struct _LxcmonConnection LxcmonConnection;
typedef struct _LxcmonHub LxcmonHub;

/**
 * LxcmonLogLevel:
 * @LXCMON_LOG_DEBUG: each change of state, each message that is skipped
 * @LXCMON_LOG_WARNING: what somebody should mend
 *
 * How much a line of log matters.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_LOG_DEBUG = 0,
  LXCMON_LOG_WARNING
} LxcmonLogLevel;

/**
 * LxcmonCallbacks:
 * @size: `sizeof (LxcmonCallbacks)`, by which the table can grow; set by %LXCMON_CALLBACKS_INIT
 * @queued: a connection that waited for the place has connected; not called where
 *   lxcmon_connection_attach() connects itself
 * @attached: the controller serves us: the attach has succeeded
 * @init: INIT has come: the container's init has started as @pid
 * @exit: EXIT has come: the container has ended; @raw is the number on the wire
 * @closed: the controller has gone; @error is %NULL if and only if EXIT came before. The last callback
 *   of an attach that succeeded, and called exactly once, unless the user detaches first
 * @failed: the attach has failed, after lxcmon_connection_attach() had returned true; the last callback
 *   of such an attach
 * @log: a line for the log; @message is valid during the call. It comes in the middle of things: it
 *   may ask the connection, and change nothing
 * @free: frees @user_data: called exactly once, also where lxcmon_connection_new() has no memory
 *
 * What a connection calls. Any of them may be %NULL. The table must live as long as the connection; a
 * `static const` one is meant. EXIT, INIT and messages behind EXIT are handed on as they were sent,
 * repetitions too.
 *
 * Since: 0.1
 */
struct _LxcmonCallbacks
{
  size_t size;
  void (*queued) (LxcmonConnection *connection, void *user_data);
  void (*attached) (LxcmonConnection *connection, void *user_data);
  void (*init) (LxcmonConnection *connection, int pid, void *user_data);
  void (*exit) (LxcmonConnection *connection, LxcmonExitStatus status, int raw, void *user_data);
  void (*closed) (LxcmonConnection *connection, const LxcmonError *error, void *user_data);
  void (*failed) (LxcmonConnection *connection, const LxcmonError *error, void *user_data);
  void (*log) (LxcmonConnection *connection, LxcmonLogLevel level, const char *message,
               void *user_data);
  void (*free) (void *user_data);
};

/**
 * LXCMON_CALLBACKS_INIT:
 *
 * The first member of an [struct@LxcmonCallbacks] initialiser: `{ LXCMON_CALLBACKS_INIT, .init = … }`.
 *
 * Since: 0.1
 */
#define LXCMON_CALLBACKS_INIT sizeof (LxcmonCallbacks)

/**
 * LxcmonAttachOptions:
 * @size: `sizeof (LxcmonAttachOptions)`, by which the struct can grow
 * @attach_timeout: in milliseconds, from 1: how long to wait where somebody else turns out to be
 *   served; 2000 by %LXCMON_ATTACH_OPTIONS_INIT
 * @keepalive_interval: in milliseconds: a PING is sent after a silence of that long, or of twice that
 *   at the most, and after that long again without an answer the connection ends with
 *   %LXCMON_MONITOR_ERROR_TIMED_OUT; 0 for never
 * @force: connect whoever else might want the place: for who is the container's driver
 * @wait_if_busy: wait for the place where somebody has it, instead of failing with
 *   %LXCMON_MONITOR_ERROR_BUSY
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
};

/**
 * LXCMON_ATTACH_OPTIONS_INIT:
 *
 * An initialiser with the defaults.
 *
 * Since: 0.1
 */
#define LXCMON_ATTACH_OPTIONS_INIT                      \
  {                                                     \
    sizeof (LxcmonAttachOptions), 2000, 0, false, false \
  }

/**
 * LxcmonChange:
 * @LXCMON_CHANGE_STATE: lxcmon_connection_get_state()
 * @LXCMON_CHANGE_CONTROLLER_PID: lxcmon_connection_get_controller_pid()
 * @LXCMON_CHANGE_INIT_PID: lxcmon_connection_get_init_pid()
 * @LXCMON_CHANGE_EXIT: lxcmon_connection_get_exited(), lxcmon_connection_get_exit_status() and
 *   lxcmon_connection_get_exit_raw()
 * @LXCMON_CHANGE_SKIPPED: lxcmon_connection_get_skipped()
 *
 * Which of the functions that ask a connection have a new answer. Flags, to be combined; another version of
 * the library may have more of them.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_CHANGE_STATE = 1 << 0,
  LXCMON_CHANGE_CONTROLLER_PID = 1 << 1,
  LXCMON_CHANGE_INIT_PID = 1 << 2,
  LXCMON_CHANGE_EXIT = 1 << 3,
  LXCMON_CHANGE_SKIPPED = 1 << 4
} LxcmonChange;

LXCMON_EXPORT LxcmonConnection *lxcmon_connection_new (const LxcmonCallbacks *callbacks,
                                                       void *user_data);
LXCMON_EXPORT void lxcmon_connection_free (LxcmonConnection *self);
LXCMON_EXPORT size_t lxcmon_connection_get_size (void);
LXCMON_EXPORT LxcmonConnection *lxcmon_connection_init (void *memory,
                                                        const LxcmonCallbacks *callbacks,
                                                        void *user_data) LXCMON_WARN_UNUSED;
LXCMON_EXPORT void lxcmon_connection_clear (LxcmonConnection *self);
LXCMON_EXPORT bool lxcmon_connection_set_hub (LxcmonConnection *self, LxcmonHub *hub,
                                              LxcmonError *error);
LXCMON_EXPORT void lxcmon_connection_set_debug (LxcmonConnection *self, bool debug);

LXCMON_EXPORT bool lxcmon_connection_attach (LxcmonConnection *self, const char *socket_path,
                                             const LxcmonAttachOptions *options,
                                             LxcmonError *error) LXCMON_WARN_UNUSED;
LXCMON_EXPORT bool lxcmon_connection_attach_fd (LxcmonConnection *self, int fd,
                                                const LxcmonAttachOptions *options,
                                                LxcmonError *error) LXCMON_WARN_UNUSED;
LXCMON_EXPORT bool lxcmon_connection_wait_attached (LxcmonConnection *self, int cancel_fd,
                                                  LxcmonError *error) LXCMON_WARN_UNUSED;
LXCMON_EXPORT void lxcmon_connection_detach (LxcmonConnection *self);

LXCMON_EXPORT int lxcmon_connection_get_fd (const LxcmonConnection *self);
LXCMON_EXPORT short lxcmon_connection_get_events (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_timeout (const LxcmonConnection *self);
LXCMON_EXPORT void lxcmon_connection_dispatch (LxcmonConnection *self);

LXCMON_EXPORT LxcmonState lxcmon_connection_get_state (const LxcmonConnection *self);
LXCMON_EXPORT bool lxcmon_connection_get_missed_init (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_controller_pid (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_init_pid (const LxcmonConnection *self);
LXCMON_EXPORT bool lxcmon_connection_get_exited (const LxcmonConnection *self);
LXCMON_EXPORT LxcmonExitStatus lxcmon_connection_get_exit_status (const LxcmonConnection *self);
LXCMON_EXPORT int lxcmon_connection_get_exit_raw (const LxcmonConnection *self);
LXCMON_EXPORT const LxcmonError *lxcmon_connection_get_error (const LxcmonConnection *self);
LXCMON_EXPORT uint64_t lxcmon_connection_get_skipped (const LxcmonConnection *self);
LXCMON_EXPORT uint64_t lxcmon_connection_get_extended (const LxcmonConnection *self);
LXCMON_EXPORT void lxcmon_connection_set_init_pid (LxcmonConnection *self, int pid);
LXCMON_EXPORT unsigned int lxcmon_connection_take_changes (LxcmonConnection *self);

LXCMON_END_DECLS
