/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A link by itself, with its callbacks and reports: what it reports to its owner, in which order, in which
 * context, and until when. Losing a connection and opening another one needs a libvirtd: see ../real.
 */

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "common/glib-test.h"
#include "lxcmon-libvirt/lxcmon-libvirt-link-private.h"
#include "lxcmon-libvirt/lxcmon-libvirt-loop-private.h"
#include "record.h"

#define URI "test:///default"

/* A link calls it twice when it has listed the containers, before it waits for earlier events. In between, the test
 * stops running the main loop. */
static gint version_calls_to_hold;

int
virConnectGetLibVersion (virConnectPtr handle, unsigned long *version)
{
  gint64 deadline = glib_test_get_deadline ();

  *version = 0;
  while (g_atomic_int_get (&version_calls_to_hold) > 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      /* Only from 1: the test may set 0 at any moment. */
      g_atomic_int_compare_and_exchange (&version_calls_to_hold, 1, 2);
      g_thread_yield ();
    }
  return 0;
}

/* The owner is any object. */
typedef struct
{
  GObject *owner;
  LxcmonLibvirtLink *link;
  GString *trace;
  char *message; /* of a failure */
  GThread *thread;
  gboolean stop_at_next;
} Fixture;

static Fixture *
get_fixture (GObject *owner)
{
  Fixture *self = g_object_get_data (owner, "fixture");

  g_assert_true (g_thread_self () == self->thread);
  return self;
}

static void
stop_if_asked (Fixture *self)
{
  if (self->stop_at_next)
    g_clear_pointer (&self->link, _lxcmon_libvirt_link_stop);
}

static void
write_down (Fixture *self, const LxcmonLibvirtEvent *event)
{
  static const char *const names[] = { "started", "stopped", "rebooted" };
  const LxcmonLibvirtDomain *domain = event->domain;

  switch (event->type)
    {
    case LXCMON_LIBVIRT_EVENT_STARTED:
    case LXCMON_LIBVIRT_EVENT_STOPPED:
    case LXCMON_LIBVIRT_EVENT_REBOOTED:
      g_assert_cmpuint (strlen (domain->uuid), ==, 36);
      g_assert_cmpint (domain->id > 0, ==, event->type != LXCMON_LIBVIRT_EVENT_STOPPED);
      g_assert_cmpint (domain->controller_pid, ==, 0);
      g_string_append_printf (self->trace, "%s %s %d, ", domain->name, names[event->type],
                              event->detail);
      break;
    case LXCMON_LIBVIRT_EVENT_LISTED:
      g_string_append_printf (self->trace, "listed %u, ", event->domains->len);
      break;
    case LXCMON_LIBVIRT_EVENT_FAILED:
      g_assert_true (event->error->domain == LXCMON_MONITOR_ERROR);
      g_string_append (self->trace, "failed, ");
      g_free (self->message);
      self->message = g_strdup (event->error->message);
      break;
    case LXCMON_LIBVIRT_EVENT_LOST:
    default:
      g_assert_not_reached ();
    }
}

static void
on_event (GObject *owner, LxcmonLibvirtEvent *event)
{
  Fixture *self = get_fixture (owner);

  g_assert_cmpuint (event->serial, ==, 1);
  write_down (self, event);
  _lxcmon_libvirt_event_free (event);
  stop_if_asked (self);
}

static Fixture *
fixture_new (const char *uri, virConnectPtr handle)
{
  Fixture *self = g_new0 (Fixture, 1);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  self->owner = g_object_new (G_TYPE_OBJECT, NULL);
  self->trace = g_string_new (NULL);
  self->thread = g_thread_self ();
  g_object_set_data (self->owner, "fixture", self);
  const LxcmonLibvirtLinkSettings settings = { .uri = uri, .handle = handle };

  self->link = _lxcmon_libvirt_link_start (self->owner, on_event, context, &settings);
  return self;
}

static void
fixture_free (Fixture *self)
{
  g_clear_pointer (&self->link, _lxcmon_libvirt_link_stop);
  g_clear_object (&self->owner);
  record_wait_for_threads ();
  g_string_free (self->trace, TRUE);
  g_free (self->message);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)

/* Ends the driver's one container and starts it again. */
static void
end_and_start (virConnectPtr driver)
{
  virDomainPtr domain = virDomainLookupByName (driver, "test");

  g_assert_cmpint (virDomainDestroy (domain), ==, 0);
  g_assert_cmpint (virDomainCreate (domain), ==, 0);
  g_assert_cmpint (virDomainSuspend (domain), ==, 0);
  g_assert_cmpint (virDomainResume (domain), ==, 0);
  virDomainFree (domain);
}

static virConnectPtr driver;

static void
test_order (void)
{
  g_autoptr (Fixture) fixture = fixture_new (URI, NULL);

  glib_test_wait_until (fixture->trace->len > 0);
  end_and_start (driver);
  glib_test_wait_until (strstr (fixture->trace->str, "started") != NULL);
  glib_test_drain ();
  g_assert_cmpstr (fixture->trace->str, ==, "listed 1, test stopped 1, test started 0, ");
}

/* A handle that the owner gives is used, and released once. */
static void
test_handle (void)
{
  virConnectPtr handle = virConnectOpen (URI);

  g_assert_cmpint (virConnectRef (handle), ==, 0);
  Fixture *fixture = fixture_new ("lxc:///system?socket=/nonexistent", handle);
  glib_test_wait_until (fixture->trace->len > 0);
  g_assert_cmpstr (fixture->trace->str, ==, "listed 1, ");
  fixture_free (fixture);
  g_assert_cmpint (virConnectClose (handle), ==, 0);
}

static void
test_failed (void)
{
  g_autoptr (Fixture) fixture = fixture_new ("lxc:///system?socket=/nonexistent", NULL);

  glib_test_wait_until (fixture->trace->len > 0);
  g_assert_cmpstr (fixture->trace->str, ==, "failed, ");
}

/* The app's main loop is held up when the containers were listed: events may have come before, so that the list is
 * not reported. */
static void
test_held_up (void)
{
  g_autoptr (Fixture) fixture = fixture_new (URI, NULL);

  g_atomic_int_set (&version_calls_to_hold, 1);
  glib_test_wait_until (g_atomic_int_get (&version_calls_to_hold) == 2);
  g_atomic_int_set (&version_calls_to_hold, 0);
  g_usleep (6 * G_USEC_PER_SEC);
  glib_test_wait_until (fixture->trace->len > 0);
  g_assert_cmpstr (fixture->trace->str, ==, "failed, ");
  g_assert_nonnull (strstr (fixture->message, "has not dispatched earlier events"));
}

/* A report that is on its way when the link is stopped does not arrive. */
static void
test_stopped (void)
{
  g_autoptr (Fixture) fixture = fixture_new (URI, NULL);

  glib_test_wait_until (fixture->trace->len > 0);
  fixture->stop_at_next = TRUE;
  end_and_start (driver);
  glib_test_wait_until (fixture->link == NULL);
  glib_test_drain ();
  g_assert_cmpstr (fixture->trace->str, ==, "listed 1, test stopped 1, ");
}

/* Stopped before the thread has begun. */
static void
test_stopped_at_once (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (Fixture) fixture = fixture_new (URI, NULL);

      if (i % 2 > 0)
        g_main_context_iteration (NULL, FALSE);
      g_clear_pointer (&fixture->link, _lxcmon_libvirt_link_stop);
      record_wait_for_threads ();
      g_assert_cmpstr (fixture->trace->str, ==, "");
    }
}

/* The link keeps no reference to the owner, and reports nothing after the owner was finalized. */
static void
test_owner_gone (void)
{
  g_autoptr (Fixture) fixture = fixture_new (URI, NULL);
  gpointer owner = fixture->owner;

  g_object_add_weak_pointer (owner, &owner);
  glib_test_wait_until (fixture->trace->len > 0);
  end_and_start (driver);
  g_clear_object (&fixture->owner);
  g_assert_null (owner);
  glib_test_drain ();
  g_assert_cmpstr (fixture->trace->str, ==, "listed 1, ");
}

static void
test_error (void)
{
  virResetLastError ();
  g_autoptr (GError) error = _lxcmon_libvirt_error_new ("nothing");

  g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "nothing: libvirt does not say why");
  g_assert_null (virDomainLookupByName (driver, "nonexistent"));
  g_clear_error (&error);
  error = _lxcmon_libvirt_error_new ("cannot look up");
  g_assert_true (g_str_has_prefix (error->message, "cannot look up: Domain not found"));
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  record_begin ();
  _lxcmon_libvirt_loop_register ();
  driver = virConnectOpen (URI);
  glib_test_add ("/libvirt-link/order", test_order);
  glib_test_add ("/libvirt-link/handle", test_handle);
  glib_test_add ("/libvirt-link/failed", test_failed);
  glib_test_add ("/libvirt-link/held-up", test_held_up);
  glib_test_add ("/libvirt-link/stopped", test_stopped);
  glib_test_add ("/libvirt-link/stopped-at-once", test_stopped_at_once);
  glib_test_add ("/libvirt-link/owner-gone", test_owner_gone);
  glib_test_add ("/libvirt-link/error", test_error);
  int result = g_test_run ();
  virConnectClose (driver);
  return result;
}
