/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a host does when: scans that fail, main loops in its handlers, and a fork in one of them.
 */

#include "common/glib-host.h"
#include "common/glib-session.h"
#include "common/glib-test.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Scans that fail ---- */

static gboolean
set_flag (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

/* How often the main context is woken up in a time. */
static guint
count_iterations (guint ms)
{
  gboolean over = FALSE;
  guint n = 0;

  for (g_timeout_add (ms, set_flag, &over); !over; n++)
    g_main_context_iteration (NULL, TRUE);
  return n;
}

static LxcmonMockDriver *
start_driver (GlibHost *host)
{
  LxcmonMockDriver *driver = lxcmon_mock_driver_new (lxcmon_host_get_runtime_dir (host->host));
  g_autoptr (GError) error = NULL;

  lxcmon_mock_driver_start (driver, &error);
  g_assert_no_error (error);
  return driver;
}

static void
expect_warning (void)
{
  g_test_expect_message ("lxcmon", G_LOG_LEVEL_WARNING, "*list of containers cannot be updated*");
}

/* The host scans again every second, and finds what has appeared meanwhile. */
static void
assert_calm (guint ms)
{
  guint n = count_iterations (ms);

  g_test_message ("%u iterations in %u ms", n, ms);
  g_assert_cmpuint (n, <=, ms / 100);
  g_test_assert_expected_messages ();
}

/* A symbolic link is no runtime directory. */
static void
replace_dir (GlibHost *host, const char *elsewhere)
{
  g_assert_cmpint (g_rename (host->dir, elsewhere), ==, 0);
  g_assert_cmpint (symlink (elsewhere, host->dir), ==, 0);
}

static void
restore_dir (GlibHost *host, const char *elsewhere)
{
  g_assert_cmpint (g_unlink (host->dir), ==, 0);
  g_assert_cmpint (g_rename (elsewhere, host->dir), ==, 0);
}

static void
test_scan_fails (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *elsewhere = g_strconcat (host->dir, ".moved", NULL);

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  expect_warning ();
  replace_dir (host, elsewhere);
  assert_calm (3000);
  g_assert_true (glib_host_has (host, "web1"));
  restore_dir (host, elsewhere);
  glib_host_add (host, "web2", 12);
  glib_host_wait_names (host, "web1 web2");
  glib_host_wait_attached (host, "web2");
}

/* The driver ended, and no successor came: its containers are to be attached, which takes a scan. */
static void
test_scan_fails_after_driver (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *elsewhere = g_strconcat (host->dir, ".moved", NULL);
  g_autoptr (LxcmonMockDriver) driver = start_driver (host);

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  lxcmon_mock_driver_stop (driver);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  glib_test_wait_until (strstr (lxcmon_monitor_get_error (monitor)->message, "has ended") != NULL);
  expect_warning ();
  replace_dir (host, elsewhere);
  assert_calm (13000);
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_DETACHED);
  restore_dir (host, elsewhere);
  glib_host_wait_attached (host, "web1");
}

/* Another client has the slot, which is to be checked again, and that takes a scan. */
static void
test_scan_fails_while_busy (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *elsewhere = g_strconcat (host->dir, ".moved", NULL);
  g_autofree char *path = glib_host_path (host, "web1.sock");
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (path);

  glib_host_add (host, "web1", 11);
  g_assert_true (lxcmon_client_attach (other, NULL, NULL));
  glib_host_start (host);
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_DETACHED);
  expect_warning ();
  replace_dir (host, elsewhere);
  assert_calm (3000);
  restore_dir (host, elsewhere);
  lxcmon_client_detach (other);
  glib_host_wait_attached (host, "web1");
}

/* Descriptors have run out. */
static void
test_scan_fails_in_shortage (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  struct rlimit before, limit;

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  glib_host_add (host, "web2", 12);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  limit = before;
  limit.rlim_cur = glib_test_count_descriptors () + 10;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  for (int fd; (fd = fcntl (0, F_DUPFD_CLOEXEC, 0)) >= 0;)
    g_array_append_val (fds, fd);
  expect_warning ();
  assert_calm (3000);
  g_assert_true (glib_host_has (host, "web1"));

  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  glib_host_wait_names (host, "web1 web2");
  glib_host_wait_attached (host, "web2");
}

/* ---- Main loops in handlers ---- */

/* Ends a container once it is attached. */
static gboolean
finish_when_attached (gpointer data)
{
  GlibHost *host = data;

  if (glib_host_state (host, "web1") != LXCMON_STATE_ATTACHED)
    return G_SOURCE_CONTINUE;
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  return G_SOURCE_REMOVE;
}

/* The handler of the first list, or of the start, does all that a program may do with a host: in a main loop,
 * rows are attached, and events arrive; and it waits for an end. */
static void
use_rows (GlibHost *host)
{
  g_autoptr (GError) error = NULL;

  glib_host_wait_attached (host, "web2");
  glib_test_wait_until (strstr (host->signals->str, "web2 init 12") != NULL);
  glib_host_finish (host, "web2", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (strstr (host->signals->str, "web2 exit shutdown, web2 closed") != NULL);

  g_timeout_add (2, finish_when_attached, host);
  g_assert_cmpint (lxcmon_monitor_wait_exit (glib_host_get (host, "web1"), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_no_error (error);
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GlibHost *host = user_data;

  g_assert_true (lxcmon_host_start_finish (host->list, result, NULL));
  use_rows (host);
  /* The list is kept up to date, too. */
  glib_host_add (host, "web3", 13);
  glib_host_wait_attached (host, "web3");
  host->start_done = TRUE;
}

static void
test_loop_in_started (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  lxcmon_host_start_async (host->list, NULL, on_started, host);
  glib_test_wait_until (host->start_done);
  glib_host_wait_names (host, "web3");
}

static void
loop_in_first_list (GListModel *list, guint position, guint removed, guint added, GlibHost *host)
{
  g_signal_handlers_disconnect_by_func (list, loop_in_first_list, host);
  g_assert_cmpuint (added, ==, 2);
  use_rows (host);
}

static void
test_loop_in_first_list (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  g_signal_connect (host->host, "items-changed", G_CALLBACK (loop_in_first_list), host);
  glib_host_start (host);
  glib_host_add (host, "web3", 13);
  glib_host_wait_names (host, "web3");
  glib_host_wait_attached (host, "web3");
}

/* A row of a later list. The one that comes after it is not in the list yet, and is attached when it is. */
static void
loop_in_later_list (GListModel *list, guint position, guint removed, guint added, GlibHost *host)
{
  if (added == 0)
    return;
  g_signal_handlers_disconnect_by_func (list, loop_in_later_list, host);
  g_assert_true (glib_host_has (host, "web0 web1"));
  glib_host_wait_attached (host, "web1");
  guint n = count_iterations (300);
  g_assert_cmpuint (n, <=, 30);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web2")), ==,
                    0);
}

static void
test_loop_in_later_list (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web0", 10);
  glib_host_start (host);
  glib_host_wait_attached (host, "web0");
  g_signal_connect (host->host, "items-changed", G_CALLBACK (loop_in_later_list), host);
  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  glib_host_wait_names (host, "web0 web1 web2");
  glib_host_wait_attached (host, "web2");
}

/* During a scan, a property is notified. */
static void
loop_in_notify (LxcmonHost *object, GParamSpec *property, GlibHost *host)
{
  g_signal_handlers_disconnect_by_func (object, loop_in_notify, host);
  g_assert_cmpuint (lxcmon_host_get_n_unlisted (object), ==, 1);
  use_rows (host);
}

static void
test_loop_in_notify (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *path = glib_host_path (host, "\xff.sock");
  g_autoptr (LxcmonMockController) odd = lxcmon_mock_controller_new (path);

  g_assert_true (lxcmon_mock_controller_start (odd, NULL));
  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  g_signal_connect (host->host, "notify::n-unlisted", G_CALLBACK (loop_in_notify), host);
  glib_host_start (host);
  glib_host_wait_names (host, "");
  lxcmon_mock_controller_stop (odd);
}

/* The same of a row that is observed, as a driver starts: the other row is left to the driver meanwhile. */
static void
loop_in_row_notify (LxcmonMonitor *monitor, GParamSpec *property, GlibHost *host)
{
  g_signal_handlers_disconnect_by_func (monitor, loop_in_row_notify, host);
  glib_test_wait_until (lxcmon_monitor_get_state (glib_host_get (host, "web2"))
                        == LXCMON_STATE_DETACHED);
  host->start_done = FALSE;
}

static void
test_loop_in_row_notify (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *path = glib_host_path (host, "web1.sock");
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (path);

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  g_assert_true (lxcmon_client_attach (other, NULL, NULL));
  glib_host_start (host);
  glib_host_wait_attached (host, "web2");
  g_signal_connect (glib_host_get (host, "web1"), "notify::error", G_CALLBACK (loop_in_row_notify),
                    host);
  /* The next check finds the slot taken still, or free. */
  g_autoptr (LxcmonMockDriver) driver = start_driver (host);
  glib_test_wait_until (!host->start_done);
  lxcmon_mock_driver_stop (driver);
  lxcmon_client_detach (other);
  glib_host_wait_names (host, "web1 web2");
}

/* ---- A fork ---- */

static gboolean in_child;

/* The parent waits for the child's end: the child may do what it can. */
static void
fork_in_first_list (GListModel *list, guint position, guint removed, guint added, GlibHost *host)
{
  int status;

  g_signal_handlers_disconnect_by_func (list, fork_in_first_list, host);
  pid_t pid = fork ();
  if (pid == 0)
    {
      in_child = TRUE;
      return;
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* Runs the main loop, and leaves without what was registered for the exit of the parent. */
static void
exit_child (GlibHost *host)
{
  gboolean attaches = FALSE;

  for (guint i = 0; i < 1000; i++)
    g_main_context_iteration (NULL, FALSE);
  for (guint i = 0; i < host->copy->len; i++)
    attaches
        = attaches
          || lxcmon_monitor_get_state (g_ptr_array_index (host->copy, i)) != LXCMON_STATE_DETACHED;
  _exit (attaches ? 1 : host->start_done ? 2 : 0);
}

static void
test_fork_in_first_list (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  g_signal_connect (host->host, "items-changed", G_CALLBACK (fork_in_first_list), host);
  glib_host_begin_start (host, NULL);
  glib_test_wait_until (in_child || host->start_done);
  if (in_child)
    exit_child (host);
  glib_host_wait_attached (host, "web1");
  glib_host_wait_attached (host, "web2");
  glib_test_wait_until (host->signals->len == strlen ("web1 init 11, web2 init 12"));
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1")), ==,
                    1);
  glib_host_add (host, "web3", 13);
  glib_host_wait_attached (host, "web3");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/direct/dispatch/scan-fails", test_scan_fails);
  glib_test_add ("/direct/dispatch/scan-fails-after-driver", test_scan_fails_after_driver);
  glib_test_add ("/direct/dispatch/scan-fails-while-busy", test_scan_fails_while_busy);
  glib_test_add ("/direct/dispatch/scan-fails-in-shortage", test_scan_fails_in_shortage);
  glib_test_add ("/direct/dispatch/loop-in-started", test_loop_in_started);
  glib_test_add ("/direct/dispatch/loop-in-first-list", test_loop_in_first_list);
  glib_test_add ("/direct/dispatch/loop-in-later-list", test_loop_in_later_list);
  glib_test_add ("/direct/dispatch/loop-in-notify", test_loop_in_notify);
  glib_test_add ("/direct/dispatch/loop-in-row-notify", test_loop_in_row_notify);
  glib_test_add ("/direct/dispatch/fork-in-first-list", test_fork_in_first_list);
  return g_test_run ();
}
