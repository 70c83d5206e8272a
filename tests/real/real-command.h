/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* real-command.h: a command that runs together with a real container.
 *
 * Owns: the order of both: the container's socket listens, the command starts, it connects, the
 * container runs and ends, the command ends. And that nothing is left of either.
 * Does not: understand what the command prints. */

#pragma once

#include <glib.h>

/* In the command's environment: init's pid, as the harness has found it in /proc. */
#define REAL_COMMAND_INIT_PID "REAL_RUN_INIT_PID"

typedef struct
{
  const char *name;
  const char *ending; /* as container_command () takes it */
  int after_ms;       /* how long the container runs */
  const char *const *argv;
  int out_fd; /* the command's standard output; it is the caller's to close */
} RealCommand;

/* The command's exit code, 128 and the signal if one ended it; or -1 and @error. SIGINT, SIGTERM and
 * SIGHUP go to the command, and its exit code is then reported in the same way. */
int real_command_run (const RealCommand *self, GError **error);
