/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The list of all containers: it is complete with one change, changes once for each container that comes or
 * goes later, and emits the signals of its monitors.
 */

#include "lxcmon-glib/lxcmon-host-names-private.h"

#include "common/glib-host.h"
#include "common/glib-session.h"
#include "common/glib-test.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void
test_new (void)
{
  g_autoptr (LxcmonHost) host = lxcmon_host_new (NULL);
  g_autofree char *dir = NULL;
  gboolean force;
  guint reboot_timeout, linger_timeout, n_unlisted, n_items;

  g_object_get (host, "runtime-dir", &dir, "force", &force, "reboot-timeout", &reboot_timeout,
                "linger-timeout", &linger_timeout, "n-unlisted", &n_unlisted, "n-items", &n_items,
                NULL);
  g_assert_cmpstr (dir, ==, "/run/libvirt/lxc");
  g_assert_cmpstr (lxcmon_host_get_runtime_dir (host), ==, dir);
  g_assert_false (force);
  g_assert_cmpuint (reboot_timeout, ==, 10000);
  g_assert_cmpuint (linger_timeout, ==, 0);
  g_assert_cmpuint (n_unlisted, ==, 0);
  g_assert_cmpuint (n_items, ==, 0);
  g_assert_true (g_list_model_get_item_type (G_LIST_MODEL (host)) == LXCMON_TYPE_MONITOR);
  g_assert_null (lxcmon_host_lookup (host, "web1"));
  lxcmon_host_stop (host);
}

static void
count (guint *n)
{
  (*n)++;
}

static void
test_settings (void)
{
  g_autoptr (LxcmonHost) host = lxcmon_host_new ("/tmp");
  guint n = 0;

  g_signal_connect_swapped (host, "notify", G_CALLBACK (count), &n);
  lxcmon_host_set_force (host, TRUE);
  lxcmon_host_set_force (host, 2);
  lxcmon_host_set_reboot_timeout (host, 5);
  lxcmon_host_set_reboot_timeout (host, 5);
  lxcmon_host_set_linger_timeout (host, 6);
  g_object_set (host, "linger-timeout", 6, NULL);
  g_assert_cmpuint (n, ==, 3);
  g_assert_true (lxcmon_host_get_force (host));
  g_assert_cmpuint (lxcmon_host_get_reboot_timeout (host), ==, 5);
  g_assert_cmpuint (lxcmon_host_get_linger_timeout (host), ==, 6);
}

static void
test_first_scan (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_add (host, "web2", 12);
  glib_host_add (host, "web1", 11);
  glib_host_add (host, "db1", 13);
  glib_host_start (host);
  g_assert_true (glib_host_has (host, "db1 web1 web2"));
  g_assert_cmpuint (host->n_changes, ==, 1);
  glib_test_wait_until (host->signals->len >= sizeof "db1 init 13, web1 init 11, web2 init 12" - 1);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (glib_host_get (host, "db1")), ==, 13);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (glib_host_get (host, "web1")), ==, 11);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (glib_host_get (host, "web1")), ==, getpid ());
  g_assert_cmpint (glib_host_state (host, "web2"), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpuint (host->n_changes, ==, 1);
}

/* Only containers that are named are listed, and the slots of the others stay free. */
static void
test_names (void)
{
  const char *const two[] = { "web1", "web3", NULL };
  const char *const one[] = { "web1", NULL };
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_add (host, "web1", 11);
  glib_host_add (host, "web2", 12);
  _lxcmon_host_set_names (host->host, two);
  glib_host_start (host);
  g_assert_true (glib_host_has (host, "web1"));
  glib_host_add (host, "web3", 13);
  glib_host_wait_signals (host, "web1 init 11, web3 init 13");
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web2")), ==,
                    0);

  /* A container that is in the list stays; another one of its name does not appear. */
  _lxcmon_host_set_names (host->host, one);
  glib_host_finish (host, "web3", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_wait_names (host, "web1");
  glib_host_add (host, "web3", 14);
  _lxcmon_host_set_names (host->host, NULL);
  glib_host_add (host, "web4", 15);
  glib_host_wait_names (host, "web1 web2 web3 web4");
}

static void
test_empty (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_start (host);
  g_assert_cmpuint (host->n_changes, ==, 0);
}

static void
test_come_and_go (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_start (host);
  glib_host_add (host, "web1", 42);
  glib_host_wait_names (host, "web1");
  glib_host_wait_signals (host, "web1 init 42");
  glib_host_add (host, "db1", 43);
  glib_host_wait_names (host, "db1 web1");
  glib_host_wait_signals (host, "web1 init 42, db1 init 43");
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_wait_names (host, "db1");
  glib_host_wait_signals (host, "web1 init 42, db1 init 43, web1 exit shutdown, web1 closed");
  g_assert_cmpuint (host->n_changes, ==, 3);
}

/* The list is empty: the rows that a scan finds come with one change. Otherwise they come one after the other. */
static void
test_many_at_once (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_start (host);
  glib_host_add (host, "c00", 1);
  glib_host_wait_names (host, "c00");
  g_assert_cmpuint (host->n_changes, ==, 1);
  for (guint i = 1; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%02u", i);
      glib_host_add (host, name, (int) i + 1);
    }
  glib_test_wait_until (host->copy->len == 20);
  g_assert_cmpuint (host->n_changes, ==, 20);
  g_hash_table_remove_all (host->mocks);
  glib_test_wait_until (host->copy->len == 0);
  g_assert_cmpuint (host->n_changes, ==, 40);
}

static void
on_single_init (LxcmonMonitor *monitor, gint pid, gpointer user_data)
{
  GlibHost *host = user_data;

  /* The monitor's own handlers come first. */
  g_assert_cmpuint (host->signals->len, ==, 0);
  g_string_append (host->signals, "single");
}

static void
on_exit_reboot (LxcmonHost *list, LxcmonMonitor *monitor, gint status, gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
}

static void
test_signals (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  guint n_reboots = 0, n_shutdowns = 0;

  LxcmonMockController *mock = glib_host_add (host, "web1", 0);
  glib_host_start (host);
  g_signal_connect (glib_host_get (host, "web1"), "init", G_CALLBACK (on_single_init), host);
  g_signal_connect (host->host, "exit::reboot", G_CALLBACK (on_exit_reboot), &n_reboots);
  g_signal_connect (host->host, "exit::shutdown", G_CALLBACK (on_exit_reboot), &n_shutdowns);
  glib_host_wait_attached (host, "web1");
  lxcmon_mock_controller_send_init (mock, 7, NULL);
  glib_host_wait_signals (host, "single, web1 init 7");
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_host_wait_names (host, "");
  g_assert_cmpuint (n_reboots, ==, 0);
  g_assert_cmpuint (n_shutdowns, ==, 1);
}

/* Without EXIT, "closed" carries an error, and the row leaves the list all the same. */
static void
test_lost (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  LxcmonMockController *mock = glib_host_add (host, "web1", 5);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 5");
  lxcmon_mock_controller_die (mock, NULL);
  glib_host_wait_names (host, "");
  g_assert_cmpstr (host->signals->str, ==, "web1 init 5, web1 closed lost");
}

static void
test_start_twice (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_start (host);
  glib_host_begin_start (host, NULL);
  g_assert_cmpstr (glib_host_finish_start (host), ==, "pending");
  glib_host_add (host, "web1", 1);
  glib_host_wait_names (host, "web1");
}

static void
test_stop (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  LxcmonMockController *mock = glib_host_add (host, "web1", 1);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 1");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  lxcmon_host_stop (host->list);
  g_assert_true (glib_host_has (host, ""));
  g_assert_cmpuint (host->n_changes, ==, 2);
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_DETACHED);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (mock) == 0);
  g_string_truncate (host->signals, 0);

  /* Started again: another row. */
  glib_host_start (host);
  g_assert_cmpuint (host->n_changes, ==, 3);
  g_assert_true (glib_host_get (host, "web1") != monitor);
  glib_host_wait_attached (host, "web1");
}

static void
test_stop_while_starting (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_begin_start (host, NULL);
  lxcmon_host_stop (host->list);
  g_assert_cmpstr (glib_host_finish_start (host), ==, "cancelled");
}

static void
test_cancel (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  glib_host_add (host, "web1", 1);
  glib_host_begin_start (host, cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_cmpstr (glib_host_finish_start (host), ==, "cancelled");
  glib_host_begin_start (host, cancellable);
  g_assert_cmpstr (glib_host_finish_start (host), ==, "cancelled");
  g_assert_cmpuint (host->n_changes, ==, 0);
}

static void
on_start_kept (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_assert_true (lxcmon_host_start_finish (LXCMON_HOST (object), result, NULL));
  *(gboolean *) user_data = TRUE;
}

/* A pending start keeps the host. */
static void
test_start_keeps_alive (void)
{
  char *dir = glib_test_make_dir ();
  LxcmonHost *host = lxcmon_host_new (dir);
  gboolean started = FALSE;

  g_object_add_weak_pointer (G_OBJECT (host), (gpointer *) &host);
  lxcmon_host_start_async (host, NULL, on_start_kept, &started);
  g_object_unref (host);
  g_assert_nonnull (host);
  glib_test_wait_until (started);
  glib_test_wait_until (host == NULL);
  glib_test_remove_dir (dir);
}

static void
test_start_fails (void)
{
  g_autofree char *dir = glib_test_make_dir ();
  g_autofree char *link = g_strconcat (dir, ".link", NULL);
  g_assert_cmpint (symlink (dir, link), ==, 0);
  g_autoptr (GlibHost) host = glib_host_new_at (link, NULL);

  glib_host_begin_start (host, NULL);
  g_assert_cmpstr (glib_host_finish_start (host), ==, "untrusted");
  g_assert_cmpint (g_unlink (link), ==, 0);
  /* A directory that does not exist is no error. */
  glib_host_start (host);
  glib_test_remove_dir (g_steal_pointer (&dir));
}

/* Rows are monitors that the host attaches: there is nothing to attach or detach for an application. */
static void
test_rows (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_add (host, "web1", 1);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  LxcmonMonitor *monitor = glib_host_get (host, "web1");
  g_assert_false (LXCMON_IS_CLIENT (monitor));
  g_assert_cmpstr (lxcmon_monitor_get_name (monitor), ==, "web1");
  g_assert_cmpint (lxcmon_monitor_get_source (monitor), ==, LXCMON_SOURCE_DIRECT);
}

/* A row that leaves the list emits nothing more. */
static void
test_rows_left (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  guint n_signals = 0;

  LxcmonMockController *mock = glib_host_add (host, "web1", 1);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 1");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  g_signal_connect_swapped (monitor, "init", G_CALLBACK (count), &n_signals);
  g_signal_connect_swapped (monitor, "exit", G_CALLBACK (count), &n_signals);
  g_signal_connect_swapped (monitor, "closed", G_CALLBACK (count), &n_signals);
  lxcmon_mock_controller_send_init (mock, 2, NULL);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  lxcmon_host_stop (host->list);
  glib_test_drain ();
  g_assert_cmpuint (n_signals, ==, 0);
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, 1);
}

/* The blocking form returns when the list is complete, and iterates the host's context until then. */
static void
test_start_blocking (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_false (lxcmon_host_start (host->list, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  glib_host_add (host, "web1", 1);
  glib_host_add (host, "web2", 2);
  g_assert_true (lxcmon_host_start (host->list, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (glib_host_has (host, "web1 web2"));
  g_assert_cmpuint (host->n_changes, ==, 1);
  g_assert_false (lxcmon_host_start (host->list, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_assert_true (glib_host_has (host, "web1 web2"));
}

static void
stop_list (LxcmonHost *list)
{
  lxcmon_host_stop (list);
}

/* A handler stops the host meanwhile. */
static void
test_start_blocking_stopped (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (GError) error = NULL;

  glib_host_add (host, "web1", 1);
  g_signal_connect_swapped (host->host, "items-changed", G_CALLBACK (stop_list), host->list);
  g_assert_false (lxcmon_host_start (host->list, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (glib_host_has (host, ""));
}

typedef struct
{
  gboolean done;
  LxcmonExitStatus status;
  GError *error;
} Wait;

static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;

  wait->status = lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, &wait->error);
  wait->done = TRUE;
}

static void
begin_wait (GlibHost *host, const char *name, Wait *wait)
{
  lxcmon_monitor_wait_exit_async (glib_host_get (host, name), NULL, on_waited, wait);
}

static void
check_wait (Wait *wait, LxcmonExitStatus status, const char *nick)
{
  glib_test_wait_until (wait->done);
  g_assert_cmpint (wait->status, ==, status);
  g_assert_cmpstr (wait->error != NULL ? glib_error_nick (wait->error) : NULL, ==, nick);
  g_clear_error (&wait->error);
}

/* A row's end can be waited for, from the moment that it is in the list. */
static void
test_wait_exit (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  Wait waits[3] = { 0 };

  glib_host_add (host, "web1", 1);
  glib_host_add (host, "web2", 2);
  glib_host_add (host, "web3", 3);
  glib_host_start (host);
  begin_wait (host, "web1", &waits[0]);
  begin_wait (host, "web2", &waits[1]);
  begin_wait (host, "web3", &waits[2]);
  glib_host_wait_attached (host, "web1");
  glib_host_wait_attached (host, "web2");
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_REBOOT);
  check_wait (&waits[0], LXCMON_EXIT_STATUS_REBOOT, NULL);
  lxcmon_mock_controller_die (glib_host_get_mock (host, "web2"), NULL);
  check_wait (&waits[1], LXCMON_EXIT_STATUS_UNKNOWN, "lost");
  g_assert_false (waits[2].done);
  lxcmon_host_stop (host->list);
  check_wait (&waits[2], LXCMON_EXIT_STATUS_UNKNOWN, "cancelled");
}

/* The blocking form iterates the host's context. */
static void
test_wait_exit_blocking (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (GError) error = NULL;

  glib_host_add (host, "web1", 1);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 1");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_cmpint (lxcmon_monitor_wait_exit (monitor, NULL, &error), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
  g_assert_no_error (error);
  glib_host_wait_names (host, "");
  g_assert_cmpint (lxcmon_monitor_wait_exit (monitor, NULL, &error), ==,
                   LXCMON_EXIT_STATUS_SHUTDOWN);
}

/* While this thread runs the context, no other one may use the host. */
static gpointer
call_from_thread (gpointer data)
{
  LxcmonHost *list = data;

  lxcmon_host_start_async (list, NULL, NULL, NULL);
  lxcmon_host_stop (list);
  lxcmon_host_set_force (LXCMON_HOST (list), TRUE);
  return NULL;
}

static void
test_wrong_thread (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_add (host, "web1", 1);
  glib_host_start (host);
  g_assert_true (g_main_context_acquire (NULL));
  glib_test_expect_critical ("lxcmon_host_start_async*another thread*");
  glib_test_expect_critical ("lxcmon_host_stop*another thread*");
  glib_test_expect_critical ("lxcmon_host_set_force*another thread*");
  g_thread_join (g_thread_new ("other", call_from_thread, host->host));
  g_test_assert_expected_messages ();
  g_main_context_release (NULL);
  g_assert_true (glib_host_has (host, "web1"));
}

/* Garbage collectors drop references from any thread: the host is stopped in its context. */
static gpointer
drop (gpointer host)
{
  g_object_unref (host);
  return NULL;
}

static void
test_drop_in_thread (void)
{
  char *dir = glib_test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "web1.sock", NULL);
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new (path);
  LxcmonHost *host = lxcmon_host_new (dir);

  g_assert_true (lxcmon_mock_controller_start (mock, NULL));
  lxcmon_host_start_async (host, NULL, NULL, NULL);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (mock) == 1);
  glib_test_drain ();
  g_object_add_weak_pointer (G_OBJECT (host), (gpointer *) &host);
  g_assert_true (g_main_context_acquire (NULL));
  g_thread_join (g_thread_new ("other", drop, host));
  g_assert_nonnull (host);
  g_main_context_release (NULL);
  glib_test_wait_until (host == NULL);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (mock) == 0);
  lxcmon_mock_controller_stop (mock);
  glib_test_remove_dir (dir);
}

/* A context of its own, in a thread of its own: all signals are emitted there. */
static void
on_thread_init (LxcmonHost *list, LxcmonMonitor *monitor, gint pid, gpointer loop)
{
  g_assert_true (g_main_context_is_owner (g_main_loop_get_context (loop)));
  g_main_loop_quit (loop);
}

static gpointer
run_own_context (gpointer dir)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);

  g_main_context_push_thread_default (context);
  LxcmonHost *host = lxcmon_host_new (dir);
  g_signal_connect (host, "init", G_CALLBACK (on_thread_init), loop);
  lxcmon_host_start_async (host, NULL, NULL, NULL);
  g_main_loop_run (loop);
  lxcmon_host_stop (host);
  g_object_unref (host);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_own_context (void)
{
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_add (host, "web1", 5);
  g_thread_join (g_thread_new ("own", run_own_context, host->dir));
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/host/new", test_new);
  glib_test_add ("/host/settings", test_settings);
  glib_test_add ("/host/first-scan", test_first_scan);
  glib_test_add ("/host/names", test_names);
  glib_test_add ("/host/empty", test_empty);
  glib_test_add ("/host/come-and-go", test_come_and_go);
  glib_test_add ("/host/many-at-once", test_many_at_once);
  glib_test_add ("/host/signals", test_signals);
  glib_test_add ("/host/lost", test_lost);
  glib_test_add ("/host/start-twice", test_start_twice);
  glib_test_add ("/host/stop", test_stop);
  glib_test_add ("/host/stop-while-starting", test_stop_while_starting);
  glib_test_add ("/host/cancel", test_cancel);
  glib_test_add ("/host/start-keeps-alive", test_start_keeps_alive);
  glib_test_add ("/host/start-fails", test_start_fails);
  glib_test_add ("/host/start-blocking", test_start_blocking);
  glib_test_add ("/host/start-blocking-stopped", test_start_blocking_stopped);
  glib_test_add ("/host/rows", test_rows);
  glib_test_add ("/host/rows-left", test_rows_left);
  glib_test_add ("/host/wait-exit", test_wait_exit);
  glib_test_add ("/host/wait-exit-blocking", test_wait_exit_blocking);
  glib_test_add ("/host/wrong-thread", test_wrong_thread);
  glib_test_add ("/host/drop-in-thread", test_drop_in_thread);
  glib_test_add ("/host/own-context", test_own_context);
  return g_test_run ();
}
