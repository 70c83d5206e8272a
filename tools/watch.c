/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon watch": events as they come, of named containers until all have ended, or of the whole
 * host until a signal.
 */

#include "message.h"
#include "output.h"
#include "verbs.h"
#include "watcher.h"

typedef struct
{
  const Options *options;
  Output output;
  gboolean follow;
  gboolean has_said_hint;
} Watch;

static gboolean
is_whole_host (const Watch *self)
{
  return self->options->arguments == NULL;
}

static ExitCode
handle_closed (Watch *self, const Event *event)
{
  gboolean is_followed = self->follow && event->end == LXCMON_END_REBOOT;

  if (is_whole_host (self) || is_followed)
    return EXIT_CODE_NONE;
  if (g_error_matches (event->error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY))
    message_closed (self->options, event);
  return event->error != NULL ? exit_code_for_error (event->error) : EXIT_CODE_DONE;
}

/* On a whole host, the container is watched later, if it can be. */
static ExitCode
handle_unwatched (Watch *self, const Event *event)
{
  if (!is_whole_host (self))
    {
      message_error (self->options, event);
      return exit_code_for_error (event->error);
    }
  if (!self->has_said_hint
      && g_error_matches (event->error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY))
    {
      message (self->options, "A container that is busy is watched as soon as its slot is free.");
      message_force (self->options);
      self->has_said_hint = TRUE;
    }
  return EXIT_CODE_NONE;
}

/* The only time limit of a container is the one for the next controller after a reboot: then it has ended,
 * and with EXIT. */
static ExitCode
handle_failed (Watch *self, const Event *event)
{
  message_error (self->options, event);
  if (g_error_matches (event->error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT))
    return EXIT_CODE_DONE;
  return exit_code_for_error (event->error);
}

static ExitCode
on_event (const Event *event, gpointer user_data)
{
  Watch *self = user_data;

  output_event (&self->output, event);
  switch (event->type)
    {
    case EVENT_ATTACHED:
      if (!self->output.json)
        message_attached (self->options, event);
      return EXIT_CODE_NONE;
    case EVENT_CLOSED:
      return handle_closed (self, event);
    case EVENT_UNWATCHED:
      return handle_unwatched (self, event);
    case EVENT_FAILED:
      return handle_failed (self, event);
    case EVENT_SIGNAL:
      return EXIT_CODE_DONE;
    default:
      return EXIT_CODE_NONE;
    }
}

int
watch_main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  gboolean no_follow = FALSE;
  ExitCode code = EXIT_CODE_DONE;
  const GOptionEntry entries[] = {
    { "no-follow", 0, 0, G_OPTION_ARG_NONE, &no_follow, "Treat a reboot like any other end", NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!options_parse (&options, OPTIONS_JSON | OPTIONS_HOST | OPTIONS_CLIENT | OPTIONS_TIMEOUT,
                      entries, "[NAME|PATH]...",
                      "Prints the events of containers as they come, until all of them have ended. "
                      "Without a\ncontainer: those of the whole host, new containers included.",
                      argc, argv, &code))
    return code;

  Watch self = { .options = &options, .output.json = options.json, .follow = !no_follow };
  return watcher_run (&options, self.follow, on_event, &self);
}
