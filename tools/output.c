/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the form of what scripts read: the lines of "watch", and how errors and statuses look in JSON.
 * Each line is flushed: whoever reads a pipe wants an event when it happens.
 */

#include "output.h"

#include <errno.h>
#include <stdio.h>

#include "escape.h"

/* Why standard output could not be written to. */
static int write_errno;

/**
 * output_flush:
 *
 * Brings what was printed to whoever reads it.
 */
void
output_flush (void)
{
  if (fflush (stdout) != 0 && write_errno == 0)
    write_errno = errno;
}

/**
 * output_is_broken:
 *
 * Returns: whether something that was printed is lost
 */
gboolean
output_is_broken (void)
{
  return write_errno != 0 || ferror (stdout);
}

/**
 * output_finish:
 * @code: the exit code of what was done
 *
 * Says where output is lost, but for a reader that has had enough.
 *
 * Returns: the exit code, which is no success then
 */
int
output_finish (int code)
{
  output_flush ();
  if (!output_is_broken ())
    return code;

  if (write_errno != EPIPE)
    g_printerr ("lxcmon: cannot write to standard output: %s\n",
                g_strerror (write_errno != 0 ? write_errno : EIO));
  return MAX (code, 1);
}

static char *
format_time (gint64 us)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (us / G_USEC_PER_SEC);
  g_autofree char *seconds = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S");

  return g_strdup_printf ("%s.%06dZ", seconds, (int) (us % G_USEC_PER_SEC));
}

static char *
format_now (void)
{
  return format_time (g_get_real_time ());
}

static const char *
enum_nick (GType type, int value)
{
  g_autoptr (GEnumClass) enum_class = g_type_class_ref (type);
  GEnumValue *found = g_enum_get_value (enum_class, value);

  return found != NULL ? found->value_nick : "unknown";
}

const char *
output_status_nick (LxcmonExitStatus status)
{
  return enum_nick (LXCMON_TYPE_EXIT_STATUS, status);
}

static void
add_string (JsonBuilder *builder, const char *key, const char *value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder, const char *key, gint64 value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_int_value (builder, value);
}

/* Pids are null while they are not known. */
static void
add_pid (JsonBuilder *builder, const char *key, int pid)
{
  json_builder_set_member_name (builder, key);
  if (pid > 0)
    json_builder_add_int_value (builder, pid);
  else
    json_builder_add_null_value (builder);
}

/**
 * output_json_line:
 *
 * Closes the object that @builder is in, and prints it on a line of its own.
 */
void
output_json_line (JsonBuilder *builder)
{
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *line = json_to_string (root, FALSE);

  printf ("%s\n", line);
  output_flush ();
}

void
output_json_error (JsonBuilder *builder, const char *code, const char *message)
{
  json_builder_set_member_name (builder, "error");
  json_builder_begin_object (builder);
  add_string (builder, "code", code);
  add_string (builder, "message", message);
  json_builder_end_object (builder);
}

void
output_json_exit (JsonBuilder *builder, LxcmonExitStatus status, int raw)
{
  add_string (builder, "status", output_status_nick (status));
  add_int (builder, "raw", raw);
}

/* Begins an event: what all of them have. */
static JsonBuilder *
begin_json_of (Output *self, LxcmonSource source, const char *event)
{
  g_autofree char *now = format_now ();
  JsonBuilder *builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_string (builder, "time", now);
  add_int (builder, "seq", (gint64) self->seq);
  add_string (builder, "source", enum_nick (LXCMON_TYPE_SOURCE, (int) source));
  add_string (builder, "event", event);
  return builder;
}

/* The same for what has happened to a container. */
static JsonBuilder *
begin_json (Output *self, LxcmonMonitor *monitor, const char *event)
{
  JsonBuilder *builder = begin_json_of (self, lxcmon_monitor_get_source (monitor), event);

  add_string (builder, "container", lxcmon_monitor_get_name (monitor));
  return builder;
}

static void print_text (LxcmonMonitor *monitor, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
print_text (LxcmonMonitor *monitor, const char *format, ...)
{
  va_list args;
  g_autofree char *now = format_now ();
  g_autofree char *name = escape_for_line (lxcmon_monitor_get_name (monitor));

  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *line = escape_for_line (text);
  printf ("%s %s %s\n", now, name, line);
  output_flush ();
}

/**
 * output_attached:
 *
 * A controller serves us. Text has no line for that: it is no event of the container's.
 */
void
output_attached (Output *self, LxcmonMonitor *monitor)
{
  if (!self->json)
    return;

  self->seq++;
  g_autoptr (JsonBuilder) builder = begin_json (self, monitor, "attached");
  add_pid (builder, "controller_pid", lxcmon_monitor_get_controller_pid (monitor));
  add_pid (builder, "init_pid", lxcmon_monitor_get_init_pid (monitor));
  output_json_line (builder);
}

void
output_init (Output *self, LxcmonMonitor *monitor, int pid)
{
  self->seq++;
  if (!self->json)
    {
      print_text (monitor, "init pid=%d", pid);
      return;
    }

  g_autoptr (JsonBuilder) builder = begin_json (self, monitor, "init");
  add_int (builder, "pid", pid);
  output_json_line (builder);
}

void
output_exit (Output *self, LxcmonMonitor *monitor, LxcmonExitStatus status)
{
  self->seq++;
  if (!self->json)
    {
      print_text (monitor, "exit status=%s", output_status_nick (status));
      return;
    }

  g_autoptr (JsonBuilder) builder = begin_json (self, monitor, "exit");
  output_json_exit (builder, status, lxcmon_monitor_get_exit_raw (monitor));
  output_json_line (builder);
}

/* Codes are the nicks of Lxcmon.MonitorError; no other domain reaches "closed". */
static const char *
error_nick (const GError *error)
{
  return enum_nick (LXCMON_TYPE_MONITOR_ERROR, error->code);
}

static void
add_error (JsonBuilder *builder, const GError *error)
{
  if (error != NULL)
    {
      output_json_error (builder, error_nick (error), error->message);
      return;
    }
  json_builder_set_member_name (builder, "error");
  json_builder_add_null_value (builder);
}

void
output_closed (Output *self, LxcmonMonitor *monitor, const GError *error)
{
  self->seq++;
  if (!self->json)
    {
      if (error != NULL)
        print_text (monitor, "closed error=%s: %s", error_nick (error), error->message);
      else
        print_text (monitor, "closed");
      return;
    }

  g_autoptr (JsonBuilder) builder = begin_json (self, monitor, "closed");
  add_error (builder, error);
  output_json_line (builder);
}

static void
print_connection_text (const GError *error)
{
  g_autofree char *now = format_now ();
  g_autofree char *why = error != NULL ? escape_for_line (error->message) : NULL;

  if (error != NULL)
    printf ("%s source-lost error=%s: %s\n", now, error_nick (error), why);
  else
    printf ("%s source-back\n", now);
  output_flush ();
}

/**
 * output_connection:
 * @error: (nullable): why libvirtd is gone, or %NULL if it is back
 *
 * What has happened to where events come from, and to no container.
 */
void
output_connection (Output *self, const GError *error)
{
  self->seq++;
  if (!self->json)
    {
      print_connection_text (error);
      return;
    }

  g_autoptr (JsonBuilder) builder
      = begin_json_of (self, LXCMON_SOURCE_LIBVIRT, error != NULL ? "source-lost" : "source-back");
  add_error (builder, error);
  output_json_line (builder);
}

/**
 * output_json_container:
 * @init_pid: 0 where it is not known, as with @controller_pid
 * @started: microseconds since 1970, or 0
 *
 * A line of "list".
 */
void
output_json_container (const char *name, LxcmonSource source, const char *state, int init_pid,
                       int controller_pid, gboolean served, gint64 started)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *time = started > 0 ? format_time (started) : NULL;

  json_builder_begin_object (builder);
  add_string (builder, "container", name);
  add_string (builder, "source", enum_nick (LXCMON_TYPE_SOURCE, (int) source));
  add_string (builder, "state", state);
  add_pid (builder, "init_pid", init_pid);
  add_pid (builder, "controller_pid", controller_pid);
  json_builder_set_member_name (builder, "served");
  json_builder_add_boolean_value (builder, served);
  json_builder_set_member_name (builder, "started");
  if (time != NULL)
    json_builder_add_string_value (builder, time);
  else
    json_builder_add_null_value (builder);
  output_json_line (builder);
}
