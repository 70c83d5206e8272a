/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon watch" without names: all containers of a list, those that are still to come included,
 * until it is told to end.
 */

#include "watch-host.h"

#include <glib-unix.h>

#include "output.h"
#include "source.h"

typedef struct
{
  const Options *options;
  Output output;
  GMainLoop *loop;
  gboolean said_what_to_do;
  ExitCode code;
} WatchHost;

static void
end (WatchHost *self, ExitCode code)
{
  self->code = code;
  g_main_loop_quit (self->loop);
}

/* Where nobody can read what we print there is no use in going on. */
static void
check_output (WatchHost *self)
{
  if (output_is_broken ())
    end (self, EXIT_CODE_FAILED);
}

static void
on_init (LxcmonMonitorList *list, LxcmonMonitor *monitor, int pid, gpointer user_data)
{
  WatchHost *self = user_data;

  output_init (&self->output, monitor, pid);
  check_output (self);
}

static void
on_exit_signal (LxcmonMonitorList *list, LxcmonMonitor *monitor, LxcmonExitStatus status,
                gpointer user_data)
{
  WatchHost *self = user_data;

  output_exit (&self->output, monitor, status);
  check_output (self);
}

static void
on_closed (LxcmonMonitorList *list, LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  WatchHost *self = user_data;

  output_closed (&self->output, monitor, error);
  check_output (self);
}

static void
say_attached (WatchHost *self, LxcmonMonitor *monitor)
{
  output_attached (&self->output, monitor);
  check_output (self);
  if (!self->output.json)
    message_attached (self->options, monitor);
}

static void
on_state (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  LxcmonMonitor *monitor = LXCMON_MONITOR (object);

  if (lxcmon_monitor_get_state (monitor) == LXCMON_STATE_ATTACHED)
    say_attached (user_data, monitor);
}

/* What cannot be watched is said; what to do about it, once. */
static void
say_error (WatchHost *self, LxcmonMonitor *monitor)
{
  const GError *error = lxcmon_monitor_get_error (monitor);

  if (error == NULL || lxcmon_monitor_get_state (monitor) != LXCMON_STATE_DETACHED)
    return;
  message (self->options, "%s: %s", lxcmon_monitor_get_name (monitor), error->message);
  if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY)
      && !self->said_what_to_do)
    {
      message (self->options, "Such a container is attached to when its place is free.");
      message_force (self->options);
      self->said_what_to_do = TRUE;
    }
}

static void
on_error (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  say_error (user_data, LXCMON_MONITOR (object));
}

static void
on_items_changed (GListModel *list, guint position, guint removed, guint added, gpointer user_data)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (list, i);
      g_signal_connect (monitor, "notify::state", G_CALLBACK (on_state), user_data);
      g_signal_connect (monitor, "notify::error", G_CALLBACK (on_error), user_data);
      say_error (user_data, monitor);
      /* What libvirtd runs is served before it is in the list. */
      if (lxcmon_monitor_get_state (monitor) == LXCMON_STATE_ATTACHED)
        say_attached (user_data, monitor);
    }
}

static void
on_connection (const GError *error, gpointer user_data)
{
  WatchHost *self = user_data;

  output_connection (&self->output, error);
  check_output (self);
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  WatchHost *self = user_data;
  g_autoptr (GError) error = NULL;

  if (lxcmon_monitor_list_start_finish (LXCMON_MONITOR_LIST (object), result, &error)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  message (self->options, "%s", error->message);
  end (self, exit_code_for_error (error));
}

static gboolean
on_timeout (gpointer user_data)
{
  WatchHost *self = user_data;

  message (self->options, "the time is over");
  end (self, EXIT_CODE_TIMED_OUT);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_signal (gpointer user_data)
{
  end (user_data, EXIT_CODE_DONE);
  return G_SOURCE_CONTINUE;
}

static void
run (WatchHost *self, LxcmonMonitorList *list)
{
  guint timeout = self->options->timeout;
  guint sources[] = {
    g_unix_signal_add (SIGINT, on_signal, self),
    g_unix_signal_add (SIGTERM, on_signal, self),
    timeout > 0 ? g_timeout_add (timeout, on_timeout, self) : 0,
  };

  g_signal_connect (list, "init", G_CALLBACK (on_init), self);
  g_signal_connect (list, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (list, "closed", G_CALLBACK (on_closed), self);
  gulong items_changed
      = g_signal_connect (list, "items-changed", G_CALLBACK (on_items_changed), self);
  gulong connection = source_watch_connection (list, on_connection, self);
  lxcmon_monitor_list_start_async (list, NULL, on_started, self);
  g_main_loop_run (self->loop);

  /* Whatever comes from here on is of no interest. */
  g_signal_handler_disconnect (list, items_changed);
  if (connection != 0)
    g_signal_handler_disconnect (list, connection);
  lxcmon_monitor_list_stop (list);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0)
      g_source_remove (sources[i]);
}

/**
 * watch_host:
 * @follow: whether a container that reboots is one and the same
 *
 * Watches all containers. Returns the exit code.
 */
ExitCode
watch_host (const Options *options, gboolean follow)
{
  g_autoptr (LxcmonMonitorList) list
      = source_new_list (options, source_choose (options, NULL, NULL), follow);
  WatchHost self = { .options = options, .output.json = options->json, .code = EXIT_CODE_DONE };

  self.loop = g_main_loop_new (NULL, FALSE);
  run (&self, list);
  g_main_loop_unref (self.loop);
  return self.code;
}
