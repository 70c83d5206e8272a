/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon wait": one container's end as a word and an exit code.
 */

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>

#include "options.h"
#include "output.h"
#include "verbs.h"

typedef struct
{
  Options options;
  GMainLoop *loop;
  ExitCode code;
} Wait;

static void
end (Wait *self, ExitCode code)
{
  self->code = code;
  g_main_loop_quit (self->loop);
}

static void
on_exit_known (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Wait *self = user_data;
  g_autoptr (GError) error = NULL;
  LxcmonExitStatus status = lxcmon_client_wait_exit_finish (LXCMON_CLIENT (object), result, &error);

  if (error == NULL)
    {
      printf ("%s\n", output_status_nick (status));
      output_flush ();
      end (self, exit_code_for_status (status));
    }
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      message_error (&self->options, lxcmon_monitor_get_name (LXCMON_MONITOR (object)), error);
      end (self, exit_code_for_error (error));
    }
}

static gboolean
on_timeout (gpointer user_data)
{
  Wait *self = user_data;

  message (&self->options, "the time is over, and the container has not ended");
  end (self, EXIT_CODE_TIMED_OUT);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sigint (gpointer user_data)
{
  end (user_data, EXIT_CODE_SIGNAL + SIGINT);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sigterm (gpointer user_data)
{
  end (user_data, EXIT_CODE_SIGNAL + SIGTERM);
  return G_SOURCE_CONTINUE;
}

/* A failed attach ends the wait as well, with its error: one callback tells all. */
static void
run (Wait *self, LxcmonClient *client)
{
  guint sources[] = {
    g_unix_signal_add (SIGINT, on_sigint, self),
    g_unix_signal_add (SIGTERM, on_sigterm, self),
    self->options.timeout > 0 ? g_timeout_add (self->options.timeout, on_timeout, self) : 0,
  };

  lxcmon_client_attach_async (client, NULL, NULL, NULL);
  lxcmon_client_wait_exit_async (client, NULL, on_exit_known, self);
  g_main_loop_run (self->loop);

  lxcmon_client_detach (client);
  /* The pending call completes, and gives back what it holds. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0)
      g_source_remove (sources[i]);
}

int
wait_main (int argc, char **argv)
{
  Wait self = { .code = EXIT_CODE_DONE };

  if (!options_parse (
          &self.options, OPTIONS_CLIENT | OPTIONS_TIMEOUT, NULL, "NAME|PATH",
          "Waits for a container's end, prints how it ended, and says it by the exit code.", argc,
          argv, &self.code))
    {
      options_clear (&self.options);
      return self.code;
    }

  if (self.options.arguments == NULL || g_strv_length (self.options.arguments) != 1)
    self.code = usage_error ("wait: name one container");
  else
    {
      g_autoptr (LxcmonClient) client
          = options_make_client (&self.options, self.options.arguments[0]);
      self.loop = g_main_loop_new (NULL, FALSE);
      run (&self, client);
      g_main_loop_unref (self.loop);
    }

  options_clear (&self.options);
  return self.code;
}
