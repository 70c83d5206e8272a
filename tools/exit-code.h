/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <lxcmon-glib/lxcmon-glib.h>

/* Scripts depend on these; lxcmon(1) documents them. */
typedef enum
{
  EXIT_CODE_NONE = -1, /* not known yet */
  EXIT_CODE_DONE = 0,
  EXIT_CODE_FAILED = 1,
  EXIT_CODE_USAGE = 2,
  EXIT_CODE_REBOOT = 3,
  EXIT_CODE_ERROR_STATUS = 4,
  EXIT_CODE_LOST = 5,
  EXIT_CODE_BUSY = 6,
  EXIT_CODE_NOT_FOUND = 7,
  EXIT_CODE_PERMISSION = 8,
  EXIT_CODE_TIMED_OUT = 124,
  EXIT_CODE_SIGNAL = 128 /* plus the number of the signal */
} ExitCode;

ExitCode exit_code_for_error (const GError *error);
ExitCode exit_code_for_status (LxcmonExitStatus status);
