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

  if (event->init_pid > 0)
    message (options, "%s: %s; its init is pid %d", event->name, how, event->init_pid);
  else
    message (options, "%s: %s", event->name, how);
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
    message (
        options,
        "--force connects nevertheless. A program that needs the slot, such as libvirtd, may "
        "then miss the start and the end of the container, and not restart it after a reboot.");
}

/**
 * message_error:
 * @name: (nullable): a container's name
 *
 * Prints an error, and what can be done about it. Some errors begin with the name themselves.
 */
void
message_error (const Options *options, const char *name, const GError *error)
{
  g_autofree char *prefix = name != NULL ? g_strconcat (name, ": ", NULL) : g_strdup ("");
  gboolean has_prefix = g_str_has_prefix (error->message, prefix);

  message (options, "%s%s", has_prefix ? "" : prefix, error->message);
  if (!g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY))
    return;
  message (options, "--wait-if-busy waits until the slot is free.");
  message_force (options);
}

/**
 * message_yielded:
 *
 * Prints that a container runs on and is not watched any more.
 */
void
message_yielded (const Options *options, const Event *event)
{
  message (options, "%s: %s. The container runs on, and is not watched any more.", event->name,
           event->error->message);
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
