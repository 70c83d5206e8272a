/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which backend reports the containers of a host: a backend of the test's own stands in for libvirtd's, as an
 * extension of the same name, and a process of the test's own for libvirtd.
 */

#include "common/glib-host.h"
#include "common/glib-session.h"
#include "common/glib-test.h"
#include "fake-backend.h"

#include <string.h>

static void
on_notify (GObject *object, GParamSpec *property, gpointer user_data)
{
  g_string_append_printf (user_data, "%s ", g_param_spec_get_name (property));
}

/* Writes down which of the host's own properties are notified. */
static void
watch_properties (GlibHost *host, GString *notified)
{
  g_signal_connect (host->host, "notify::source", G_CALLBACK (on_notify), notified);
  g_signal_connect (host->host, "notify::connected", G_CALLBACK (on_notify), notified);
}

static void
run_for (int ms)
{
  for (gint64 end = g_get_monotonic_time () + ms * 1000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "time");
}

static void
assert_shown (GlibHost *host, const char *name, LxcmonSource source)
{
  LxcmonMonitor *monitor = glib_host_get (host, name);

  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (lxcmon_monitor_get_source (monitor), ==, source);
  g_assert_null (lxcmon_monitor_get_error (monitor));
}

static void
assert_source (GlibHost *host, LxcmonSource source)
{
  g_assert_cmpint (lxcmon_host_get_source (host->host), ==, source);
  g_assert_true (lxcmon_host_get_connected (host->host));
  g_assert_null (lxcmon_host_get_error (host->host));
}

static void
test_direct (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();

  g_assert_null (lxcmon_host_get_uri (host->host));
  g_assert_false (lxcmon_host_get_connected (host->host));
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  assert_source (host, LXCMON_SOURCE_DIRECT);
  glib_host_wait_attached (host, "web1");
  g_assert_cmpuint (fake.n_made, ==, 0);
  lxcmon_host_stop (host->host);
  g_assert_false (lxcmon_host_get_connected (host->host));
}

/* libvirtd runs: the first list is its own, and no row is shown as if nobody reported its events. */
static void
test_through_libvirtd (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  g_autofree char *expected
      = g_strdup_printf ("lxc:///system?socket=%s/libvirt-sock-ro", host->dir);

  glib_host_add (host, "web1", 11);
  glib_host_begin_start (host, NULL);
  glib_test_wait_until (fake.n_started == 1);
  g_assert_cmpstr (fake.uri, ==, expected);
  glib_test_drain ();
  g_assert_false (host->start_done);
  g_assert_cmpuint (host->n_changes, ==, 0);
  fake_list ("web1 web2");
  g_assert_null (glib_host_finish_start (host));
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  assert_shown (host, "web1", LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpuint (host->n_changes, ==, 1);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1")), ==,
                    0);
}

/* libvirtd starts later: the slots are free before its backend is started, and the rows stay. */
static void
test_starts (void)
{
  fake_reset ();
  g_autoptr (GString) notified = g_string_new (NULL);
  g_autoptr (GlibHost) host = glib_host_new ();

  watch_properties (host, notified);
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_signals (host, "web1 init 11");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  g_string_truncate (notified, 0);

  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  glib_test_wait_until (fake.n_started == 1);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1")), ==,
                    0);
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_DETACHED);
  assert_source (host, LXCMON_SOURCE_DIRECT);
  fake_list ("web1");
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  assert_shown (host, "web1", LXCMON_SOURCE_LIBVIRT);
  g_assert_true (glib_host_get (host, "web1") == monitor);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, 11);
  g_assert_cmpstr (host->signals->str, ==, "web1 init 11");
  g_assert_cmpstr (notified->str, ==, "source ");

  /* What is in the directory now is for libvirtd to report. */
  glib_host_add (host, "web2", 12);
  run_for (200);
  assert_shown (host, "web1", LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpuint (host->n_changes, ==, 1);
}

/* The container ends as libvirtd starts: what it has sent is reported before libvirtd's backend is started. */
static void
test_starts_at_end (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  g_string_truncate (host->signals, 0);
  glib_host_finish (host, "web1", LXCMON_EXIT_STATUS_SHUTDOWN);
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  /* The host scans before it reads what has come. */
  lxcmon_host_set_force (host->host, TRUE);
  lxcmon_host_set_force (host->host, FALSE);
  fake.trace = host->signals;
  glib_test_wait_until (fake.n_started == 1);
  g_assert_cmpstr (fake.trace_at_start, ==, "web1 exit shutdown, web1 closed");
}

/* libvirtd ends: the rows stay as they are, and are attached 10 s later. */
static void
test_ends (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  FakeDriver *driver = fake_driver_start (host->dir);

  glib_host_add (host, "web1", 11);
  glib_host_begin_start (host, NULL);
  glib_test_wait_until (fake.n_started == 1);
  fake_list ("web1");
  g_assert_null (glib_host_finish_start (host));
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));

  gint64 start = g_get_monotonic_time ();
  fake_driver_stop (driver);
  fake_lose ();
  g_assert_false (lxcmon_host_get_connected (host->host));
  g_assert_cmpstr (lxcmon_host_get_error (host->host)->message, ==, "lost");
  assert_shown (host, "web1", LXCMON_SOURCE_LIBVIRT);
  glib_test_wait_until (lxcmon_host_get_source (host->host) == LXCMON_SOURCE_DIRECT);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 10 * G_USEC_PER_SEC);
  glib_host_wait_attached (host, "web1");
  assert_source (host, LXCMON_SOURCE_DIRECT);
  assert_shown (host, "web1", LXCMON_SOURCE_DIRECT);
  g_assert_true (glib_host_get (host, "web1") == monitor);
  g_assert_cmpuint (fake.n_stopped, ==, 1);
  g_assert_cmpuint (host->n_changes, ==, 1);
}

/* Another libvirtd on the same socket: the backend that has lost it is to try again at once. */
static void
test_successor (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  FakeDriver *driver = fake_driver_start (host->dir);

  glib_host_begin_start (host, NULL);
  glib_test_wait_until (fake.n_started == 1);
  fake_list ("");
  fake_driver_stop (driver);
  fake_lose ();
  driver = fake_driver_start (host->dir);
  glib_test_wait_until (fake.n_retries == 1);
  g_assert_cmpuint (fake.n_made, ==, 1);
  fake_list ("");
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  fake_driver_stop (driver);
}

/* Another libvirtd, or virtlxcd, with another socket. */
static void
test_successor_elsewhere (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  char *elsewhere = g_dir_make_tmp ("else where XXXXXX", NULL);
  FakeDriver *driver = fake_driver_start (host->dir);

  glib_host_begin_start (host, NULL);
  glib_test_wait_until (fake.n_started == 1);
  fake_list ("web1");
  g_autoptr (LxcmonMonitor) monitor = g_object_ref (glib_host_get (host, "web1"));
  fake_driver_stop (driver);
  fake_lose ();
  driver = fake_driver_start_at (host->dir, elsewhere);
  glib_test_wait_until (fake.n_made == 2);
  g_assert_nonnull (strstr (fake.uri, "/else%20where%20"));
  g_assert_cmpuint (fake.n_stopped, ==, 0);
  fake_list ("web1");
  g_assert_cmpuint (fake.n_stopped, ==, 1);
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  g_assert_true (glib_host_get (host, "web1") == monitor);
  fake_driver_stop (driver);
  glib_test_remove_dir (elsewhere);
}

/* The backend that has lost libvirtd has found it again, before the one for another socket has. */
static void
test_successor_found (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  char *elsewhere = glib_test_make_dir ();
  FakeDriver *driver = fake_driver_start (host->dir);

  glib_host_begin_start (host, NULL);
  glib_test_wait_until (fake.n_started == 1);
  fake_list ("web1");
  fake_driver_stop (driver);
  fake_lose ();
  driver = fake_driver_start_at (host->dir, elsewhere);
  glib_test_wait_until (fake.n_started == 2);
  fake_list_of_earlier ("web1");
  g_assert_cmpuint (fake.n_stopped, ==, 1);
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  assert_shown (host, "web1", LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpuint (host->n_changes, ==, 1);
  fake_driver_stop (driver);
  glib_test_remove_dir (elsewhere);
}

/* libvirtd cannot be reached: its containers are listed without their events, until it can. */
static void
test_failed (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);

  glib_host_add (host, "web1", 11);
  glib_host_begin_start (host, NULL);
  glib_test_wait_until (fake.n_started == 1);
  fake_fail ();
  g_assert_null (glib_host_finish_start (host));
  g_assert_cmpint (lxcmon_host_get_source (host->host), ==, LXCMON_SOURCE_DIRECT);
  g_assert_false (lxcmon_host_get_connected (host->host));
  g_assert_cmpstr (lxcmon_host_get_error (host->host)->message, ==, "failed");
  const GError *error = lxcmon_monitor_get_error (glib_host_get (host, "web1"));
  g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);
  g_assert_true (g_str_has_suffix (error->message, "; failed"));
  fake_list ("web1");
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  assert_shown (host, "web1", LXCMON_SOURCE_LIBVIRT);
}

/* libvirtd answers when the host has just given up waiting, and before the direct backend has scanned: that does not
 * take the rows back. */
static void
test_answers_late (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);

  glib_host_add (host, "web1", 11);
  glib_host_begin_start (host, NULL);
  glib_test_wait_until (fake.n_started == 1);
  fake_fail ();
  fake_list ("web1");
  run_for (200);
  g_assert_null (glib_host_finish_start (host));
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  assert_shown (host, "web1", LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpuint (fake.n_stopped, ==, 0);
}

static void
restart_host (GListModel *model, guint position, guint removed, guint added, gpointer user_data)
{
  if (removed > 0)
    g_assert_true (lxcmon_host_start (LXCMON_HOST (model), NULL, NULL));
}

/* A handler starts the host again while it is being stopped. */
static void
test_restart_in_stop (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  gulong handler = g_signal_connect (host->host, "items-changed", G_CALLBACK (restart_host), NULL);
  lxcmon_host_stop (host->host);
  g_signal_handler_disconnect (host->host, handler);
  assert_source (host, LXCMON_SOURCE_DIRECT);
  glib_host_wait_attached (host, "web1");
  /* Notifications of one stop are merged. */
  host->n_notified = host->n_changes;
}

/* libvirtd has no socket that can be seen. */
static void
test_no_socket (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (FakeDriver) driver = fake_driver_start_at (host->dir, NULL);

  glib_host_start (host);
  g_assert_cmpuint (fake.n_made, ==, 0);
  g_assert_false (lxcmon_host_get_connected (host->host));
  /* While other tests make and close hundreds of sockets, it may have been missed: that is another error. */
  const GError *error = lxcmon_host_get_error (host->host);
  g_assert_true (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND)
                 || g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED));
}

/* libvirtd does not answer: the start does not wait for ever. */
static void
test_silent (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  g_assert_error (lxcmon_host_get_error (host->host), LXCMON_MONITOR_ERROR,
                  LXCMON_MONITOR_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (lxcmon_host_get_error (host->host)->message, fake.uri));
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_DETACHED);
  fake_list ("web1");
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] waiting for libvirtd"), ==, 0);
}

/* libvirtd listens only some time after it has taken the lock. */
static void
test_listens_later (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  FakeDriver *driver = fake_driver_start_at (host->dir, NULL);

  glib_host_start (host);
  g_assert_cmpuint (fake.n_made, ==, 0);
  fake_driver_listen (driver, host->dir);
  glib_test_wait_until (fake.n_started == 1);
  fake_list ("");
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
  fake_driver_stop (driver);
}

/* The last of many connections is closed before libvirtd's backend is started, and its socket is found among many. */
static void
test_many (void)
{
  enum
  {
    N = 400
  };
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();

  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);
      glib_host_add (host, name, (int) i + 1);
    }
  glib_host_start (host);
  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);
      glib_host_wait_attached (host, name);
    }
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  glib_test_wait_until (fake.n_started == 1);
  for (guint i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);
      LxcmonMockController *mock = glib_host_get_mock (host, name);
      g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (mock), ==, 0);
    }
}

/* "force" is for hosts that never go through libvirtd. */
static void
test_force (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();

  lxcmon_host_set_force (host->host, TRUE);
  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  glib_test_wait_until (fake.n_started == 1);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (glib_host_get_mock (host, "web1")), ==,
                    0);
}

static void
test_uri_direct (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new_direct ();
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  g_assert_cmpint (glib_host_state (host, "web1"), ==, LXCMON_STATE_DETACHED);
  assert_source (host, LXCMON_SOURCE_DIRECT);
  glib_test_drain ();
  g_assert_cmpuint (fake.n_made, ==, 0);
}

static void
test_uri (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new_at (NULL, "lxc+ssh://web.example.org/system");

  glib_host_begin_start (host, NULL);
  g_assert_cmpstr (fake.uri, ==, "lxc+ssh://web.example.org/system");
  g_assert_false (fake.keeps_trying);
  fake_fail ();
  g_assert_cmpstr (glib_host_finish_start (host), ==, "lost");
  g_assert_cmpuint (fake.n_stopped, ==, 1);

  glib_host_begin_start (host, NULL);
  fake_list ("web1");
  g_assert_null (glib_host_finish_start (host));
  assert_source (host, LXCMON_SOURCE_LIBVIRT);
}

/* A call that waits for the end of a row goes on waiting when libvirtd's backend takes over. */
static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, &error);
  *(int *) user_data = error != NULL ? error->code : -1;
}

static void
test_wait_exit (void)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  int code = -2;

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  lxcmon_monitor_wait_exit_async (glib_host_get (host, "web1"), NULL, on_waited, &code);
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  glib_test_wait_until (fake.n_started == 1);
  fake_list ("web1");
  glib_test_drain ();
  g_assert_cmpint (code, ==, -2);
  lxcmon_host_stop (host->host);
  glib_test_wait_until (code != -2);
}

static void
stop_host (GObject *object, GParamSpec *property, gpointer user_data)
{
  lxcmon_host_stop (LXCMON_HOST (object));
}

/* The host is stopped by a handler in the middle of a change. */
static void
test_stop_in_handler (gconstpointer property)
{
  fake_reset ();
  g_autoptr (GlibHost) host = glib_host_new ();
  g_autofree char *signal = g_strconcat ("notify::", property, NULL);

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  g_signal_connect (host->host, signal, G_CALLBACK (stop_host), NULL);
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  glib_test_wait_until (fake.n_started == 1);
  if (g_str_equal (property, "source"))
    fake_list ("web1");
  else
    fake_fail ();
  glib_test_wait_until (g_list_model_get_n_items (G_LIST_MODEL (host->host)) == 0);
  g_assert_cmpuint (fake.n_stopped, ==, 1);
}

/* The last reference is dropped while libvirtd's backend is about to take over. */
static void
test_drop (void)
{
  fake_reset ();
  GlibHost *host = glib_host_new ();

  glib_host_add (host, "web1", 11);
  glib_host_start (host);
  glib_host_wait_attached (host, "web1");
  g_autoptr (FakeDriver) driver = fake_driver_start (host->dir);
  glib_test_wait_until (fake.n_started == 1);
  glib_host_free (host);
  g_assert_cmpuint (fake.n_stopped, ==, 1);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  fake_install ();
  glib_test_add ("/host-backends/direct", test_direct);
  glib_test_add ("/host-backends/through-libvirtd", test_through_libvirtd);
  glib_test_add ("/host-backends/starts", test_starts);
  glib_test_add ("/host-backends/starts-at-end", test_starts_at_end);
  glib_test_add ("/host-backends/ends", test_ends);
  glib_test_add ("/host-backends/successor", test_successor);
  glib_test_add ("/host-backends/successor-elsewhere", test_successor_elsewhere);
  glib_test_add ("/host-backends/successor-found", test_successor_found);
  glib_test_add ("/host-backends/failed", test_failed);
  glib_test_add ("/host-backends/answers-late", test_answers_late);
  glib_test_add ("/host-backends/restart-in-stop", test_restart_in_stop);
  glib_test_add ("/host-backends/no-socket", test_no_socket);
  glib_test_add ("/host-backends/silent", test_silent);
  glib_test_add ("/host-backends/listens-later", test_listens_later);
  glib_test_add ("/host-backends/many", test_many);
  glib_test_add ("/host-backends/force", test_force);
  glib_test_add ("/host-backends/uri-direct", test_uri_direct);
  glib_test_add ("/host-backends/uri", test_uri);
  glib_test_add ("/host-backends/wait-exit", test_wait_exit);
  glib_test_add_data ("/host-backends/stop-in/source", test_stop_in_handler, "source");
  glib_test_add_data ("/host-backends/stop-in/connected", test_stop_in_handler, "connected");
  glib_test_add ("/host-backends/drop", test_drop);
  int result = g_test_run ();
  fake_reset ();
  return result;
}
