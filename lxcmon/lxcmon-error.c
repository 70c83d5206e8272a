/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the form of error messages, and the mapping from errno to codes.
 */

#include "lxcmon-error-private.h"
#include "lxcmon-utf8-private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Replaces by "?" what must not be in a line of text: a path can contain any bytes, and bindings refuse strings
 * that are not UTF-8. A character may also have been truncated. */
static void
clean (char *text)
{
  char *to = text;

  while (*text != '\0')
    {
      size_t control = _lxcmon_utf8_control_length (text);
      size_t length = control > 0 ? 0 : _lxcmon_utf8_character_length (text);

      if (length == 0)
        {
          *to++ = '?';
          text += control > 0 ? control : 1;
        }
      while (length-- > 0)
        *to++ = *text++;
    }
  *to = '\0';
}

/* Writes a message into @size bytes, truncated if necessary. */
__attribute__ ((format (printf, 3, 0))) static void
write_message (char *text, size_t size, const char *format, va_list args)
{
  if (vsnprintf (text, size, format, args) < 0)
    text[0] = '\0';
  clean (text);
}

/**
 * _lxcmon_error_set:
 *
 * Fills @error, if it is not %NULL.
 *
 * Returns: false, so that a function that fails can return it
 */
bool
_lxcmon_error_set (LxcmonError *error, LxcmonMonitorError code, int system_errno,
                   const char *format, ...)
{
  va_list args;

  if (error == NULL)
    return false;

  error->code = code;
  error->system_errno = system_errno;
  va_start (args, format);
  write_message (error->message, sizeof error->message, format, args);
  va_end (args);
  return false;
}

static LxcmonMonitorError
code_for_errno (int system_errno)
{
  switch (system_errno)
    {
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
 * Fills @error from an errno. Its text is appended to what @format says. No errno is
 * %LXCMON_MONITOR_ERROR_NOT_FOUND: whether a file that is missing means that depends on the file.
 *
 * Returns: false
 */
bool
_lxcmon_error_set_system (LxcmonError *error, int system_errno, const char *format, ...)
{
  char reason[128];
  va_list args;

  if (error == NULL)
    return false;

  /* The reason first, so that it is not truncated, however long a path is. */
  snprintf (reason, sizeof reason, ": %s%s", strerror (system_errno),
            system_errno == EMFILE ? " (raise the process's limit with setrlimit or ulimit -n)"
                                   : "");
  clean (reason);

  error->code = code_for_errno (system_errno);
  error->system_errno = system_errno;
  va_start (args, format);
  write_message (error->message, sizeof error->message - strlen (reason), format, args);
  va_end (args);
  strcat (error->message, reason);
  return false;
}

/* For a container's socket or directory that cannot be opened: only there does ENOENT mean that there is none. */
bool
_lxcmon_error_set_open (LxcmonError *error, int system_errno, const char *what, const char *path)
{
  _lxcmon_error_set_system (error, system_errno, "%s %s", what, path);
  if (error != NULL && system_errno == ENOENT)
    error->code = LXCMON_MONITOR_ERROR_NOT_FOUND;
  return false;
}

bool
_lxcmon_error_set_no_memory (LxcmonError *error)
{
  return _lxcmon_error_set_system (error, ENOMEM, "cannot allocate");
}

/**
 * _lxcmon_error_is_shortage:
 *
 * Returns: whether descriptors have run short
 */
bool
_lxcmon_error_is_shortage (const LxcmonError *error)
{
  return error->system_errno == EMFILE || error->system_errno == ENFILE;
}

/**
 * lxcmon_monitor_error_to_string:
 * @code: an error code
 *
 * The nick of an error code, such as "not-found".
 *
 * Returns: (not nullable): a static string; "failed" if @code is not a known one
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
 * The nick of a state, such as "attached".
 *
 * Returns: (not nullable): a static string; "invalid" if @state is not a known one
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
    case LXCMON_STATE_QUEUED:
      return "queued";
    case LXCMON_STATE_ATTACHED:
      return "attached";
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
 * Returns: (not nullable): a static string; "unknown" if @status is not a known one
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
