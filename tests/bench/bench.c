/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lxcmon-bench: lxcmon and its peers, measured side by side. Owns the options and the order: each cell
 * in a fresh process, all peers in turn in every repetition.
 */

#include "bench.h"
#include "cell.h"
#include "report.h"
#include "rows.h"
#include "run.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum
{
  REPETITIONS = 7,
  REPETITIONS_QUICK = 3,
  EXIT_USAGE = 2,
  EXIT_SKIPPED = 77, /* as test harnesses know it */
};

typedef struct
{
  BenchPlan plan;
  gboolean json;
  gboolean list;
  gboolean check;
  int n_repetitions;
} Options;

void
bench_die (const char *format, ...)
{
  va_list args;
  g_autofree char *message = NULL;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("lxcmon-bench: %s\n", message);
  _exit (1);
}

static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      (void) setrlimit (RLIMIT_NOFILE, &limit);
    }
}

static gboolean
check_names (const Options *options, GError **error)
{
  for (char **name = options->plan.measures; name != NULL && *name != NULL; name++)
    if (bench_measure_find (*name) == NULL)
      {
        g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                     "no measure is called %s; --list names them", *name);
        return FALSE;
      }
  for (char **name = options->plan.peers; name != NULL && *name != NULL; name++)
    if (bench_peer_find (*name) == NULL)
      {
        g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                     "no peer is called %s; --list names them", *name);
        return FALSE;
      }
  if (options->n_repetitions < 0)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "a number of repetitions is at least 1");
      return FALSE;
    }

  return TRUE;
}

static gboolean
parse_options (Options *self, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, "Print one JSON object a line", NULL },
    { "list", 0, 0, G_OPTION_ARG_NONE, &self->list, "List measures and peers", NULL },
    { "measure", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->plan.measures,
      "Measure this (may be given again)", "NAME" },
    { "peer", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->plan.peers,
      "Measure this peer (may be given again)", "NAME" },
    { "repetitions", 0, 0, G_OPTION_ARG_INT, &self->n_repetitions,
      "How often to measure what is timed (7; 3 where it is to be quick)", "N" },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &self->plan.quick,
      "Fewer events and connections: under a minute in all", NULL },
    { "check", 0, 0, G_OPTION_ARG_NONE, &self->check,
      "Fail where a figure is far from its goal: twice for what is timed", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "Measures lxcmon beside its peers.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "what is %s for?", (*argv)[1]);
      return FALSE;
    }

  return check_names (self, error);
}

static void
tell_progress (const BenchRow *row, guint repetition, guint n_repetitions)
{
  if (isatty (STDERR_FILENO))
    g_printerr ("\r\033[K%u/%u %s %s %u", repetition + 1, n_repetitions, row->measure->name,
                row->peer->name, row->n);
}

static void
measure_all (GPtrArray *rows, const Options *options)
{
  guint n = options->n_repetitions > 0 ? (guint) options->n_repetitions
            : options->plan.quick      ? REPETITIONS_QUICK
                                       : REPETITIONS;

  for (guint repetition = 0; repetition < n; repetition++)
    for (guint i = 0; i < rows->len; i++)
      {
        BenchRow *row = g_ptr_array_index (rows, i);

        if (row->measure->counts && repetition > 0)
          continue;
        tell_progress (row, repetition, n);
        bench_run_cell (row, options->plan.quick);
      }
  if (isatty (STDERR_FILENO))
    g_printerr ("\r\033[K");
}

/* Why something could not be counted at all, or NULL. */
static const char *
find_bar (GPtrArray *rows)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const BenchRow *row = g_ptr_array_index (rows, i);
      if (row->barred)
        return row->failure;
    }

  return NULL;
}

static int
run (const Options *options)
{
  g_autoptr (GPtrArray) rows = bench_rows_new (&options->plan);

  measure_all (rows, options);
  if (options->json)
    bench_report_json (rows);
  else
    bench_report_table (rows);
  if (!options->check)
    return EXIT_SUCCESS;

  if (bench_report_regressions (rows) > 0)
    return EXIT_FAILURE;
  if (find_bar (rows) != NULL)
    {
      g_printerr ("lxcmon-bench: skipped: %s\n", find_bar (rows));
      return EXIT_SKIPPED;
    }
  return EXIT_SUCCESS;
}

/* What the arguments ask for, all but a cell. */
static int
run_arguments (Options *options, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (!parse_options (options, &argc, &argv, &error))
    {
      g_printerr ("lxcmon-bench: %s\n", error->message);
      return EXIT_USAGE;
    }
  if (options->list)
    {
      bench_report_list ();
      return EXIT_SUCCESS;
    }
  raise_descriptor_limit ();
  return run (options);
}

int
main (int argc, char **argv)
{
  Options options = { 0 };

  if (argc == 3 && g_str_equal (argv[1], "--cell"))
    return bench_cell_main (argv[2]);

  int result = run_arguments (&options, argc, argv);
  g_strfreev (options.plan.measures);
  g_strfreev (options.plan.peers);
  return result;
}
