/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers output.c: each line of text and of JSON for a monitor that the test makes up, with values
 * that no controller sends on demand: every error's code, a source that is libvirt, a name that would
 * break the line. What it prints goes to a file while it is called.
 */

#include "output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"

G_DECLARE_FINAL_TYPE (FakeMonitor, fake_monitor, FAKE, MONITOR, GObject)

struct _FakeMonitor
{
  GObject parent_instance;
  const char *name;
  int pid;
  int raw;
};

static const char *
get_name (LxcmonMonitor *monitor)
{
  return FAKE_MONITOR (monitor)->name;
}

static LxcmonSource
get_source (LxcmonMonitor *monitor)
{
  return LXCMON_SOURCE_LIBVIRT;
}

static int
get_pid (LxcmonMonitor *monitor)
{
  return FAKE_MONITOR (monitor)->pid;
}

static int
get_raw (LxcmonMonitor *monitor)
{
  return FAKE_MONITOR (monitor)->raw;
}

static void
fake_monitor_iface_init (LxcmonMonitorInterface *iface)
{
  iface->get_name = get_name;
  iface->get_source = get_source;
  iface->get_init_pid = get_pid;
  iface->get_controller_pid = get_pid;
  iface->get_exit_raw = get_raw;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeMonitor, fake_monitor, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LXCMON_TYPE_MONITOR, fake_monitor_iface_init))

static void
fake_monitor_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
}

/* The name is set at construction; the test sets its own. */
static void
fake_monitor_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
}

/* The interface demands its properties; nobody here asks for them. */
static void
fake_monitor_class_init (FakeMonitorClass *klass)
{
  static const char *const names[]
      = { "name",   "source",      "state",    "init-pid", "controller-pid",
          "exited", "exit-status", "exit-raw", "error",    "skipped" };

  G_OBJECT_CLASS (klass)->get_property = fake_monitor_get_property;
  G_OBJECT_CLASS (klass)->set_property = fake_monitor_set_property;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_object_class_override_property (G_OBJECT_CLASS (klass), i + 1, names[i]);
}

static void
fake_monitor_init (FakeMonitor *self)
{
  self->name = "web1";
}

typedef struct
{
  Output output;
  FakeMonitor *monitor;
  FILE *file;
  int stdout_fd;
} Fixture;

static void
set_up (Fixture *self, gconstpointer json)
{
  self->output.json = json != NULL;
  self->monitor = g_object_new (fake_monitor_get_type (), NULL);
  self->file = tmpfile ();
  fflush (stdout);
  self->stdout_fd = dup (STDOUT_FILENO);
  g_assert_cmpint (dup2 (fileno (self->file), STDOUT_FILENO), ==, STDOUT_FILENO);
}

static void
tear_down (Fixture *self, gconstpointer json)
{
  close (self->stdout_fd);
  fclose (self->file);
  g_object_unref (self->monitor);
}

/* Takes standard output back. Holds all that was flushed to an expression. */
static void
expect (Fixture *self, const char *pattern)
{
  char text[4096];
  g_autofree char *whole = g_strdup_printf ("\\A%s\\z", pattern);
  gssize n = pread (fileno (self->file), text, sizeof text - 1, 0);

  g_assert_cmpint (n, >=, 0);
  text[n] = '\0';
  g_assert_cmpint (dup2 (self->stdout_fd, STDOUT_FILENO), ==, STDOUT_FILENO);
  if (!g_regex_match_simple (whole, text, G_REGEX_RAW, 0))
    g_error ("\"%s\" does not match \"%s\"", text, whole);
}

static void
test_text (Fixture *self, gconstpointer json)
{
  LxcmonMonitor *monitor = LXCMON_MONITOR (self->monitor);

  output_attached (&self->output, monitor);
  output_init (&self->output, monitor, 3740);
  output_exit (&self->output, monitor, LXCMON_EXIT_STATUS_ERROR);
  output_exit (&self->output, monitor, LXCMON_EXIT_STATUS_UNKNOWN);
  output_closed (&self->output, monitor, NULL);
  expect (self, TIME " web1 init pid=3740\n" TIME " web1 exit status=error\n" TIME
                     " web1 exit status=unknown\n" TIME " web1 closed\n");
}

static void
test_text_one_line (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, "a\nb\033");

  self->monitor->name = "x\n\xffy z";
  output_closed (&self->output, LXCMON_MONITOR (self->monitor), error);
  expect (self, TIME " x\\\\x0A\\\\xFFy z closed error=lost: a\\\\x0Ab\\\\x1B\n");
}

#define HEAD(seq, event)                                                                     \
  "\\{\"time\":\"" TIME "\",\"seq\":" seq ",\"source\":\"libvirt\",\"event\":\"" event "\"," \
  "\"container\":\"web1\","

static void
test_json (Fixture *self, gconstpointer json)
{
  LxcmonMonitor *monitor = LXCMON_MONITOR (self->monitor);

  output_attached (&self->output, monitor);
  output_init (&self->output, monitor, 3740);
  self->monitor->raw = 77;
  output_exit (&self->output, monitor, LXCMON_EXIT_STATUS_UNKNOWN);
  output_closed (&self->output, monitor, NULL);
  self->monitor->pid = 12;
  output_attached (&self->output, monitor);
  expect (self, HEAD ("1", "attached") "\"controller_pid\":null,\"init_pid\":null\\}\n" //
          HEAD ("2", "init") "\"pid\":3740\\}\n"                                      //
          HEAD ("3", "exit") "\"status\":\"unknown\",\"raw\":77\\}\n"                 //
          HEAD ("4", "closed") "\"error\":null\\}\n"                                  //
          HEAD ("5", "attached") "\"controller_pid\":12,\"init_pid\":12\\}\n");
}

static void
test_json_errors (Fixture *self, gconstpointer json)
{
  static const char *const nicks[]
      = { "failed",       "not-found", "permission", "refused", "busy",      "untrusted",
          "invalid-name", "protocol",  "truncated",  "lost",    "destroyed", "timed-out" };
  g_autoptr (GString) pattern = g_string_new (NULL);

  for (int code = 0; code < (int) G_N_ELEMENTS (nicks); code++)
    {
      g_autoptr (GError) error = g_error_new_literal (LXCMON_MONITOR_ERROR, code, "a \"b\"\n");
      output_closed (&self->output, LXCMON_MONITOR (self->monitor), error);
      g_string_append_printf (pattern,
                              HEAD ("%d", "closed") "\"error\":\\{\"code\":\"%s\",\"message\":"
                                                    "\"a \\\\\"b\\\\\"\\\\n\"\\}\\}\n",
                              code + 1, nicks[code]);
    }
  expect (self, pattern->str);
}

static void
test_connection_text (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, "gone\nfor good");

  output_connection (&self->output, error);
  output_connection (&self->output, NULL);
  expect (self, TIME " source-lost error=lost: gone\\\\x0Afor good\n" TIME " source-back\n");
}

/* No container has anything to do with it; it counts like any other event. */
static void
test_connection_json (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, "gone");

  output_closed (&self->output, LXCMON_MONITOR (self->monitor), NULL);
  output_connection (&self->output, error);
  output_connection (&self->output, NULL);
  expect (self,
          HEAD ("1", "closed") "\"error\":null\\}\n"
                               "\\{\"time\":\"" TIME
                               "\",\"seq\":2,\"source\":\"libvirt\",\"event\":\"source-lost\","
                               "\"error\":\\{\"code\":\"lost\",\"message\":\"gone\"\\}\\}\n"
                               "\\{\"time\":\"" TIME
                               "\",\"seq\":3,\"source\":\"libvirt\",\"event\":\"source-back\","
                               "\"error\":null\\}\n");
}

static void
test_status_nicks (void)
{
  g_assert_cmpstr (output_status_nick (LXCMON_EXIT_STATUS_ERROR), ==, "error");
  g_assert_cmpstr (output_status_nick (LXCMON_EXIT_STATUS_SHUTDOWN), ==, "shutdown");
  g_assert_cmpstr (output_status_nick (LXCMON_EXIT_STATUS_REBOOT), ==, "reboot");
  g_assert_cmpstr (output_status_nick (LXCMON_EXIT_STATUS_UNKNOWN), ==, "unknown");
}

#define ADD(path, json, func) g_test_add (path, Fixture, json, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/tool/output/text", NULL, test_text);
  ADD ("/tool/output/text-one-line", NULL, test_text_one_line);
  ADD ("/tool/output/json", "json", test_json);
  ADD ("/tool/output/json-errors", "json", test_json_errors);
  ADD ("/tool/output/connection-text", NULL, test_connection_text);
  ADD ("/tool/output/connection-json", "json", test_connection_json);
  g_test_add_func ("/tool/output/status-nicks", test_status_nicks);

  return g_test_run ();
}
