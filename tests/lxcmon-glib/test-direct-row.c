/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What happens to a row: it stays during a reboot, and for the linger timeout after its end, and is not
 * used again when it has closed. Handlers that stop or drop the host, or run a main loop.
 */

#include "common/glib-host.h"
#include "common/glib-session.h"
#include "common/glib-test.h"

#include <glib/gstdio.h>

static void
test_reboot (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
  glib_host_wait_signals (host, "web1 init 11, web1 exit reboot, web1 closed");
  g_assert_true (glib_host_get (host, "web1") == monitor);
  glib_host_add (host, "web1", 12);
  glib_host_wait_signals (host, "web1 init 11, web1 exit reboot, web1 closed, web1 init 12");
  g_assert_true (glib_host_get (host, "web1") == monitor);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, 12);
  g_assert_false (lxcmon_monitor_get_exited (monitor));
  g_assert_cmpuint (host->n_changes, ==, 1);
}

/* Many reboots, each faster than a scan. */
static void
test_reboots (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autoptr (GString) expected = g_string_new ("web1 init 1");

  glib_host_add (host, "web1", 1);
  glib_host_start (host);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  for (int i = 2; i < 20; i++)
    {
      glib_host_wait_signals (host, expected->str);
      glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
      glib_host_add (host, "web1", i);
      g_string_append_printf (expected, ", web1 exit reboot, web1 closed, web1 init %d", i);
    }
  glib_host_wait_signals (host, expected->str);
  g_assert_true (glib_host_get (host, "web1") == monitor);
  g_assert_cmpuint (host->n_changes, ==, 1);
}

static void
test_reboot_timeout (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  lxcmon_host_set_reboot_timeout (host->host, 200);
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  gint64 start = g_get_monotonic_time ();
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
  glib_host_wait_names (host, "");
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 200 * 1000);
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "timed-out");
  g_assert_cmpstr (host->signals->str, ==, "web1 init 11, web1 exit reboot, web1 closed");

  /* It is too late: that is another container, in another row. */
  glib_host_add (host, "web1", 12);
  glib_host_wait_names (host, "web1");
  g_assert_true (glib_host_get (host, "web1") != monitor);
}

static void
test_reboot_not_followed (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  lxcmon_host_set_reboot_timeout (host->host, 0);
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
  glib_host_wait_names (host, "");
}

static void
test_same_name (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_add (host, "web1", 12);
  glib_host_wait_signals (host, "web1 init 11, web1 exit shutdown, web1 closed, web1 init 12");
  g_assert_true (glib_host_get (host, "web1") != monitor);
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, 11);
  g_assert_cmpuint (host->n_changes, ==, 3);
}

static void
test_linger_timeout (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  lxcmon_host_set_linger_timeout (host->host, 300);
  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  glib_host_wait_attached (host, "web2");
  gint64 start = g_get_monotonic_time ();
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  lxcmon_mock_controller_die (glib_host_get_mock (host, "web2"), NULL);
  glib_test_wait_until (glib_host_state (host, "web1") == LXCMON_STATE_CLOSED
                        && glib_host_state (host, "web2") == LXCMON_STATE_CLOSED);
  g_assert_true (lxcmon_monitor_get_exited (glib_host_get (host, "web1")));
  glib_host_wait_names (host, "");
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 300 * 1000);
}

/* A container that has ended is still shown when another one of its name starts, which replaces it. */
static void
test_linger_timeout_replaced (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  lxcmon_host_set_linger_timeout (host->host, G_MAXINT);
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_host_state (host, "web1") == LXCMON_STATE_CLOSED);
  glib_host_add (host, "web1", 12);
  glib_host_wait_signals (host, "web1 init 11, web1 exit shutdown, web1 closed, web1 init 12");
  g_assert_true (glib_host_get (host, "web1") != monitor);
}

/* Both end, and others start with each other's names. */
static void
test_swap (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "a", 1);
  glib_host_add (host, "b", 2);
  glib_host_start (host);
  glib_host_wait_attached (host, "a");
  glib_host_wait_attached (host, "b");
  glib_test_wait_until (host->signals->len == sizeof "a init 1, b init 2" - 1);
  g_autoptr (LxcmonMonitor) a = g_object_ref (glib_host_get (host, "a"));
  g_autoptr (LxcmonMonitor) b = g_object_ref (glib_host_get (host, "b"));
  glib_host_finish (host, "a", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_finish (host, "b", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_add (host, "a", 2);
  glib_host_add (host, "b", 1);
  glib_test_wait_until (glib_host_get (host, "a") != NULL && glib_host_get (host, "a") != a
                        && glib_host_get (host, "b") != NULL && glib_host_get (host, "b") != b);
  glib_host_wait_attached (host, "a");
  glib_host_wait_attached (host, "b");
  glib_test_wait_until (lxcmon_monitor_get_init_pid (glib_host_get (host, "a")) == 2
                        && lxcmon_monitor_get_init_pid (glib_host_get (host, "b")) == 1);
}

/* The files swap their names: each monitor goes on to watch the container that it was attached to. */
static void
test_swap_files (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autofree char *a = NULL, *b = NULL, *other = NULL;

  glib_host_add (host, "a", 1);
  glib_host_add (host, "b", 2);
  glib_host_start (host);
  glib_host_wait_attached (host, "a");
  glib_host_wait_attached (host, "b");
  a = glib_host_path (host, "a.sock");
  b = glib_host_path (host, "b.sock");
  other = glib_host_path (host, "other");
  g_assert_cmpint (g_rename (a, other), ==, 0);
  g_assert_cmpint (g_rename (b, a), ==, 0);
  g_assert_cmpint (g_rename (other, b), ==, 0);
  for (gint64 end = g_get_monotonic_time () + 150000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "a scan");
  g_assert_true (glib_host_has (host, "a b"));
  g_string_truncate (host->signals, 0);
  lxcmon_mock_controller_send_exit (glib_host_get_mock (host, "a"), LXCMON_EXIT_STATUS_SHUTDOWN,
                                    NULL);
  glib_host_wait_signals (host, "a exit shutdown");
  glib_host_drop (host, "a");
  glib_host_drop (host, "b");
  glib_host_wait_names (host, "");
}

/* It breaks the protocol and keeps running: it is shown as closed until it ends, and not attached again. */
static void
test_broken (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autoptr (GBytes) bytes = glib_encode ("hex 00000000");

  LxcmonMockController *mock = glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  lxcmon_mock_controller_send_bytes (mock, bytes, NULL);
  glib_host_wait_signals (host, "web1 init 11, web1 closed protocol");
  for (gint64 end = g_get_monotonic_time () + 300000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "a scan");
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (mock), ==, 0);
  glib_host_drop (host, "web1");
  glib_host_wait_names (host, "");
  g_assert_cmpuint (host->n_changes, ==, 2);
}

/* Another client has the slot: the container is shown, and attached when the slot is free. */
static void
test_busy (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  LxcmonMockController *mock = glib_host_add (host, "web1", 11);
  g_autofree char *path = glib_host_path (host, "web1.sock");
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (path);
  g_assert_true (lxcmon_client_attach (other, NULL, NULL));
  glib_host_start (host);
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "busy");
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (monitor), ==, 0); /* without a status XML */
  lxcmon_client_detach (other);
  glib_host_wait_attached (host, "web1");
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (mock), ==, 1);
  g_assert_null (lxcmon_monitor_get_error (monitor));
  g_assert_cmpuint (host->n_changes, ==, 1);
}

static void
stop_host (LxcmonHost *list)
{
  lxcmon_host_stop (list);
}

/* A handler stops the host: nothing more is emitted. */
static void
test_stop_in_handler (gconstpointer data)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  g_signal_connect_swapped (host->host, data, G_CALLBACK (stop_host), host->host);
  glib_host_begin_start (host, NULL);
  glib_test_wait_until (host->start_done);
  g_autoptr (LxcmonMockController) mock = g_object_ref (glib_host_get_mock (host, "web1"));
  if (g_str_equal (data, "exit") || g_str_equal (data, "closed"))
    {
      glib_host_wait_attached (host, "web1");
      glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
    }
  glib_test_wait_until (glib_host_has (host, ""));
  gsize length = host->signals->len;
  glib_test_drain ();
  g_assert_cmpuint (host->signals->len, ==, length);
}

/* A handler drops the last reference. */
static void
drop_host (LxcmonHost **host)
{
  g_clear_object (host);
}

static void
test_drop_in_handler (gconstpointer data)
{
  char *dir = glib_test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "web1.sock", NULL);
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new (path);
  LxcmonHost *host = lxcmon_host_new (dir);

  lxcmon_mock_controller_set_init_pid (mock, 5);
  g_assert_true (lxcmon_mock_controller_start (mock, NULL));
  g_signal_connect_swapped (host, data, G_CALLBACK (drop_host), &host);
  lxcmon_host_start_async (host, NULL, NULL, NULL);
  if (!g_str_equal (data, "items-changed") && !g_str_equal (data, "init"))
    {
      glib_test_wait_until (lxcmon_mock_controller_get_n_clients (mock) == 1);
      glib_test_drain ();
      g_assert_true (lxcmon_mock_controller_finish (mock, LXCMON_EXIT_STATUS_SHUTDOWN, NULL));
    }
  glib_test_wait_until (host == NULL);
  glib_test_drain ();
  lxcmon_mock_controller_stop (mock);
  glib_test_remove_dir (dir);
}

/* A main loop in a handler of "closed": the row leaves the list in there, unless it is to stay for longer. */
static void
loop_for_a_while (void)
{
  for (gint64 end = g_get_monotonic_time () + 200000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "a scan");
}

static void
loop_in_closed (LxcmonHost *list, LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  gboolean stays = lxcmon_host_get_linger_timeout (LXCMON_HOST (list)) > 0;

  g_assert_true (lxcmon_host_lookup (list, "web1") == monitor);
  loop_for_a_while ();
  g_assert_true (lxcmon_host_lookup (list, "web1") == (stays ? monitor : NULL));
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_CLOSED);
}

static void
test_loop_in_closed (gconstpointer data)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  guint linger_timeout = GPOINTER_TO_UINT (data);

  lxcmon_host_set_linger_timeout (host->host, linger_timeout);
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  g_signal_connect (host->host, "closed", G_CALLBACK (loop_in_closed), NULL);
  gint64 start = g_get_monotonic_time ();
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_wait_names (host, "");
  g_assert_cmpint (g_get_monotonic_time () - start, >=, (gint64) linger_timeout * 1000);
  g_assert_cmpstr (host->signals->str, ==, "web1 init 11, web1 exit shutdown, web1 closed");
}

/* A main loop in a handler of a monitor's signal: the host's signal comes in there, before the next event. */
static void
loop_once (LxcmonMonitor *monitor)
{
  g_signal_handlers_disconnect_by_func (monitor, loop_once, NULL);
  loop_for_a_while ();
}

static void
send_and_loop (GlibHost *host)
{
  LxcmonMonitor *monitor = glib_host_get (host, "web1");

  g_signal_handlers_disconnect_by_func (monitor, send_and_loop, host);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  loop_for_a_while ();
}

static void
watch_init (GListModel *list, guint position, guint removed, guint added, GlibHost *host)
{
  if (added > 0)
    g_signal_connect_swapped (glib_host_get (host, "web1"), "init", G_CALLBACK (send_and_loop),
                              host);
}

static void
test_loop_in_own_handler (gconstpointer data)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  if (g_str_equal (data, "init"))
    {
      g_signal_connect (host->host, "items-changed", G_CALLBACK (watch_init), host);
      glib_host_start (host);
    }
  else
    {
      glib_host_start (host);
      glib_host_wait_signals (host, "web1 init 11");
      g_signal_connect (glib_host_get (host, "web1"), data, G_CALLBACK (loop_once), NULL);
      glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
    }
  glib_host_wait_signals (host, "web1 init 11, web1 exit shutdown, web1 closed");
  glib_host_wait_names (host, "");
}

/* The same, and a main loop in the host's handler of the first signal. */
static void
loop_in_host (LxcmonHost *list, LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  loop_for_a_while ();
}

static void
test_loop_in_both_handlers (void)
{
  g_autoptr (GlibHost) host = glib_host_new_direct ();

  glib_host_add (host, "web1", 11);
  g_signal_connect (host->host, "items-changed", G_CALLBACK (watch_init), host);
  g_signal_connect (host->host, "init", G_CALLBACK (loop_in_host), NULL);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11, web1 exit shutdown, web1 closed");
  glib_host_wait_names (host, "");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/direct/row/reboot", test_reboot);
  glib_test_add ("/direct/row/reboots", test_reboots);
  glib_test_add ("/direct/row/reboot-timeout", test_reboot_timeout);
  glib_test_add ("/direct/row/reboot-not-followed", test_reboot_not_followed);
  glib_test_add ("/direct/row/same-name", test_same_name);
  glib_test_add ("/direct/row/linger-timeout", test_linger_timeout);
  glib_test_add ("/direct/row/linger-timeout-replaced", test_linger_timeout_replaced);
  glib_test_add ("/direct/row/swap", test_swap);
  glib_test_add ("/direct/row/swap-files", test_swap_files);
  glib_test_add ("/direct/row/broken", test_broken);
  glib_test_add ("/direct/row/busy", test_busy);
  glib_test_add_data ("/direct/row/stop-in/items-changed", test_stop_in_handler, "items-changed");
  glib_test_add_data ("/direct/row/stop-in/init", test_stop_in_handler, "init");
  glib_test_add_data ("/direct/row/stop-in/exit", test_stop_in_handler, "exit");
  glib_test_add_data ("/direct/row/stop-in/closed", test_stop_in_handler, "closed");
  glib_test_add_data ("/direct/row/drop-in/items-changed", test_drop_in_handler, "items-changed");
  glib_test_add_data ("/direct/row/drop-in/init", test_drop_in_handler, "init");
  glib_test_add_data ("/direct/row/drop-in/exit", test_drop_in_handler, "exit");
  glib_test_add_data ("/direct/row/drop-in/closed", test_drop_in_handler, "closed");
  glib_test_add_data ("/direct/row/loop-in-closed", test_loop_in_closed, GUINT_TO_POINTER (0));
  glib_test_add_data ("/direct/row/loop-in-closed-kept", test_loop_in_closed,
                      GUINT_TO_POINTER (400));
  glib_test_add_data ("/direct/row/loop-in-own/init", test_loop_in_own_handler, "init");
  glib_test_add_data ("/direct/row/loop-in-own/exit", test_loop_in_own_handler, "exit");
  glib_test_add_data ("/direct/row/loop-in-own/closed", test_loop_in_own_handler, "closed");
  glib_test_add ("/direct/row/loop-in-both", test_loop_in_both_handlers);
  return g_test_run ();
}
