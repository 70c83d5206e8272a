/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A host and a client beside a stranger, who has no effect on them; and a container in another network namespace, whose
 * slot cannot be seen.
 */

#include "common/adversary.h"
#include "common/core-child.h"
#include "common/glib-host.h"
#include "common/glib-session.h"
#include "common/glib-test.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define N_SOCKETS 1000

static void
run_for (int ms)
{
  for (gint64 end = g_get_monotonic_time () + ms * 1000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "time");
}

static GlibHost *
new_host (mode_t mode)
{
  GlibHost *host = glib_host_new ();

  g_assert_cmpint (chmod (lxcmon_host_get_runtime_dir (host->host), mode), ==, 0);
  return host;
}

static void
start_stranger (Adversary *self, GlibHost *host)
{
  adversary_start (self, lxcmon_host_get_runtime_dir (host->host), "web1", N_SOCKETS);
}

static int
bind_and_listen (gconstpointer path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  return bind (fd, (struct sockaddr *) &address, sizeof address) == 0 && listen (fd, 5) == 0 ? 0
                                                                                             : 1;
}

/* The stranger is there first: what runs is attached, what is stale is no row, and the end is reported. */
static void
test_started_beside (gconstpointer mode)
{
  g_autoptr (GlibHost) host = new_host (GPOINTER_TO_UINT (mode));
  g_autofree char *stale = glib_host_path (host, "stale.sock");
  Adversary strangers[2];

  g_assert_cmpint (core_child_run (bind_and_listen, stale), ==, 0);
  glib_host_add (host, "web1", 11);
  start_stranger (&strangers[0], host);
  adversary_start (&strangers[1], lxcmon_host_get_runtime_dir (host->host), "stale", 0);
  glib_host_start (host);
  glib_host_wait_names (host, "web1");
  glib_host_wait_signals (host, "web1 init 11");
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (glib_host_get (host, "web1")), ==, getpid ());
  run_for (200);
  g_assert_true (glib_host_has (host, "web1"));
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_wait_signals (host, "web1 init 11, web1 exit shutdown, web1 closed");
  adversary_stop (&strangers[0]);
  adversary_stop (&strangers[1]);
}

/* The stranger comes while the host runs: nothing changes, and later containers are attached. */
static void
test_comes_later (gconstpointer mode)
{
  g_autoptr (GlibHost) host = new_host (GPOINTER_TO_UINT (mode));
  Adversary stranger;

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  start_stranger (&stranger, host);
  glib_host_add (host, "web2", 12);
  glib_host_wait_signals (host, "web1 init 11, web2 init 12");
  run_for (200);
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_ATTACHED);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
  glib_host_add (host, "web1", 13);
  glib_host_wait_signals (
      host, "web1 init 11, web2 init 12, web1 exit reboot, web1 closed, web1 init 13");
  adversary_stop (&stranger);
}

/* A driver needs the slots: what the stranger has written beside a socket is not taken for its pids. */
static void
test_pids (gconstpointer mode)
{
  g_autoptr (GlibHost) host = new_host (GPOINTER_TO_UINT (mode));
  Adversary stranger;

  LxcmonMockController *mock = glib_host_add (host, "web1", 11);
  start_stranger (&stranger, host);
  g_autofree char *path = glib_host_path (host, "web1.sock");
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (path);
  g_assert_true (lxcmon_client_attach (other, NULL, NULL));
  glib_host_start (host);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "busy");
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (monitor), ==, 0);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, 0);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (mock), ==, 1);
  adversary_stop (&stranger);
}

static int
listen_elsewhere (gconstpointer path)
{
  return unshare (CLONE_NEWNET) == 0 ? bind_and_listen (path) : 1;
}

/* Its slot cannot be seen: it is in the list with an error, and nothing is connected. */
static void
test_network_namespace (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autofree char *path = glib_host_path (host, "web1.sock");
  CoreChild child;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, for namespaces");
      return;
    }
  core_child_start (&child, listen_elsewhere, path);
  glib_host_start (host);
  g_assert_true (glib_host_has (host, "web1"));
  run_for (300);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_DETACHED);
  g_assert_nonnull (
      strstr (lxcmon_monitor_get_error (monitor)->message, "another network namespace"));
  g_assert_cmpuint (host->n_changes, ==, 1);

  core_child_stop (&child);
  g_assert_cmpint (unlink (path), ==, 0);
  glib_host_wait_names (host, "");
  g_assert_cmpstr (host->signals->str, ==, "web1 closed lost");
}

/* A call fails that works later: the row says why meanwhile, and is attached then. */
static void
test_failure_passes (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, to hide /proc");
      return;
    }
  glib_host_add (host, "web1", 11);
  g_assert_cmpint (mount ("tmpfs", "/proc", "tmpfs", 0, NULL), ==, 0);
  glib_host_start (host);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  glib_test_wait_until (lxcmon_monitor_get_error (monitor) != NULL);
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "failed");
  g_assert_nonnull (strstr (lxcmon_monitor_get_error (monitor)->message, "without /proc"));
  g_assert_cmpint (umount ("/proc"), ==, 0);
  glib_host_wait_signals (host, "web1 init 11");
  g_assert_null (lxcmon_monitor_get_error (monitor));
}

static void
add_for_modes (const char *path, GTestDataFunc func)
{
  g_autofree char *closed = g_strconcat (path, "/directory-of-root", NULL);
  g_autofree char *open = g_strconcat (path, "/directory-of-all", NULL);

  g_test_add_data_func (closed, GUINT_TO_POINTER (0755), func);
  g_test_add_data_func (open, GUINT_TO_POINTER (01777), func);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  add_for_modes ("/host-adversary/started-beside", test_started_beside);
  add_for_modes ("/host-adversary/comes-later", test_comes_later);
  add_for_modes ("/host-adversary/pids", test_pids);
  glib_test_add ("/host-adversary/network-namespace", test_network_namespace);
  glib_test_add ("/host-adversary/failure-passes", test_failure_passes);

  return g_test_run ();
}
