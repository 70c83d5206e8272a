/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the options that several verbs have.
 */

#include "options.h"

#include <string.h>

#include "duration.h"
#include "message.h"

/* How long a container may be without a controller between the end before a reboot and the next start. */
#define REBOOT_TIMEOUT_MS 10000

static gboolean
parse_timeout (const char *option, const char *value, gpointer data, GError **error)
{
  Options *self = data;

  if (!duration_parse (value, &self->timeout, error))
    return FALSE;
  if (self->timeout == 0)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s must be longer than 0",
                   option);
      return FALSE;
    }
  return TRUE;
}

static void
add_entries (GOptionContext *context, Options *self, OptionsSet set)
{
  GOptionEntry json[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json, "Print one JSON object per line", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionEntry host[] = {
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->runtime_dir,
      "The directory of the controllers' sockets (default: /run/libvirt/lxc)", "DIR" },
    { "direct", 0, 0, G_OPTION_ARG_NONE, &self->direct, "Never go through libvirtd", NULL },
    { "connect", 0, 0, G_OPTION_ARG_STRING_ARRAY, &self->connect,
      "Go through the libvirtd at URI, such as lxc:///system or lxc+ssh://host/system", "URI" },
    G_OPTION_ENTRY_NULL,
  };
  GOptionEntry client[] = {
    { "force", 0, 0, G_OPTION_ARG_NONE, &self->force,
      "With --direct: skip the busy check; for the driver of the container", NULL },
    { "wait-if-busy", 0, 0, G_OPTION_ARG_NONE, &self->wait_if_busy,
      "Connect to the controller itself, and wait until its slot is free", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GOptionEntry always[] = {
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &self->quiet, "Print no messages on standard error",
      NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version, "Show the version", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->arguments, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (set & OPTIONS_JSON)
    g_option_context_add_main_entries (context, json, NULL);
  if (set & OPTIONS_HOST)
    g_option_context_add_main_entries (context, host, NULL);
  if (set & OPTIONS_CLIENT)
    g_option_context_add_main_entries (context, client, NULL);
  g_option_context_add_main_entries (context, always, NULL);
}

/* A callback of an option gets the data of its group. */
static void
set_main_group (GOptionContext *context, Options *self, OptionsSet set)
{
  static const GOptionEntry timeout[] = {
    { "timeout", 0, 0, G_OPTION_ARG_CALLBACK, parse_timeout,
      "Give up after this time, such as 500ms, 10s or 5m", "DURATION" },
    G_OPTION_ENTRY_NULL,
  };
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, self, NULL);

  if (set & OPTIONS_TIMEOUT)
    g_option_group_add_entries (group, timeout);
  g_option_context_set_main_group (context, group);
}

/* Returns a message about options that cannot be used together, or NULL. */
static const char *
find_conflict (const Options *self)
{
  if (self->force && !self->direct)
    return "--force is only for --direct: otherwise a running libvirtd has its containers";
  if (self->connect == NULL)
    return NULL;
  if (g_strv_contains ((const char *const *) self->connect, ""))
    return "--connect: the URI is empty";
  if (self->direct || self->wait_if_busy)
    return "--connect goes through libvirtd; --direct and --wait-if-busy do not";
  if (self->runtime_dir != NULL)
    return "--connect goes through libvirtd; --runtime-dir is for this host";
  for (guint i = 0; self->arguments != NULL && self->arguments[i] != NULL; i++)
    if (options_is_path (self->arguments[i]))
      return "--connect: libvirtd knows containers by name, and not by path";
  return NULL;
}

/**
 * options_parse:
 * @self: (out caller-allocates): the options
 * @set: the common options that the verb has
 * @more: (nullable): the options that only this verb has
 * @arguments: the arguments, for --help
 * @summary: what the verb does, for --help
 * @code: (out): the exit code, if the verb is not to be run
 *
 * Parses the options of a verb.
 *
 * Returns: whether the verb is to be run
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
  g_option_context_set_description (context, "See lxcmon(1) for exit codes and examples.");

  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      *code = usage_error ("%s", error->message);
      return FALSE;
    }
  message_set_warnings (!self->quiet);
  if (self->version)
    {
      g_print ("lxcmon %s\n", lxcmon_get_version ());
      *code = EXIT_CODE_DONE;
      return FALSE;
    }

  const char *conflict = find_conflict (self);
  if (conflict != NULL)
    *code = usage_error ("%s", conflict);
  return conflict == NULL;
}

void
options_clear (Options *self)
{
  g_clear_pointer (&self->runtime_dir, g_free);
  g_clear_pointer (&self->connect, g_strfreev);
  g_clear_pointer (&self->arguments, g_strfreev);
}

/**
 * options_is_path:
 *
 * Returns: whether an argument is the PATH of a socket, and not the NAME of a container
 */
gboolean
options_is_path (const char *argument)
{
  return strchr (argument, '/') != NULL;
}

/**
 * options_has_hosts:
 *
 * Returns: whether there are several hosts, so that it has to be said which one is meant
 */
gboolean
options_has_hosts (const Options *self)
{
  return self->connect != NULL && g_strv_length (self->connect) > 1;
}

/**
 * options_make_client:
 * @argument: a NAME or a PATH
 * @follow: whether it attaches again after a reboot
 *
 * Returns: (transfer full): a client for the container
 */
LxcmonClient *
options_make_client (const Options *self, const char *argument, gboolean follow)
{
  const char *property = options_is_path (argument) ? "socket-path" : "name";

  return g_object_new (LXCMON_TYPE_CLIENT, property, argument, "runtime-dir", self->runtime_dir,
                       "force", self->force, "wait-if-busy", self->wait_if_busy, "reboot-timeout",
                       follow ? REBOOT_TIMEOUT_MS : 0, NULL);
}

/**
 * options_make_host:
 * @uri: (nullable): one of those to connect to
 * @follow: whether a container keeps its monitor when it reboots
 *
 * Returns: (transfer full): a host that is not started
 */
LxcmonHost *
options_make_host (const Options *self, const char *uri, gboolean follow)
{
  return g_object_new (LXCMON_TYPE_HOST, "uri", self->direct ? "direct:" : uri, "runtime-dir",
                       self->runtime_dir, "force", self->force, "reboot-timeout",
                       follow ? REBOOT_TIMEOUT_MS : 0, NULL);
}
