/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of all containers, with real ones that start, reboot and end in random order: it equals the
 * truth after every settling, and each transition is seen exactly once. */

#include <lxcmon-glib/lxcmon-glib.h>
#include <string.h>

#include "real-test.h"

#define N       20
#define N_STEPS 60
/* Steps between two settlings. */
#define N_UNSETTLED 6

typedef struct
{
  Container *container;
  gboolean runs;
  /* The expected state, and the reported one. */
  guint n_init, n_shutdown, n_reboot;
  guint told_init, told_shutdown, told_reboot, told_closed, told_lost;
  LxcmonMonitor *monitor; /* of this run, reboots included; not owned, only compared */
} Row;

typedef struct
{
  LxcmonHost *host;
  Row rows[N];
} Host;

static Row *
find_row (Host *self, LxcmonMonitor *monitor)
{
  for (guint i = 0; i < N; i++)
    if (g_str_equal (container_get_name (self->rows[i].container),
                     lxcmon_monitor_get_name (monitor)))
      return &self->rows[i];
  g_error ("a container that is none of ours: %s", lxcmon_monitor_get_name (monitor));
}

static void
on_init (LxcmonHost *list, LxcmonMonitor *monitor, int pid, gpointer user_data)
{
  Row *row = find_row (user_data, monitor);

  row->told_init++;
  g_assert_cmpint (pid, >, 0);
}

static void
on_exit_signal (LxcmonHost *list, LxcmonMonitor *monitor, LxcmonExitStatus status,
                gpointer user_data)
{
  Row *row = find_row (user_data, monitor);

  row->told_shutdown += status == LXCMON_EXIT_STATUS_SHUTDOWN;
  row->told_reboot += status == LXCMON_EXIT_STATUS_REBOOT;
}

static void
on_closed (LxcmonHost *list, LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  Row *row = find_row (user_data, monitor);

  row->told_closed++;
  row->told_lost += error != NULL;
}

static gboolean
is_settled (Host *self)
{
  guint n_running = 0;

  for (guint i = 0; i < N; i++)
    {
      Row *row = &self->rows[i];
      LxcmonMonitor *monitor = lxcmon_host_lookup (self->host, container_get_name (row->container));
      n_running += row->runs ? 1 : 0;
      if (row->told_init != row->n_init || row->told_shutdown != row->n_shutdown
          || row->told_reboot != row->n_reboot
          || row->told_closed != row->n_shutdown + row->n_reboot)
        return FALSE;
      if (row->runs != (monitor != NULL))
        return FALSE;
      if (monitor != NULL
          && (lxcmon_monitor_get_state (monitor) != LXCMON_STATE_ATTACHED
              || lxcmon_monitor_get_init_pid (monitor) != real_init_pid (row->container)
              || lxcmon_monitor_get_controller_pid (monitor)
                     != container_get_controller_pid (row->container)))
        return FALSE;
    }
  return g_list_model_get_n_items (G_LIST_MODEL (self->host)) == n_running;
}

static void
settle (Host *self)
{
  real_wait (is_settled (self));
  for (guint i = 0; i < N; i++)
    {
      Row *row = &self->rows[i];
      LxcmonMonitor *monitor = lxcmon_host_lookup (self->host, container_get_name (row->container));
      g_assert_cmpuint (row->told_lost, ==, 0);
      if (row->runs && row->monitor != NULL)
        g_assert_true (row->monitor == monitor);
      row->monitor = row->runs ? monitor : NULL;
    }
}

static void
start (Row *row)
{
  real_start (row->container);
  row->runs = TRUE;
  row->monitor = NULL;
  row->n_init++;
}

static void
shut_down (Row *row)
{
  real_command (row->container, "shutdown");
  real_wait_end (row->container);
  row->runs = FALSE;
  row->n_shutdown++;
}

static void
reboot (Row *row)
{
  g_autoptr (GError) error = NULL;

  real_command (row->container, "reboot");
  container_restart (row->container, &error);
  g_assert_no_error (error);
  row->n_reboot++;
  row->n_init++;
}

static void
step (Host *self, guint *n_told)
{
  Row *row = &self->rows[g_test_rand_int_range (0, N)];

  /* Changes between two reports are not transitions: each run is seen before the next step. */
  if (row->told_init < row->n_init)
    settle (self);
  if (!row->runs)
    start (row);
  else if (g_test_rand_bit ())
    reboot (row);
  else
    shut_down (row);
  (*n_told)++;
}

static void
test_random (void)
{
  Host self = { lxcmon_host_new (NULL) };
  guint n_steps = 0, n_init = 0, n_exit = 0;

  g_signal_connect (self.host, "init", G_CALLBACK (on_init), &self);
  g_signal_connect (self.host, "exit", G_CALLBACK (on_exit_signal), &self);
  g_signal_connect (self.host, "closed", G_CALLBACK (on_closed), &self);
  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("real-host-%02u", i);
      self.rows[i].container = container_new (name);
    }
  /* Half of them are there before the host is, and the others come at once. */
  for (guint i = 0; i < N / 2; i++)
    start (&self.rows[i]);
  lxcmon_host_start_async (LXCMON_HOST (self.host), NULL, NULL, NULL);
  for (guint i = N / 2; i < N; i++)
    start (&self.rows[i]);
  settle (&self);

  while (n_steps < N_STEPS)
    {
      step (&self, &n_steps);
      if (n_steps % N_UNSETTLED == 0)
        settle (&self);
    }
  settle (&self);
  for (guint i = 0; i < N; i++)
    if (self.rows[i].runs)
      shut_down (&self.rows[i]);
  settle (&self);

  for (guint i = 0; i < N; i++)
    {
      n_init += self.rows[i].told_init;
      n_exit += self.rows[i].told_shutdown + self.rows[i].told_reboot;
      container_free (self.rows[i].container);
    }
  g_test_message ("%u starts, %u ends, each seen once", n_init, n_exit);
  g_assert_cmpuint (n_init, ==, n_exit);
  lxcmon_host_stop (LXCMON_HOST (self.host));
  g_object_unref (self.host);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/host/random", test_random);
  return g_test_run ();
}
