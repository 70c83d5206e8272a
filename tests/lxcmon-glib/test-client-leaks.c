/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * After many attaches nothing is left: descriptors, sources and memory are what they were. After a fork, the
 * child frees its copy and attaches a client of its own, and the parent's client does not notice.
 */

#include <unistd.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* One attach, with one of the ends that it can have. */
static void
attach_once (const char *dir, guint i)
{
  GlibSession *session = glib_session_new_at (dir, "web1");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  if (i % 5 == 4)
    mock_set_reading (session->mock, FALSE);
  else
    lxcmon_mock_controller_set_init_pid (session->mock, 42);
  lxcmon_client_set_keepalive_interval (session->client, 1000);
  lxcmon_client_set_reboot_timeout (session->client, 1000);
  glib_session_begin_attach (session, cancellable);
  if (i % 5 != 4)
    {
      g_assert_cmpstr (glib_session_finish_attach (session), ==, NULL);
      glib_test_wait_until (session->signals->len > 0);
    }
  switch (i % 5)
    {
    case 0:
      glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      break;
    case 1:
      glib_session_die (session);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      break;
    case 2:
      glib_session_finish (session, LXCMON_EXIT_STATUS_REBOOT);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CONNECTING);
      break;
    case 3:
      break;
    case 4:
    default:
      g_cancellable_cancel (cancellable);
      g_assert_cmpstr (glib_session_finish_attach (session), ==, "cancelled");
      break;
    }
  glib_session_free (session);
  glib_test_drain ();
}

/* Attaches so many times, and returns by how many bytes the heap is larger afterwards. */
static gssize
attach_rounds (const char *dir, guint n_rounds)
{
  gsize heap = glib_test_heap_in_use ();

  for (guint i = 0; i < n_rounds; i++)
    attach_once (dir, i);
  return (gssize) glib_test_heap_in_use () - (gssize) heap;
}

static void
test_rounds (void)
{
  char *dir = glib_test_make_dir ();
  guint n_rounds = glib_test_is_slow () ? 250 : 1000;
  gssize growth = G_MAXSSIZE;

  /* Caches fill first, GLib's own among them. */
  attach_rounds (dir, n_rounds / 2);
  guint n_descriptors = glib_test_count_descriptors ();
  /* What else happens on the machine may fill a cache once: each scan keeps what it has found of all
   * sockets. A leak comes again. The bound is less than the smallest thing that one run could leave. */
  for (guint i = 0; i < 3 && growth > 16 * (gssize) n_rounds; i++)
    {
      growth = attach_rounds (dir, n_rounds);
      g_test_message ("the heap has grown by %" G_GSSIZE_FORMAT " bytes", growth);
    }
  g_assert_cmpint (growth, <=, 16 * (gssize) n_rounds);
  g_assert_cmpuint (glib_test_count_descriptors (), ==, n_descriptors);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  glib_test_remove_dir (dir);
}

/* Many at once on one context: one source for all of them. */
static void
test_at_once (void)
{
  char *dir = glib_test_make_dir ();
  guint n = glib_test_is_slow () ? 50 : 200;
  g_autofree GlibSession **sessions = g_new (GlibSession *, n);

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("web%u", i);
      sessions[i] = glib_session_new_at (dir, name);
      lxcmon_mock_controller_set_init_pid (sessions[i]->mock, 42);
      glib_session_begin_attach (sessions[i], NULL);
    }
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpstr (glib_session_finish_attach (sessions[i]), ==, NULL);
      glib_session_finish (sessions[i], LXCMON_EXIT_STATUS_SHUTDOWN);
    }
  for (guint i = 0; i < n; i++)
    {
      glib_test_wait_until (glib_session_get_state (sessions[i]) == LXCMON_STATE_CLOSED);
      g_assert_cmpstr (sessions[i]->signals->str, ==, "init 42, exit shutdown, closed");
    }
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  for (guint i = 0; i < n; i++)
    glib_session_free (sessions[i]);
  glib_test_remove_dir (dir);
}

static void
take_pid (LxcmonClient *client, gint pid, gpointer user_data)
{
  *(gint *) user_data = pid;
}

/* In the child. Returns 0, or the number of the check that failed. */
static int
run_child (gpointer data)
{
  GlibSession *const *sessions = data;
  GlibSession *copy = sessions[0];
  g_autoptr (GMainContext) context = g_main_context_new ();
  LxcmonClient *client = copy->client;
  gint pid = 0;

  g_object_add_weak_pointer (G_OBJECT (client), (gpointer *) &client);
  g_object_unref (copy->client);
  if (client != NULL)
    return 1;

  g_main_context_push_thread_default (context);
  client = lxcmon_client_new_for_path (sessions[1]->path);
  g_signal_connect (client, "init", G_CALLBACK (take_pid), &pid);
  if (!lxcmon_client_attach (client, NULL, NULL))
    return 2;
  glib_test_wait_until (pid != 0);
  if (pid != 4711)
    return 3;
  glib_test_wait_until (lxcmon_monitor_get_state (LXCMON_MONITOR (client)) == LXCMON_STATE_CLOSED);
  if (lxcmon_monitor_get_exit_status (LXCMON_MONITOR (client)) != LXCMON_EXIT_STATUS_REBOOT)
    return 4;
  g_object_unref (client);
  return 0;
}

static void
test_fork (void)
{
  char *dir = glib_test_make_dir ();
  GlibSession *session = glib_session_new_at (dir, "parents");
  GlibSession *childs = glib_session_new_at (dir, "childs");
  GlibSession *sessions[] = { session, childs };

  lxcmon_mock_controller_set_init_pid (childs->mock, 4711);
  glib_session_attach (session);
  GlibTestChild child = glib_test_fork (run_child, sessions);
  glib_session_wait_accepted (childs);
  /* The child has freed its copy by now: the parent's is as it was. */
  glib_session_send (session, "init 42");
  glib_test_wait_until (session->signals->len > 0);
  glib_session_finish (childs, LXCMON_EXIT_STATUS_REBOOT);
  g_assert_cmpint (glib_test_join (&child), ==, 0);

  glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
  glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
  g_assert_cmpstr (session->signals->str, ==, "init 42, exit shutdown, closed");
  glib_session_free (childs);
  glib_session_free (session);
  glib_test_remove_dir (dir);
}

/* The parent leaves first, and the controller sees that, whatever the child has. */
static int
wait_in_child (gpointer data)
{
  const int *end = data;
  char byte;

  close (end[1]);
  return (int) read (end[0], &byte, 1);
}

static void
test_fork_parent_leaves (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  int end[2];

  glib_session_attach (session);
  g_assert_cmpint (pipe (end), ==, 0);
  GlibTestChild child = glib_test_fork (wait_in_child, end);
  close (end[0]);
  lxcmon_client_detach (session->client);
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  close (end[1]);
  g_assert_cmpint (glib_test_join (&child), ==, 0);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-leaks/rounds", test_rounds);
  glib_test_add ("/client-leaks/at-once", test_at_once);
  glib_test_add ("/client-leaks/fork", test_fork);
  glib_test_add ("/client-leaks/fork-parent-leaves", test_fork_parent_leaves);
  return g_test_run ();
}
