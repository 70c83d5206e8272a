/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A row: which run of a container it is about, and the watch for that run's end. A process of the test's own stands in
 * for the controller.
 */

#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-row-private.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t
start_controller (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (;;)
        pause ();
    }
  return pid;
}

static void
end_controller (pid_t pid)
{
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

/* A row that is about the run of a controller. */
static LxcmonRow *
row_new (gint pid)
{
  LxcmonRow *row = _lxcmon_row_new ("web1");
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);

  _lxcmon_model_set_controller (&model, pid);
  row->controller_start = model.controller_start;
  _lxcmon_monitor_report (LXCMON_MONITOR (row), LXCMON_REPORT_CHANGED, &model, NULL);
  return row;
}

static void
test_run (void)
{
  pid_t pid = start_controller ();
  g_autoptr (LxcmonRow) row = row_new (pid);

  g_assert_true (_lxcmon_row_is_run_of (row, pid));
  g_assert_false (_lxcmon_row_is_run_of (row, getpid ()));
  g_assert_false (_lxcmon_row_is_run_of (row, 0));
  /* Another process has got its pid. */
  row->controller_start++;
  g_assert_false (_lxcmon_row_is_run_of (row, pid));
  row->controller_start--;
  end_controller (pid);
  g_assert_false (_lxcmon_row_is_run_of (row, pid));
}

static void
test_unknown (void)
{
  g_autoptr (LxcmonRow) row = row_new (0);

  g_assert_false (_lxcmon_row_is_run_of (row, 0));
  g_assert_false (_lxcmon_row_is_run_of (row, getpid ()));
}

static void
test_has_ended (void)
{
  pid_t pid = start_controller ();
  g_autoptr (LxcmonRow) row = row_new (pid);
  g_autoptr (LxcmonRow) unknown = row_new (0);

  g_assert_false (_lxcmon_row_has_ended (row));
  end_controller (pid);
  g_assert_true (_lxcmon_row_has_ended (row));
  /* What is not known has not ended. */
  row->controller_start = 0;
  g_assert_false (_lxcmon_row_has_ended (row));
  g_assert_false (_lxcmon_row_has_ended (unknown));
}

static gboolean
on_end (gpointer user_data)
{
  ++*(guint *) user_data;
  return G_SOURCE_REMOVE;
}

static void
test_watch_end (void)
{
  pid_t pid = start_controller ();
  g_autoptr (LxcmonRow) row = row_new (pid);
  guint n_ends = 0;

  g_assert_true (_lxcmon_row_watch_end (row, NULL, on_end, &n_ends));
  g_assert_true (_lxcmon_row_watch_end (row, NULL, on_end, &n_ends));
  glib_test_drain ();
  g_assert_cmpuint (n_ends, ==, 0);
  end_controller (pid);
  glib_test_wait_until (n_ends > 0);
  glib_test_drain ();
  g_assert_cmpuint (n_ends, ==, 1);
}

static void
test_watch_end_dropped (void)
{
  pid_t pid = start_controller ();
  LxcmonRow *row = row_new (pid);
  guint n_ends = 0;

  g_assert_true (_lxcmon_row_watch_end (row, NULL, on_end, &n_ends));
  g_object_unref (row);
  end_controller (pid);
  glib_test_drain ();
  g_assert_cmpuint (n_ends, ==, 0);
}

/* It is not watched: another process may have the pid. */
static void
test_watch_end_of_another (void)
{
  pid_t pid = start_controller ();
  g_autoptr (LxcmonRow) row = row_new (pid);
  g_autoptr (LxcmonRow) unknown = row_new (0);
  guint n_ends = 0;

  row->controller_start++;
  g_assert_false (_lxcmon_row_watch_end (row, NULL, on_end, &n_ends));
  g_assert_false (_lxcmon_row_watch_end (unknown, NULL, on_end, &n_ends));
  end_controller (pid);
}

static void
count (gpointer data)
{
  ++*(guint *) data;
}

static void
test_data (void)
{
  LxcmonRow *row = row_new (0);
  guint n_first = 0, n_second = 0;

  _lxcmon_row_set_data (row, &n_first, count);
  _lxcmon_row_set_data (row, &n_second, count);
  g_assert_cmpuint (n_first, ==, 1);
  g_object_unref (row);
  g_assert_cmpuint (n_first, ==, 1);
  g_assert_cmpuint (n_second, ==, 1);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/row/run", test_run);
  glib_test_add ("/row/unknown", test_unknown);
  glib_test_add ("/row/has-ended", test_has_ended);
  glib_test_add ("/row/watch-end", test_watch_end);
  glib_test_add ("/row/watch-end-dropped", test_watch_end_dropped);
  glib_test_add ("/row/watch-end-of-another", test_watch_end_of_another);
  glib_test_add ("/row/data", test_data);
  return g_test_run ();
}
