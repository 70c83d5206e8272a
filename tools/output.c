/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns standard output: the lines of events, as text and as JSON, the members that JSON objects of
 * several verbs have, and whether output is lost. Each line is flushed, so that it can be read from a
 * pipe when the event happens.
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
 * Writes what has been printed.
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
 * Prints a message if output is lost, unless the reader has closed the pipe.
 *
 * Returns: the exit code, which is not 0 if output is lost
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

static const char *
enum_nick (GType type, int value)
{
  g_autoptr (GEnumClass) enum_class = g_type_class_ref (type);
  GEnumValue *found = g_enum_get_value (enum_class, value);

  return found != NULL ? found->value_nick : "unknown";
}

/**
 * output_status_nick:
 *
 * Returns: how a status is written
 */
const char *
output_status_nick (LxcmonExitStatus status)
{
  return enum_nick (LXCMON_TYPE_EXIT_STATUS, status);
}

static const char *
source_nick (LxcmonSource source)
{
  return enum_nick (LXCMON_TYPE_SOURCE, (int) source);
}

/* No other error domain is printed. */
static const char *
error_nick (const GError *error)
{
  return enum_nick (LXCMON_TYPE_MONITOR_ERROR, error->code);
}

/* ---- Members of JSON objects ---- */

void
output_json_string (JsonBuilder *builder, const char *key, const char *value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, value);
}

void
output_json_int (JsonBuilder *builder, const char *key, gint64 value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_int_value (builder, value);
}

/* A pid that is not known is null. */
void
output_json_pid (JsonBuilder *builder, const char *key, int pid)
{
  json_builder_set_member_name (builder, key);
  if (pid > 0)
    json_builder_add_int_value (builder, pid);
  else
    json_builder_add_null_value (builder);
}

/* @us: microseconds since 1970, or 0 for null */
void
output_json_time (JsonBuilder *builder, const char *key, gint64 us)
{
  g_autofree char *time = us > 0 ? format_time (us) : NULL;

  json_builder_set_member_name (builder, key);
  if (time != NULL)
    json_builder_add_string_value (builder, time);
  else
    json_builder_add_null_value (builder);
}

void
output_json_source (JsonBuilder *builder, LxcmonSource source)
{
  output_json_string (builder, "source", source_nick (source));
}

void
output_json_exit (JsonBuilder *builder, LxcmonExitStatus status, int raw)
{
  output_json_string (builder, "status", output_status_nick (status));
  output_json_int (builder, "raw", raw);
}

void
output_json_error (JsonBuilder *builder, const char *code, const char *message)
{
  json_builder_set_member_name (builder, "error");
  json_builder_begin_object (builder);
  output_json_string (builder, "code", code);
  output_json_string (builder, "message", message);
  json_builder_end_object (builder);
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

/* ---- Events ---- */

static const char *const event_names[] = {
  [EVENT_ATTACHED] = "attached",
  [EVENT_INIT] = "init",
  [EVENT_EXIT] = "exit",
  [EVENT_CLOSED] = "closed",
  [EVENT_UNWATCHED] = "unwatched",
  [EVENT_LISTED] = "listed",
  [EVENT_SOURCE_LOST] = "source-lost",
  [EVENT_SOURCE_BACK] = "source-back",
  [EVENT_SOURCE_CHANGED] = "source-changed",
};

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

static void
add_details (JsonBuilder *builder, const Event *event)
{
  switch (event->type)
    {
    case EVENT_ATTACHED:
      output_json_pid (builder, "controller_pid", event->controller_pid);
      output_json_pid (builder, "init_pid", event->init_pid);
      break;
    case EVENT_INIT:
      output_json_int (builder, "pid", event->init_pid);
      break;
    case EVENT_EXIT:
      output_json_exit (builder, event->status, event->exit_raw);
      break;
    case EVENT_LISTED:
      output_json_int (builder, "containers", event->n_containers);
      break;
    case EVENT_CLOSED:
      output_json_string (builder, "end", enum_nick (LXCMON_TYPE_END, (int) event->end));
      add_error (builder, event->error);
      break;
    default:
      add_error (builder, event->error);
      break;
    }
}

static void
print_json (Output *self, const Event *event)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  output_json_time (builder, "time", g_get_real_time ());
  output_json_int (builder, "seq", (gint64) ++self->seq);
  output_json_source (builder, event->source);
  if (event->host != NULL)
    output_json_string (builder, "host", event->host);
  output_json_string (builder, "event", event_names[event->type]);
  if (event->name != NULL)
    output_json_string (builder, "container", event->name);
  add_details (builder, event);
  output_json_line (builder);
}

static void
append_details (GString *line, const Event *event)
{
  if (event->type == EVENT_INIT)
    g_string_append_printf (line, " pid=%d", event->init_pid);
  if (event->type == EVENT_EXIT)
    g_string_append_printf (line, " status=%s", output_status_nick (event->status));
  if (event->type == EVENT_LISTED)
    g_string_append_printf (line, " containers=%u", event->n_containers);
  if (event->type == EVENT_SOURCE_CHANGED)
    g_string_append_printf (line, " source=%s", source_nick (event->source));
  if (event->error == NULL)
    return;

  g_autofree char *text = escape_for_line (event->error->message);
  g_string_append_printf (line, " error=%s: %s", error_nick (event->error), text);
}

static void
append_escaped (GString *line, const char *before, const char *text)
{
  g_autofree char *escaped = text != NULL ? escape_for_line (text) : NULL;

  if (escaped != NULL)
    g_string_append_printf (line, "%s%s", before, escaped);
}

static void
print_text (const Event *event)
{
  g_autofree char *time = format_time (g_get_real_time ());
  g_autoptr (GString) line = g_string_new (time);

  append_escaped (line, " ", event->name);
  g_string_append_printf (line, " %s", event_names[event->type]);
  append_escaped (line, " host=", event->host);
  append_details (line, event);
  printf ("%s\n", line->str);
  output_flush ();
}

/**
 * output_event:
 *
 * Prints an event, if it has a line. "attached" has one in JSON only: it does not happen to the
 * container.
 */
void
output_event (Output *self, const Event *event)
{
  if (event->type >= G_N_ELEMENTS (event_names))
    return;

  if (self->json)
    print_json (self, event);
  else if (event->type != EVENT_ATTACHED)
    print_text (event);
}
