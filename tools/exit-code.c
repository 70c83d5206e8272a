/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the exit codes of errors and statuses.
 */

#include "exit-code.h"

ExitCode
exit_code_for_error (const GError *error)
{
  if (error->domain != LXCMON_MONITOR_ERROR)
    return EXIT_CODE_FAILED;

  switch ((LxcmonMonitorError) error->code)
    {
    case LXCMON_MONITOR_ERROR_LOST:
    case LXCMON_MONITOR_ERROR_DESTROYED:
      return EXIT_CODE_LOST;
    case LXCMON_MONITOR_ERROR_BUSY:
      return EXIT_CODE_BUSY;
    case LXCMON_MONITOR_ERROR_NOT_FOUND:
      return EXIT_CODE_NOT_FOUND;
    case LXCMON_MONITOR_ERROR_PERMISSION:
      return EXIT_CODE_PERMISSION;
    case LXCMON_MONITOR_ERROR_TIMED_OUT:
      return EXIT_CODE_TIMED_OUT;
    case LXCMON_MONITOR_ERROR_FAILED:
    case LXCMON_MONITOR_ERROR_REFUSED:
    case LXCMON_MONITOR_ERROR_UNTRUSTED:
    case LXCMON_MONITOR_ERROR_INVALID_NAME:
    case LXCMON_MONITOR_ERROR_PROTOCOL:
    case LXCMON_MONITOR_ERROR_TRUNCATED:
    default:
      return EXIT_CODE_FAILED;
    }
}

ExitCode
exit_code_for_status (LxcmonExitStatus status)
{
  switch (status)
    {
    case LXCMON_EXIT_STATUS_SHUTDOWN:
      return EXIT_CODE_DONE;
    case LXCMON_EXIT_STATUS_REBOOT:
      return EXIT_CODE_REBOOT;
    case LXCMON_EXIT_STATUS_ERROR:
    case LXCMON_EXIT_STATUS_UNKNOWN:
    default:
      return EXIT_CODE_ERROR_STATUS;
    }
}
