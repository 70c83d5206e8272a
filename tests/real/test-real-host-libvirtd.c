/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list while a real libvirtd runs that it cannot go through, as lxcmon's library for libvirt is not installed:
 * it contains the containers of libvirtd and does not attach to them, releases all slots when libvirtd starts, and attaches 10 seconds after libvirtd was killed. */

#include <lxcmon-glib/lxcmon-glib.h>
#include <signal.h>
#include <string.h>

#include "accept-queue.h"
#include "real-test.h"

#define N              10
#define N_REBOOTS      3
#define END_TIMEOUT_MS 15000

typedef struct
{
  Libvirtd *libvirtd;
  LxcmonHost *host;
  Container *containers[N];
  guint n_signals;
} Host;

static LxcmonMonitor *
find (Host *self, guint i)
{
  return lxcmon_host_lookup (self->host, container_get_name (self->containers[i]));
}

static gboolean
is_shown (Host *self, guint i, LxcmonState state)
{
  LxcmonMonitor *monitor = find (self, i);

  return monitor != NULL && lxcmon_monitor_get_state (monitor) == state
         && lxcmon_monitor_get_controller_pid (monitor)
                == container_get_controller_pid (self->containers[i])
         && lxcmon_monitor_get_init_pid (monitor) == real_init_pid (self->containers[i])
         && (state != LXCMON_STATE_DETACHED
             || g_error_matches (lxcmon_monitor_get_error (monitor), LXCMON_MONITOR_ERROR,
                                 LXCMON_MONITOR_ERROR_BUSY));
}

static gboolean
are_shown (Host *self, guint n, LxcmonState state)
{
  if (g_list_model_get_n_items (G_LIST_MODEL (self->host)) != n)
    return FALSE;
  for (guint i = N - n; i < N; i++)
    if (!is_shown (self, i, state))
      return FALSE;
  return TRUE;
}

static void
assert_queues_empty (Host *self, guint n)
{
  for (guint i = N - n; i < N; i++)
    {
      const char *path = container_get_socket_path (self->containers[i]);
      g_assert_cmpuint (accept_queue_look (path).n_queued, ==, 0);
      g_assert_cmpint (accept_queue_ask_ss (path), <=, 0);
    }
}

static void
count (Host *self)
{
  self->n_signals++;
}

static gboolean
set_up (Host *self)
{
  g_autoptr (GError) error = NULL;

  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  g_setenv ("LXCMON_MODULE_DIR", "/nonexistent", TRUE);
  self->host = lxcmon_host_new (NULL);
  g_signal_connect_swapped (self->host, "init", G_CALLBACK (count), self);
  g_signal_connect_swapped (self->host, "exit", G_CALLBACK (count), self);
  g_signal_connect_swapped (self->host, "closed", G_CALLBACK (count), self);
  lxcmon_host_start_async (self->host, NULL, NULL, NULL);
  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("real-host-%u", i);
      self->containers[i] = container_new (name);
      libvirtd_create (self->libvirtd, self->containers[i], &error);
      g_assert_no_error (error);
    }
  return TRUE;
}

static void
tear_down (Host *self)
{
  lxcmon_host_stop (self->host);
  g_object_unref (self->host);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  for (guint i = 0; i < N; i++)
    container_free (self->containers[i]);
}

/* libvirtd restarts containers that reboot, and removes those that shut down: it received EXIT. */
static void
test_beside (void)
{
  Host self = { 0 };
  g_autoptr (GError) error = NULL;

  if (!set_up (&self))
    return;
  real_wait (are_shown (&self, N, LXCMON_STATE_DETACHED));
  assert_queues_empty (&self, N);
  for (guint i = N - N_REBOOTS; i < N; i++)
    {
      real_command (self.containers[i], "reboot");
      libvirtd_wait_reboot (self.libvirtd, self.containers[i], &error);
      g_assert_no_error (error);
    }
  real_wait (are_shown (&self, N, LXCMON_STATE_DETACHED));
  assert_queues_empty (&self, N);
  for (guint i = 0; i < N - N_REBOOTS; i++)
    {
      real_command (self.containers[i], "shutdown");
      libvirtd_wait_gone (self.libvirtd, self.containers[i], &error);
      g_assert_no_error (error);
    }
  real_wait (are_shown (&self, N_REBOOTS, LXCMON_STATE_DETACHED));
  /* Each is "closed", and nobody could see how it ended. */
  g_assert_cmpuint (self.n_signals, ==, N);
  g_assert_false (lxcmon_host_get_connected (self.host));
  g_assert_nonnull (strstr (lxcmon_host_get_error (self.host)->message, "not installed"));
  tear_down (&self);
}

/* It is killed, and is not restarted; then it is started again. */
static void
test_killed (void)
{
  Host self = { 0 };
  g_autoptr (GError) error = NULL;

  if (!set_up (&self))
    return;
  real_wait (are_shown (&self, N, LXCMON_STATE_DETACHED));
  gint64 killed_at = g_get_monotonic_time ();
  libvirtd_kill (self.libvirtd, SIGKILL);
  libvirtd_wait_end (self.libvirtd, END_TIMEOUT_MS, &error);
  g_assert_no_error (error);
  real_run_for (2000);
  g_assert_true (are_shown (&self, N, LXCMON_STATE_DETACHED));
  real_wait (are_shown (&self, N, LXCMON_STATE_ATTACHED));
  double waited = (double) (g_get_monotonic_time () - killed_at) / G_USEC_PER_SEC;
  g_test_message ("all places taken %.1f s after libvirtd was killed", waited);
  g_assert_cmpfloat (waited, >=, 10);

  /* Now the host is attached: their ends are reported. */
  real_command (self.containers[0], "shutdown");
  real_wait (g_list_model_get_n_items (G_LIST_MODEL (self.host)) == N - 1);
  g_assert_cmpuint (self.n_signals, ==, 2);

  libvirtd_free (self.libvirtd);
  self.libvirtd = libvirtd_start (&error);
  g_assert_no_error (error);
  real_wait (are_shown (&self, N - 1, LXCMON_STATE_DETACHED));
  for (guint i = 1; i < N; i++)
    accept_queue_wait (container_get_socket_path (self.containers[i]), 0, 1);
  real_command (self.containers[1], "reboot");
  libvirtd_wait_reboot (self.libvirtd, self.containers[1], &error);
  g_assert_no_error (error);
  g_assert_cmpuint (self.n_signals, ==, 2);
  tear_down (&self);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/host-libvirtd/beside", test_beside);
  real_test_add ("/real/host-libvirtd/killed", test_killed);
  return g_test_run ();
}
