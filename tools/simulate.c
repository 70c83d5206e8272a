/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon simulate": a controller without a container, started once or several times.
 */

#include <glib-unix.h>
#include <lxcmon-mock/lxcmon-mock.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "duration.h"
#include "message.h"
#include "output.h"
#include "verbs.h"

typedef struct
{
  Options options;
  GMainLoop *loop;
  LxcmonMockController *controller;
  guint timer;
  gboolean has_after;
  guint after; /* ms */
  gboolean has_exit;
  LxcmonExitStatus exit;
  int init_pid;
  int n_left; /* runs */
  ExitCode code;
} Simulate;

static void
stop (Simulate *self, ExitCode code)
{
  self->code = code;
  g_main_loop_quit (self->loop);
}

static void
fail (Simulate *self, const GError *error)
{
  message (&self->options, "%s", error->message);
  stop (self, EXIT_CODE_FAILED);
}

static void
start_life (Simulate *self)
{
  g_autoptr (GError) error = NULL;

  if (!lxcmon_mock_controller_start (self->controller, &error))
    fail (self, error);
}

/* Ends the container, unless there is no client to report it to. Returns whether it has ended. */
static gboolean
end_life (Simulate *self)
{
  if (lxcmon_mock_controller_get_n_clients (self->controller) == 0)
    return FALSE;

  return self->has_exit ? lxcmon_mock_controller_finish (self->controller, self->exit, NULL)
                        : lxcmon_mock_controller_die (self->controller, NULL);
}

static gboolean
on_after (gpointer user_data)
{
  Simulate *self = user_data;

  self->timer = 0;
  if (!end_life (self))
    return G_SOURCE_REMOVE; /* the client has just left */
  if (--self->n_left == 0)
    stop (self, EXIT_CODE_DONE);
  else
    start_life (self);
  return G_SOURCE_REMOVE;
}

/* The time of the container starts when a client is served: without one, nobody would see the end. */
static void
on_n_clients (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  Simulate *self = user_data;

  if (lxcmon_mock_controller_get_n_clients (self->controller) == 0)
    g_clear_handle_id (&self->timer, g_source_remove); /* starts again with the next one */
  else if (self->timer == 0 && self->has_after)
    self->timer = g_timeout_add (self->after, on_after, self);
}

static gboolean
on_signal (gpointer user_data)
{
  Simulate *self = user_data;

  (void) end_life (self);
  stop (self, EXIT_CODE_DONE);
  return G_SOURCE_CONTINUE;
}

static void
say_what_is (Simulate *self)
{
  const char *path = self->options.arguments[0];

  if (self->init_pid > 0)
    message (&self->options, "a controller listens on %s; its init has pid %d", path,
             self->init_pid);
  else
    message (&self->options, "a controller listens on %s; it sends no INIT", path);
}

static void
run (Simulate *self)
{
  guint sigint = g_unix_signal_add (SIGINT, on_signal, self);
  guint sigterm = g_unix_signal_add (SIGTERM, on_signal, self);

  self->code = EXIT_CODE_DONE;
  g_signal_connect (self->controller, "notify::n-clients", G_CALLBACK (on_n_clients), self);
  start_life (self);
  if (self->code == EXIT_CODE_DONE)
    {
      say_what_is (self);
      g_main_loop_run (self->loop);
    }

  g_signal_handlers_disconnect_by_data (self->controller, self);
  lxcmon_mock_controller_stop (self->controller);
  g_clear_handle_id (&self->timer, g_source_remove);
  g_source_remove (sigterm);
  g_source_remove (sigint);
}

static gboolean
parse_exit (Simulate *self, const char *nick)
{
  g_autoptr (GEnumClass) enum_class = g_type_class_ref (LXCMON_TYPE_EXIT_STATUS);
  GEnumValue *value = g_enum_get_value_by_nick (enum_class, nick);

  self->has_exit = strcmp (nick, "none") != 0;
  if (!self->has_exit)
    return TRUE;
  if (value == NULL || value->value == LXCMON_EXIT_STATUS_UNKNOWN)
    return FALSE;
  self->exit = value->value;
  return TRUE;
}

/* Reads the values of the options. Returns the exit code for wrong usage if they are not valid. */
static ExitCode
check (Simulate *self, const char *exit_nick, const char *after)
{
  g_autoptr (GError) error = NULL;

  if (self->options.arguments == NULL || g_strv_length (self->options.arguments) != 1)
    return usage_error ("simulate: the path of one socket is expected");
  if (!parse_exit (self, exit_nick))
    return usage_error ("simulate: --exit must be error, shutdown, reboot or none, not \"%s\"",
                        exit_nick);
  if (self->init_pid < 0)
    return usage_error ("simulate: --init-pid must be a pid, or 0 for no INIT");
  if (self->n_left < 1)
    return usage_error ("simulate: --repeat must be 1 or more");
  self->has_after = after != NULL;
  if (self->has_after && !duration_parse (after, &self->after, &error))
    return usage_error ("simulate: %s", error->message);
  if (!self->has_after && self->n_left > 1)
    return usage_error ("simulate: --repeat needs --after");

  return EXIT_CODE_DONE;
}

int
simulate_main (int argc, char **argv)
{
  Simulate self = { .init_pid = getpid (), .n_left = 1, .code = EXIT_CODE_USAGE };
  g_autofree char *exit_nick = NULL;
  g_autofree char *after = NULL;
  const GOptionEntry entries[] = {
    { "init-pid", 0, 0, G_OPTION_ARG_INT, &self.init_pid,
      "The pid of init that is sent (default: that of lxcmon; 0: no INIT)", "N" },
    { "exit", 0, 0, G_OPTION_ARG_STRING, &exit_nick,
      "How the container ends: error, shutdown (default), reboot, or none (no EXIT)", "STATUS" },
    { "after", 0, 0, G_OPTION_ARG_STRING, &after,
      "End this time after a client is served (default: at SIGINT or SIGTERM)", "DURATION" },
    { "repeat", 0, 0, G_OPTION_ARG_INT, &self.n_left, "Start and end N times (default: 1)", "N" },
    G_OPTION_ENTRY_NULL,
  };

  if (!options_parse (
          &self.options, 0, entries, "PATH",
          "Runs a controller without a container: listens on PATH, and behaves like the "
          "controller\nof libvirt.",
          argc, argv, &self.code))
    {
      options_clear (&self.options);
      return self.code;
    }

  self.code = check (&self, exit_nick != NULL ? exit_nick : "shutdown", after);
  if (self.code == EXIT_CODE_DONE)
    {
      self.loop = g_main_loop_new (NULL, FALSE);
      self.controller = lxcmon_mock_controller_new (self.options.arguments[0]);
      lxcmon_mock_controller_set_init_pid (self.controller, self.init_pid);
      run (&self);
      g_object_unref (self.controller);
      g_main_loop_unref (self.loop);
    }

  options_clear (&self.options);
  return self.code;
}
