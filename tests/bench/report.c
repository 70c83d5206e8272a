/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what is printed: the table with the goals beside, the JSON lines, what has become worse.
 */

#include "report.h"
#include "goals.h"

#include <math.h>

void
bench_report_list (void)
{
  g_print ("Measures:\n");
  for (guint i = 0; i < bench_n_measures; i++)
    g_print ("  %-18s %s (%s)\n", bench_measures[i].name, bench_measures[i].what,
             bench_measures[i].unit);
  g_print ("Peers:\n");
  for (guint i = 0; i < BENCH_N_PEERS; i++)
    {
      const BenchPeer *peer = bench_peers[i];
      const char *missing = peer->find_missing != NULL ? peer->find_missing () : NULL;

      g_print ("  %-18s %s%s%s\n", peer->name, peer->what, missing != NULL ? "; left out: " : "",
               missing != NULL ? missing : "");
    }
}

/* Four digits that mean something. */
static const char *
format (double value, char *text, gsize size)
{
  double magnitude = fabs (value);

  if (!isfinite (value))
    g_snprintf (text, size, "-");
  else if (magnitude >= 1000 || fabs (value - round (value)) < 1e-9)
    g_snprintf (text, size, "%.0f", value);
  else
    g_snprintf (text, size, "%.*f", magnitude >= 100 ? 1 : magnitude >= 10 ? 2 : 3, value);
  return text;
}

static void
print_goals (GPtrArray *rows, const BenchRow *row)
{
  for (guint i = 0; i < bench_n_goals; i++)
    {
      const BenchGoal *goal = &bench_goals[i];
      g_autofree char *words = NULL;
      char text[32];
      double figure;

      if (!bench_goal_measure (goal, rows, row, &figure))
        continue;
      words = bench_goal_describe (goal, row);
      g_print ("%12s goal: %s: %s, %s\n", "", words, format (figure, text, sizeof text),
               bench_goal_is_held (goal, figure) ? "held" : "MISSED");
    }
}

static void
print_row (GPtrArray *rows, const BenchRow *row)
{
  char value[32], lowest[32], highest[32], ratio[32];
  double low = NAN, high = NAN;

  (void) bench_row_get_range (row, &low, &high);
  g_print ("  %-12s %5u %10s %10s %10s %9s", row->peer->name, row->n,
           format (bench_row_get_median (row), value, sizeof value),
           format (low, lowest, sizeof lowest), format (high, highest, sizeof highest),
           format (bench_row_get_ratio (row, bench_rows_find (rows, row, "limit")), ratio,
                   sizeof ratio));
  if (row->n_lost > 0)
    g_print ("  LOST %" G_GUINT64_FORMAT, row->n_lost);
  if (row->failure != NULL)
    g_print ("  %s", row->failure);
  g_print ("\n");
  print_goals (rows, row);
}

void
bench_report_table (GPtrArray *rows)
{
  const BenchMeasure *measure = NULL;

  for (guint i = 0; i < rows->len; i++)
    {
      const BenchRow *row = g_ptr_array_index (rows, i);

      if (row->measure != measure)
        {
          measure = row->measure;
          g_print ("%s%s: %s, in %s\n", i > 0 ? "\n" : "", measure->name, measure->what,
                   measure->unit);
          g_print ("  %-12s %5s %10s %10s %10s %9s\n", "peer", "n", "median", "low", "high",
                   "to limit");
        }
      print_row (rows, row);
    }
}

static void
print_number (const char *key, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (isfinite (value))
    g_print (", \"%s\": %s", key, g_ascii_formatd (text, sizeof text, "%.6g", value));
  else
    g_print (", \"%s\": null", key);
}

void
bench_report_json (GPtrArray *rows)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const BenchRow *row = g_ptr_array_index (rows, i);
      gboolean is_limit = row->peer->id == BENCH_LIMIT;
      double low = NAN, high = NAN;

      (void) bench_row_get_range (row, &low, &high);
      g_print ("{\"measure\": \"%s\", \"peer\": \"%s\", \"n\": %u", row->measure->name,
               row->peer->name, row->n);
      print_number ("value", bench_row_get_median (row));
      g_print (", \"unit\": \"%s\"", row->measure->unit);
      print_number ("ratio_to_limit",
                    is_limit ? NAN
                             : bench_row_get_ratio (row, bench_rows_find (rows, row, "limit")));
      print_number ("low", low);
      print_number ("high", high);
      g_print (", \"lost\": %" G_GUINT64_FORMAT "}\n", row->n_lost);
    }
}

static guint
count_regressions_of_row (GPtrArray *rows, const BenchRow *row)
{
  guint n = 0;

  for (guint i = 0; i < bench_n_goals; i++)
    {
      const BenchGoal *goal = &bench_goals[i];
      double figure;

      if (!bench_goal_measure (goal, rows, row, &figure)
          || bench_goal_is_guarded (goal, row, figure))
        continue;
      g_autofree char *words = bench_goal_describe (goal, row);
      g_printerr ("lxcmon-bench: %s of %s with %u connections: %.4g, and the goal is %s\n",
                  row->measure->name, row->peer->name, row->n, figure, words);
      n++;
    }

  return n;
}

/**
 * bench_report_regressions:
 *
 * Says what has become worse than it may be. Returns how much that is.
 */
guint
bench_report_regressions (GPtrArray *rows)
{
  guint n = 0;

  for (guint i = 0; i < rows->len; i++)
    {
      const BenchRow *row = g_ptr_array_index (rows, i);
      gboolean is_ours = (row->peer->id & BENCH_OURS) != 0;

      if (is_ours && row->n_lost > 0)
        {
          g_printerr ("lxcmon-bench: %s of %s with %u connections lost %" G_GUINT64_FORMAT
                      " events\n",
                      row->measure->name, row->peer->name, row->n, row->n_lost);
          n++;
        }
      if (is_ours && row->failure != NULL && !row->barred)
        {
          g_printerr ("lxcmon-bench: %s of %s with %u connections failed: %s\n", row->measure->name,
                      row->peer->name, row->n, row->failure);
          n++;
        }
      n += count_regressions_of_row (rows, row);
    }

  return n;
}
