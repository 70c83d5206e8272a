/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns how a failure is worded and which code an errno gets: the one mapping of the core.
 */

#include "lxcmon-error-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where a message was cut in the middle of a character, the character goes as a whole: bindings
 * refuse strings that are not UTF-8. */
static void
trim_partial_character (char *text)
{
  size_t length = strlen (text);
  size_t start = length;

  while (start > 0 && ((unsigned char) text[start - 1] & 0xc0) == 0x80)
    start--;
  if (start == 0 || (unsigned char) text[start - 1] < 0xc0)
    return;

  start--;
  unsigned char lead = (unsigned char) text[start];
  size_t needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (length - start < needed)
    text[start] = '\0';
}

static bool
set_message (LxcmonError *error, LxcmonMonitorError code, int system_errno, const char *format,
             va_list args)
{
  if (error == NULL)
    return false;

  error->code = code;
  error->system_errno = system_errno;
  int length = vsnprintf (error->message, sizeof error->message, format, args);
  if (length < 0)
    error->message[0] = '\0';
  if ((size_t) length >= sizeof error->message)
    trim_partial_character (error->message);

  return false;
}

/**
 * _lxcmon_error_set:
 *
 * Fills @error, where there is one.
 *
 * Returns: always false, so that a failing function can return it
 */
bool
_lxcmon_error_set (LxcmonError *error, LxcmonMonitorError code, int system_errno,
                   const char *format, ...)
{
  va_list args;

  va_start (args, format);
  set_message (error, code, system_errno, format, args);
  va_end (args);

  return false;
}

static LxcmonMonitorError
code_for_errno (int system_errno)
{
  switch (system_errno)
    {
    case ENOENT:
    case ENOTDIR:
      return LXCMON_MONITOR_ERROR_NOT_FOUND;
    case EACCES:
    case EPERM:
      return LXCMON_MONITOR_ERROR_PERMISSION;
    case ECONNREFUSED:
      return LXCMON_MONITOR_ERROR_REFUSED;
    case EAGAIN:
      return LXCMON_MONITOR_ERROR_BUSY;
    case ELOOP:
    case EPROTOTYPE:
      return LXCMON_MONITOR_ERROR_UNTRUSTED;
    case ENAMETOOLONG:
      return LXCMON_MONITOR_ERROR_INVALID_NAME;
    case ETIMEDOUT:
      return LXCMON_MONITOR_ERROR_TIMED_OUT;
    default:
      return LXCMON_MONITOR_ERROR_FAILED;
    }
}

/**
 * _lxcmon_error_set_system:
 *
 * Fills @error from an errno: its code by the one mapping, its text behind what @format says.
 *
 * Returns: always false
 */
bool
_lxcmon_error_set_system (LxcmonError *error, int system_errno, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  set_message (error, code_for_errno (system_errno), system_errno, format, args);
  va_end (args);
  if (error == NULL)
    return false;

  size_t length = strlen (error->message);
  snprintf (error->message + length, sizeof error->message - length, ": %s%s",
            strerror (system_errno),
            system_errno == EMFILE ? " (raise the process's limit with setrlimit or ulimit -n)"
                                   : "");
  return false;
}

/**
 * _lxcmon_error_set_no_memory:
 *
 * Returns: always false
 */
bool
_lxcmon_error_set_no_memory (LxcmonError *error)
{
  return _lxcmon_error_set_system (error, ENOMEM, "cannot allocate");
}

/**
 * lxcmon_monitor_error_to_string:
 * @code: an error's code
 *
 * The nick of an error's code, such as "not-found".
 *
 * Returns: (not nullable): a static string; "failed" for a number that is no code
 *
 * Since: 0.1
 */
const char *
lxcmon_monitor_error_to_string (LxcmonMonitorError code)
{
  switch (code)
    {
    case LXCMON_MONITOR_ERROR_NOT_FOUND:
      return "not-found";
    case LXCMON_MONITOR_ERROR_PERMISSION:
      return "permission";
    case LXCMON_MONITOR_ERROR_REFUSED:
      return "refused";
    case LXCMON_MONITOR_ERROR_BUSY:
      return "busy";
    case LXCMON_MONITOR_ERROR_UNTRUSTED:
      return "untrusted";
    case LXCMON_MONITOR_ERROR_INVALID_NAME:
      return "invalid-name";
    case LXCMON_MONITOR_ERROR_PROTOCOL:
      return "protocol";
    case LXCMON_MONITOR_ERROR_TRUNCATED:
      return "truncated";
    case LXCMON_MONITOR_ERROR_LOST:
      return "lost";
    case LXCMON_MONITOR_ERROR_DESTROYED:
      return "destroyed";
    case LXCMON_MONITOR_ERROR_TIMED_OUT:
      return "timed-out";
    case LXCMON_MONITOR_ERROR_FAILED:
    default:
      return "failed";
    }
}

/**
 * lxcmon_state_to_string:
 * @state: a state
 *
 * The nick of a state, such as "served".
 *
 * Returns: (not nullable): a static string; "invalid" for a number that is no state
 *
 * Since: 0.1
 */
const char *
lxcmon_state_to_string (LxcmonState state)
{
  switch (state)
    {
    case LXCMON_STATE_DETACHED:
      return "detached";
    case LXCMON_STATE_CONNECTING:
      return "connecting";
    case LXCMON_STATE_WAITING:
      return "waiting";
    case LXCMON_STATE_SERVED:
      return "served";
    case LXCMON_STATE_EXITED:
      return "exited";
    case LXCMON_STATE_CLOSED:
      return "closed";
    default:
      return "invalid";
    }
}

/**
 * lxcmon_exit_status_to_string:
 * @status: an exit status
 *
 * The nick of an exit status, such as "reboot".
 *
 * Returns: (not nullable): a static string; "unknown" for a number without a name
 *
 * Since: 0.1
 */
const char *
lxcmon_exit_status_to_string (LxcmonExitStatus status)
{
  switch (status)
    {
    case LXCMON_EXIT_STATUS_ERROR:
      return "error";
    case LXCMON_EXIT_STATUS_SHUTDOWN:
      return "shutdown";
    case LXCMON_EXIT_STATUS_REBOOT:
      return "reboot";
    case LXCMON_EXIT_STATUS_UNKNOWN:
    default:
      return "unknown";
    }
}
