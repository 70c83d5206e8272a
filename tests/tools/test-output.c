/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers output.c: each event as text and as JSON, every code of an error, and a name that would break the
 * line. Standard output is a file meanwhile.
 */

#include "output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"

typedef struct
{
  Output output;
  FILE *file;
  int stdout_fd;
} Fixture;

static void
set_up (Fixture *self, gconstpointer json)
{
  self->output.json = json != NULL;
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
}

/* @container: its name, or NULL */
#define PRINT(container, ...)  \
  output_event (&self->output, \
                &(Event){ .name = (container), .source = LXCMON_SOURCE_LIBVIRT, __VA_ARGS__ })

/* Restores standard output, and compares what has been printed. */
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
  PRINT ("web1", .type = EVENT_ATTACHED);
  PRINT ("web1", .type = EVENT_INIT, .init_pid = 3740);
  PRINT ("web1", .type = EVENT_EXIT, .status = LXCMON_EXIT_STATUS_ERROR);
  PRINT ("web1", .type = EVENT_EXIT, .status = LXCMON_EXIT_STATUS_UNKNOWN);
  PRINT ("web1", .type = EVENT_CLOSED);
  expect (self, TIME " web1 init pid=3740\n" TIME " web1 exit status=error\n" TIME
                     " web1 exit status=unknown\n" TIME " web1 closed\n");
}

static void
test_text_one_line (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, "a\nb\033");

  PRINT ("x\n\xffy z", .type = EVENT_CLOSED, .error = error);
  expect (self, TIME " x\\\\x0A\\\\xFFy z closed error=lost: a\\\\x0Ab\\\\x1B\n");
}

#define HEAD(seq, event)                                                                     \
  "\\{\"time\":\"" TIME "\",\"seq\":" seq ",\"source\":\"libvirt\",\"event\":\"" event "\"," \
  "\"container\":\"web1\","

static void
test_json (Fixture *self, gconstpointer json)
{
  PRINT ("web1", .type = EVENT_ATTACHED);
  PRINT ("web1", .type = EVENT_INIT, .init_pid = 3740);
  PRINT ("web1", .type = EVENT_EXIT, .status = LXCMON_EXIT_STATUS_UNKNOWN, .exit_raw = 77);
  PRINT ("web1", .type = EVENT_CLOSED);
  PRINT ("web1", .type = EVENT_ATTACHED, .controller_pid = 12, .init_pid = 13);
  expect (self, HEAD ("1", "attached") "\"controller_pid\":null,\"init_pid\":null\\}\n" //
          HEAD ("2", "init") "\"pid\":3740\\}\n"                                        //
          HEAD ("3", "exit") "\"status\":\"unknown\",\"raw\":77\\}\n"                   //
          HEAD ("4", "closed") "\"end\":\"none\",\"error\":null\\}\n"                   //
          HEAD ("5", "attached") "\"controller_pid\":12,\"init_pid\":13\\}\n");
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
      PRINT ("web1", .type = EVENT_CLOSED, .error = error);
      g_string_append_printf (
          pattern,
          HEAD ("%d", "closed") "\"end\":\"none\",\"error\":\\{\"code\":\"%s\",\"message\":"
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

  PRINT (NULL, .type = EVENT_SOURCE_LOST, .error = error);
  PRINT (NULL, .type = EVENT_SOURCE_BACK);
  expect (self, TIME " source-lost error=lost: gone\\\\x0Afor good\n" TIME " source-back\n");
}

/* There is no container, and a number like for any other event. */
static void
test_connection_json (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, "gone");

  PRINT ("web1", .type = EVENT_CLOSED);
  PRINT (NULL, .type = EVENT_SOURCE_LOST, .error = error);
  PRINT (NULL, .type = EVENT_SOURCE_BACK);
  expect (self,
          HEAD ("1", "closed") "\"end\":\"none\",\"error\":null\\}\n"
                               "\\{\"time\":\"" TIME
                               "\",\"seq\":2,\"source\":\"libvirt\",\"event\":\"source-lost\","
                               "\"error\":\\{\"code\":\"lost\",\"message\":\"gone\"\\}\\}\n"
                               "\\{\"time\":\"" TIME
                               "\",\"seq\":3,\"source\":\"libvirt\",\"event\":\"source-back\","
                               "\"error\":null\\}\n");
}

static void
test_list_text (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY, "taken");

  PRINT (NULL, .type = EVENT_LISTED, .n_containers = 3);
  PRINT ("web1", .type = EVENT_UNWATCHED, .error = error);
  PRINT (NULL, .type = EVENT_SOURCE_CHANGED);
  PRINT (NULL, .type = EVENT_SOURCE_CHANGED, .error = error);
  expect (self, TIME " listed containers=3\n" TIME " web1 unwatched error=busy: taken\n" TIME
                     " source-changed source=libvirt\n" TIME
                     " source-changed source=libvirt error=busy: taken\n");
}

static void
test_list_json (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY, "taken");

  PRINT ("web1", .type = EVENT_UNWATCHED, .error = error);
  PRINT ("web1", .type = EVENT_CLOSED, .end = LXCMON_END_DESTROYED);
  PRINT (NULL, .type = EVENT_LISTED, .n_containers = 3);
  PRINT (NULL, .type = EVENT_SOURCE_CHANGED);
  expect (self,
          HEAD ("1", "unwatched") "\"error\":\\{\"code\":\"busy\",\"message\":\"taken\"\\}\\}\n" //
          HEAD ("2", "closed") "\"end\":\"destroyed\",\"error\":null\\}\n"
                               "\\{\"time\":\"" TIME "\",\"seq\":3,\"source\":\"libvirt\","
                               "\"event\":\"listed\",\"containers\":3\\}\n"
                               "\\{\"time\":\"" TIME "\",\"seq\":4,\"source\":\"libvirt\","
                               "\"event\":\"source-changed\",\"error\":null\\}\n");
}

static void
test_host_text (Fixture *self, gconstpointer json)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST, "gone");

  PRINT ("web1", .type = EVENT_INIT, .init_pid = 1, .host = "lxc://a/");
  PRINT ("web1", .type = EVENT_CLOSED, .error = error, .host = "lxc://a/");
  PRINT (NULL, .type = EVENT_SOURCE_BACK, .host = "lxc://\na/");
  expect (self, TIME " web1 init host=lxc://a/ pid=1\n" TIME
                     " web1 closed host=lxc://a/ error=lost: gone\n" TIME
                     " source-back host=lxc://\\\\x0Aa/\n");
}

static void
test_host_json (Fixture *self, gconstpointer json)
{
  PRINT ("web1", .type = EVENT_INIT, .init_pid = 1, .host = "lxc://a/");
  expect (self, "\\{\"time\":\"" TIME "\",\"seq\":1,\"source\":\"libvirt\",\"host\":\"lxc://a/\","
                "\"event\":\"init\",\"container\":\"web1\",\"pid\":1\\}\n");
}

/* Only some events have a line, and a number. */
static void
test_no_line (Fixture *self, gconstpointer json)
{
  PRINT ("web1", .type = EVENT_FOUND);
  PRINT ("web1", .type = EVENT_FAILED);
  PRINT ("web1", .type = EVENT_SIGNAL);
  g_assert_cmpuint (self->output.seq, ==, 0);
  expect (self, "");
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
  ADD ("/tool/output/list-text", NULL, test_list_text);
  ADD ("/tool/output/list-json", "json", test_list_json);
  ADD ("/tool/output/host-text", NULL, test_host_text);
  ADD ("/tool/output/host-json", "json", test_host_json);
  ADD ("/tool/output/no-line-text", NULL, test_no_line);
  ADD ("/tool/output/no-line-json", "json", test_no_line);
  g_test_add_func ("/tool/output/status-nicks", test_status_nicks);

  return g_test_run ();
}
