/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many containers, one after the other and all at once. */

#include <malloc.h>

#include "real-test.h"
#include "watch.h"

#define N_IN_A_ROW 50
#define N_WARM_UP  5
#define N_AT_ONCE  20
/* What GLib's own tables may grow by; a leak of one small block a container would be more. */
#define GROWTH_MAX (N_IN_A_ROW * 16)

/* malloc's figures count its thread caches as in use, and do not cover GLib's own: they are exact only if
 * both are switched off, as the build file does. (Under ASan they are 0, and its own leak check says it
 * all.) */
static gsize
count_heap (void)
{
  return mallinfo2 ().uordblks;
}

static gboolean
heap_is_exact (void)
{
  return g_getenv ("G_SLICE") != NULL && g_getenv ("GLIBC_TUNABLES") != NULL;
}

static void
run_one (const char *command)
{
  g_autoptr (Container) container = container_new ("real-many");
  g_autoptr (Watch) watch = watch_start (container);

  g_assert_cmpint (watch->init_pid, ==, real_init_pid (container));
  real_command (container, command);
  real_wait (watch->closed_at != 0);
  g_assert_true (g_str_has_prefix (watch->trace->str, "init exit:"));
  g_assert_true (g_str_has_suffix (watch->trace->str, " closed "));
}

static void
test_in_a_row (void)
{
  static const char *const commands[] = { "shutdown", "reboot", "exit 1" };
  gsize heap = 0, growth;
  guint descriptors = 0;
  gint64 start = 0;

  for (guint i = 0; i < N_WARM_UP + N_IN_A_ROW; i++)
    {
      if (i == N_WARM_UP)
        {
          heap = count_heap ();
          descriptors = real_count_descriptors ();
          start = g_get_monotonic_time ();
        }
      run_one (commands[i % G_N_ELEMENTS (commands)]);
      g_assert_true (i < N_WARM_UP || real_count_descriptors () == descriptors);
    }
  growth = count_heap () > heap ? count_heap () - heap : 0;
  g_test_message ("%d containers in a row: %.1f ms each, the heap grew by %" G_GSIZE_FORMAT
                  " bytes",
                  N_IN_A_ROW, (double) (g_get_monotonic_time () - start) / 1000 / N_IN_A_ROW,
                  growth);
  if (heap_is_exact ())
    g_assert_cmpuint (growth, <=, GROWTH_MAX);
}

typedef struct
{
  Container *container;
  Watch *watch;
  const char *command;
  const char *trace;
} Row;

static void
row_start (Row *self, guint index)
{
  static const char *const commands[] = { "shutdown", "reboot", "exit 7" };
  static const char *const traces[]
      = { "init exit:shutdown closed ", "init exit:reboot closed ", "init exit:shutdown closed " };
  g_autofree char *name = g_strdup_printf ("real-many-%u", index);

  self->container = container_new (name);
  self->watch = watch_start (self->container);
  self->command = commands[index % G_N_ELEMENTS (commands)];
  self->trace = traces[index % G_N_ELEMENTS (traces)];
}

static void
shuffle (guint *order, guint n)
{
  for (guint i = n - 1; i > 0; i--)
    {
      guint j = (guint) g_test_rand_int_range (0, (gint32) i + 1);
      guint other = order[j];

      order[j] = order[i];
      order[i] = other;
    }
}

static gboolean
are_all_closed (const Row *rows)
{
  for (guint i = 0; i < N_AT_ONCE; i++)
    if (rows[i].watch->closed_at == 0)
      return FALSE;
  return TRUE;
}

/* Half of them end one by one, the others at the same time. */
static void
test_at_once (void)
{
  Row rows[N_AT_ONCE];
  guint order[N_AT_ONCE];

  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      row_start (&rows[i], i);
      order[i] = i;
    }
  shuffle (order, N_AT_ONCE);

  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      Row *row = &rows[order[i]];

      real_command (row->container, row->command);
      if (i < N_AT_ONCE / 2)
        real_wait (row->watch->closed_at != 0);
    }
  real_wait (are_all_closed (rows));

  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      watch_assert_trace (rows[i].watch, rows[i].trace);
      watch_free (rows[i].watch);
      container_free (rows[i].container);
    }
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/client/many/in-a-row", test_in_a_row);
  real_test_add ("/real/client/many/at-once", test_at_once);
  return g_test_run ();
}
