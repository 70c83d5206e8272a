/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test driver: its lock, that attaching fails while it is held, and that nothing is left after the
 * driver was stopped or dropped, or its process killed.
 */

#include "common/glib-session.h"
#include "common/glib-test.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *
driver_path (GlibSession *session)
{
  return g_build_filename (session->dir, "driver.pid", NULL);
}

/* The pid of the process that holds the write lock, or 0. */
static pid_t
get_holder (GlibSession *session)
{
  g_autofree char *path = driver_path (session);
  struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int fd = open (path, O_RDWR | O_CLOEXEC);

  if (fd < 0)
    return 0;
  g_assert_cmpint (fcntl (fd, F_GETLK, &lock), ==, 0);
  close (fd);
  return lock.l_type == F_WRLCK ? lock.l_pid : 0;
}

static gboolean
file_exists (GlibSession *session)
{
  g_autofree char *path = driver_path (session);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static LxcmonMockDriver *
start_driver (GlibSession *session)
{
  LxcmonMockDriver *driver = lxcmon_mock_driver_new (session->dir);
  g_autoptr (GError) error = NULL;

  lxcmon_mock_driver_start (driver, &error);
  g_assert_no_error (error);
  return driver;
}

/* Opening and closing the file here, as get_holder() does, does not cost the driver its lock. */
static void
test_lock (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autofree char *path = driver_path (session);
  GStatBuf info;

  g_assert_false (file_exists (session));
  g_autoptr (LxcmonMockDriver) driver = start_driver (session);
  pid_t holder = get_holder (session);
  g_assert_cmpint (holder, >, 0);
  g_assert_cmpint (holder, !=, getpid ());
  g_assert_cmpint (get_holder (session), ==, holder);
  g_assert_cmpint (g_lstat (path, &info), ==, 0);
  g_assert_true (S_ISREG (info.st_mode));
  g_assert_cmpuint (info.st_uid, ==, geteuid ());
  g_assert_cmpint (info.st_mode & 0133, ==, 0);

  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  g_assert_cmpint (get_holder (session), ==, holder);
  lxcmon_mock_driver_stop (driver);
  g_assert_false (file_exists (session));
  g_assert_cmpint (kill (holder, 0), ==, -1);
  lxcmon_mock_driver_stop (driver);

  g_assert_true (lxcmon_mock_driver_start (driver, NULL));
  g_assert_cmpint (get_holder (session), >, 0);
}

static void
test_busy (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (LxcmonMockDriver) driver = start_driver (session);
  g_autofree char *who = g_strdup_printf ("(pid %d)", get_holder (session));

  glib_session_begin_attach (session, NULL);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "busy");
  g_assert_nonnull (strstr (session->attach_error->message, who));
  lxcmon_mock_driver_stop (driver);
  glib_session_attach (session);
}

static void
test_two (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (LxcmonMockDriver) one = start_driver (session);
  g_autoptr (LxcmonMockDriver) two = lxcmon_mock_driver_new (session->dir);
  g_autoptr (GError) error = NULL;
  pid_t holder = get_holder (session);

  g_assert_false (lxcmon_mock_driver_start (two, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  lxcmon_mock_driver_stop (two);
  g_assert_cmpint (get_holder (session), ==, holder);
  lxcmon_mock_driver_stop (one);
  g_assert_true (lxcmon_mock_driver_start (two, NULL));
  g_assert_cmpint (get_holder (session), >, 0);
}

static void
test_cannot_start (void)
{
  g_autoptr (LxcmonMockDriver) driver = lxcmon_mock_driver_new ("/nonexistent");
  g_autoptr (LxcmonMockDriver) nowhere = g_object_new (LXCMON_MOCK_TYPE_DRIVER, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (lxcmon_mock_driver_start (driver, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/nonexistent/driver.pid"));
  g_assert_false (lxcmon_mock_driver_start (driver, NULL));
  lxcmon_mock_driver_stop (driver);

  for (guint i = 0; i < 2; i++)
    g_test_expect_message ("lxcmon-mock", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_null (lxcmon_mock_driver_new (NULL));
  g_assert_false (lxcmon_mock_driver_start (nowhere, NULL));
  g_test_assert_expected_messages ();
}

static void
test_drop (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  g_object_unref (start_driver (session));
  g_assert_false (file_exists (session));
}

/* The child has no copy of a controller's sockets: its client sees the end while the driver runs on. */
static void
test_beside_controller (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();

  glib_session_attach (session);
  g_autoptr (LxcmonMockDriver) driver = start_driver (session);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpint (get_holder (session), >, 0);
}

static gpointer
start_in_thread (gpointer data)
{
  return start_driver (data);
}

/* The lock is the process's, not that of the thread that asked for it. */
static void
test_thread (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (LxcmonMockDriver) driver
      = g_thread_join (g_thread_new ("start", start_in_thread, session));

  glib_session_begin_attach (session, NULL);
  g_assert_cmpstr (glib_session_finish_attach (session), ==, "busy");
  g_assert_cmpint (get_holder (session), >, 0);
}

static int
be_killed (gpointer data)
{
  g_autoptr (LxcmonMockDriver) driver = start_driver (data);

  kill (getpid (), SIGKILL);
  return 0;
}

static void
test_parent_is_killed (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  GlibTestChild child = glib_test_fork (be_killed, session);

  g_assert_cmpint (glib_test_join (&child), !=, 0);
  glib_test_wait_until (!file_exists (session));
  g_assert_cmpint (get_holder (session), ==, 0);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/mock-driver/lock", test_lock);
  glib_test_add ("/mock-driver/busy", test_busy);
  glib_test_add ("/mock-driver/two", test_two);
  glib_test_add ("/mock-driver/cannot-start", test_cannot_start);
  glib_test_add ("/mock-driver/drop", test_drop);
  glib_test_add ("/mock-driver/beside-controller", test_beside_controller);
  glib_test_add ("/mock-driver/thread", test_thread);
  glib_test_add ("/mock-driver/parent-is-killed", test_parent_is_killed);
  return g_test_run ();
}
