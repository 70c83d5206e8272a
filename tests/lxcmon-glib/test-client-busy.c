/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Getting a controller's client slot: BUSY if it is taken, the attach timeout, waiting for the slot,
 * force, and a controller that does not answer.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* A session whose controller has accepted another client, which is returned. */
static GlibSession *
new_taken (LxcmonClient **other)
{
  GlibSession *session = glib_session_new ();
  g_autoptr (GError) error = NULL;

  *other = lxcmon_client_new_for_path (session->path);
  lxcmon_client_attach (*other, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 1);
  return session;
}

/* How many connections wait at a socket, and how many are accepted. */
static void
count_clients (const char *path, guint *n_queued, guint *n_accepted)
{
  g_autofree char *text = NULL;
  g_autofree char *end = g_strconcat (" ", path, NULL);
  g_autoptr (GError) error = NULL;

  g_file_get_contents ("/proc/net/unix", &text, NULL, &error);
  g_assert_no_error (error);
  g_auto (GStrv) rows = g_strsplit (text, "\n", -1);
  *n_queued = *n_accepted = 0;
  for (guint i = 0; rows[i] != NULL; i++)
    if (g_str_has_suffix (rows[i], end))
      {
        *n_queued += strstr (rows[i], " 0001 02 ") != NULL;
        *n_accepted += strstr (rows[i], " 0001 03 ") != NULL;
      }
}

/* Nothing is connected, so the controller never learns of us. */
static void
test_busy (void)
{
  g_autoptr (LxcmonClient) other = NULL;
  g_autoptr (GlibSession) session = new_taken (&other);
  guint n_queued, n_accepted;

  glib_session_begin_attach (session, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "busy");
  count_clients (session->path, &n_queued, &n_accepted);
  g_assert_cmpuint (n_queued, ==, 0);
  g_assert_cmpuint (n_accepted, ==, 1);

  g_assert_nonnull (strstr (session->attach_error->message, "taken by another client"));
  g_assert_cmpstr (session->signals->str, ==, "");
  g_assert_cmpint (lxcmon_monitor_get_state (LXCMON_MONITOR (other)), ==, LXCMON_STATE_ATTACHED);
}

/* A thousand attaches that fail leave no trace, and the client that has the slot receives everything. */
static void
test_busy_often (void)
{
  g_autoptr (LxcmonClient) other = NULL;
  g_autoptr (GlibSession) session = new_taken (&other);
  guint n_rounds = glib_test_is_slow () ? 100 : 1000;

  for (guint i = 0; i < n_rounds; i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (lxcmon_client_attach (session->client, NULL, &error));
      g_assert_cmpstr (glib_error_nick (error), ==, "busy");
    }
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 1);
  lxcmon_client_detach (other);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  glib_session_attach (session);
}

typedef struct
{
  const char *path;
  int ready[2];
  int end[2];
} Driver;

static int
run_driver (gpointer data)
{
  const Driver *driver = data;
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int fd = open (driver->path, O_RDWR | O_CREAT, 0600);
  char byte;

  close (driver->end[1]);
  if (fcntl (fd, F_SETLK, &lock) < 0 || write (driver->ready[1], "r", 1) < 0)
    return 1;
  return (int) read (driver->end[0], &byte, 1);
}

/* A living libvirtd holds a lock on driver.pid beside the socket. */
static void
test_driver_running (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autofree char *path = g_build_filename (session->dir, "driver.pid", NULL);
  Driver driver = { .path = path };
  char byte;

  g_assert_cmpint (pipe (driver.ready), ==, 0);
  g_assert_cmpint (pipe (driver.end), ==, 0);
  GlibTestChild child = glib_test_fork (run_driver, &driver);
  g_assert_cmpint (read (driver.ready[0], &byte, 1), ==, 1);

  glib_session_begin_attach (session, NULL);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "busy");
  g_autofree char *who = g_strdup_printf ("(pid %d)", child.pid);
  g_assert_nonnull (strstr (session->attach_error->message, who));
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 0);

  /* The driver itself uses force. */
  lxcmon_client_set_force (session->client, TRUE);
  glib_session_attach (session);
  lxcmon_client_detach (session->client);
  lxcmon_client_set_force (session->client, FALSE);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);

  for (guint i = 0; i < 2; i++)
    {
      close (driver.ready[i]);
      close (driver.end[i]);
    }
  g_assert_cmpint (glib_test_join (&child), ==, 0);
  glib_session_attach (session);
}

/* Connected without a busy check while another client is accepted: that is found out after the timeout. */
static void
test_timeout (void)
{
  g_autoptr (LxcmonClient) other = NULL;
  g_autoptr (GlibSession) session = new_taken (&other);
  const guint timeout = 150;

  lxcmon_client_set_force (session->client, TRUE);
  lxcmon_client_set_attach_timeout (session->client, timeout);
  gint64 start = g_get_monotonic_time ();
  glib_session_begin_attach (session, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_QUEUED);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "busy");
  gint64 took = (g_get_monotonic_time () - start) / G_TIME_SPAN_MILLISECOND;
  g_assert_cmpint (took, >=, timeout);
  g_assert_cmpint (took, <=, timeout + (glib_test_is_slow () ? 1500 : 500));
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);

  /* Its dead entry is accepted when the other leaves, and held one PING. */
  lxcmon_client_detach (other);
  glib_test_wait_until (mock_get_n_pings (session->mock) == 2);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 2);
}

/* The same while blocking. */
static void
test_timeout_blocking (void)
{
  g_autoptr (LxcmonClient) other = NULL;
  g_autoptr (GlibSession) session = new_taken (&other);
  g_autoptr (GError) error = NULL;

  lxcmon_client_set_force (session->client, TRUE);
  lxcmon_client_set_attach_timeout (session->client, 50);
  g_assert_false (lxcmon_client_attach (session->client, NULL, &error));
  g_assert_cmpstr (glib_error_nick (error), ==, "busy");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
}

/* No other client is accepted: leaving would cost the next one its INIT, so that the timeout does nothing. */
static void
test_timeout_alone (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_client_set_attach_timeout (session->client, 1);
  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  mock_set_accepting (session->mock, FALSE);
  gint64 start = g_get_monotonic_time ();
  glib_session_begin_attach (session, NULL);
  glib_test_wait_until (g_get_monotonic_time () - start >= 100 * G_TIME_SPAN_MILLISECOND);
  mock_set_accepting (session->mock, TRUE);
  g_assert_null (glib_session_finish_attach (session));
  glib_test_wait_until (session->signals->len > 0);
  g_assert_cmpstr (session->signals->str, ==, "init 42");
  g_assert_cmpuint (mock_get_n_pings (session->mock), ==, 1);
}

static void
test_wait_if_busy (void)
{
  g_autoptr (LxcmonClient) other = NULL;
  g_autoptr (GlibSession) session = new_taken (&other);
  guint n_queued, n_accepted;

  lxcmon_client_set_wait_if_busy (session->client, TRUE);
  glib_session_begin_attach (session, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_CONNECTING);
  /* It waits without connecting. */
  count_clients (session->path, &n_queued, &n_accepted);
  g_assert_cmpuint (n_queued, ==, 0);
  g_assert_cmpuint (n_accepted, ==, 1);

  lxcmon_client_detach (other);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "exit shutdown, closed");
}

static void
test_wait_if_busy_ends (void)
{
  g_autoptr (LxcmonClient) other = NULL;
  g_autoptr (GlibSession) session = new_taken (&other);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  lxcmon_client_set_wait_if_busy (session->client, TRUE);
  glib_session_begin_attach (session, cancellable);
  g_cancellable_cancel (cancellable);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "cancelled");

  glib_session_begin_attach (session, NULL);
  lxcmon_mock_controller_stop (session->mock);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "not-found");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpstr (session->signals->str, ==, "");
}

/* A client that uses force is queued, and gets the slot when it is free. */
static void
test_force (void)
{
  g_autoptr (LxcmonClient) other = NULL;
  g_autoptr (GlibSession) session = new_taken (&other);
  guint n_queued, n_accepted;

  lxcmon_client_set_force (session->client, TRUE);
  lxcmon_client_set_wait_if_busy (session->client, TRUE);
  glib_session_begin_attach (session, NULL);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_QUEUED);
  count_clients (session->path, &n_queued, &n_accepted);
  g_assert_cmpuint (n_queued, ==, 1);
  lxcmon_client_detach (other);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
}

static void
test_keepalive (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  lxcmon_client_set_keepalive_interval (session->client, 20);
  glib_session_attach (session);
  /* It answers, so that the client stays attached. */
  glib_test_wait_until (mock_get_n_pings (session->mock) >= 4);
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_ATTACHED);

  mock_set_reading (session->mock, FALSE);
  glib_test_wait_until (session->signals->len > 0);
  g_assert_cmpstr (session->signals->str, ==, "closed timed-out");
  g_assert_cmpint (glib_session_get_state (session), ==, LXCMON_STATE_CLOSED);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-busy/busy", test_busy);
  glib_test_add ("/client-busy/busy-often", test_busy_often);
  glib_test_add ("/client-busy/driver-running", test_driver_running);
  glib_test_add ("/client-busy/timeout", test_timeout);
  glib_test_add ("/client-busy/timeout-blocking", test_timeout_blocking);
  glib_test_add ("/client-busy/timeout-alone", test_timeout_alone);
  glib_test_add ("/client-busy/wait-if-busy", test_wait_if_busy);
  glib_test_add ("/client-busy/wait-if-busy-ends", test_wait_if_busy_ends);
  glib_test_add ("/client-busy/force", test_force);
  glib_test_add ("/client-busy/keepalive", test_keepalive);
  return g_test_run ();
}
