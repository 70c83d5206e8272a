/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The core's error: a value on the caller's stack, so that telling of a failure never allocates.
 */

#include "lxcmon-types.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_ERROR_MESSAGE_SIZE:
 *
 * The room for an error's message in bytes, its closing NUL included; a longer one is cut.
 *
 * Since: 0.1
 */
#define LXCMON_ERROR_MESSAGE_SIZE 320

typedef struct _LxcmonError LxcmonError;

/**
 * LxcmonError:
 * @code: what kind of failure it is
 * @system_errno: the errno that was at the root of it, or 0
 * @message: what failed, where, and what to do, for people, in UTF-8 and without a newline
 *
 * Why a call failed. Functions that take a pointer to one fill it when they fail and leave it alone
 * when they do not; the pointer may be %NULL.
 *
 * Since: 0.1
 */
struct _LxcmonError
{
  LxcmonMonitorError code;
  int system_errno;
  char message[LXCMON_ERROR_MESSAGE_SIZE];
};

LXCMON_EXPORT const char *lxcmon_monitor_error_to_string (LxcmonMonitorError code);
LXCMON_EXPORT const char *lxcmon_state_to_string (LxcmonState state);
LXCMON_EXPORT const char *lxcmon_exit_status_to_string (LxcmonExitStatus status);

LXCMON_END_DECLS
