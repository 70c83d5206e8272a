/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon wait": the end of a container as a word and an exit code.
 */

#include <stdio.h>

#include "message.h"
#include "output.h"
#include "verbs.h"
#include "watcher.h"

static ExitCode
print_status (LxcmonExitStatus status)
{
  printf ("%s\n", output_status_nick (status));
  output_flush ();
  return exit_code_for_status (status);
}

static ExitCode
on_event (const Event *event, gpointer user_data)
{
  const Options *options = user_data;

  switch (event->type)
    {
    case EVENT_EXIT:
      return print_status (event->status);
    case EVENT_CLOSED: /* without EXIT */
      message_closed (options, event);
      return exit_code_for_error (event->error);
    case EVENT_UNWATCHED:
    case EVENT_FAILED:
      message_error (options, event);
      return exit_code_for_error (event->error);
    case EVENT_SOURCE_LOST:
      message (options, "%s; trying to connect again", event->error->message);
      return EXIT_CODE_NONE;
    case EVENT_SOURCE_BACK:
      message (options, "libvirtd is back");
      return EXIT_CODE_NONE;
    case EVENT_SIGNAL:
      return (ExitCode) (EXIT_CODE_SIGNAL + event->signal);
    default:
      return EXIT_CODE_NONE;
    }
}

int
wait_main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  ExitCode code = EXIT_CODE_DONE;

  if (!options_parse (&options, OPTIONS_HOST | OPTIONS_CLIENT | OPTIONS_TIMEOUT, NULL, "NAME|PATH",
                      "Waits until a container has ended, and prints how. The exit code says the "
                      "same.",
                      argc, argv, &code))
    return code;
  if (options_has_hosts (&options))
    return usage_error ("wait: only one --connect");
  if (options.arguments == NULL || g_strv_length (options.arguments) != 1)
    return usage_error ("wait: name one container");

  return watcher_run (&options, FALSE, on_event, &options);
}
