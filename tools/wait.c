/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon wait": one container's end as a word and an exit code.
 */

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>

#include "named.h"
#include "output.h"
#include "source.h"
#include "verbs.h"

typedef struct
{
  Options options;
  GMainLoop *loop;
  Named *named; /* where libvirtd is asked, or NULL */
  ExitCode code;
} Wait;

static void
end (Wait *self, ExitCode code)
{
  self->code = code;
  g_main_loop_quit (self->loop);
}

static void
end_with_status (Wait *self, LxcmonExitStatus status)
{
  printf ("%s\n", output_status_nick (status));
  output_flush ();
  end (self, exit_code_for_status (status));
}

static void
end_with_error (Wait *self, const char *name, const GError *error)
{
  message_error (&self->options, name, error);
  end (self, exit_code_for_error (error));
}

static void
on_exit_known (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Wait *self = user_data;
  g_autoptr (GError) error = NULL;
  LxcmonExitStatus status = lxcmon_client_wait_exit_finish (LXCMON_CLIENT (object), result, &error);

  if (error == NULL)
    end_with_status (self, status);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    end_with_error (self, lxcmon_monitor_get_name (LXCMON_MONITOR (object)), error);
}

/* The first end counts; libvirtd may tell of the next life at once. */
static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  Wait *self = user_data;

  named_drop (self->named, lxcmon_monitor_get_name (monitor));
  end_with_status (self, status);
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  Wait *self = user_data;

  named_drop (self->named, lxcmon_monitor_get_name (monitor));
  if (error != NULL)
    message (&self->options, "%s", error->message); /* it begins with the name */
  end (self, error != NULL ? exit_code_for_error (error) : EXIT_CODE_FAILED);
}

static void
on_missing (const char *name, const GError *error, gpointer user_data)
{
  end_with_error (user_data, name, error);
}

static void
on_failed (const GError *error, gpointer user_data)
{
  Wait *self = user_data;

  message (&self->options, "%s", error->message);
  end (self, exit_code_for_error (error));
}

static void
on_connection (const GError *error, gpointer user_data)
{
  Wait *self = user_data;

  if (error != NULL)
    message (&self->options, "%s; waiting for it to come back", error->message);
  else
    message (&self->options, "libvirtd is back");
}

static const NamedFuncs named_funcs = {
  .exit = on_exit_signal,
  .closed = on_closed,
  .missing = on_missing,
  .failed = on_failed,
  .connection = on_connection,
};

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
wait_directly (Wait *self, const char *argument)
{
  g_autoptr (LxcmonClient) client = options_make_client (&self->options, argument);

  lxcmon_client_attach_async (client, NULL, NULL, NULL);
  lxcmon_client_wait_exit_async (client, NULL, on_exit_known, self);
  g_main_loop_run (self->loop);

  lxcmon_client_detach (client);
  /* The pending call completes, and gives back what it holds. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
wait_through_libvirt (Wait *self, const char *name)
{
  g_autoptr (LxcmonMonitorList) list
      = source_new_list (&self->options, LXCMON_SOURCE_LIBVIRT, FALSE);

  self->named = named_new (list, &named_funcs, self);
  named_add (self->named, name);
  named_start (self->named);
  g_main_loop_run (self->loop);
  named_free (self->named);
}

static ExitCode
wait_for_end (Wait *self)
{
  const char *argument = self->options.arguments[0];
  g_autofree char *name = NULL;
  guint sources[] = {
    g_unix_signal_add (SIGINT, on_sigint, self),
    g_unix_signal_add (SIGTERM, on_sigterm, self),
    self->options.timeout > 0 ? g_timeout_add (self->options.timeout, on_timeout, self) : 0,
  };

  self->loop = g_main_loop_new (NULL, FALSE);
  if (source_choose (&self->options, argument, &name) == LXCMON_SOURCE_LIBVIRT)
    wait_through_libvirt (self, name);
  else
    wait_directly (self, argument);
  g_main_loop_unref (self->loop);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0)
      g_source_remove (sources[i]);
  return self->code;
}

int
wait_main (int argc, char **argv)
{
  Wait self = { .code = EXIT_CODE_DONE };

  if (options_parse (
          &self.options, OPTIONS_CLIENT | OPTIONS_TIMEOUT | OPTIONS_CONNECT, NULL, "NAME|PATH",
          "Waits for a container's end, prints how it ended, and says it by the exit code.", argc,
          argv, &self.code)
      && source_check (&self.options, &self.code))
    {
      if (self.options.arguments == NULL || g_strv_length (self.options.arguments) != 1)
        self.code = usage_error ("wait: name one container");
      else
        self.code = wait_for_end (&self);
    }

  options_clear (&self.options);
  return self.code;
}
