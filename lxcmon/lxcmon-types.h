/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The vocabulary that the plain-C core and the GObject layer share. It is written once, here;
 * lxcmon-glib gives these enums their GTypes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lxcmon-macros.h"

LXCMON_BEGIN_DECLS

/**
 * LxcmonExitStatus:
 * @LXCMON_EXIT_STATUS_UNKNOWN: a number that this version of lxcmon has no name for; the number
 *   itself is passed on beside it
 * @LXCMON_EXIT_STATUS_ERROR: the controller failed; no known version of libvirt sends it
 * @LXCMON_EXIT_STATUS_SHUTDOWN: the container's init ended, in whatever way but a reboot
 * @LXCMON_EXIT_STATUS_REBOOT: the container's init called reboot(2)
 *
 * How a container ended, as its controller tells it in EXIT.
 *
 * The numbers are those of the wire: `enum virLXCMonitorExitStatus` in libvirt's
 * `src/lxc/lxc_monitor_protocol.x`.
 *
 * Since: 0.1
 */
typedef enum /*< underscore_name=lxcmon_exit_status >*/
{
  LXCMON_EXIT_STATUS_UNKNOWN = -1,
  LXCMON_EXIT_STATUS_ERROR = 0,
  LXCMON_EXIT_STATUS_SHUTDOWN = 1,
  LXCMON_EXIT_STATUS_REBOOT = 2
} LxcmonExitStatus;

/**
 * LxcmonState:
 * @LXCMON_STATE_DETACHED: not attached: never was, failed to, or its user detached it
 * @LXCMON_STATE_CONNECTING: attaching, and not connected yet
 * @LXCMON_STATE_QUEUED: connected; whether the controller serves us is not known yet
 * @LXCMON_STATE_ATTACHED: the controller serves us
 * @LXCMON_STATE_EXITED: EXIT has come, end of file has not
 * @LXCMON_STATE_CLOSED: the controller has gone
 *
 * Where a client stands with its controller.
 *
 * Since: 0.1
 */
typedef enum /*< underscore_name=lxcmon_state >*/
{
  LXCMON_STATE_DETACHED = 0,
  LXCMON_STATE_CONNECTING = 1,
  LXCMON_STATE_QUEUED = 2,
  LXCMON_STATE_ATTACHED = 3,
  LXCMON_STATE_EXITED = 4,
  LXCMON_STATE_CLOSED = 5
} LxcmonState;

/**
 * LxcmonMonitorError:
 * @LXCMON_MONITOR_ERROR_FAILED: anything without a code of its own; the message says what
 * @LXCMON_MONITOR_ERROR_NOT_FOUND: there is no such container: no socket of that name
 * @LXCMON_MONITOR_ERROR_PERMISSION: the system does not let us reach the socket
 * @LXCMON_MONITOR_ERROR_REFUSED: nobody listens on the socket: it is stale, its controller was killed
 * @LXCMON_MONITOR_ERROR_BUSY: somebody else has the controller's one place, or libvirtd wants it
 * @LXCMON_MONITOR_ERROR_UNTRUSTED: the socket, its directory or the peer belongs to somebody who
 *   could fake a controller
 * @LXCMON_MONITOR_ERROR_INVALID_NAME: not a name that a container can have
 * @LXCMON_MONITOR_ERROR_PROTOCOL: the peer sent what no controller sends
 * @LXCMON_MONITOR_ERROR_TRUNCATED: the stream ended inside a message
 * @LXCMON_MONITOR_ERROR_LOST: the controller went without EXIT: how the container ended is not known
 * @LXCMON_MONITOR_ERROR_DESTROYED: somebody destroyed the container through libvirt
 * @LXCMON_MONITOR_ERROR_TIMED_OUT: no answer in time
 *
 * What can go wrong between a monitor and its controller.
 *
 * Since: 0.1
 */
typedef enum /*< underscore_name=lxcmon_monitor_error >*/
{
  LXCMON_MONITOR_ERROR_FAILED = 0,
  LXCMON_MONITOR_ERROR_NOT_FOUND,
  LXCMON_MONITOR_ERROR_PERMISSION,
  LXCMON_MONITOR_ERROR_REFUSED,
  LXCMON_MONITOR_ERROR_BUSY,
  LXCMON_MONITOR_ERROR_UNTRUSTED,
  LXCMON_MONITOR_ERROR_INVALID_NAME,
  LXCMON_MONITOR_ERROR_PROTOCOL,
  LXCMON_MONITOR_ERROR_TRUNCATED,
  LXCMON_MONITOR_ERROR_LOST,
  LXCMON_MONITOR_ERROR_DESTROYED,
  LXCMON_MONITOR_ERROR_TIMED_OUT
} LxcmonMonitorError;

LXCMON_END_DECLS
