/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A driver that starts while a client is attached, queued, waiting, or waiting for the next controller.
 */

#include <string.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

typedef struct
{
  GlibSession *session;
  LxcmonMockDriver *driver;
} Fixture;

static LxcmonMonitor *
fixture_init (Fixture *self)
{
  self->session = glib_session_new ();
  self->driver = lxcmon_mock_driver_new (self->session->dir);
  return LXCMON_MONITOR (self->session->client);
}

static void
fixture_clear (Fixture *self)
{
  g_object_unref (self->driver);
  glib_session_free (self->session);
}

static void
start_driver (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  lxcmon_mock_driver_start (self->driver, &error);
  g_assert_no_error (error);
}

typedef struct
{
  gboolean done;
  GError *error;
} Wait;

static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;

  wait->done = TRUE;
  lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, &wait->error);
}

/* The session is over, and the container runs on. */
static void
test_attached (void)
{
  Fixture self;
  LxcmonMonitor *monitor = fixture_init (&self);
  Wait wait = { FALSE };

  glib_session_attach (self.session);
  lxcmon_monitor_wait_exit_async (monitor, NULL, on_waited, &wait);
  start_driver (&self);
  glib_test_wait_until (wait.done);
  glib_test_drain ();
  g_assert_true (g_str_has_suffix (self.session->signals->str, "closed busy"));
  g_assert_null (strstr (self.session->signals->str, "exit"));
  g_assert_cmpstr (glib_error_nick (wait.error), ==, "busy");
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "busy");
  g_assert_nonnull (strstr (wait.error->message, "libvirtd has started"));
  g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, LXCMON_END_NONE);
  g_assert_false (lxcmon_monitor_get_exited (monitor));
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (self.session->mock), ==, 0);

  /* It can be attached again when the driver has gone. */
  lxcmon_mock_driver_stop (self.driver);
  glib_session_attach (self.session);
  g_clear_error (&wait.error);
  fixture_clear (&self);
}

static void
test_queued (void)
{
  Fixture self;

  (void) fixture_init (&self);
  mock_set_accepting (self.session->mock, FALSE);
  glib_session_begin_attach (self.session, NULL);
  glib_test_wait_until (glib_session_get_state (self.session) == LXCMON_STATE_QUEUED);
  start_driver (&self);
  g_assert_cmpstr (glib_session_finish_attach (self.session), ==, "busy");
  g_assert_cmpint (glib_session_get_state (self.session), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpstr (self.session->signals->str, ==, "");
  fixture_clear (&self);
}

/* What the controller has sent by then is reported, and with EXIT there is no error. */
static void
test_pending (void)
{
  Fixture self;
  LxcmonMonitor *monitor = fixture_init (&self);

  glib_session_attach (self.session);
  g_string_truncate (self.session->signals, 0);
  glib_session_send (self.session, "init 42 exit 1");
  start_driver (&self);
  glib_test_wait_until (strstr (self.session->signals->str, "closed") != NULL);
  g_assert_cmpstr (self.session->signals->str, ==, "init 42, exit shutdown, closed");
  g_assert_null (lxcmon_monitor_get_error (monitor));
  fixture_clear (&self);
}

/* A client of a container that reboots does not wait for the next controller if that is libvirtd's. */
static void
test_reboot (void)
{
  Fixture self;
  LxcmonMonitor *monitor = fixture_init (&self);

  lxcmon_client_set_reboot_timeout (self.session->client, 60000);
  glib_session_attach (self.session);
  glib_session_finish (self.session, LXCMON_EXIT_STATUS_REBOOT);
  glib_test_wait_until (glib_session_get_state (self.session) == LXCMON_STATE_CONNECTING);
  start_driver (&self);
  glib_session_start (self.session);
  glib_test_wait_until (glib_session_get_state (self.session) == LXCMON_STATE_DETACHED);
  g_assert_cmpstr (glib_error_nick (lxcmon_monitor_get_error (monitor)), ==, "busy");
  fixture_clear (&self);
}

/* The container's own driver. */
static void
test_force (void)
{
  Fixture self;

  (void) fixture_init (&self);
  lxcmon_client_set_force (self.session->client, TRUE);
  glib_session_attach (self.session);
  start_driver (&self);
  g_string_truncate (self.session->signals, 0);
  glib_session_finish (self.session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (strstr (self.session->signals->str, "closed") != NULL);
  g_assert_true (g_str_has_suffix (self.session->signals->str, "exit shutdown, closed"));
  fixture_clear (&self);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  glib_test_add ("/client-yield/attached", test_attached);
  glib_test_add ("/client-yield/queued", test_queued);
  glib_test_add ("/client-yield/pending", test_pending);
  glib_test_add ("/client-yield/reboot", test_reboot);
  glib_test_add ("/client-yield/force", test_force);

  return g_test_run ();
}
