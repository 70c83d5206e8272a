/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The core's error type: a struct that the caller provides, so that errors need no allocation.
 */

#include "lxcmon-types.h"

LXCMON_BEGIN_DECLS

/**
 * LXCMON_ERROR_MESSAGE_SIZE:
 *
 * The size of an error message in bytes, including the NUL at its end; a longer one is truncated.
 *
 * Since: 0.1
 */
#define LXCMON_ERROR_MESSAGE_SIZE 320

typedef struct _LxcmonError LxcmonError;

/**
 * LxcmonError:
 * @code: the kind of failure
 * @system_errno: the errno that caused it, or 0
 * @message: a message for people: what failed, where, and what to do; one line of UTF-8
 *
 * Why a function failed. Functions that take a pointer to one fill it if they fail, and do not change it
 * otherwise; the pointer may be %NULL.
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
