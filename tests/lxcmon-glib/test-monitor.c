/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The class: its enums with their numbers and nicks, its properties with type, flags and default,
 * its signals with their parameters, the error domain, and what its functions make of a wrong object.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#include "common/glib-test.h"

typedef struct
{
  GType (*get_type) (void);
  const char *values; /* "0 detached, 1 connecting" in the order of the numbers */
} EnumCase;

static const EnumCase enum_cases[] = {
  { lxcmon_exit_status_get_type, "-1 unknown, 0 error, 1 shutdown, 2 reboot" },
  { lxcmon_state_get_type, "0 detached, 1 connecting, 2 queued, 3 attached, 4 exited, 5 closed" },
  { lxcmon_source_get_type, "0 direct, 1 libvirt" },
  { lxcmon_end_get_type, "0 none, 1 shutdown, 2 reboot, 3 error, 4 unknown, 5 lost, 6 destroyed" },
  { lxcmon_monitor_error_get_type,
    "0 failed, 1 not-found, 2 permission, 3 refused, 4 busy, 5 untrusted, 6 invalid-name, "
    "7 protocol, 8 truncated, 9 lost, 10 destroyed, 11 timed-out" },
};

static void
test_enum (gconstpointer data)
{
  const EnumCase *test = data;
  g_autoptr (GEnumClass) class = g_type_class_ref (test->get_type ());
  g_autoptr (GString) values = g_string_new (NULL);

  for (gint i = class->minimum; i <= class->maximum; i++)
    g_string_append_printf (values, "%s%d %s", values->len > 0 ? ", " : "", i,
                            g_enum_get_value (class, i)->value_nick);
  g_assert_cmpstr (values->str, ==, test->values);
}

static void
test_error_domain (void)
{
  g_assert_cmpstr (g_quark_to_string (LXCMON_MONITOR_ERROR), ==, "lxcmon-monitor-error-quark");
  g_assert_cmpuint (LXCMON_MONITOR_ERROR, ==, lxcmon_monitor_error_quark ());
}

typedef struct
{
  const char *name;
  const char *type;
  gboolean construct_only;
  const char *default_value; /* as g_strdup_value_contents() writes it */
} PropertyCase;

static const PropertyCase property_cases[] = {
  { "name", "gchararray", TRUE, "NULL" },
  { "source", "LxcmonSource", FALSE, "((LxcmonSource) LXCMON_SOURCE_DIRECT)" },
  { "state", "LxcmonState", FALSE, "((LxcmonState) LXCMON_STATE_DETACHED)" },
  { "uuid", "gchararray", FALSE, "NULL" },
  { "init-pid", "gint", FALSE, "0" },
  { "controller-pid", "gint", FALSE, "0" },
  { "started-at", "GDateTime", FALSE, "NULL" },
  { "life", "gchararray", FALSE, "NULL" },
  { "running", "gboolean", FALSE, "FALSE" },
  { "exited", "gboolean", FALSE, "FALSE" },
  { "exit-status", "LxcmonExitStatus", FALSE, "((LxcmonExitStatus) LXCMON_EXIT_STATUS_UNKNOWN)" },
  { "exit-raw", "gint", FALSE, "-1" },
  { "init-exit-code", "gint", FALSE, "-1" },
  { "init-signal", "gint", FALSE, "0" },
  { "end", "LxcmonEnd", FALSE, "((LxcmonEnd) LXCMON_END_NONE)" },
  { "error", "GError", FALSE, "NULL" },
};

static void
test_property (gconstpointer data)
{
  const PropertyCase *test = data;
  GObjectClass *class = g_type_class_ref (LXCMON_TYPE_MONITOR);
  GParamSpec *property = g_object_class_find_property (class, test->name);
  g_autoptr (LxcmonClient) client = lxcmon_client_new (NULL);
  g_auto (GValue) value = G_VALUE_INIT;
  const GValue *values[] = { g_param_spec_get_default_value (property), &value };

  g_assert_nonnull (property);
  g_assert_cmpstr (g_type_name (property->value_type), ==, test->type);
  g_assert_true (property->flags & G_PARAM_READABLE);
  g_assert_true (property->flags & G_PARAM_EXPLICIT_NOTIFY);
  g_assert_cmpint (!(property->flags & G_PARAM_CONSTRUCT_ONLY), ==, !test->construct_only);
  g_assert_cmpint (!(property->flags & G_PARAM_WRITABLE), ==, !test->construct_only);

  /* The default in the specification, and the value of a new object. */
  g_object_get_property (G_OBJECT (client), test->name, &value);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *contents = g_strdup_value_contents (values[i]);
      g_assert_cmpstr (contents, ==, test->default_value);
    }
  g_type_class_unref (class);
}

/* There are no others: a new one needs its line above. */
static void
test_properties_all (void)
{
  GObjectClass *class = g_type_class_ref (LXCMON_TYPE_MONITOR);
  guint n;

  g_free (g_object_class_list_properties (class, &n));
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (property_cases));
  g_type_class_unref (class);
}

typedef struct
{
  const char *name;
  const char *parameter;
  gboolean detailed;
} SignalCase;

static const SignalCase signal_cases[] = {
  { "init", "gint", FALSE },
  { "exit", "LxcmonExitStatus", TRUE },
  { "closed", "GError", FALSE },
};

static void
test_signal (gconstpointer data)
{
  const SignalCase *test = data;
  gpointer class = g_type_class_ref (LXCMON_TYPE_MONITOR);
  GSignalQuery query;
  guint n;

  g_signal_query (g_signal_lookup (test->name, LXCMON_TYPE_MONITOR), &query);
  g_assert_cmpstr (query.signal_name, ==, test->name);
  g_assert_cmpuint (query.n_params, ==, 1);
  g_assert_cmpstr (g_type_name (query.param_types[0] & ~G_SIGNAL_TYPE_STATIC_SCOPE), ==,
                   test->parameter);
  g_assert_cmpstr (g_type_name (query.return_type), ==, "void");
  g_assert_cmpint (!(query.signal_flags & G_SIGNAL_DETAILED), ==, !test->detailed);

  g_free (g_signal_list_ids (LXCMON_TYPE_MONITOR, &n));
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (signal_cases));
  g_type_class_unref (class);
}

/* A wrong object is a caller's mistake: each function logs that and returns a neutral value. */
static void
test_misuse (void)
{
  LxcmonMonitor *none = NULL;

  for (guint i = 0; i < 10; i++)
    glib_test_expect_critical ("*LXCMON_IS_MONITOR (self)*");
  g_assert_null (lxcmon_monitor_get_name (none));
  g_assert_cmpint (lxcmon_monitor_get_source (none), ==, LXCMON_SOURCE_DIRECT);
  g_assert_cmpint (lxcmon_monitor_get_state (none), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (none), ==, 0);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (none), ==, 0);
  g_assert_false (lxcmon_monitor_get_exited (none));
  g_assert_cmpint (lxcmon_monitor_get_exit_status (none), ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_cmpint (lxcmon_monitor_get_exit_raw (none), ==, -1);
  g_assert_null (lxcmon_monitor_get_error (none));
  g_assert_cmpint (lxcmon_monitor_get_end (none), ==, LXCMON_END_NONE);
  g_test_assert_expected_messages ();
}

static void
add_cases (const char *prefix, GlibTestDataFunc func, gconstpointer cases, gsize size, guint n,
           gboolean has_name)
{
  for (guint i = 0; i < n; i++)
    {
      gconstpointer test = (const char *) cases + i * size;
      g_autofree char *path = has_name
                                  ? g_strdup_printf ("%s/%s", prefix, *(const char *const *) test)
                                  : g_strdup_printf ("%s/%u", prefix, i);
      glib_test_add_data (path, func, test);
    }
}

#define ADD_CASES(prefix, func, cases, has_name) \
  add_cases (prefix, func, cases, sizeof cases[0], G_N_ELEMENTS (cases), has_name)

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  ADD_CASES ("/monitor/enum", test_enum, enum_cases, FALSE);
  glib_test_add ("/monitor/error-domain", test_error_domain);
  ADD_CASES ("/monitor/property", test_property, property_cases, TRUE);
  glib_test_add ("/monitor/properties-all", test_properties_all);
  ADD_CASES ("/monitor/signal", test_signal, signal_cases, TRUE);
  glib_test_add ("/monitor/misuse", test_misuse);
  return g_test_run ();
}
