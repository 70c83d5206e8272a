/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How inits end, with libvirt's own controller: what the kernel knows, as a client reports it. Each way is run several
 * times; each run has its own life. */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "ended.h"
#include "real-test.h"
#include "watch.h"

#define NAME "real-ended"

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  ended_assert (monitor, user_data);
}

static void
test_client (gconstpointer data)
{
  const EndedWay *way = data;
  g_autoptr (GHashTable) lives = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  if (!ended_is_known ())
    return;
  for (int i = 0; i < ended_count_runs (); i++)
    {
      g_autoptr (Container) container = container_new (NAME);
      g_autoptr (Watch) watch = watch_start (container);

      g_assert_true (lxcmon_monitor_get_running (watch->monitor));
      ended_add_life (lives, watch->monitor);
      g_signal_connect (watch->monitor, "exit", G_CALLBACK (on_exit_signal), (gpointer) way);
      ended_end (container, way);
      real_wait (watch->closed_at != 0);
      ended_assert (watch->monitor, way);
      real_wait_end (container);
    }
}

/* Init runs on until it is killed too, as libvirtd does it, and another process reaps it: here this one, as in the
 * sandbox nobody would. So it is known after "closed". */
static void
test_client_killed (void)
{
  int n_at_once = 0, n = ended_count_runs ();

  if (!ended_is_known ())
    return;
  g_assert_no_errno (prctl (PR_SET_CHILD_SUBREAPER, 1));
  for (int i = 0; i < n; i++)
    {
      g_autoptr (Container) container = container_new (NAME);
      g_autoptr (Watch) watch = watch_start (container);
      pid_t init = real_init_pid (container);
      gint64 start = g_get_monotonic_time ();

      container_signal (container, SIGKILL);
      real_wait (watch->closed_at != 0);
      n_at_once += lxcmon_monitor_get_init_signal (watch->monitor) != 0;
      (void) kill (init, SIGKILL);
      real_wait (waitpid (init, NULL, WNOHANG) == init);
      real_wait (lxcmon_monitor_get_init_signal (watch->monitor) != 0);
      g_assert_cmpint (lxcmon_monitor_get_init_signal (watch->monitor), ==, SIGKILL);
      g_assert_cmpint (lxcmon_monitor_get_end (watch->monitor), ==, LXCMON_END_LOST);
      g_test_message ("known %.1f ms after the kill",
                      (double) (g_get_monotonic_time () - start) / 1000);
      real_wait_end (container);
    }
  g_assert_no_errno (prctl (PR_SET_CHILD_SUBREAPER, 0));
  g_test_message ("known with \"closed\": %d of %d", n_at_once, n);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  for (gsize i = 0; i < N_ENDED_WAYS; i++)
    ended_add_test ("/real/ended", &ended_ways[i], test_client);
  real_test_add ("/real/ended/killed-controller", test_client_killed);
  return g_test_run ();
}
