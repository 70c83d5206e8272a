/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The host as an application sees it, with libvirt's test driver: starting, stopping, the list, the
 * signals, and the thread that emits them.
 */

#include <libvirt/libvirt.h>
#include <string.h>

#include "common/glib-test.h"
#include "record.h"

#define URI "test:///default"

/* A second connection, through which the test changes containers. */
typedef struct
{
  virConnectPtr handle;
} Driver;

static void
driver_clear (Driver *self)
{
  virConnectClose (self->handle);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Driver, driver_clear)

static Driver
driver_open (void)
{
  Driver self = { virConnectOpen (URI) };

  g_assert_nonnull (self.handle);
  return self;
}

static void
driver_create (Driver *self, const char *name)
{
  g_autofree char *xml = g_strdup_printf (
      "<domain type='test'><name>%s</name><memory>1024</memory><os><type>hvm</type></os></domain>",
      name);
  virDomainPtr domain = virDomainCreateXML (self->handle, xml, 0);

  g_assert_nonnull (domain);
  virDomainFree (domain);
}

static void
driver_call (Driver *self, const char *name, int (*function) (virDomainPtr domain))
{
  virDomainPtr domain = virDomainLookupByName (self->handle, name);

  g_assert_nonnull (domain);
  g_assert_cmpint (function (domain), ==, 0);
  virDomainFree (domain);
}

/* Defined if the leak sanitizer is linked. */
extern void __lsan_disable (void) __attribute__ ((weak));
extern void __lsan_enable (void) __attribute__ ((weak));

/* libvirt-glib leaks the tables of a connection that was never opened. */
static GVirConnection *
connection_new (void)
{
  if (__lsan_disable != NULL)
    __lsan_disable ();
  GVirConnection *connection = gvir_connection_new (URI);
  if (__lsan_enable != NULL)
    __lsan_enable ();
  return connection;
}

static Record *
record_new_for_uri (void)
{
  return record_new (lxcmon_host_new_for_uri (URI));
}

static void
test_properties (void)
{
  g_autoptr (LxcmonHost) host = lxcmon_host_new_for_uri ("lxc:///system");
  g_autoptr (GObject) owned = G_OBJECT (connection_new ());
  GVirConnection *connection = GVIR_CONNECTION (owned);
  g_autoptr (LxcmonHost) other = lxcmon_libvirt_host_new_for_connection (connection);
  guint n_items = 1;

  g_assert_cmpstr (lxcmon_host_get_uri (host), ==, "lxc:///system");
  g_assert_false (lxcmon_host_get_connected (host));
  g_assert_null (lxcmon_host_get_error (host));
  g_object_get (host, "n-items", &n_items, NULL);
  g_assert_cmpuint (n_items, ==, 0);
  g_assert_true (g_list_model_get_item_type (G_LIST_MODEL (host)) == LXCMON_TYPE_MONITOR);
  g_assert_cmpstr (lxcmon_host_get_uri (other), ==, URI);
}

/* A container that already runs is listed without "init". */
static void
test_first_list (void)
{
  g_auto (Driver) driver = driver_open ();
  g_autoptr (Record) record = record_new_for_uri ();

  driver_create (&driver, "b");
  driver_create (&driver, "a");
  record_run (record);
  record_assert_names (record, "a b test");
  g_assert_cmpstr (record->changes->str, ==, "0-0+3 ");
  g_assert_cmpuint (record->n_notified, ==, 1);
  record_assert (record, "");

  LxcmonMonitor *row = lxcmon_host_lookup (record->list, "a");
  g_assert_cmpint (lxcmon_monitor_get_source (row), ==, LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpint (lxcmon_monitor_get_state (row), ==, LXCMON_STATE_ATTACHED);
  /* The test driver's ids are not pids. */
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (row), ==, 0);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (row), ==, 0);
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (row), ==, -1);
  g_assert_null (lxcmon_host_lookup (record->list, "c"));
  g_assert_null (lxcmon_host_lookup (record->list, ""));

  driver_call (&driver, "a", virDomainDestroy);
  driver_call (&driver, "b", virDomainDestroy);
  glib_test_wait_until (g_list_model_get_n_items (G_LIST_MODEL (record->host)) == 1);
  record_assert (record, "a closed destroyed, b closed destroyed");
}

static void
test_life (void)
{
  g_auto (Driver) driver = driver_open ();
  g_autoptr (Record) record = record_new_for_uri ();

  record_run (record);
  record_clear (record);
  driver_create (&driver, "a");
  glib_test_wait_until (record->trace->len > 0);
  record_assert_names (record, "a test");
  g_assert_cmpstr (record->changes->str, ==, "0-0+1 ");
  g_autoptr (LxcmonMonitor) row = g_object_ref (lxcmon_host_lookup (record->list, "a"));
  driver_call (&driver, "a", virDomainShutdown);
  glib_test_wait_until (lxcmon_host_lookup (record->list, "a") == NULL);
  g_assert_cmpstr (record->changes->str, ==, "0-0+1 0-1+0 ");
  record_assert (record, "a init 0, a exit shutdown, a closed");

  /* The next container of that name has another row. */
  driver_create (&driver, "a");
  glib_test_wait_until (record->trace->len > 0);
  g_assert_true (lxcmon_host_lookup (record->list, "a") != row);
  g_assert_cmpint (lxcmon_monitor_get_state (row), ==, LXCMON_STATE_CLOSED);
  driver_call (&driver, "a", virDomainDestroy);
  glib_test_wait_until (lxcmon_host_lookup (record->list, "a") == NULL);
  record_assert (record, "a init 0, a closed destroyed");
}

/* All signals come in the order in which things happened. */
static void
test_many (void)
{
  g_auto (Driver) driver = driver_open ();
  g_autoptr (Record) record = record_new_for_uri ();
  g_autoptr (GString) expected = g_string_new (NULL);
  const guint n = glib_test_is_slow () ? 50 : 500;

  record_run (record);
  record_clear (record);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("many%u", i % 7);
      driver_create (&driver, name);
      driver_call (&driver, name, i % 3 > 0 ? virDomainShutdown : virDomainDestroy);
      g_string_append_printf (expected, "%s%s init 0, %s%s%s", i > 0 ? ", " : "", name,
                              i % 3 > 0 ? name : "", i % 3 > 0 ? " exit shutdown, " : "", name);
      g_string_append (expected, i % 3 > 0 ? " closed" : " closed destroyed");
    }
  glib_test_wait_until (record->trace->len >= expected->len);
  glib_test_drain ();
  record_assert (record, expected->str);
  record_assert_names (record, "test");
}

static gboolean
ends_with (Record *record, const char *end)
{
  return g_str_has_suffix (record->trace->str, end);
}

/* A handler runs a main loop until the next event has been reported. */
static void
run_until_closed (gpointer user_data)
{
  Record *record = user_data;

  if (ends_with (record, "a init 0"))
    glib_test_wait_until (ends_with (record, "a closed destroyed"));
}

static void
test_main_loop_in_handler (void)
{
  g_auto (Driver) driver = driver_open ();
  g_autoptr (Record) record = record_new_for_uri ();

  record_run (record);
  record_clear (record);
  record->in_handler = run_until_closed;
  record->user_data = record;
  driver_create (&driver, "a");
  driver_call (&driver, "a", virDomainDestroy);
  glib_test_wait_until (record->trace->len > 0);
  record_assert (record, "a init 0, a closed destroyed");
  record_assert_names (record, "test");
}

/* The call that blocks runs the host's context meanwhile. */
static void
test_start_blocking (void)
{
  g_autoptr (Record) record = record_new_for_uri ();
  g_autoptr (GError) error = NULL;

  g_assert_true (lxcmon_host_start (record->list, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (lxcmon_host_get_connected (record->host));
  record_assert_names (record, "test");
  g_assert_false (lxcmon_host_start (record->list, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
}

static void
test_stop (void)
{
  g_auto (Driver) driver = driver_open ();
  g_autoptr (Record) record = record_new_for_uri ();

  lxcmon_host_stop (record->list);
  record_run (record);
  record_clear (record);
  g_autoptr (LxcmonMonitor) row = g_object_ref (lxcmon_host_lookup (record->list, "test"));
  driver_create (&driver, "a");
  lxcmon_host_stop (record->list);
  g_assert_false (lxcmon_host_get_connected (record->host));
  g_assert_cmpint (lxcmon_monitor_get_state (row), ==, LXCMON_STATE_DETACHED);
  record_assert_names (record, "");
  glib_test_drain ();
  record_assert (record, "");

  /* And once more. */
  record_run (record);
  record_assert_names (record, "a test");
  driver_call (&driver, "a", virDomainDestroy);
  glib_test_wait_until (record->trace->len > 0);
  record_assert (record, "a closed destroyed");
}

static void
test_started_twice (void)
{
  g_autoptr (Record) record = record_new_for_uri ();

  record_start (record, NULL);
  record_start (record, NULL);
  glib_test_wait_until (record->n_starts_done == 1);
  g_assert_error (record->start_error, G_IO_ERROR, G_IO_ERROR_PENDING);
  glib_test_wait_until (record->n_starts_done == 2);
  g_assert_no_error (record->start_error);
  record_start (record, NULL);
  glib_test_wait_until (record->n_starts_done == 3);
  g_assert_error (record->start_error, G_IO_ERROR, G_IO_ERROR_PENDING);
  record_assert_names (record, "test");
}

static void
test_stopped_while_starting (void)
{
  g_autoptr (Record) record = record_new_for_uri ();

  record_start (record, NULL);
  lxcmon_host_stop (record->list);
  glib_test_wait_until (record->n_starts_done == 1);
  g_assert_error (record->start_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  record_assert_names (record, "");
}

static void
test_cancelled (void)
{
  g_autoptr (Record) record = record_new_for_uri ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  record_start (record, cancellable);
  glib_test_wait_until (record->n_starts_done == 1);
  g_assert_error (record->start_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  record_assert_names (record, "");

  /* Afterwards it has no effect any more. */
  g_cancellable_reset (cancellable);
  record_start (record, cancellable);
  glib_test_wait_until (record->n_starts_done == 2);
  g_assert_no_error (record->start_error);
  g_cancellable_cancel (cancellable);
  glib_test_drain ();
  record_assert_names (record, "test");
}

/* The last reference is dropped during the start: the start keeps the host alive. */
static void
test_dropped (void)
{
  Record *record = record_new_for_uri ();

  record_start (record, NULL);
  g_object_add_weak_pointer (G_OBJECT (record->host), (gpointer *) &record->host);
  g_signal_handlers_disconnect_by_data (record->host, record);
  g_object_unref (record->host);
  g_assert_nonnull (record->host);
  glib_test_wait_until (record->host == NULL);
  g_assert_cmpuint (record->n_starts_done, ==, 1);
  g_assert_no_error (record->start_error);
  record_free (record);
}

static gpointer
drop_host (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

static void
count_notified (GObject *object, GParamSpec *property, guint *n_notified)
{
  (*n_notified)++;
}

/* The last reference is dropped in another thread, while events arrive: nothing more is emitted. */
static void
test_dropped_in_thread (void)
{
  g_auto (Driver) driver = driver_open ();

  for (guint i = 0; i < 20; i++)
    {
      Record *record = record_new_for_uri ();
      guint n_notified = 0;

      record_run (record);
      record_clear (record);
      g_signal_connect (record->host, "notify", G_CALLBACK (count_notified), &n_notified);
      driver_create (&driver, "a");
      driver_call (&driver, "a", virDomainDestroy);
      g_object_add_weak_pointer (G_OBJECT (record->host), (gpointer *) &record->host);
      g_main_context_acquire (NULL);
      g_thread_join (g_thread_new ("drop", drop_host, record->host));
      g_main_context_release (NULL);
      glib_test_wait_until (record->host == NULL);
      glib_test_drain ();
      record_assert (record, "");
      g_assert_cmpuint (n_notified, ==, 0);
      record_free (record);
    }
}

static void
test_no_such_socket (void)
{
  g_autoptr (Record) record
      = record_new (lxcmon_host_new_for_uri ("lxc:///system?socket=/nonexistent/sock"));

  record_start (record, NULL);
  glib_test_wait_until (record->n_starts_done == 1);
  g_assert_error (record->start_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_nonnull (strstr (record->start_error->message, "/nonexistent/sock"));
  g_assert_false (lxcmon_host_get_connected (record->host));
  /* A connection that was never made was not lost. */
  g_assert_null (lxcmon_host_get_error (record->host));
}

/* An open connection is used; one that is closed stays closed. */
static void
test_connection (gconstpointer data)
{
  gboolean open = GPOINTER_TO_INT (data);
  g_auto (Driver) driver = driver_open ();
  g_autoptr (GObject) owned = G_OBJECT (connection_new ());
  GVirConnection *connection = GVIR_CONNECTION (owned);
  g_autoptr (GError) error = NULL;

  if (open)
    g_assert_true (gvir_connection_open (connection, NULL, &error));
  Record *record = record_new (lxcmon_libvirt_host_new_for_connection (connection));
  record_run (record);
  g_assert_cmpint (gvir_connection_is_open (connection), ==, open);
  record_clear (record);
  driver_create (&driver, "a");
  driver_call (&driver, "a", virDomainShutdown);
  glib_test_wait_until (strstr (record->trace->str, "closed") != NULL);
  record_assert (record, "a init 0, a exit shutdown, a closed");
  record_free (record);
  /* It is still the application's, and still open. */
  g_assert_cmpint (gvir_connection_is_open (connection), ==, open);
  glib_test_drain ();
  if (open)
    gvir_connection_close (connection);
}

typedef struct
{
  Driver driver;
  gint step; /* 1: started; 2: both events seen */
} ThreadTest;

static gpointer
run_in_thread (gpointer data)
{
  ThreadTest *test = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  Record *record = record_new_for_uri ();
  record_run (record);
  record_clear (record);
  g_atomic_int_set (&test->step, 1);
  glib_test_wait_until (strstr (record->trace->str, "closed") != NULL);
  record_assert (record, "a init 0, a exit shutdown, a closed");
  record_free (record);
  glib_test_drain ();
  g_atomic_int_set (&test->step, 2);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* A host in another thread's context emits its signals there, while the default context only runs. */
static void
test_context (void)
{
  ThreadTest test = { driver_open (), 0 };
  GThread *thread = g_thread_new ("host", run_in_thread, &test);

  glib_test_wait_until (g_atomic_int_get (&test.step) == 1);
  driver_create (&test.driver, "a");
  driver_call (&test.driver, "a", virDomainShutdown);
  glib_test_wait_until (g_atomic_int_get (&test.step) == 2);
  g_thread_join (thread);
  driver_clear (&test.driver);
}

static gpointer
run_critical (gpointer data)
{
  lxcmon_host_stop (data);
  lxcmon_host_start_async (data, NULL, NULL, NULL);
  return NULL;
}

static void
test_wrong_thread (void)
{
  g_autoptr (Record) record = record_new_for_uri ();

  g_test_expect_message ("lxcmon", G_LOG_LEVEL_CRITICAL, "*lxcmon_host_stop*thread*");
  g_test_expect_message ("lxcmon", G_LOG_LEVEL_CRITICAL, "*start_async*thread*");
  record_run (record);
  g_main_context_acquire (NULL);
  g_thread_join (g_thread_new ("wrong", run_critical, record->host));
  g_main_context_release (NULL);
  g_test_assert_expected_messages ();
  record_assert_names (record, "test");
}

static gpointer
run_without_default (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  gint64 start = g_get_monotonic_time ();

  g_main_context_push_thread_default (context);
  Record *record = record_new_for_uri ();
  record_start (record, NULL);
  glib_test_wait_until (record->n_starts_done == 1);
  g_assert_error (record->start_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (record->start_error->message, "default main context"));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 4900 * 1000);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);
  record_free (record);
  glib_test_drain ();
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* No thread runs the default context: starting fails and says so, after about 5 s. */
static void
test_no_thread_runs_default (void)
{
  g_thread_join (g_thread_new ("host", run_without_default, NULL));
}

static void
test_misuse (void)
{
  LxcmonHost *none = NULL;

  for (guint i = 0; i < 3; i++)
    g_test_expect_message ("lxcmon", G_LOG_LEVEL_CRITICAL, "*LXCMON_IS_HOST*");
  g_test_expect_message ("lxcmon-libvirt", G_LOG_LEVEL_CRITICAL, "*GVIR_IS_CONNECTION*");
  g_assert_null (lxcmon_host_get_uri (none));
  g_assert_false (lxcmon_host_get_connected (none));
  g_assert_null (lxcmon_host_get_error (none));
  g_assert_null (lxcmon_libvirt_host_new_for_connection (NULL));
  g_test_assert_expected_messages ();
}

/* A handler of a signal that comes from stopping starts the host again: that start has its own result. */
static void
start_again (GListModel *list, guint position, guint removed, guint added, Record *record)
{
  if (removed > 0)
    record_start (record, NULL);
}

static void
start_when_disconnected (LxcmonHost *host, GParamSpec *property, Record *record)
{
  if (!lxcmon_host_get_connected (host) && !record->started)
    record_start (record, NULL);
}

static void
test_start_in_stop (gconstpointer data)
{
  g_autoptr (Record) record = record_new_for_uri ();

  record_run (record);
  record->started = FALSE;
  gulong handler = g_signal_connect (record->host, data,
                                     g_str_equal (data, "items-changed")
                                         ? G_CALLBACK (start_again)
                                         : G_CALLBACK (start_when_disconnected),
                                     record);
  guint n_starts_done = record->n_starts_done;
  lxcmon_host_stop (record->list);
  g_signal_handler_disconnect (record->host, handler);
  glib_test_wait_until (record->n_starts_done > n_starts_done);
  g_assert_no_error (record->start_error);
  g_assert_true (lxcmon_host_get_connected (record->host));
  record_assert_names (record, "test");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  record_begin ();
  /* The test driver's containers exist as long as a connection does. */
  g_auto (Driver) driver = driver_open ();

  glib_test_add ("/libvirt-host/properties", test_properties);
  glib_test_add ("/libvirt-host/first-list", test_first_list);
  glib_test_add ("/libvirt-host/life", test_life);
  glib_test_add ("/libvirt-host/many", test_many);
  glib_test_add ("/libvirt-host/main-loop-in-handler", test_main_loop_in_handler);
  glib_test_add ("/libvirt-host/start-blocking", test_start_blocking);
  glib_test_add ("/libvirt-host/stop", test_stop);
  glib_test_add ("/libvirt-host/started-twice", test_started_twice);
  glib_test_add ("/libvirt-host/stopped-while-starting", test_stopped_while_starting);
  glib_test_add ("/libvirt-host/cancelled", test_cancelled);
  glib_test_add ("/libvirt-host/dropped", test_dropped);
  glib_test_add ("/libvirt-host/dropped-in-thread", test_dropped_in_thread);
  glib_test_add ("/libvirt-host/no-such-socket", test_no_such_socket);
  glib_test_add_data ("/libvirt-host/connection/open", test_connection, GINT_TO_POINTER (TRUE));
  glib_test_add_data ("/libvirt-host/connection/closed", test_connection, GINT_TO_POINTER (FALSE));
  glib_test_add ("/libvirt-host/context", test_context);
  glib_test_add ("/libvirt-host/wrong-thread", test_wrong_thread);
  glib_test_add ("/libvirt-host/no-thread-runs-default", test_no_thread_runs_default);
  glib_test_add ("/libvirt-host/misuse", test_misuse);
  glib_test_add_data ("/libvirt-host/start-in-stop/items-changed", test_start_in_stop,
                      "items-changed");
  glib_test_add_data ("/libvirt-host/start-in-stop/connected", test_start_in_stop,
                      "notify::connected");
  return g_test_run ();
}
