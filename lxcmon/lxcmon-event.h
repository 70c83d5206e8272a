/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What lxcmon_hub_next_event() returns.
 */

#include "lxcmon-error.h"

LXCMON_BEGIN_DECLS

typedef struct _LxcmonConnection LxcmonConnection;
typedef struct _LxcmonEvent LxcmonEvent;
typedef struct _LxcmonHub LxcmonHub;

/**
 * LxcmonEventType:
 * @LXCMON_EVENT_CONNECTED: a connection that waited for the slot has connected; its state is
 *   %LXCMON_STATE_QUEUED
 * @LXCMON_EVENT_ATTACHED: the controller has accepted the connection: the attach has succeeded
 * @LXCMON_EVENT_INIT: the container's init has started
 * @LXCMON_EVENT_EXIT: the container has ended
 * @LXCMON_EVENT_CLOSED: the connection has ended: the controller has closed it, or libvirtd has started and needs the
 *   slot (%LXCMON_MONITOR_ERROR_BUSY: the container runs on); the last event of an attach that
 *   succeeded
 * @LXCMON_EVENT_FAILED: the attach has failed, after lxcmon_connection_attach() returned true; the last
 *   event of such an attach
 *
 * What happened to a connection.
 *
 * Since: 0.1
 */
typedef enum
{
  LXCMON_EVENT_CONNECTED = 0,
  LXCMON_EVENT_ATTACHED,
  LXCMON_EVENT_INIT,
  LXCMON_EVENT_EXIT,
  LXCMON_EVENT_CLOSED,
  LXCMON_EVENT_FAILED
} LxcmonEventType;

/**
 * LxcmonEvent:
 * @type: what happened
 * @connection: the connection it happened to
 * @user_data: what was passed to lxcmon_connection_new()
 * @pid: %LXCMON_EVENT_INIT: the pid of the container's init; otherwise 0
 * @status: %LXCMON_EVENT_EXIT: how the container ended; otherwise %LXCMON_EXIT_STATUS_UNKNOWN
 * @raw: %LXCMON_EVENT_EXIT: the number on the wire; otherwise -1
 * @init_exit_code: %LXCMON_EVENT_EXIT and %LXCMON_EVENT_CLOSED: the exit code of the container's init; -1 if that is
 *   not known, or if a signal killed it
 * @init_signal: %LXCMON_EVENT_EXIT and %LXCMON_EVENT_CLOSED: the signal that killed the container's init; 0 if that
 *   is not known, or if none did
 * @error: %LXCMON_EVENT_FAILED: why; %LXCMON_EVENT_CLOSED: why, and %NULL if and only if EXIT came before.
 *   It is valid until the next call of lxcmon_hub_next_event()
 *
 * An event of a connection. The getters of the connection agree with it.
 *
 * Since: 0.1
 */
struct _LxcmonEvent
{
  LxcmonEventType type;
  LxcmonConnection *connection;
  void *user_data;
  int pid;
  LxcmonExitStatus status;
  int raw;
  int init_exit_code;
  int init_signal;
  const LxcmonError *error;
};

LXCMON_END_DECLS
