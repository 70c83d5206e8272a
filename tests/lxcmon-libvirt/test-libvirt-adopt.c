/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The backend takes over rows that another one has left: those of the same runs stay, and nothing is invented or
 * reported twice. A process of the test's own stands in for a controller.
 */

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/glib-test.h"
#include "feed.h"

typedef struct
{
  Record *record;
  LxcmonRow *row; /* "a", as another backend has left it */
  pid_t controller;
} Fixture;

static LxcmonRows *
get_rows (Record *record)
{
  return _lxcmon_backend_get_rows (LXCMON_BACKEND (feed_get_backend (record)));
}

static void
set_up (Fixture *self)
{
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();

  self->record = feed_record_new ("");
  self->controller = fork ();
  if (self->controller == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (;;)
        pause ();
    }
  self->row = _lxcmon_row_new ("a");
  g_ptr_array_add (rows, self->row);
  _lxcmon_rows_add (get_rows (self->record), rows);
  _lxcmon_model_set_controller (&model, self->controller);
  model.init_pid = self->controller + 1;
  _lxcmon_rows_report (get_rows (self->record), self->row, LXCMON_REPORT_CHANGED, &model, NULL);
}

static void
end_controller (Fixture *self)
{
  if (self->controller == 0)
    return;
  kill (self->controller, SIGKILL);
  g_assert_cmpint (waitpid (self->controller, NULL, 0), ==, self->controller);
  self->controller = 0;
}

static void
tear_down (Fixture *self)
{
  record_free (self->record);
  g_object_unref (self->row);
  end_controller (self);
}

/* Lists "a" with an id, or nothing. */
static void
list (Fixture *self, guint serial, int id)
{
  g_autofree char *text = id != 0 ? g_strdup_printf ("a=%d", id) : g_strdup ("");

  feed_list (self->record, serial, text);
}

static gboolean
is_listed (Fixture *self)
{
  return lxcmon_host_lookup (self->record->list, "a") == LXCMON_MONITOR (self->row);
}

static void
test_same_run (void)
{
  Fixture self;

  set_up (&self);
  list (&self, 2, self.controller);
  record_assert (self.record, "");
  g_assert_true (is_listed (&self));
  g_assert_cmpint (lxcmon_monitor_get_source (LXCMON_MONITOR (self.row)), ==,
                   LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpint (lxcmon_monitor_get_state (LXCMON_MONITOR (self.row)), ==, LXCMON_STATE_ATTACHED);
  /* Its start was reported before. */
  feed (self.record, 2, STARTED, "a", self.controller);
  record_assert (self.record, "");
  feed (self.record, 2, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  record_assert (self.record, "a exit shutdown, a closed");
  tear_down (&self);
}

static void
test_not_listed (void)
{
  Fixture self;

  set_up (&self);
  list (&self, 2, 0);
  record_assert (self.record, "a closed unseen");
  g_assert_false (is_listed (&self));
  tear_down (&self);
}

/* The same name, and another controller. */
static void
test_another_run (void)
{
  Fixture self;

  set_up (&self);
  list (&self, 2, 20);
  record_assert (self.record, "a closed unseen");
  record_assert_names (self.record, "a");
  g_assert_false (is_listed (&self));
  tear_down (&self);
}

/* The same pid, and another process. */
static void
test_pid_used_again (void)
{
  Fixture self;

  set_up (&self);
  self.row->controller_start++;
  list (&self, 2, self.controller);
  record_assert (self.record, "a closed unseen");
  g_assert_false (is_listed (&self));
  tear_down (&self);
}

/* Its end before a reboot was reported; the next run is libvirtd's. */
static void
close_for_reboot (Fixture *self, gint64 until)
{
  LxcmonModel model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (self->row));

  model.state = LXCMON_STATE_CLOSED;
  model.exited = TRUE;
  model.exit_status = LXCMON_EXIT_STATUS_REBOOT;
  model.end = LXCMON_END_REBOOT;
  _lxcmon_monitor_report (LXCMON_MONITOR (self->row), LXCMON_REPORT_CHANGED, &model, NULL);
  self->row->controller_start = 0;
  self->row->reboot_until = until;
}

static void
test_reboot (void)
{
  Fixture self;

  set_up (&self);
  close_for_reboot (&self, g_get_monotonic_time () + G_USEC_PER_SEC * 60);
  list (&self, 2, 30);
  record_assert (self.record, "a init 31");
  g_assert_true (is_listed (&self));
  feed (self.record, 2, STARTED, "a", 30);
  record_assert (self.record, "");
  tear_down (&self);
}

/* The next run has still time to begin. */
static void
test_reboot_not_listed (void)
{
  Fixture self;

  set_up (&self);
  close_for_reboot (&self, g_get_monotonic_time () + 200 * 1000);
  list (&self, 2, 0);
  record_assert_names (self.record, "a");
  glib_test_wait_until (!is_listed (&self));
  record_assert (self.record, "");
  tear_down (&self);

  set_up (&self);
  close_for_reboot (&self, g_get_monotonic_time () + G_USEC_PER_SEC * 60);
  list (&self, 2, 0);
  feed (self.record, 2, STARTED, "a", 30);
  record_assert (self.record, "a init 31");
  g_assert_true (is_listed (&self));
  tear_down (&self);
}

/* It has ended, and is only still shown: that is another container. */
static void
test_closed (void)
{
  Fixture self;

  set_up (&self);
  close_for_reboot (&self, 0);
  list (&self, 2, 30);
  record_assert (self.record, "");
  record_assert_names (self.record, "a");
  g_assert_false (is_listed (&self));
  tear_down (&self);
}

/* An event before the list is about the run of the row. */
static void
test_started_before_list (void)
{
  Fixture self;
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);

  set_up (&self);
  _lxcmon_model_set_controller (&model, self.controller);
  _lxcmon_rows_report (get_rows (self.record), self.row, LXCMON_REPORT_CHANGED, &model, NULL);
  feed_loss (self.record);
  feed (self.record, 2, STARTED, "a", self.controller);
  list (&self, 2, self.controller);
  g_autofree char *expected = g_strdup_printf ("a init %d", self.controller + 1);
  record_assert (self.record, expected);
  g_assert_true (is_listed (&self));
  tear_down (&self);
}

/* The same, and it has been seen already that the run has begun. */
static void
test_known_before_list (void)
{
  Fixture self;

  set_up (&self);
  feed_loss (self.record);
  feed (self.record, 2, STARTED, "a", self.controller);
  list (&self, 2, self.controller);
  record_assert (self.record, "");
  g_assert_true (is_listed (&self));
  LxcmonMonitor *monitor = LXCMON_MONITOR (self.row);
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (lxcmon_monitor_get_source (monitor), ==, LXCMON_SOURCE_LIBVIRT);
  tear_down (&self);
}

/* An event before the list is about another run of the same name. */
static void
test_rebooted_before_list (void)
{
  Fixture self;

  set_up (&self);
  feed_loss (self.record);
  feed (self.record, 2, REBOOTED, "a", 20);
  list (&self, 2, 20);
  record_assert (self.record, "a closed unseen, a init 21");
  record_assert_names (self.record, "a");
  tear_down (&self);
}

/* It ends while libvirtd cannot report it: that is seen at once, and not reported again. */
static void
test_ends_while_lost (void)
{
  Fixture self;

  set_up (&self);
  list (&self, 2, self.controller);
  feed_loss (self.record);
  record_assert (self.record, "");
  end_controller (&self);
  glib_test_wait_until (self.record->trace->len > 0);
  record_assert (self.record, "a closed unseen");
  g_assert_false (is_listed (&self));
  list (&self, 3, 0);
  record_assert (self.record, "");
  tear_down (&self);
}

/* libvirtd is back, and lists it, as it has not noticed the end yet. */
static void
test_listed_after_end (void)
{
  Fixture self;
  int id;

  set_up (&self);
  id = self.controller;
  list (&self, 2, id);
  feed_loss (self.record);
  end_controller (&self);
  glib_test_wait_until (self.record->trace->len > 0);
  record_assert (self.record, "a closed unseen");
  list (&self, 3, id);
  record_assert_names (self.record, "");
  feed (self.record, 3, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  record_assert (self.record, "");
  /* The next run of that name is another. */
  feed (self.record, 3, STARTED, "a", 30);
  record_assert (self.record, "a init 31");
  list (&self, 4, 30);
  record_assert_names (self.record, "a");
  record_assert (self.record, "");
  tear_down (&self);
}

/* It has ended before the connection was lost, and libvirtd could not report it any more. */
static void
test_ends_before_loss (void)
{
  Fixture self;

  set_up (&self);
  list (&self, 2, self.controller);
  end_controller (&self);
  glib_test_drain ();
  record_assert (self.record, "");
  feed_loss (self.record);
  record_assert (self.record, "a closed unseen");
  g_assert_false (is_listed (&self));
  list (&self, 3, 0);
  record_assert (self.record, "");
  tear_down (&self);
}

/* Once there is a list again, libvirtd reports its end. */
static void
test_ends_after_loss (void)
{
  Fixture self;

  set_up (&self);
  list (&self, 2, self.controller);
  feed_loss (self.record);
  g_assert_nonnull (self.row->end_watch);
  list (&self, 3, self.controller);
  g_assert_null (self.row->end_watch);
  end_controller (&self);
  glib_test_drain ();
  record_assert (self.record, "");
  feed (self.record, 3, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
  record_assert (self.record, "a closed destroyed");
  tear_down (&self);
}

/* ---- Settings of the host ---- */

static void
test_linger_timeout (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  lxcmon_host_set_linger_timeout (record->host, 300);
  gint64 start = g_get_monotonic_time ();
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  record_assert (record, "a exit shutdown, a closed");
  record_assert_names (record, "a");
  glib_test_wait_until (g_list_model_get_n_items (G_LIST_MODEL (record->host)) == 0);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 300 * 1000);
}

/* A container of the same name starts meanwhile. */
static void
test_linger_timeout_replaced (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  lxcmon_host_set_linger_timeout (record->host, G_MAXINT);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  feed (record, 1, STARTED, "a", 20);
  record_assert (record, "a exit shutdown, a closed, a init 21");
  record_assert_names (record, "a");
  g_assert_true (feed_get_row (record, "a") != row);
  feed_list (record, 1, "a=20");
  record_assert (record, "");
}

/* The application keeps the row of a container that was replaced, and the host is stopped before it would have left the
 * list. */
static void
test_linger_timeout_stopped (void)
{
  Record *record = feed_record_new ("a=10");

  lxcmon_host_set_linger_timeout (record->host, 100);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  feed (record, 1, STARTED, "a", 20);
  record_free (record);
  gint64 end = g_get_monotonic_time () + 200 * 1000;
  while (g_get_monotonic_time () < end)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "time");
}

/* It may run on although it is not watched any more: libvirtd lists it. */
static void
test_listed_after_no_end (void)
{
  g_autoptr (GError) broken
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_PROTOCOL, "broken");
  Fixture self;
  LxcmonModel model;

  set_up (&self);
  model = *_lxcmon_monitor_get_model (LXCMON_MONITOR (self.row));
  model.state = LXCMON_STATE_CLOSED;
  _lxcmon_rows_report (get_rows (self.record), self.row, LXCMON_REPORT_CLOSED, &model, broken);
  _lxcmon_main_source_run_steps (get_rows (self.record)->source);
  list (&self, 2, self.controller);
  record_assert_names (self.record, "a");
  tear_down (&self);
}

/* Nothing was known of it, and nothing is reported. */
static void
test_unknown_controller (void)
{
  Fixture self;

  set_up (&self);
  self.row->controller_start = 0;
  list (&self, 2, self.controller);
  record_assert (self.record, "");
  record_assert_names (self.record, "a");
  tear_down (&self);
}

static void
test_reboot_not_followed (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  lxcmon_host_set_reboot_timeout (record->host, 0);
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  feed (record, 1, REBOOTED, "a", 20);
  record_assert (record, "a exit reboot, a closed, a init 21");
  g_assert_true (feed_get_row (record, "a") != row);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  record_begin ();
  glib_test_add ("/libvirt-adopt/same-run", test_same_run);
  glib_test_add ("/libvirt-adopt/not-listed", test_not_listed);
  glib_test_add ("/libvirt-adopt/another-run", test_another_run);
  glib_test_add ("/libvirt-adopt/pid-used-again", test_pid_used_again);
  glib_test_add ("/libvirt-adopt/reboot", test_reboot);
  glib_test_add ("/libvirt-adopt/reboot-not-listed", test_reboot_not_listed);
  glib_test_add ("/libvirt-adopt/closed", test_closed);
  glib_test_add ("/libvirt-adopt/started-before-list", test_started_before_list);
  glib_test_add ("/libvirt-adopt/known-before-list", test_known_before_list);
  glib_test_add ("/libvirt-adopt/rebooted-before-list", test_rebooted_before_list);
  glib_test_add ("/libvirt-adopt/ends-while-lost", test_ends_while_lost);
  glib_test_add ("/libvirt-adopt/listed-after-end", test_listed_after_end);
  glib_test_add ("/libvirt-adopt/ends-before-loss", test_ends_before_loss);
  glib_test_add ("/libvirt-adopt/ends-after-loss", test_ends_after_loss);
  glib_test_add ("/libvirt-adopt/linger-timeout", test_linger_timeout);
  glib_test_add ("/libvirt-adopt/linger-timeout-replaced", test_linger_timeout_replaced);
  glib_test_add ("/libvirt-adopt/linger-timeout-stopped", test_linger_timeout_stopped);
  glib_test_add ("/libvirt-adopt/listed-after-no-end", test_listed_after_no_end);
  glib_test_add ("/libvirt-adopt/unknown-controller", test_unknown_controller);
  glib_test_add ("/libvirt-adopt/reboot-not-followed", test_reboot_not_followed);
  return g_test_run ();
}
