/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* process.h: starting, watching and killing one child by pidfd.
 *
 * Owns: the way every program of the harness is spawned (clean environment, known descriptors, death
 * together with the test) and waited for.
 * Does not: use a pid that might belong to another process by
 * now, wait without a bound, or know anything of containers. */

#pragma once

#include <glib.h>
#include <poll.h>
#include <sys/types.h>

/* What a child gets besides its arguments. */
typedef struct
{
  const char *const *envp; /* never inherited: LD_PRELOAD and ASAN_OPTIONS are the test's own */
  int out_fd;              /* its standard output and ... */
  int err_fd;              /* ... error; standard input is /dev/null */
  const int *fds;          /* the child sees these as 3, 4, ... */
  gsize n_fds;
  int death_signal; /* what it gets when the spawning thread ends */
} ProcessSetup;

/* Returns the pid, or -1 and @error. *@pidfd_out is the caller's to close. */
pid_t process_spawn (const char *const *argv, const ProcessSetup *setup, int *pidfd_out,
                     GError **error);

/* Returns a pidfd, or -1 and @error. */
int process_open (pid_t pid, GError **error);

void process_send (int pidfd, int signum);

/* TRUE when the process has ended within @timeout_ms; it is not reaped. */
gboolean process_wait (int pidfd, int timeout_ms);

/* poll(2) to a monotonic deadline (in microseconds), undisturbed by signals. */
int process_poll_until (struct pollfd *fds, nfds_t n_fds, gint64 deadline);

/* A monotonic deadline @ms milliseconds from now. */
gint64 process_deadline (int ms);

/* The last lines of @path for an error message; never NULL. */
char *process_log_tail (const char *path);

/* A descriptor for an emptied log at @path, or -1 and @error. */
int process_open_log (const char *path, GError **error);

/* Sets @error from errno: "@what @where: reason". Always returns FALSE. */
gboolean process_set_errno (GError **error, const char *what, const char *where);

/* Closes *@fd if it is open, and forgets it. */
void process_clear_fd (int *fd);
