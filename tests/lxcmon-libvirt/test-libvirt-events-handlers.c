/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Handlers of what libvirt's events cause: they run a main loop, in which the next event comes, stop the host,
 * or drop it.
 */

#include "common/glib-test.h"
#include "feed.h"

typedef struct
{
  Record *record;
  const char *at; /* how the trace ends when the handler does it */
} Handler;

/* The next event of the same container comes in a main loop within the handler of this one. */
static void
feed_next (gpointer user_data)
{
  Handler *self = user_data;

  if (!g_str_has_suffix (self->record->trace->str, self->at))
    return;
  self->record->in_handler = NULL;
  feed (self->record, 1, STARTED, "a", 20);
}

static void
test_nested (gconstpointer data)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  Handler handler = { record, data };

  record->in_handler = feed_next;
  record->user_data = &handler;
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  record_assert (record, "a exit shutdown, a closed, a init 21");
  record_assert_names (record, "a");
}

static void
feed_stop (gpointer user_data)
{
  Handler *self = user_data;

  if (!g_str_has_suffix (self->record->trace->str, self->at))
    return;
  self->record->in_handler = NULL;
  feed (self->record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
}

static void
test_nested_in_reboot (gconstpointer data)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  Handler handler = { record, data };

  record->in_handler = feed_stop;
  record->user_data = &handler;
  feed (record, 1, REBOOTED, "a", 20);
  record_assert (record, "a exit reboot, a closed, a init 21, a closed destroyed");
  record_assert_names (record, "");
}

/* A run whose end was not seen, and the next one, which ends in a main loop within a handler. */
static void
on_change (GListModel *list, guint position, guint removed, guint added, Handler *handler)
{
  Record *record = handler->record;

  if (removed > 0 && handler->at == NULL)
    {
      handler->at = "done";
      feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_DESTROYED);
    }
}

static void
test_nested_in_anew (gconstpointer data)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  Handler handler = { record, data };

  if (data != NULL)
    {
      record->in_handler = feed_stop;
      record->user_data = &handler;
    }
  else
    g_signal_connect (record->host, "items-changed", G_CALLBACK (on_change), &handler);
  feed (record, 1, STARTED, "a", 20);
  record_assert (record, "a closed unseen, a init 21, a closed destroyed");
  record_assert_names (record, "");
}

/* The next event comes in a handler of the row's own: the list's signals come in order too. */
static void
feed_in_row (Record *record)
{
  feed (record, 1, STARTED, "a", 20);
}

static void
test_nested_in_row (gconstpointer data)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  g_autoptr (LxcmonMonitor) row = g_object_ref (lxcmon_host_lookup (record->list, "a"));

  g_signal_connect_swapped (row, data, G_CALLBACK (feed_in_row), record);
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  record_assert (record, "a exit shutdown, a closed, a init 21");
  record_assert_names (record, "a");
}

/* While a list is applied, an event comes that is newer. */
static void
feed_start_of_c (gpointer user_data)
{
  Handler *self = user_data;

  self->record->in_handler = NULL;
  feed (self->record, 2, REBOOTED, "b", 21);
  feed (self->record, 2, STARTED, "c", 30);
}

static void
test_nested_in_list (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10 b=20");
  Handler handler = { record, NULL };

  feed_loss (record);
  record->in_handler = feed_start_of_c;
  record->user_data = &handler;
  feed_list (record, 2, "b=20");
  record_assert (record, "a closed unseen, b exit reboot, b closed, b init 22, c init 31");
  record_assert_names (record, "b c");
}

/* Stopped in a handler: nothing more is emitted. */
static void
stop (gpointer user_data)
{
  Handler *self = user_data;

  if (g_str_has_suffix (self->record->trace->str, self->at))
    lxcmon_host_stop (self->record->list);
}

static void
test_stopped_in (gconstpointer data)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  Handler handler = { record, data };
  const char *all = "a exit reboot, a closed, a init 21";

  record->in_handler = stop;
  record->user_data = &handler;
  feed (record, 1, REBOOTED, "a", 20);
  g_assert_true (g_str_has_prefix (all, record->trace->str));
  g_assert_true (g_str_has_suffix (record->trace->str, data));
  record_assert_names (record, "");
}

static void
drop (gpointer user_data)
{
  Record *record = user_data;

  g_clear_object (&record->host);
}

static void
count_closed (LxcmonMonitor *monitor, const GError *error, guint *n_closed)
{
  (*n_closed)++;
}

/* The last reference is dropped in a handler: nothing more is emitted, by the rows either. */
static void
test_dropped (void)
{
  g_autoptr (Record) record = feed_record_new ("a=10");
  g_autoptr (LxcmonMonitor) row = g_object_ref (feed_get_row (record, "a"));
  gpointer host = record->host;
  guint n_closed = 0;

  g_object_add_weak_pointer (host, &host);
  g_signal_connect (row, "closed", G_CALLBACK (count_closed), &n_closed);
  record->in_handler = drop;
  record->user_data = record;
  feed (record, 1, STOPPED, "a", VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN);
  g_assert_null (host);
  record_assert (record, "a exit shutdown");
  g_assert_cmpuint (n_closed, ==, 0);
  g_assert_cmpint (lxcmon_monitor_get_state (row), ==, LXCMON_STATE_DETACHED);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  record_begin ();
  glib_test_add_data ("/libvirt-events-handlers/nested/exit", test_nested, "exit shutdown");
  glib_test_add_data ("/libvirt-events-handlers/nested/closed", test_nested, "closed");
  glib_test_add_data ("/libvirt-events-handlers/nested-in-reboot/exit", test_nested_in_reboot,
                      "exit reboot");
  glib_test_add_data ("/libvirt-events-handlers/nested-in-reboot/closed", test_nested_in_reboot,
                      "closed");
  glib_test_add_data ("/libvirt-events-handlers/nested-in-reboot/init", test_nested_in_reboot,
                      "init 21");
  glib_test_add_data ("/libvirt-events-handlers/nested-in-anew/closed", test_nested_in_anew,
                      "closed unseen");
  glib_test_add_data ("/libvirt-events-handlers/nested-in-anew/items-changed", test_nested_in_anew,
                      NULL);
  glib_test_add_data ("/libvirt-events-handlers/nested-in-row/exit", test_nested_in_row, "exit");
  glib_test_add_data ("/libvirt-events-handlers/nested-in-row/closed", test_nested_in_row,
                      "closed");
  glib_test_add ("/libvirt-events-handlers/nested-in-list", test_nested_in_list);
  glib_test_add_data ("/libvirt-events-handlers/stopped-in/exit", test_stopped_in, "exit reboot");
  glib_test_add_data ("/libvirt-events-handlers/stopped-in/closed", test_stopped_in, "closed");
  glib_test_add_data ("/libvirt-events-handlers/stopped-in/init", test_stopped_in, "init 21");
  glib_test_add ("/libvirt-events-handlers/dropped", test_dropped);
  return g_test_run ();
}
