/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns which cells there are and what they gave: medians, spread, and ratios, which are taken inside a
 * repetition, as machines drift from one to the next.
 */

#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Descriptors that a cell needs besides its connections. */
#define FDS_BESIDES 64

static void
row_free (gpointer data)
{
  BenchRow *self = data;

  g_array_unref (self->values);
  g_free (self->failure);
  g_free (self);
}

static guint
count_connections_that_fit (const BenchPeer *peer)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < 2 * FDS_BESIDES)
    return 1;
  rlim_t n = (limit.rlim_cur - FDS_BESIDES) / (peer->fds_per_connection + 1);
  return n > G_MAXINT ? G_MAXINT : (guint) n;
}

static void
add_row (GPtrArray *rows, const BenchMeasure *measure, const BenchPeer *peer, const guint *n)
{
  guint fit = count_connections_that_fit (peer);
  BenchRow *row;

  if (peer->n_max > 0 && n[0] > peer->n_max)
    return;
  if (fit < n[0])
    {
      /* The step below it has been measured already if it is the nearest. */
      gboolean first = n == measure->ns || n == measure->ns_quick;
      if (!first && fit < n[-1] + n[-1] / 10)
        {
          g_printerr (
              "lxcmon-bench: %s of %s left out at %u connections: RLIMIT_NOFILE allows %u\n",
              measure->name, peer->name, n[0], fit);
          return;
        }
      g_printerr ("lxcmon-bench: %s of %s with %u connections instead of %u: RLIMIT_NOFILE allows "
                  "no more\n",
                  measure->name, peer->name, fit, n[0]);
    }

  row = g_new0 (BenchRow, 1);
  row->measure = measure;
  row->peer = peer;
  row->n_asked = n[0];
  row->n = MIN (n[0], fit);
  row->values = g_array_new (FALSE, FALSE, sizeof (double));
  g_ptr_array_add (rows, row);
}

static gboolean
is_wanted (char **names, const char *name)
{
  return names == NULL || g_strv_contains ((const char *const *) names, name);
}

/* Which peers are wanted and can be had. */
static guint
find_peers (const BenchPlan *plan)
{
  guint found = 0;

  for (guint i = 0; i < BENCH_N_PEERS; i++)
    {
      const BenchPeer *peer = bench_peers[i];
      const char *missing;

      if (!is_wanted (plan->peers, peer->name))
        continue;
      missing = peer->find_missing != NULL ? peer->find_missing () : NULL;
      if (missing == NULL)
        found |= peer->id;
      else
        g_printerr ("lxcmon-bench: %s left out: %s\n", peer->name, missing);
    }

  return found;
}

/**
 * bench_rows_new:
 *
 * Makes the rows of a plan, those that are compared with each other side by side.
 */
GPtrArray *
bench_rows_new (const BenchPlan *plan)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func (row_free);
  guint peers = find_peers (plan);

  for (guint i = 0; i < bench_n_measures; i++)
    {
      const BenchMeasure *measure = &bench_measures[i];
      const guint *n = plan->quick ? measure->ns_quick : measure->ns;

      if (!is_wanted (plan->measures, measure->name))
        continue;
      for (; *n > 0; n++)
        for (guint k = 0; k < BENCH_N_PEERS; k++)
          if ((measure->peers & peers & bench_peers[k]->id) != 0)
            add_row (rows, measure, bench_peers[k], n);
    }

  return rows;
}

/* The row of another peer that @like is compared with, or NULL. */
const BenchRow *
bench_rows_find (GPtrArray *rows, const BenchRow *like, const char *peer)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const BenchRow *row = g_ptr_array_index (rows, i);
      if (row->measure == like->measure && row->n_asked == like->n_asked
          && g_str_equal (row->peer->name, peer))
        return row;
    }

  return NULL;
}

/* The rows of a measure and peer are in the order of n. */
const BenchRow *
bench_rows_find_smallest (GPtrArray *rows, const BenchRow *like)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const BenchRow *row = g_ptr_array_index (rows, i);
      if (row->measure == like->measure && row->peer == like->peer)
        return row;
    }

  return NULL;
}

const BenchRow *
bench_rows_find_largest (GPtrArray *rows, const BenchRow *like)
{
  for (guint i = rows->len; i > 0; i--)
    {
      const BenchRow *row = g_ptr_array_index (rows, i - 1);
      if (row->measure == like->measure && row->peer == like->peer)
        return row;
    }

  return NULL;
}

void
bench_row_add (BenchRow *self, double value, guint64 n_lost)
{
  g_array_append_val (self->values, value);
  self->n_lost = MAX (self->n_lost, n_lost);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double left = *(const double *) a, right = *(const double *) b;

  return (left > right) - (left < right);
}

static double
find_median (GArray *values)
{
  guint n = values->len;

  if (n == 0)
    return NAN;
  g_array_sort (values, compare);
  return (g_array_index (values, double, (n - 1) / 2) + g_array_index (values, double, n / 2)) / 2;
}

/* The values of a row, divided by those of another one if that is given, without what is missing. */
static GArray *
collect (const BenchRow *self, const BenchRow *other)
{
  GArray *values = g_array_new (FALSE, FALSE, sizeof (double));
  guint n = other != NULL ? MIN (self->values->len, other->values->len) : self->values->len;

  for (guint i = 0; i < n; i++)
    {
      double value = g_array_index (self->values, double, i);
      if (other != NULL)
        value /= g_array_index (other->values, double, i);
      if (isfinite (value))
        g_array_append_val (values, value);
    }

  return values;
}

gboolean
bench_row_get_range (const BenchRow *self, double *low, double *high)
{
  g_autoptr (GArray) values = collect (self, NULL);

  if (values->len == 0)
    return FALSE;
  g_array_sort (values, compare);
  *low = g_array_index (values, double, 0);
  *high = g_array_index (values, double, values->len - 1);
  return TRUE;
}

/* NAN if there is none. */
double
bench_row_get_median (const BenchRow *self)
{
  g_autoptr (GArray) values = collect (self, NULL);

  return find_median (values);
}

/* The median of the ratios of each repetition; NAN if there is none. */
double
bench_row_get_ratio (const BenchRow *self, const BenchRow *other)
{
  g_autoptr (GArray) ratios = NULL;

  if (other == NULL)
    return NAN;
  ratios = collect (self, other);
  return find_median (ratios);
}
