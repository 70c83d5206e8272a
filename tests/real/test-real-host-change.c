/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One host while libvirtd runs, is started, stopped and killed: the rows stay, and each start and end is reported
 * once, through libvirtd or directly. */

#include <lxcmon-glib/lxcmon-glib.h>
#include <signal.h>
#include <string.h>

#include "accept-queue.h"
#include "real-test.h"

#define N 3

typedef struct
{
  Libvirtd *libvirtd;
  LxcmonHost *host;
  Container *containers[N];
  GString *trace;
} Fixture;

static void
write_down (Fixture *self, LxcmonMonitor *monitor, const char *what)
{
  g_string_append_printf (self->trace, "%s%s %s", self->trace->len > 0 ? ", " : "",
                          lxcmon_monitor_get_name (monitor), what);
}

static void
on_init (LxcmonHost *host, LxcmonMonitor *monitor, int pid, Fixture *self)
{
  write_down (self, monitor, "init");
}

static void
on_exit_signal (LxcmonHost *host, LxcmonMonitor *monitor, LxcmonExitStatus status, Fixture *self)
{
  write_down (self, monitor, status == LXCMON_EXIT_STATUS_REBOOT ? "exit reboot" : "exit");
}

static void
on_closed (LxcmonHost *host, LxcmonMonitor *monitor, const GError *error, Fixture *self)
{
  gboolean is_unknown = lxcmon_monitor_get_end (monitor) == LXCMON_END_UNKNOWN;

  write_down (self, monitor, is_unknown ? "closed unknown" : error != NULL ? "lost" : "closed");
}

#define assert_trace(self, expected)                      \
  G_STMT_START                                            \
  {                                                       \
    g_assert_cmpstr ((self)->trace->str, ==, (expected)); \
    g_string_truncate ((self)->trace, 0);                 \
  }                                                       \
  G_STMT_END

static gboolean
set_up (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  self->trace = g_string_new (NULL);
  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);
      self->containers[i] = container_new (name);
      libvirtd_create (self->libvirtd, self->containers[i], &error);
      g_assert_no_error (error);
    }
  return TRUE;
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  lxcmon_host_start_finish (LXCMON_HOST (object), result, &error);
  g_assert_no_error (error);
  *(gboolean *) user_data = TRUE;
}

static void
start_host (Fixture *self)
{
  gboolean done = FALSE;

  self->host = lxcmon_host_new (NULL);
  g_signal_connect (self->host, "init", G_CALLBACK (on_init), self);
  g_signal_connect (self->host, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (self->host, "closed", G_CALLBACK (on_closed), self);
  lxcmon_host_start_async (self->host, NULL, on_started, &done);
  real_wait (done);
}

static void
tear_down (Fixture *self)
{
  if (self->host != NULL)
    lxcmon_host_stop (self->host);
  g_clear_object (&self->host);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  for (guint i = 0; i < N; i++)
    container_free (self->containers[i]);
  g_string_free (self->trace, TRUE);
  /* The thread of the connection ends a moment later. */
  real_run_for (200);
}

static void
stop_libvirtd (Fixture *self, int signum)
{
  real_end_libvirtd (self->libvirtd, signum);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
}

static void
start_libvirtd (Fixture *self)
{
  self->libvirtd = real_start_libvirtd ();
}

static gboolean
is_shown (Fixture *self, guint i, LxcmonSource source)
{
  const char *name = container_get_name (self->containers[i]);
  LxcmonMonitor *monitor = lxcmon_host_lookup (self->host, name);

  return monitor != NULL && lxcmon_monitor_get_state (monitor) == LXCMON_STATE_ATTACHED
         && lxcmon_monitor_get_source (monitor) == source
         && lxcmon_monitor_get_controller_pid (monitor)
                == container_get_controller_pid (self->containers[i])
         && lxcmon_monitor_get_init_pid (monitor) == real_init_pid (self->containers[i]);
}

/* Whether the first @n containers are in the list, and reported by @source. */
static gboolean
are_shown (Fixture *self, guint n, LxcmonSource source)
{
  if (g_list_model_get_n_items (G_LIST_MODEL (self->host)) != n
      || lxcmon_host_get_source (self->host) != source || !lxcmon_host_get_connected (self->host)
      || lxcmon_host_get_error (self->host) != NULL)
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!is_shown (self, i, source))
      return FALSE;
  return TRUE;
}

static void
reboot (Fixture *self, guint i)
{
  g_autoptr (GError) error = NULL;

  real_command (self->containers[i], "reboot");
  libvirtd_wait_reboot (self->libvirtd, self->containers[i], &error);
  g_assert_no_error (error);
}

/* libvirtd runs: no controller is connected to, from the start on. */
static void
test_through_libvirtd (void)
{
  Fixture self = { 0 };

  if (!set_up (&self))
    return;
  start_host (&self);
  g_assert_true (are_shown (&self, N, LXCMON_SOURCE_LIBVIRT));
  assert_trace (&self, "");
  reboot (&self, 0);
  real_wait (g_str_has_suffix (self.trace->str, "c0 init"));
  assert_trace (&self, "c0 exit reboot, c0 closed, c0 init");
  real_command (self.containers[2], "shutdown");
  real_wait (g_list_model_get_n_items (G_LIST_MODEL (self.host)) == 2);
  assert_trace (&self, "c2 exit, c2 closed");
  /* libvirt 9.0.0 is sometimes not connected to a container that it has just started. */
  for (guint i = 0; i < 2; i++)
    {
      AcceptQueue queue = accept_queue_look (container_get_socket_path (self.containers[i]));
      g_assert_cmpuint (queue.n_queued, ==, 0);
      g_assert_cmpuint (queue.n_served, <=, 1);
    }
  g_assert_true (are_shown (&self, 2, LXCMON_SOURCE_LIBVIRT));
  tear_down (&self);
}

/* libvirtd starts while the host is attached, and is killed later. Its containers run on meanwhile. */
static void
test_starts_and_ends (void)
{
  Fixture self = { 0 };

  if (!set_up (&self))
    return;
  stop_libvirtd (&self, SIGTERM);
  container_forget_driver ();
  start_host (&self);
  real_wait (are_shown (&self, N, LXCMON_SOURCE_DIRECT));
  g_autoptr (LxcmonMonitor) row = g_object_ref (lxcmon_host_lookup (self.host, "c0"));

  start_libvirtd (&self);
  real_wait (are_shown (&self, N, LXCMON_SOURCE_LIBVIRT));
  assert_trace (&self, "");
  g_assert_true (lxcmon_host_lookup (self.host, "c0") == row);
  accept_queue_wait (container_get_socket_path (self.containers[0]), 0, 1);
  reboot (&self, 0);
  real_wait (g_str_has_suffix (self.trace->str, "c0 init"));
  assert_trace (&self, "c0 exit reboot, c0 closed, c0 init");

  gint64 killed_at = g_get_monotonic_time ();
  stop_libvirtd (&self, SIGKILL);
  real_wait (!lxcmon_host_get_connected (self.host));
  g_assert_nonnull (lxcmon_host_get_error (self.host));
  /* Nobody is attached: it can be seen that it ends, and not how. */
  real_command (self.containers[2], "shutdown");
  real_wait (g_list_model_get_n_items (G_LIST_MODEL (self.host)) == 2);
  assert_trace (&self, "c2 closed unknown");
  real_wait (are_shown (&self, 2, LXCMON_SOURCE_DIRECT));
  g_assert_cmpint (g_get_monotonic_time () - killed_at, >=, 10 * G_USEC_PER_SEC);
  g_assert_cmpint (g_get_monotonic_time () - killed_at, <, 15 * G_USEC_PER_SEC);
  assert_trace (&self, "");
  g_assert_true (lxcmon_host_lookup (self.host, "c0") == row);
  real_command (self.containers[1], "shutdown");
  real_wait (g_list_model_get_n_items (G_LIST_MODEL (self.host)) == 1);
  assert_trace (&self, "c1 exit, c1 closed");
  tear_down (&self);
}

/* libvirtd is restarted before the host would attach again. */
static void
test_restarts (void)
{
  Fixture self = { 0 };

  if (!set_up (&self))
    return;
  start_host (&self);
  for (guint i = 0; i < 3; i++)
    {
      stop_libvirtd (&self, i == 1 ? SIGKILL : SIGTERM);
      real_wait (!lxcmon_host_get_connected (self.host));
      start_libvirtd (&self);
      real_wait (are_shown (&self, N, LXCMON_SOURCE_LIBVIRT));
      assert_trace (&self, "");
      accept_queue_wait (container_get_socket_path (self.containers[0]), 0, 1);
      reboot (&self, 0);
      real_wait (g_str_has_suffix (self.trace->str, "c0 init"));
      assert_trace (&self, "c0 exit reboot, c0 closed, c0 init");
    }
  tear_down (&self);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/host-change/through-libvirtd", test_through_libvirtd);
  real_test_add ("/real/host-change/starts-and-ends", test_starts_and_ends);
  real_test_add ("/real/host-change/restarts", test_restarts);
  return g_test_run ();
}
