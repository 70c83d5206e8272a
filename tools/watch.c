/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon watch" with names: one client for each container, or what libvirtd tells of them, until
 * all have ended. Without names it is watch-host.c's.
 */

#include <glib-unix.h>
#include <stdio.h>

#include "named.h"
#include "output.h"
#include "source.h"
#include "verbs.h"
#include "watch-host.h"

/* How long a container may be without a controller between a reboot's end and the next start. */
#define REBOOT_TIMEOUT_MS 10000

typedef struct
{
  Options options;
  Output output;
  GMainLoop *loop;
  gboolean follow;
  GPtrArray *clients;
  Named *named; /* those that libvirtd is asked for, or NULL */
  guint n_open; /* containers that something can still come from */
  ExitCode code;
} Watch;

static void
finish_one (Watch *self, ExitCode code)
{
  self->code = MAX (self->code, code);
  if (--self->n_open == 0)
    g_main_loop_quit (self->loop);
}

/* Where nobody can read what we print there is no use in going on. */
static void
check_output (Watch *self)
{
  if (!output_is_broken ())
    return;

  self->code = EXIT_CODE_FAILED;
  g_main_loop_quit (self->loop);
}

static void
on_init (LxcmonMonitor *monitor, int pid, gpointer user_data)
{
  Watch *self = user_data;

  output_init (&self->output, monitor, pid);
  check_output (self);
}

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  Watch *self = user_data;

  output_exit (&self->output, monitor, status);
  check_output (self);
}

static gboolean
is_followed (Watch *self, LxcmonMonitor *monitor)
{
  return self->follow && lxcmon_monitor_get_exit_status (monitor) == LXCMON_EXIT_STATUS_REBOOT;
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  Watch *self = user_data;

  output_closed (&self->output, monitor, error);
  check_output (self);
  if (error == NULL && is_followed (self, monitor))
    return;
  if (self->named != NULL && lxcmon_monitor_get_source (monitor) == LXCMON_SOURCE_LIBVIRT)
    named_drop (self->named, lxcmon_monitor_get_name (monitor));
  finish_one (self, error != NULL ? exit_code_for_error (error) : EXIT_CODE_DONE);
}

static void
say_attached (Watch *self, LxcmonMonitor *monitor)
{
  output_attached (&self->output, monitor);
  check_output (self);
  if (!self->output.json)
    message_attached (&self->options, monitor);
}

/* A client that has an error and is detached has failed to attach: at first, or after a reboot. The
 * only time limit that our clients have is that of following a reboot, where no new controller came:
 * then the container has ended, and with EXIT. Its state tells nothing: where an attach fails at
 * once, it never was another one. */
static void
on_error (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  Watch *self = user_data;
  LxcmonMonitor *monitor = LXCMON_MONITOR (object);
  const GError *error = lxcmon_monitor_get_error (monitor);

  if (error == NULL || lxcmon_monitor_get_state (monitor) != LXCMON_STATE_DETACHED)
    return;
  message_error (&self->options, lxcmon_monitor_get_name (monitor), error);
  if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT))
    finish_one (self, EXIT_CODE_DONE);
  else
    finish_one (self, exit_code_for_error (error));
}

static void
on_state (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  LxcmonMonitor *monitor = LXCMON_MONITOR (object);

  if (lxcmon_monitor_get_state (monitor) == LXCMON_STATE_ATTACHED)
    say_attached (user_data, monitor);
}

static void
on_attached (LxcmonMonitor *monitor, gpointer user_data)
{
  say_attached (user_data, monitor);
}

static void
on_missing (const char *name, const GError *error, gpointer user_data)
{
  Watch *self = user_data;

  message_error (&self->options, name, error);
  finish_one (self, exit_code_for_error (error));
}

/* Without libvirtd nothing is known of the containers that it was to be asked for. */
static void
on_failed (const GError *error, gpointer user_data)
{
  Watch *self = user_data;

  message (&self->options, "%s", error->message);
  self->code = MAX (self->code, exit_code_for_error (error));
  g_main_loop_quit (self->loop);
}

static void
on_connection (const GError *error, gpointer user_data)
{
  Watch *self = user_data;

  output_connection (&self->output, error);
  check_output (self);
}

static const NamedFuncs named_funcs = {
  .attached = on_attached,
  .init = on_init,
  .exit = on_exit_signal,
  .closed = on_closed,
  .missing = on_missing,
  .failed = on_failed,
  .connection = on_connection,
};

static gboolean
on_timeout (gpointer user_data)
{
  Watch *self = user_data;

  message (&self->options, "the time is over");
  self->code = EXIT_CODE_TIMED_OUT;
  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_signal (gpointer user_data)
{
  Watch *self = user_data;

  self->code = EXIT_CODE_DONE;
  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

static void
add_client (Watch *self, const char *argument)
{
  LxcmonClient *client = options_make_client (&self->options, argument);

  lxcmon_client_set_reboot_timeout (client, self->follow ? REBOOT_TIMEOUT_MS : 0);
  g_signal_connect (client, "init", G_CALLBACK (on_init), self);
  g_signal_connect (client, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (client, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect (client, "notify::state", G_CALLBACK (on_state), self);
  g_signal_connect (client, "notify::error", G_CALLBACK (on_error), self);
  g_ptr_array_add (self->clients, client);
  self->n_open++;
}

static void
add_named (Watch *self, const char *name)
{
  if (self->named == NULL)
    {
      g_autoptr (LxcmonMonitorList) list
          = source_new_list (&self->options, LXCMON_SOURCE_LIBVIRT, self->follow);
      self->named = named_new (list, &named_funcs, self);
    }
  /* libvirtd tells everybody: whoever names a container twice hears of it once. */
  if (named_add (self->named, name))
    self->n_open++;
}

static void
add (Watch *self, const char *argument)
{
  g_autofree char *name = NULL;

  if (source_choose (&self->options, argument, &name) == LXCMON_SOURCE_LIBVIRT)
    add_named (self, name);
  else
    add_client (self, argument);
}

static gboolean
start (gpointer user_data)
{
  Watch *self = user_data;

  for (guint i = 0; i < self->clients->len; i++)
    lxcmon_client_attach_async (g_ptr_array_index (self->clients, i), NULL, NULL, NULL);
  if (self->named != NULL)
    named_start (self->named);
  return G_SOURCE_REMOVE;
}

static ExitCode
run (Watch *self)
{
  guint sigint = g_unix_signal_add (SIGINT, on_signal, self);
  guint sigterm = g_unix_signal_add (SIGTERM, on_signal, self);
  guint timeout
      = self->options.timeout > 0 ? g_timeout_add (self->options.timeout, on_timeout, self) : 0;

  g_idle_add (start, self);
  g_main_loop_run (self->loop);
  ExitCode code = self->code;

  /* Whatever comes from here on is of no interest. */
  for (guint i = 0; i < self->clients->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->clients, i), self);
  named_free (self->named);
  if (timeout > 0)
    g_source_remove (timeout);
  g_source_remove (sigterm);
  g_source_remove (sigint);
  return code;
}

static ExitCode
watch_names (Watch *self)
{
  self->output.json = self->options.json;
  self->loop = g_main_loop_new (NULL, FALSE);
  self->clients = g_ptr_array_new_with_free_func (g_object_unref);
  for (char **argument = self->options.arguments; *argument != NULL; argument++)
    add (self, *argument);
  ExitCode code = run (self);

  g_ptr_array_unref (self->clients);
  g_main_loop_unref (self->loop);
  return code;
}

int
watch_main (int argc, char **argv)
{
  Watch self = { .code = EXIT_CODE_DONE };
  gboolean no_follow = FALSE;
  const GOptionEntry entries[] = {
    { "no-follow", 0, 0, G_OPTION_ARG_NONE, &no_follow, "End at a reboot, as at any other end",
      NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (options_parse (&self.options,
                     OPTIONS_JSON | OPTIONS_CLIENT | OPTIONS_TIMEOUT | OPTIONS_CONNECT, entries,
                     "[NAME|PATH…]",
                     "Tells of containers' events as they come, until all have ended; without a "
                     "name of those of the whole host, new ones included.",
                     argc, argv, &self.code)
      && source_check (&self.options, &self.code))
    {
      self.follow = !no_follow;
      self.code = self.options.arguments != NULL ? watch_names (&self)
                                                 : watch_host (&self.options, self.follow);
    }

  options_clear (&self.options);
  return self.code;
}
