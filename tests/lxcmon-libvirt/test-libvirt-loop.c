/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whether some thread runs libvirt's event loop. There is one loop for each process, so each case has a
 * process of its own.
 */

#include <libvirt/libvirt.h>
#include <string.h>

#include "common/glib-test.h"
#include "lxcmon-libvirt/lxcmon-libvirt-loop-private.h"
#include "record.h"

#define TIMEOUT_MS 1000

typedef struct
{
  gboolean done;
  gboolean passed;
  GError *error;
} Check;

static gpointer
run_check (gpointer data)
{
  Check *self = data;

  self->passed = _lxcmon_libvirt_loop_check (TIMEOUT_MS, &self->error);
  g_atomic_int_set (&self->done, TRUE);
  return NULL;
}

/* Checks from a thread, as a link does, while the default context runs here or does not. */
static void
check (Check *self, gboolean run_default)
{
  GThread *thread = g_thread_new ("check", run_check, self);

  if (run_default)
    glib_test_wait_until (g_atomic_int_get (&self->done));
  g_thread_join (thread);
}

static gboolean
is_child (guint64 timeout_s)
{
  if (g_test_subprocess ())
    return TRUE;
  g_test_trap_subprocess (NULL, timeout_s * G_USEC_PER_SEC, 0);
  g_test_trap_assert_passed ();
  return FALSE;
}

static void
test_runs (void)
{
  Check self = { 0 };

  if (!is_child (20))
    return;
  _lxcmon_libvirt_loop_register ();
  check (&self, TRUE);
  g_assert_no_error (self.error);
  g_assert_true (self.passed);
}

static void
test_no_thread_runs (void)
{
  Check self = { 0 };

  if (!is_child (20))
    return;
  _lxcmon_libvirt_loop_register ();
  check (&self, FALSE);
  g_assert_error (self.error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (self.error->message, "some thread has to run it"));
  g_clear_error (&self.error);
  /* The timeout that was left does no harm when the context runs later. */
  glib_test_drain ();
}

/* An event loop that accepts everything, and that does not run. */
static int
add_handle (int fd, int events, virEventHandleCallback callback, void *opaque, virFreeCallback free)
{
  return 1;
}

static void *kept;
static virFreeCallback free_kept;

static int
add_timeout (int interval, virEventTimeoutCallback callback, void *opaque, virFreeCallback free)
{
  g_assert_null (kept);
  kept = opaque;
  free_kept = free;
  return 1;
}

static int
remove_timeout (int id)
{
  free_kept (g_steal_pointer (&kept));
  return 0;
}

static void
update (int id, int what)
{
}

static int
remove_handle (int id)
{
  return 0;
}

/* An application has registered an event loop of its own before. libvirt keeps it. */
static void
test_other_loop (void)
{
  Check self = { 0 };

  if (!is_child (20))
    return;
  virEventRegisterImpl (add_handle, update, remove_handle, add_timeout, update, remove_timeout);
  _lxcmon_libvirt_loop_register ();
  check (&self, TRUE);
  g_assert_error (self.error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (self.error->message, "another one than libvirt-glib's"));
  g_clear_error (&self.error);
}

static gpointer
run_other_loop (gpointer data)
{
  for (;;)
    virEventRunDefaultImpl ();
  return NULL;
}

/* If the application runs libvirt's own event loop, hosts work with it. */
static void
test_other_loop_runs (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  if (!is_child (60))
    return;
  virEventRegisterDefaultImpl ();
  g_thread_unref (g_thread_new ("other", run_other_loop, NULL));
  g_main_context_push_thread_default (context);
  Record *record = record_new (lxcmon_host_new_for_uri ("test:///default"));
  record_run (record);
  record_assert_names (record, "test");
  virConnectPtr driver = virConnectOpen ("test:///default");
  virDomainPtr domain = virDomainLookupByName (driver, "test");
  g_assert_cmpint (virDomainDestroy (domain), ==, 0);
  glib_test_wait_until (strcmp (record->trace->str, "test closed destroyed") == 0);
  virDomainFree (domain);
  virConnectClose (driver);
  record_free (record);
  g_main_context_pop_thread_default (context);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/libvirt-loop/runs", test_runs);
  g_test_add_func ("/libvirt-loop/no-thread-runs", test_no_thread_runs);
  g_test_add_func ("/libvirt-loop/other-loop", test_other_loop);
  g_test_add_func ("/libvirt-loop/other-loop-runs", test_other_loop_runs);
  return g_test_run ();
}
