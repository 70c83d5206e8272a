/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The enums that the plain-C core and the GObject layer share. lxcmon-glib registers their GTypes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lxcmon-macros.h"

LXCMON_BEGIN_DECLS

/**
 * LxcmonExitStatus:
 * @LXCMON_EXIT_STATUS_UNKNOWN: a number that this version of lxcmon has no name for; the number itself is
 *   passed on too
 * @LXCMON_EXIT_STATUS_ERROR: the controller failed; no known version of libvirt sends it
 * @LXCMON_EXIT_STATUS_SHUTDOWN: the container's init ended in any way but a reboot
 * @LXCMON_EXIT_STATUS_REBOOT: the container's init called reboot(2)
 *
 * How a container ended, as reported by its controller in EXIT.
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
 * @LXCMON_STATE_DETACHED: not attached: not yet, or the attach failed
 * @LXCMON_STATE_CONNECTING: attaching, and not connected yet
 * @LXCMON_STATE_QUEUED: connected, but not known to be accepted
 * @LXCMON_STATE_ATTACHED: the controller has accepted the connection
 * @LXCMON_STATE_EXITED: EXIT has come, and the controller has not closed the connection yet
 * @LXCMON_STATE_CLOSED: the connection has ended
 *
 * The state of a client's connection to a controller.
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
 * @LXCMON_MONITOR_ERROR_PERMISSION: access to the socket is denied
 * @LXCMON_MONITOR_ERROR_REFUSED: the socket is stale: its controller was killed
 * @LXCMON_MONITOR_ERROR_BUSY: the controller's one client slot is taken, or libvirtd needs it
 * @LXCMON_MONITOR_ERROR_UNTRUSTED: the socket, its directory or the peer belongs to a user who could
 *   imitate a controller
 * @LXCMON_MONITOR_ERROR_INVALID_NAME: not a valid container name
 * @LXCMON_MONITOR_ERROR_PROTOCOL: the peer sent what controllers do not send
 * @LXCMON_MONITOR_ERROR_TRUNCATED: the stream ended inside a message
 * @LXCMON_MONITOR_ERROR_LOST: the connection ended without EXIT: how the container ended is not known
 * @LXCMON_MONITOR_ERROR_DESTROYED: the container was destroyed through libvirt
 * @LXCMON_MONITOR_ERROR_TIMED_OUT: no answer in time
 *
 * Error codes.
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
