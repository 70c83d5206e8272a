/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A row: its properties as the interface has them, and which of them are notified at which step.
 */

#include "common/glib-test.h"
#include "lxcmon-libvirt/lxcmon-libvirt-monitor-private.h"

static LxcmonLibvirtDomain domain = { .uuid = "u", .id = 10, .controller_pid = 10, .init_pid = 11 };
static LxcmonLibvirtDomain next = { .uuid = "u", .id = 20, .controller_pid = 20, .init_pid = 21 };

static void
on_notify (GObject *object, GParamSpec *property, GString *trace)
{
  g_string_append_printf (trace, "%s ", property->name);
}

static void
assert_notified (GString *trace, const char *expected)
{
  g_auto (GStrv) words = g_strsplit (expected, " ", -1);
  g_auto (GStrv) notified = g_strsplit (trace->str, " ", -1);

  for (guint i = 0; words[i] != NULL; i++)
    g_assert_true (g_strv_contains ((const char *const *) notified, words[i]));
  g_assert_cmpuint (g_strv_length (notified), ==, g_strv_length (words) + 1);
  g_string_truncate (trace, 0);
}

static void
test_properties (void)
{
  domain.name = (char *) "web1";
  g_autoptr (LxcmonLibvirtMonitor) row = _lxcmon_libvirt_monitor_new (&domain);
  g_autofree char *name = NULL;
  int source, state, status, raw, init_pid, controller_pid;
  gboolean exited;
  guint64 skipped;

  g_object_get (row, "name", &name, "source", &source, "state", &state, "exit-status", &status,
                "exit-raw", &raw, "init-pid", &init_pid, "controller-pid", &controller_pid,
                "exited", &exited, "skipped", &skipped, NULL);
  g_assert_cmpstr (name, ==, "web1");
  g_assert_cmpint (source, ==, LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpint (state, ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (status, ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_cmpint (raw, ==, -1);
  g_assert_cmpint (init_pid, ==, 11);
  g_assert_cmpint (controller_pid, ==, 10);
  g_assert_false (exited);
  g_assert_cmpuint (skipped, ==, 0);
  g_assert_cmpstr (_lxcmon_libvirt_monitor_get_uuid (row), ==, "u");
}

static void
test_notified (void)
{
  g_autoptr (LxcmonLibvirtMonitor) row = _lxcmon_libvirt_monitor_new (&domain);
  g_autoptr (GString) trace = g_string_new (NULL);
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, "x");

  g_signal_connect (row, "notify", G_CALLBACK (on_notify), trace);
  _lxcmon_libvirt_monitor_tell_init (row);
  g_assert_cmpstr (trace->str, ==, "");
  _lxcmon_libvirt_monitor_tell_exit (row, LXCMON_EXIT_STATUS_REBOOT);
  assert_notified (trace, "state exited exit-status exit-raw");
  _lxcmon_libvirt_monitor_tell_closed (row, NULL);
  assert_notified (trace, "state");
  _lxcmon_libvirt_monitor_begin (row, &next);
  assert_notified (trace, "state exited exit-status exit-raw init-pid controller-pid");
  g_assert_false (_lxcmon_libvirt_monitor_get_init_told (row));
  _lxcmon_libvirt_monitor_begin (row, &next);
  g_assert_cmpstr (trace->str, ==, "");
  _lxcmon_libvirt_monitor_tell_closed (row, error);
  assert_notified (trace, "state error");
  _lxcmon_libvirt_monitor_leave (row);
  assert_notified (trace, "state");
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/libvirt-monitor/properties", test_properties);
  glib_test_add ("/libvirt-monitor/notified", test_notified);
  return g_test_run ();
}
