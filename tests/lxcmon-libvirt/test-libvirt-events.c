/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What libvirt's events and lists mean, given to a host by hand: each line of the table, what a list changes,
 * and what it must not change.
 */

#include "common/glib-test.h"
#include "feed.h"
#include "lxcmon-glib/lxcmon-host-names-private.h"

typedef struct
{
  const char *name;
  int detail;
  const char *expected;
} StoppedCase;

static const StoppedCase stopped_cases[] = {
  { "shutdown", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, "a exit shutdown, a closed" },
  { "destroyed", VIR_DOMAIN_EVENT_STOPPED_DESTROYED, "a closed destroyed" },
  { "failed", VIR_DOMAIN_EVENT_STOPPED_FAILED, "a closed lost" },
  { "crashed", VIR_DOMAIN_EVENT_STOPPED_CRASHED, "a closed lost" },
  { "migrated", VIR_DOMAIN_EVENT_STOPPED_MIGRATED, "a closed lost" },
  { "saved", VIR_DOMAIN_EVENT_STOPPED_SAVED, "a closed lost" },
  { "unknown", 1000, "a closed lost" },
};

static void
test_stopped (gconstpointer data)
{
  const StoppedCase *test = data;
  g_autoptr (Record) record = feed_record_new ("a=10 b=20");

  feed (record, 1, STOPPED, "a", test->detail);
  if (g_str_has_suffix (test->expected, "lost"))
    {
      /* It is held. */
      record_assert (record, "");
      record_assert_names (record, "a b");
      glib_test_wait_until (record->trace->len > 0);
    }
  record_assert_names (record, "b");
  record_assert (record, test->expected);
  /* A container that is not in the list cannot end. */
  feed (record, 1, STOPPED, "a", test->detail);
  record_assert (record, "");
}

typedef struct
{
  const char *name;
  LxcmonLibvirtEventType type;
  int id_or_detail;
  const char *expected;
} HeldCase;

/* What follows an end that is held. */
static const HeldCase held_cases[] = {
  { "destroyed", STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, "a closed destroyed" },
  { "failed", STOPPED, VIR_DOMAIN_EVENT_STOPPED_FAILED, "a closed lost" },
  { "shutdown", STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, "a closed lost" },
  { "started", STARTED, 20, "a closed lost, a init 21" },
  { "rebooted", REBOOTED, 20, "a closed lost, a init 21" },
};

static void
test_held (gconstpointer data)
{
  const HeldCase *test = data;
  g_autoptr (Record) record = feed_record_new ("a=10 b=20");
  gint64 start = g_get_monotonic_time ();

  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_FAILED);
  feed (record, 1, STOPPED, "b", VIR_DOMAIN_EVENT_STOPPED_FAILED);
  record_assert (record, "");
  feed (record, 1, test->type, "a", test->id_or_detail);
  record_assert (record, test->expected);
  /* That of another container is still held. */
  glib_test_wait_until (record->trace->len > 0);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 249 * G_TIME_SPAN_MILLISECOND);
  record_assert (record, "b closed lost");
}

/* Nothing follows when the host is stopped, or the connection is lost: the end is reported at once. */
static void
test_held_to_the_end (gconstpointer data)
{
  g_autoptr (Record) record = feed_record_new ("a=10 b=20");
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  gboolean is_stopped = GPOINTER_TO_INT (data);

  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_FAILED);
  record_assert (record, "");
  if (is_stopped)
    lxcmon_host_stop (record->list);
  else
    feed_loss (record);
  record_assert (record, "a closed lost");
  record_assert_names (record, is_stopped ? "" : "b");
  g_assert_cmpint (lxcmon_monitor_get_end (row), ==, LXCMON_END_LOST);
}

/* A handler of an end that is reported at the stop starts the host again: that start is not stopped. */
static void
stop_and_start (gpointer user_data)
{
  Record *record = user_data;

  record->in_handler = NULL;
  lxcmon_host_stop (record->list);
  record_start (record, NULL);
}

static void
test_held_and_started (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  guint n = record->n_starts_done;

  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_FAILED);
  record->in_handler = stop_and_start;
  record->user_data = record;
  lxcmon_host_stop (record->list);
  record_assert (record, "a closed lost");
  glib_test_wait_until (record->n_starts_done > n);
  g_assert_no_error (record->start_error);
  record_assert_names (record, "test");
}

/* The last reference is dropped while an end is held. */
static void
test_held_and_dropped (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  gpointer host = record->host;

  g_object_add_weak_pointer (host, &host);
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_FAILED);
  g_clear_object (&record->host);
  g_assert_null (host);
  record_assert (record, "");
}

static void
test_started (void)
{
  g_autoptr (Record) record = feed_record_new ("");

  feed (record, 1, STARTED, "a", 10);
  LxcmonMonitor *row = lxcmon_host_lookup (record->list, "a");
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (row), ==, 10);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (row), ==, 11);
  g_assert_cmpstr (record->changes->str, ==, "0-0+1 ");
  /* An event that comes twice is reported once. */
  feed (record, 1, STARTED, "a", 10);
  record_assert (record, "a init 11");
}

/* The list contained what the event reports. */
static void
test_started_and_listed (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  feed (record, 1, STARTED, "a", 10);
  g_assert_cmpstr (record->changes->str, ==, "");
  record_assert (record, "a init 11");
}

static void
test_started_anew (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  feed (record, 1, STARTED, "a", 20);
  record_assert (record, "a closed unseen, a init 21");
  record_assert_names (record, "a");
}

static void
test_rebooted (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  LxcmonMonitor *row = lxcmon_host_lookup (record->list, "a");

  feed (record, 1, REBOOTED, "a", 20);
  g_assert_true (lxcmon_host_lookup (record->list, "a") == row);
  g_assert_cmpint (lxcmon_monitor_get_state (row), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (row), ==, 20);
  g_assert_false (lxcmon_monitor_get_exited (row));
  g_assert_cmpint (lxcmon_monitor_get_exit_status (row), ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (row), ==, -1);
  g_assert_cmpstr (record->changes->str, ==, "");
  record_assert (record, "a exit reboot, a closed, a init 21");
  /* One that was not known can only be seen to start. */
  feed (record, 1, REBOOTED, "b", 30);
  record_assert (record, "b init 31");
}

/* What was missed is not made up: a container is lost, or it appears. */
static void
test_relisted (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10 b=20 c=30");
  g_autoptr (LxcmonMonitor) a = g_object_ref (lxcmon_host_lookup (record->list, "a"));
  g_autoptr (LxcmonMonitor) b = g_object_ref (lxcmon_host_lookup (record->list, "b"));

  feed_loss (record);
  record_assert (record, "");
  feed_list (record, 2, "a=10 b=21 d=40");
  record_assert (record, "b closed unseen, c closed unseen");
  record_assert_names (record, "a b d");
  g_assert_true (lxcmon_host_lookup (record->list, "a") == a);
  g_assert_true (lxcmon_host_lookup (record->list, "b") != b);
}

/* The list is older than what came before it. */
static void
test_event_before_list (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10 b=20 c=30");

  feed_loss (record);
  feed (record, 2, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  feed (record, 2, REBOOTED, "b", 21);
  feed (record, 2, STARTED, "d", 40);
  feed (record, 2, STARTED, "e", 50);
  feed (record, 2, STOPPED, "e", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
  feed (record, 2, STOPPED, "f", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
  record_assert (record,
                 "a exit shutdown, a closed, b exit reboot, b closed, b init 22, d init 41, "
                 "e init 51, e closed destroyed");
  feed_list (record, 2, "a=10 b=20 c=30 f=60");
  record_assert (record, "");
  record_assert_names (record, "b c d");
}

/* A connection that was lost at once has reported something; the next one's list counts. */
static void
test_event_of_failed_connection (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  feed_loss (record);
  feed (record, 2, STARTED, "b", 20);
  record_assert (record, "b init 21");
  feed_list (record, 3, "a=10 c=30");
  record_assert (record, "b closed unseen");
  record_assert_names (record, "a c");
}

/* A list may contain the id that an event did not. */
static void
test_unknown_id (void)
{
  g_autoptr (Record) record = feed_record_new ("");

  feed (record, 1, STARTED, "a", 0);
  record_assert (record, "a init 0");
  feed_loss (record);
  feed_list (record, 2, "a=10");
  g_assert_cmpint (lxcmon_monitor_get_init_pid (lxcmon_host_lookup (record->list, "a")), ==, 11);
  record_assert (record, "");
}

/* Only containers that are named are listed. */
static void
test_names (void)
{
  const char *const names[] = { "a", "c", NULL };
  g_autoptr (Record) record = feed_record_new ("a=10");

  _lxcmon_host_set_names (record->list, names);
  feed (record, 1, STARTED, "b", 20);
  record_assert_names (record, "a");
  feed (record, 1, STARTED, "c", 30);
  record_assert_names (record, "a c");
  feed_loss (record);
  feed_list (record, 2, "a=10 b=20 c=30 d=40");
  record_assert_names (record, "a c");
}

static void
test_sorted (void)
{
  g_autoptr (Record) record = feed_record_new ("m=10");
  static const char *const names[] = { "z", "a", "n", "B", "m-1", "1" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    feed (record, 1, STARTED, names[i], (gint) i + 20);
  record_assert_names (record, "1 B a m m-1 n z");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (lxcmon_monitor_get_name (lxcmon_host_lookup (record->list, names[i])), ==,
                     names[i]);
}

/* A name belongs to one container at a time. */
static void
test_namesake (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  feed (record, 1, STARTED, "a/2", 20);
  record_assert (record, "a closed unseen, a init 21");
  record_assert_names (record, "a");
  /* One of which an event is newer than the list. */
  feed_loss (record);
  feed (record, 2, STARTED, "a/3", 30);
  record_assert (record, "a closed unseen, a init 31");
  feed_list (record, 2, "a/2=20");
  record_assert (record, "");
  record_assert_names (record, "a");
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (feed_get_row (record, "a")), ==, 30);
}

/* A pid that is known stays known. */
static void
test_pids (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  feed_start_without_init (record, 1, "a", 10);
  record_assert (record, "a init 11");
}

static void
on_waited (GObject *object, GAsyncResult *result, gpointer user_data)
{
  GString *trace = user_data;
  g_autoptr (GError) error = NULL;
  LxcmonExitStatus status
      = lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (object), result, &error);

  g_string_append_printf (trace, "%d %s ", (int) status,
                          error != NULL ? g_quark_to_string (error->domain) : "");
}

/* A wait ends when the run of the container ends, or when the list is stopped. */
static void
test_wait (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10 b=20 c=30");
  g_autoptr (GString) trace = g_string_new (NULL);

  lxcmon_monitor_wait_exit_async (feed_get_row (record, "a"), NULL, on_waited, trace);
  feed (record, 1, REBOOTED, "a", 11);
  glib_test_wait_until (trace->len > 0);
  g_assert_cmpstr (trace->str, ==, "2  ");
  lxcmon_monitor_wait_exit_async (feed_get_row (record, "b"), NULL, on_waited, trace);
  feed (record, 1, STOPPED, "b", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
  glib_test_wait_until (trace->len > 3);
  g_assert_cmpstr (trace->str, ==, "2  -1 lxcmon-monitor-error-quark ");
  g_string_truncate (trace, 0);
  lxcmon_monitor_wait_exit_async (feed_get_row (record, "c"), NULL, on_waited, trace);
  lxcmon_host_stop (record->list);
  glib_test_wait_until (trace->len > 0);
  g_assert_cmpstr (trace->str, ==, "-1 g-io-error-quark ");
}

/* ---- Notifications ---- */

static void
append (GString *trace, const char *word)
{
  g_string_append_printf (trace, "%s ", word);
}

/* Whether there are processes with these pids, and when they were started, differs. */
static void
on_notify (LxcmonMonitor *monitor, GParamSpec *property, GString *trace)
{
  if (!g_str_equal (property->name, "life") && !g_str_equal (property->name, "started-at"))
    append (trace, property->name);
}

static void
on_row_exit (LxcmonMonitor *monitor, LxcmonExitStatus status, GString *trace)
{
  append (trace, "EXIT");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_EXITED);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (monitor), ==, 10);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (monitor), ==, 11);
}

static void
on_row_closed (LxcmonMonitor *monitor, const GError *error, GString *trace)
{
  append (trace, "CLOSED");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, LXCMON_END_REBOOT);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (monitor), ==, 10);
}

static void
on_row_init (LxcmonMonitor *monitor, int pid, GString *trace)
{
  append (trace, "INIT");
  g_assert_cmpint (lxcmon_monitor_get_state (monitor), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, LXCMON_END_NONE);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (monitor), ==, 20);
}

static void
on_list_signal (gpointer self, gpointer monitor, gpointer value, GString *trace)
{
  append (trace, "LIST");
}

/* Each signal comes first, with the new values; then the notifications, and then the list's signal. On a
 * reboot the old run ends with its own pids. */
static void
test_notified (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  g_autoptr (GString) trace = g_string_new (NULL);
  LxcmonMonitor *row = feed_get_row (record, "a");

  g_signal_connect (row, "notify", G_CALLBACK (on_notify), trace);
  g_signal_connect (row, "init", G_CALLBACK (on_row_init), trace);
  g_signal_connect (row, "exit", G_CALLBACK (on_row_exit), trace);
  g_signal_connect (row, "closed", G_CALLBACK (on_row_closed), trace);
  g_signal_connect (record->list, "init", G_CALLBACK (on_list_signal), trace);
  g_signal_connect (record->list, "exit", G_CALLBACK (on_list_signal), trace);
  g_signal_connect (record->list, "closed", G_CALLBACK (on_list_signal), trace);
  feed (record, 1, REBOOTED, "a", 20);
  g_assert_cmpstr (trace->str, ==,
                   "EXIT state running exited exit-status end LIST CLOSED state LIST "
                   "INIT state init-pid controller-pid running exited exit-status end LIST ");
  g_signal_handlers_disconnect_by_data (row, trace);
  g_signal_handlers_disconnect_by_data (record->list, trace);
}

/* The list has the run after a reboot, which libvirtd reports only then. */
static void
test_rebooted_after_list (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");

  feed_loss (record);
  feed_list (record, 2, "a=20");
  record_assert (record, "a closed unseen");
  feed (record, 2, REBOOTED, "a", 20);
  record_assert (record, "");
  feed (record, 2, REBOOTED, "a", 30);
  record_assert (record, "a exit reboot, a closed, a init 31");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  record_begin ();
  for (guint i = 0; i < G_N_ELEMENTS (stopped_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/libvirt-events/stopped/%s", stopped_cases[i].name);
      glib_test_add_data (path, test_stopped, &stopped_cases[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (held_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/libvirt-events/held/%s", held_cases[i].name);
      glib_test_add_data (path, test_held, &held_cases[i]);
    }
  glib_test_add_data ("/libvirt-events/held/stop", test_held_to_the_end, GINT_TO_POINTER (TRUE));
  glib_test_add_data ("/libvirt-events/held/loss", test_held_to_the_end, GINT_TO_POINTER (FALSE));
  glib_test_add ("/libvirt-events/held/start-in-stop", test_held_and_started);
  glib_test_add ("/libvirt-events/held/dropped", test_held_and_dropped);
  glib_test_add ("/libvirt-events/started", test_started);
  glib_test_add ("/libvirt-events/started-and-listed", test_started_and_listed);
  glib_test_add ("/libvirt-events/started-anew", test_started_anew);
  glib_test_add ("/libvirt-events/rebooted", test_rebooted);
  glib_test_add ("/libvirt-events/relisted", test_relisted);
  glib_test_add ("/libvirt-events/event-before-list", test_event_before_list);
  glib_test_add ("/libvirt-events/failed-connection", test_event_of_failed_connection);
  glib_test_add ("/libvirt-events/unknown-id", test_unknown_id);
  glib_test_add ("/libvirt-events/names", test_names);
  glib_test_add ("/libvirt-events/sorted", test_sorted);
  glib_test_add ("/libvirt-events/namesake", test_namesake);
  glib_test_add ("/libvirt-events/pids", test_pids);
  glib_test_add ("/libvirt-events/wait", test_wait);
  glib_test_add ("/libvirt-events/notified", test_notified);
  glib_test_add ("/libvirt-events/rebooted-after-list", test_rebooted_after_list);
  return g_test_run ();
}
