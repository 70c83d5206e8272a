/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the process of a cell, from outside: how it is started, how long it may take, what it said.
 */

#include "run.h"
#include "cell.h"
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000

/* What a child says that may not be traced. */
#define EXIT_BARRED 77

typedef struct
{
  GPid pid;
  int output;
} Process;

static char **
make_environment (const BenchMeasure *measure)
{
  char **environment = g_get_environ ();

  /* Lines for debugging would be part of what is measured, and so would meson's wiping of memory. */
  environment = g_environ_unsetenv (environment, "G_MESSAGES_DEBUG");
  environment = g_environ_unsetenv (environment, "MALLOC_PERTURB_");
  if (measure->no_slices)
    {
      environment = g_environ_setenv (environment, "G_SLICE", "always-malloc", TRUE);
      /* glibc counts what lies in a thread's cache as in use. */
      environment
          = g_environ_setenv (environment, "GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", TRUE);
    }

  return environment;
}

static void
start (Process *self, const BenchRow *row, gboolean quick)
{
  g_auto (GStrv) environment = make_environment (row->measure);
  g_autofree char *spec = g_strdup_printf ("%s:%s:%u:%s", row->measure->name, row->peer->name,
                                           row->n, quick ? "quick" : "full");
  char program[] = "lxcmon-bench", option[] = "--cell";
  char *arguments[] = { program, option, spec, NULL };
  int ends[2];

  if (pipe (ends) < 0)
    bench_die ("cannot make a pipe: %s", g_strerror (errno));
  self->output = ends[0];
  self->pid = fork ();
  if (self->pid < 0)
    bench_die ("cannot start a process: %s", g_strerror (errno));
  if (self->pid > 0)
    {
      close (ends[1]);
      return;
    }

  dup2 (ends[1], STDOUT_FILENO);
  close (ends[0]);
  close (ends[1]);
  if (row->measure->traced && !bench_trace_ask ())
    _exit (EXIT_BARRED);
  execve ("/proc/self/exe", arguments, environment);
  _exit (1);
}

/* Reads what the cell says, up to its end or as long as one may take. */
static char *
read_output (Process *self)
{
  GString *text = g_string_new (NULL);
  struct pollfd descriptor = { .fd = self->output, .events = POLLIN };
  char buffer[256];
  gssize n;

  while (poll (&descriptor, 1, PATIENCE_MS) > 0
         && (n = read (self->output, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n);
  kill (self->pid, SIGKILL);

  return g_string_free (text, FALSE);
}

static void
fail (BenchRow *row, const char *why)
{
  bench_row_add (row, NAN, 0);
  if (row->failure == NULL)
    row->failure = g_strdup (why);
}

/* The first call of those that are counted is the one that the loop sleeps in. */
static double
count_per_event (const BenchRow *row, guint64 n_calls, double n_events)
{
  if (row->measure->trace_ms > 0)
    return n_calls > 0 ? (double) (n_calls - 1) : 0;
  return (double) n_calls / n_events;
}

/**
 * bench_run_cell:
 *
 * Measures once, and adds what came of it to the row.
 */
void
bench_run_cell (BenchRow *row, gboolean quick)
{
  Process process;
  g_autofree char *barred = NULL;
  g_autofree char *output = NULL;
  guint64 n_calls = 0;
  guint64 n_lost;
  double value;

  start (&process, row, quick);
  if (row->measure->traced)
    row->barred = !bench_trace_count (process.pid, row->measure->trace_ms, &n_calls, &barred);
  if (!row->barred)
    output = read_output (&process);
  close (process.output);
  if (!row->measure->traced)
    waitpid (process.pid, NULL, 0);

  if (row->barred)
    fail (row, barred);
  else if (sscanf (output, "%lf %" G_GUINT64_FORMAT, &value, &n_lost) != 2)
    fail (row, "the cell failed or took too long");
  else
    bench_row_add (row, row->measure->traced ? count_per_event (row, n_calls, value) : value,
                   n_lost);
}
