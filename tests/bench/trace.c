/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a small tracer. A mark is a system call that no kernel has; what is called between two marks,
 * by any thread, is counted.
 */

#include "trace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  MARK_BEGIN = 98765,
  MARK_END = 98766,
  PATIENCE_S = 60,
};

typedef struct
{
  GPid pid;
  guint trace_ms;
  gboolean counting;
  guint64 n_calls;
} Tracer;

void
bench_trace_begin (void)
{
  (void) syscall (MARK_BEGIN);
}

void
bench_trace_end (void)
{
  (void) syscall (MARK_END);
}

/* In the process that is to be traced, before it executes the program. */
gboolean
bench_trace_ask (void)
{
  return ptrace (PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static void
on_alarm (int number)
{
}

/* Makes waiting end after a time: a SIGALRM interrupts it. */
static void
set_alarm (guint ms)
{
  struct sigaction action = { .sa_handler = on_alarm };
  struct itimerval when
      = { .it_value = { .tv_sec = ms / 1000, .tv_usec = (long) (ms % 1000) * 1000 } };

  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &when, NULL);
}

static void
count_call (Tracer *self, pid_t thread)
{
  struct __ptrace_syscall_info info;

  if (ptrace (PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) < 0
      || info.op != PTRACE_SYSCALL_INFO_ENTRY)
    return;

  if (info.entry.nr == MARK_BEGIN)
    {
      self->counting = TRUE;
      if (self->trace_ms > 0)
        set_alarm (self->trace_ms);
    }
  else if (info.entry.nr == MARK_END)
    self->counting = FALSE;
  else if (self->counting)
    self->n_calls++;
}

/* Lets a thread that has stopped go on. Returns false if the process has ended. */
static gboolean
handle_stop (Tracer *self, pid_t thread, int status)
{
  int number = 0;

  if (!WIFSTOPPED (status))
    return thread != self->pid;
  if (WSTOPSIG (status) == (SIGTRAP | 0x80))
    count_call (self, thread);
  else if (WSTOPSIG (status) != SIGTRAP && WSTOPSIG (status) != SIGSTOP)
    number = WSTOPSIG (status);
  (void) ptrace (PTRACE_SYSCALL, thread, NULL, GINT_TO_POINTER (number));

  return TRUE;
}

static gboolean
attach (Tracer *self, char **why)
{
  int status;
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

  if (waitpid (self->pid, &status, __WALL) < 0 || !WIFSTOPPED (status))
    {
      *why = g_strdup ("ptrace is not permitted here");
      return FALSE;
    }
  if (ptrace (PTRACE_SETOPTIONS, self->pid, NULL, GSIZE_TO_POINTER (options)) < 0
      || ptrace (PTRACE_SYSCALL, self->pid, NULL, NULL) < 0)
    {
      *why = g_strdup_printf ("ptrace: %s", g_strerror (errno));
      kill (self->pid, SIGKILL);
      waitpid (self->pid, &status, __WALL);
      return FALSE;
    }

  return TRUE;
}

/**
 * bench_trace_count:
 * @pid: a child that has asked to be traced; it is gone afterwards
 * @trace_ms: how long to count from the first mark on; 0 for up to the last mark
 * @n_calls: (out): how many system calls that were
 * @why: (out): why nothing could be counted
 *
 * Returns: whether it could be traced
 */
gboolean
bench_trace_count (GPid pid, guint trace_ms, guint64 *n_calls, char **why)
{
  Tracer self = { .pid = pid, .trace_ms = trace_ms };

  if (!attach (&self, why))
    return FALSE;
  set_alarm (PATIENCE_S * 1000);
  for (;;)
    {
      int status;
      pid_t thread = waitpid (-1, &status, __WALL);

      if (thread < 0 && errno == EINTR)
        {
          /* Each of its threads is still to be waited for. */
          self.counting = FALSE;
          kill (pid, SIGKILL);
        }
      else if (thread < 0 || !handle_stop (&self, thread, status))
        break;
    }
  set_alarm (0);

  *n_calls = self.n_calls;
  return TRUE;
}
