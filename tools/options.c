/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the options that several verbs have, and what is said on standard error.
 */

#include "options.h"

#include <string.h>

#include "duration.h"
#include "escape.h"

/* What the libraries warn of is not said either. */
static gboolean no_warnings;

static gboolean
parse_timeout (const char *option, const char *value, gpointer data, GError **error)
{
  Options *self = data;

  if (!duration_parse (value, &self->timeout, error))
    return FALSE;
  if (self->timeout == 0)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s has to be longer than 0",
                   option);
      return FALSE;
    }
  return TRUE;
}

static void
add_entries (GOptionContext *context, Options *self, OptionsSet set)
{
  GOptionEntry json[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, "One JSON object a line", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionEntry runtime_dir[] = {
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->runtime_dir,
      "Where the controllers' sockets are (default: /run/libvirt/lxc)", "DIR" },
    G_OPTION_ENTRY_NULL,
  };
  GOptionEntry client[] = {
    { "force", 0, 0, G_OPTION_ARG_NONE, &self->force,
      "We are the container's driver: connect whoever else might want the place", NULL },
    { "wait-if-busy", 0, 0, G_OPTION_ARG_NONE, &self->wait_if_busy,
      "Wait for the place where somebody else has it", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionEntry connect[] = {
    { "connect", 0, 0, G_OPTION_ARG_STRING, &self->connect,
      "Ask the libvirtd there, such as lxc:///system or lxc+ssh://host/system", "URI" },
    G_OPTION_ENTRY_NULL,
  };
  GOptionEntry always[] = {
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->quiet, "No messages on standard error", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version, "Show the version", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->arguments, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (set & OPTIONS_JSON)
    g_option_context_add_main_entries (context, json, NULL);
  if (set & (OPTIONS_CLIENT | OPTIONS_RUNTIME_DIR))
    g_option_context_add_main_entries (context, runtime_dir, NULL);
  if (set & OPTIONS_CLIENT)
    g_option_context_add_main_entries (context, client, NULL);
  if (set & OPTIONS_CONNECT)
    g_option_context_add_main_entries (context, connect, NULL);
  g_option_context_add_main_entries (context, always, NULL);
}

/* An option whose value is parsed by us needs the group's own data. */
static void
set_main_group (GOptionContext *context, Options *self, OptionsSet set)
{
  static const GOptionEntry timeout[] = {
    { "timeout", 0, 0, G_OPTION_ARG_CALLBACK, parse_timeout,
      "Give up after that long, such as 500ms, 10s or 5m", "DURATION" },
    G_OPTION_ENTRY_NULL,
  };
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, self, NULL);

  if (set & OPTIONS_TIMEOUT)
    g_option_group_add_entries (group, timeout);
  g_option_context_set_main_group (context, group);
}

/**
 * options_parse:
 * @self: (out caller-allocates): where the options go
 * @set: which of the common options the verb has
 * @more: (nullable): the options that it has alone
 * @arguments: how its arguments are written, for --help
 * @summary: what it does, for --help
 * @code: (out): the exit code, where the program is to end now
 *
 * Parses a verb's options. Returns whether the verb is to be run.
 */
gboolean
options_parse (Options *self, OptionsSet set, const GOptionEntry *more, const char *arguments,
               const char *summary, int argc, char **argv, ExitCode *code)
{
  g_autoptr (GOptionContext) context = g_option_context_new (arguments);
  g_autoptr (GError) error = NULL;

  memset (self, 0, sizeof *self);
  set_main_group (context, self, set);
  add_entries (context, self, set);
  if (more != NULL)
    g_option_context_add_main_entries (context, more, NULL);
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, "lxcmon(1) has the exit codes and examples.");

  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      *code = usage_error ("%s", error->message);
      return FALSE;
    }
  no_warnings = self->quiet;
  if (self->version)
    {
      g_print ("lxcmon %s\n", lxcmon_get_version ());
      *code = EXIT_CODE_DONE;
      return FALSE;
    }

  return TRUE;
}

void
options_clear (Options *self)
{
  g_clear_pointer (&self->runtime_dir, g_free);
  g_clear_pointer (&self->connect, g_free);
  g_clear_pointer (&self->arguments, g_strfreev);
}

/**
 * options_make_client:
 * @argument: a NAME, or a PATH where it holds a slash
 *
 * Returns: (transfer full): a client for the container
 */
LxcmonClient *
options_make_client (const Options *self, const char *argument)
{
  gboolean is_path = strchr (argument, '/') != NULL;
  return g_object_new (LXCMON_TYPE_CLIENT, is_path ? "socket-path" : "name", argument,
                       "runtime-dir", self->runtime_dir, "force", self->force,
                       "wait-if-busy", self->wait_if_busy, NULL);
}

/**
 * usage_error:
 *
 * Says what is wrong with how the command was called, on standard error, also with --quiet.
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
  g_autofree char *line = escape_for_line (text);
  g_printerr ("lxcmon: %s\nTry \"lxcmon --help\", or \"lxcmon VERB --help\".\n", line);

  return EXIT_CODE_USAGE;
}

static void
print_line (const char *text)
{
  g_autofree char *line = escape_for_line (text);

  g_printerr ("lxcmon: %s\n", line);
}

/**
 * message:
 *
 * Says something on standard error, unless it is to be quiet.
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
 * message_write_log:
 *
 * A GLogWriterFunc: what the libraries warn of becomes a message like any other. All else goes the
 * usual way.
 */
GLogWriterOutput
message_write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                   gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);

  for (gsize i = 0; i < n_fields && !no_warnings; i++)
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
 * message_attached:
 *
 * Says that a container is watched from now on.
 */
void
message_attached (const Options *options, LxcmonMonitor *monitor)
{
  const char *name = lxcmon_monitor_get_name (monitor);
  int init_pid = lxcmon_monitor_get_init_pid (monitor);
  gboolean is_direct = lxcmon_monitor_get_source (monitor) == LXCMON_SOURCE_DIRECT;
  const char *how = is_direct ? "attached" : "watched through libvirt";

  if (init_pid > 0)
    message (options, "%s: %s; its init runs as pid %d", name, how, init_pid);
  else
    message (options, "%s: %s", name, how);
}

/**
 * message_force:
 *
 * Who is told that the place is taken is told what there is to be done, and what it would cost.
 */
void
message_force (const Options *options)
{
  if (!options->force)
    message (options,
             "--force goes to the controller all the same: whoever needs the place too, "
             "such as libvirtd, may then miss the container's start and end, and not "
             "restart it when it reboots.");
}

static void
message_busy (const Options *options)
{
  message (options, "--wait-if-busy waits until the place is free.");
  message_force (options);
}

/**
 * message_error:
 * @name: a container's name
 *
 * Says what went wrong with a container.
 */
void
message_error (const Options *options, const char *name, const GError *error)
{
  message (options, "%s: %s", name, error->message);
  if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY))
    message_busy (options);
}
