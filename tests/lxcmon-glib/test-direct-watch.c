/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A host that cannot watch its directory, as inotify's instances are used up, and one that is stopped in a forked
 * child.
 */

#include "common/glib-host.h"
#include "common/glib-test.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

static gint n_refused;

/* GIO calls these instead of the C library's. */
int
inotify_init1 (int flags)
{
  if (!g_test_subprocess ())
    return (int) syscall (SYS_inotify_init1, flags);
  g_atomic_int_inc (&n_refused);
  errno = EMFILE;
  return -1;
}

int
inotify_init (void)
{
  return inotify_init1 (0);
}

/* GIO has a lock while it calls this one: 1 asks for it to wait, 2 is while it waits. */
static gint hold;

int
inotify_add_watch (int fd, const char *path, uint32_t mask)
{
  gint64 deadline = glib_test_get_deadline ();

  if (g_atomic_int_compare_and_exchange (&hold, 1, 2))
    while (g_atomic_int_get (&hold) == 2)
      {
        g_assert_cmpint (g_get_monotonic_time (), <, deadline);
        g_thread_yield ();
      }
  return (int) syscall (SYS_inotify_add_watch, fd, path, mask);
}

static guint n_warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) == G_LOG_LEVEL_WARNING)
    n_warnings++;
  return G_LOG_WRITER_HANDLED;
}

/* Containers are found a few seconds late, again and again, and each is warned of once. In a process of its own:
 * the log's writer is everybody's. */
static void
test_no_monitor (void)
{
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 120 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }

  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  GlibHost *host = glib_host_new_direct ();
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  g_assert_cmpint (g_atomic_int_get (&n_refused), >, 0);
  glib_host_wait_attached (host, "web1");
  glib_host_add (host, "web2", 12);
  glib_host_wait_names (host, "web1 web2");
  glib_host_wait_attached (host, "web2");
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_add (host, "web3", 13);
  glib_host_wait_names (host, "web2 web3");
  glib_host_wait_attached (host, "web3");
  /* One of the list, and one of the hub, which watches for a driver. */
  g_assert_cmpuint (n_warnings, ==, 2);
  glib_host_free (host);
  /* What GIO has opened in this process stays open. */
  exit (0);
}

/* Another thread has a lock of GIO's while this process is forked, and nobody releases it in the child: that can
 * stop its copy of a host nevertheless. */
static gpointer
watch_in_thread (gpointer dir)
{
  g_autoptr (GFile) file = g_file_new_for_path (dir);
  g_autoptr (GFileMonitor) monitor
      = g_file_monitor_directory (file, G_FILE_MONITOR_NONE, NULL, NULL);

  g_file_monitor_cancel (monitor);
  return NULL;
}

static int
stop_in_child (gpointer data)
{
  alarm (20);
  lxcmon_host_stop (((GlibHost *) data)->list);
  return TRUE;
}

static void
test_fork (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  char *dir = glib_test_make_dir ();

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  g_atomic_int_set (&hold, 1);
  GThread *thread = g_thread_new ("watch", watch_in_thread, dir);
  glib_test_wait_until (g_atomic_int_get (&hold) == 2);
  GlibTestChild child = glib_test_fork (stop_in_child, host);
  g_assert_cmpint (glib_test_join (&child), ==, TRUE);
  g_atomic_int_set (&hold, 0);
  g_thread_join (thread);
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_ATTACHED);
  glib_test_remove_dir (dir);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/direct/watch/no-monitor", test_no_monitor);
  glib_test_add ("/direct/watch/fork", test_fork);
  return g_test_run ();
}
