/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a client knows of its container beyond the signals: how init ended, with real inits whose controller is this
 * process; whether it runs; which run it is, and since when.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/core-init.h"
#include "common/glib-session.h"
#include "common/glib-test.h"

static LxcmonMonitor *
get_monitor (GlibSession *session)
{
  return LXCMON_MONITOR (session->client);
}

static void
assert_init (LxcmonMonitor *monitor, int exit_code, int signal, const char *description)
{
  g_autofree char *described = lxcmon_monitor_describe_end (monitor);
  int property_code, property_signal;

  g_object_get (monitor, "init-exit-code", &property_code, "init-signal", &property_signal, NULL);
  g_assert_cmpint (property_code, ==, exit_code);
  g_assert_cmpint (property_signal, ==, signal);
  g_assert_cmpint (lxcmon_monitor_get_init_exit_code (monitor), ==, exit_code);
  g_assert_cmpint (lxcmon_monitor_get_init_signal (monitor), ==, signal);
  g_assert_cmpstr (described, ==, description);
}

/* A client that has received INIT. */
static GlibSession *
begin (CoreInit *init, gboolean watch_init)
{
  GlibSession *session = glib_session_new ();

  core_init_start (init, CORE_INIT_REAL);
  lxcmon_client_set_watch_init (session->client, watch_init);
  lxcmon_mock_controller_set_init_pid (session->mock, init->pid);
  glib_session_attach (session);
  glib_test_wait_until (lxcmon_monitor_get_init_pid (get_monitor (session)) == init->pid);
  assert_init (get_monitor (session), -1, 0, "has not ended");
  return session;
}

typedef struct
{
  LxcmonExitStatus status;
  int exit_code;
  int signal;
  const char *description;
} EndCase;

static const EndCase end_cases[] = {
  { LXCMON_EXIT_STATUS_SHUTDOWN, 42, 0, "shut down, exit code 42" },
  { LXCMON_EXIT_STATUS_SHUTDOWN, 0, 0, "shut down, exit code 0" },
  { LXCMON_EXIT_STATUS_SHUTDOWN, -1, SIGKILL, "shut down, killed by signal 9" },
  { LXCMON_EXIT_STATUS_REBOOT, 0, 0, "rebooted" },
  { LXCMON_EXIT_STATUS_REBOOT, 1, 0, "rebooted, exit code 1" },
  { LXCMON_EXIT_STATUS_ERROR, 1, 0, "ended with an error, exit code 1" },
};

static void
check_at_exit (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  const EndCase *test = user_data;

  assert_init (monitor, test->exit_code, test->signal, test->description);
  g_assert_false (lxcmon_monitor_get_running (monitor));
  int pidfd = lxcmon_monitor_dup_init_pidfd (monitor);
  g_assert_cmpint (pidfd, >=, 0);
  close (pidfd);
}

static void
end_init (CoreInit *init, const EndCase *test)
{
  if (test->signal != 0)
    core_init_kill (init, test->signal);
  else
    core_init_exit (init, test->exit_code);
}

/* It is known when "exit" is emitted. */
static void
test_end (gconstpointer data)
{
  const EndCase *test = data;
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibSession) session = begin (&init, TRUE);
  g_signal_connect (session->client, "exit", G_CALLBACK (check_at_exit), (gpointer) test);
  end_init (&init, test);
  glib_session_finish (session, test->status);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  glib_test_drain ();
  assert_init (get_monitor (session), test->exit_code, test->signal, test->description);
  g_assert_cmpint (lxcmon_monitor_dup_init_pidfd (get_monitor (session)), ==, -1);
}

static void
test_switched_off (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibSession) session = begin (&init, FALSE);
  g_assert_cmpint (lxcmon_monitor_dup_init_pidfd (get_monitor (session)), ==, -1);
  core_init_exit (&init, 42);
  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  assert_init (get_monitor (session), -1, 0, "shut down");
}

static void
on_notify (LxcmonMonitor *monitor, GParamSpec *property, gpointer user_data)
{
  GString *log = user_data;

  g_string_append_printf (log, "%s ", property->name);
}

#define LOST "its controller ended without sending EXIT"

/* Init is reaped after the controller has ended: then it is notified. "closed" does not wait for it. */
static void
test_known_later (void)
{
  g_autoptr (GString) log = g_string_new (NULL);
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibSession) session = begin (&init, TRUE);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  glib_test_drain ();
  assert_init (get_monitor (session), -1, 0, LOST);
  g_signal_connect (session->client, "notify", G_CALLBACK (on_notify), log);
  core_init_kill_only (&init, SIGKILL);
  glib_test_drain ();
  g_assert_cmpstr (log->str, ==, "");
  core_init_reap (&init);
  glib_test_wait_until (log->len > 0);
  g_assert_cmpstr (log->str, ==, "init-signal ");
  assert_init (get_monitor (session), -1, SIGKILL, LOST ", killed by signal 9");
  g_assert_error (lxcmon_monitor_get_error (get_monitor (session)), LXCMON_MONITOR_ERROR,
                  LXCMON_MONITOR_ERROR_LOST);
}

/* Where nobody wants to know it, nobody waits for it: the next run begins, or the client is gone. */
static void
test_not_later (void)
{
  CoreInit init, next;

  if (!core_init_can_run ())
    return;
  GlibSession *session = begin (&init, TRUE);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] an init's end"), ==, 1);
  core_init_start (&next, CORE_INIT_REAL);
  lxcmon_mock_controller_set_init_pid (session->mock, next.pid);
  glib_session_start (session);
  glib_session_attach (session);
  glib_test_wait_until (lxcmon_monitor_get_init_pid (get_monitor (session)) == next.pid);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] an init's end"), ==, 0);
  core_init_exit (&init, 42);
  glib_test_drain ();
  assert_init (get_monitor (session), -1, 0, "has not ended");

  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  glib_session_free (session);
  core_init_exit (&next, 0);
}

/* A wait has a limit. */
static void
test_never (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibSession) session = begin (&init, TRUE);
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  gint64 begin_time = g_get_monotonic_time ();
  glib_test_wait_until (glib_test_count_sources (NULL, "[lxcmon] an init's end") == 0);
  gint64 waited = g_get_monotonic_time () - begin_time;
  g_assert_cmpint (waited, >, 4 * G_USEC_PER_SEC);
  g_assert_cmpint (waited, <, 8 * G_USEC_PER_SEC);
  core_init_exit (&init, 42);
  glib_test_drain ();
  assert_init (get_monitor (session), -1, 0, LOST);
}

static void
test_dup (void)
{
  CoreInit init;

  if (!core_init_can_run ())
    return;
  g_autoptr (GlibSession) session = begin (&init, TRUE);
  struct pollfd end
      = { .fd = lxcmon_monitor_dup_init_pidfd (get_monitor (session)), .events = POLLIN };
  g_assert_cmpint (end.fd, >, STDERR_FILENO);
  g_assert_cmpint (fcntl (end.fd, F_GETFD), ==, FD_CLOEXEC);
  lxcmon_client_detach (session->client);
  g_assert_cmpint (lxcmon_monitor_dup_init_pidfd (get_monitor (session)), ==, -1);
  g_assert_cmpint (poll (&end, 1, 0), ==, 0);
  core_init_exit (&init, 0);
  g_assert_cmpint (poll (&end, 1, 0), ==, 1);
  close (end.fd);
}

/* Whether it runs is known apart from whether it is watched. */
static void
test_running (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (LxcmonClient) other = lxcmon_client_new_for_path (session->path);
  g_autoptr (GError) error = NULL;
  LxcmonMonitor *monitor = get_monitor (session);

  g_assert_false (lxcmon_monitor_get_running (monitor));
  glib_session_attach (session);
  g_assert_true (lxcmon_monitor_get_running (monitor));
  /* Its slot is taken. */
  g_assert_false (lxcmon_client_attach (other, NULL, &error));
  g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);
  g_assert_true (lxcmon_monitor_get_running (LXCMON_MONITOR (other)));
  g_autofree char *busy = lxcmon_monitor_describe_end (LXCMON_MONITOR (other));
  g_assert_true (g_str_has_prefix (busy, "still running, no longer watched: "));

  lxcmon_client_detach (session->client);
  g_assert_true (lxcmon_monitor_get_running (monitor));
  g_autofree char *detached = lxcmon_monitor_describe_end (monitor);
  g_assert_cmpstr (detached, ==, "still running, no longer watched");

  glib_session_attach (session);
  glib_session_send (session, "exit 1");
  glib_test_wait_until (lxcmon_monitor_get_exited (monitor));
  g_assert_false (lxcmon_monitor_get_running (monitor));
  glib_session_die (session);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_false (lxcmon_monitor_get_running (monitor));
  glib_session_begin_attach (session, NULL);
  g_assert_nonnull (glib_session_finish_attach (session));
  g_assert_false (lxcmon_monitor_get_running (monitor));
}

/* All clients of a controller agree on its run, one after the other; it stays after the end. */
static void
test_life (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autoptr (LxcmonClient) later = lxcmon_client_new_for_path (session->path);
  LxcmonMonitor *monitor = get_monitor (session);

  g_assert_null (lxcmon_monitor_get_life (monitor));
  g_assert_null (lxcmon_monitor_get_started_at (monitor));
  glib_session_attach (session);
  g_autofree char *life = lxcmon_monitor_get_life (monitor);
  g_autoptr (GDateTime) started = lxcmon_monitor_get_started_at (monitor);
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_assert_cmpint (g_date_time_difference (now, started), >=, 0);
  g_assert_cmpint (g_date_time_difference (now, started), <, 10 * G_TIME_SPAN_MINUTE);
  if (life != NULL)
    {
      g_auto (GStrv) parts = g_strsplit (life, "-", -1);
      g_autofree char *pid = g_strdup_printf ("%d", (int) getpid ());
      g_assert_cmpuint (g_strv_length (parts), ==, 3);
      g_assert_cmpuint (strlen (parts[0]), ==, 8);
      g_assert_cmpstr (parts[1], ==, pid);
    }

  lxcmon_client_detach (session->client);
  g_assert_true (lxcmon_client_attach (later, NULL, NULL));
  g_autofree char *same = lxcmon_monitor_get_life (LXCMON_MONITOR (later));
  g_autoptr (GDateTime) same_start = lxcmon_monitor_get_started_at (LXCMON_MONITOR (later));
  g_assert_cmpstr (same, ==, life);
  g_assert_true (g_date_time_equal (same_start, started));
  glib_session_die (session);
  glib_test_wait_until (lxcmon_monitor_get_state (LXCMON_MONITOR (later)) == LXCMON_STATE_CLOSED);
  g_autofree char *still = lxcmon_monitor_get_life (LXCMON_MONITOR (later));
  g_assert_cmpstr (still, ==, life);
}

#define UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"

/* libvirtd has written the file beside the socket, and has gone. */
static void
test_uuid (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  g_autofree char *xml
      = g_strdup_printf ("%.*sxml", (int) strlen (session->path) - 4, session->path);
  g_autofree char *text = g_strdup_printf ("<domstatus pid='%d'><init pid='42'/><domain><uuid>" UUID
                                           "</uuid></domain></domstatus>",
                                           (int) getpid ());
  g_autofree char *uuid = NULL;

  g_assert_null (lxcmon_monitor_get_uuid (get_monitor (session)));
  g_assert_true (g_file_set_contents (xml, text, -1, NULL));
  lxcmon_client_set_force (session->client, TRUE); /* or it would be kept for libvirtd */
  glib_session_attach (session);
  g_object_get (session->client, "uuid", &uuid, NULL);
  g_assert_cmpstr (uuid, ==, UUID);
}

static void
test_setting (void)
{
  g_autoptr (LxcmonClient) client = lxcmon_client_new ("web1");
  g_autoptr (GString) log = g_string_new (NULL);
  gboolean watch_init;

  g_object_get (client, "watch-init", &watch_init, NULL);
  g_assert_true (watch_init);
  g_signal_connect (client, "notify", G_CALLBACK (on_notify), log);
  g_object_set (client, "watch-init", FALSE, NULL);
  lxcmon_client_set_watch_init (client, FALSE);
  g_assert_false (lxcmon_client_get_watch_init (client));
  g_assert_cmpstr (log->str, ==, "watch-init ");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);

  for (gsize i = 0; i < G_N_ELEMENTS (end_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/client-init/end/%s", end_cases[i].description);
      glib_test_add_data (g_strdelimit (path, " ", '-'), test_end, &end_cases[i]);
    }
  glib_test_add ("/client-init/switched-off", test_switched_off);
  glib_test_add ("/client-init/known-later", test_known_later);
  glib_test_add ("/client-init/not-later", test_not_later);
  glib_test_add ("/client-init/never", test_never);
  glib_test_add ("/client-init/dup", test_dup);
  glib_test_add ("/client-init/running", test_running);
  glib_test_add ("/client-init/life", test_life);
  glib_test_add ("/client-init/uuid", test_uuid);
  glib_test_add ("/client-init/setting", test_setting);
  return g_test_run ();
}
