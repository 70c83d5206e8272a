/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* process.c: see process.h for what this file owns. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_TARGET_FD 3
#define MAX_FDS         8
#define LOG_TAIL_BYTES  2048

gboolean
process_set_errno (GError **error, const char *what, const char *where)
{
  int code = errno;

  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (code), "%s %s: %s", what, where,
               g_strerror (code));
  return FALSE;
}

void
process_clear_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

/* Runs in the child between fork and exec, so only a system call. Without it
 * a test that fails an assertion would leave containers running. */
static void
die_with_the_test (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, GPOINTER_TO_INT (data));
}

int
process_open (pid_t pid, GError **error)
{
  /* The number: glibc has had a wrapper only since 2.36. */
  int fd = (int) syscall (SYS_pidfd_open, pid, 0);
  g_autofree char *where = NULL;

  if (fd >= 0)
    return fd;
  where = g_strdup_printf ("process %d", (int) pid);
  process_set_errno (error, "Cannot open a pidfd of", where);
  return -1;
}

/* A child that cannot be watched must not stay. */
static pid_t
give_up_child (GPid pid)
{
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  return -1;
}

pid_t
process_spawn (const char *const *argv, const ProcessSetup *setup, int *pidfd_out, GError **error)
{
  int targets[MAX_FDS];
  GPid pid = -1;

  g_return_val_if_fail (setup->n_fds <= MAX_FDS, -1);

  for (gsize i = 0; i < setup->n_fds; i++)
    targets[i] = FIRST_TARGET_FD + (int) i;

  if (!g_spawn_async_with_pipes_and_fds (NULL, argv, setup->envp,
                                         G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
                                         die_with_the_test, GINT_TO_POINTER (setup->death_signal),
                                         -1, setup->out_fd, setup->err_fd, setup->fds, targets,
                                         setup->n_fds, &pid, NULL, NULL, NULL, error))
    return -1;

  *pidfd_out = process_open (pid, error);
  if (*pidfd_out < 0)
    return give_up_child (pid);
  return pid;
}

void
process_send (int pidfd, int signum)
{
  if (pidfd >= 0)
    syscall (SYS_pidfd_send_signal, pidfd, signum, NULL, 0);
}

gint64
process_deadline (int ms)
{
  return g_get_monotonic_time () + (gint64) ms * 1000;
}

int
process_poll_until (struct pollfd *fds, nfds_t n_fds, gint64 deadline)
{
  for (;;)
    {
      gint64 left = deadline - g_get_monotonic_time ();
      /* Rounded up: a last poll of 0 ms would spin until the deadline. */
      int n = poll (fds, n_fds, left > 0 ? (int) ((left + 999) / 1000) : 0);

      if (n >= 0 || errno != EINTR)
        return n;
    }
}

gboolean
process_wait (int pidfd, int timeout_ms)
{
  struct pollfd fd = { .fd = pidfd, .events = POLLIN };

  return process_poll_until (&fd, 1, process_deadline (timeout_ms)) > 0;
}

char *
process_log_tail (const char *path)
{
  g_autofree char *text = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &text, &length, NULL) || length == 0)
    return g_strdup ("(its log is empty)");
  if (length > LOG_TAIL_BYTES)
    memmove (text, text + length - LOG_TAIL_BYTES, LOG_TAIL_BYTES + 1);
  g_strchomp (text);
  return g_utf8_make_valid (text, -1);
}

int
process_open_log (const char *path, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

  if (fd < 0)
    process_set_errno (error, "Cannot open the log", path);
  return fd;
}
