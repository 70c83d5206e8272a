/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns standard error: each message is one line, and is dropped with --quiet unless it is about wrong
 * usage.
 */

#include "message.h"

#include <string.h>

#include "escape.h"

static gboolean prints_warnings = TRUE;

static void
print_line (const char *text)
{
  g_autofree char *line = escape_for_line (text);

  g_printerr ("lxcmon: %s\n", line);
}

/**
 * usage_error:
 *
 * Prints what is wrong with the command line.
 *
 * Returns: the exit code for that
 */
ExitCode
usage_error (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  print_line (text);
  g_printerr ("Try \"lxcmon --help\", or \"lxcmon VERB --help\".\n");

  return EXIT_CODE_USAGE;
}

/**
 * message:
 *
 * Prints a message.
 */
void
message (const Options *options, const char *format, ...)
{
  va_list args;

  if (options->quiet)
    return;

  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  print_line (text);
}

/* Returns: (transfer full): what a message about an event begins with */
static char *
make_subject (const Event *event)
{
  if (event->name == NULL || event->host == NULL)
    return g_strdup (event->name != NULL ? event->name : event->host);
  return g_strdup_printf ("%s on %s", event->name, event->host);
}

/* Some errors begin with the name of the container themselves. */
static void
print_error (const Options *options, const Event *event, const char *end)
{
  g_autofree char *subject = make_subject (event);
  g_autofree char *prefix = g_strconcat (event->name != NULL ? event->name : "", ": ", NULL);
  const char *text = event->error->message;

  if (event->name != NULL && g_str_has_prefix (text, prefix))
    text += strlen (prefix);
  message (options, "%s%s%s%s", subject != NULL ? subject : "", subject != NULL ? ": " : "", text,
           end);
}

/**
 * message_attached:
 *
 * Prints that a container is watched from now on.
 */
void
message_attached (const Options *options, const Event *event)
{
  gboolean is_direct = event->source == LXCMON_SOURCE_DIRECT;
  const char *how = is_direct ? "attached" : "watched through libvirt";
  g_autofree char *subject = make_subject (event);

  if (event->init_pid > 0)
    message (options, "%s: %s; its init is pid %d", subject, how, event->init_pid);
  else
    message (options, "%s: %s", subject, how);
}

/**
 * message_force:
 *
 * Prints what --force does if a slot is taken, and what it may cost.
 */
void
message_force (const Options *options)
{
  if (!options->force)
    message (options,
             "--direct --force connects nevertheless. A program that needs the slot, such as "
             "libvirtd, may then miss the start and the end of the container, and not restart it "
             "after a reboot.");
}

/**
 * message_error:
 *
 * Prints why a container cannot be watched, and what can be done about it.
 */
void
message_error (const Options *options, const Event *event)
{
  print_error (options, event, "");
  if (!g_error_matches (event->error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY))
    return;
  message (options, "--wait-if-busy waits until the slot is free.");
  message_force (options);
}

/**
 * message_closed:
 *
 * Prints why a container is not watched any more.
 */
void
message_closed (const Options *options, const Event *event)
{
  gboolean runs_on
      = g_error_matches (event->error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);

  print_error (options, event,
               runs_on ? ". The container runs on, and is not watched any more." : "");
}

/**
 * message_write_log:
 *
 * A GLogWriterFunc that prints warnings of the libraries as messages. Everything else is logged as
 * usual.
 */
GLogWriterOutput
message_write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                   gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);

  for (gsize i = 0; i < n_fields && prints_warnings; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      {
        g_autofree char *text = fields[i].length < 0
                                    ? g_strdup (fields[i].value)
                                    : g_strndup (fields[i].value, (gsize) fields[i].length);
        print_line (text);
      }
  return G_LOG_WRITER_HANDLED;
}

/**
 * message_set_warnings:
 *
 * Sets whether warnings of the libraries are printed.
 */
void
message_set_warnings (gboolean are_printed)
{
  prints_warnings = are_printed;
}
