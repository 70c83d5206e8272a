/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* watch.c: see watch.h for what this file owns. */

#include "watch.h"

#include <lxcmon/lxcmon.h>

#include "real-test.h"

const char *
watch_get_state (Watch *self)
{
  return lxcmon_state_to_string (lxcmon_monitor_get_state (self->monitor));
}

static void
on_init_signal (LxcmonClient *client, int pid, Watch *self)
{
  g_assert_cmpint (lxcmon_monitor_get_init_pid (self->monitor), ==, pid);
  self->init_pid = pid;
  g_string_append (self->trace, "init ");
}

static void
on_exit_signal (LxcmonClient *client, LxcmonExitStatus status, Watch *self)
{
  watch_assert_state (self, "exited");
  g_assert_true (lxcmon_monitor_get_exited (self->monitor));
  g_assert_cmpint (lxcmon_monitor_get_exit_status (self->monitor), ==, status);
  g_string_append_printf (self->trace, "exit:%s ", lxcmon_exit_status_to_string (status));
}

/* Its error is NULL if and only if EXIT came first. */
static void
on_closed_signal (LxcmonClient *client, const GError *error, Watch *self)
{
  self->closed_at = g_get_monotonic_time ();
  watch_assert_state (self, "closed");
  g_assert_true (lxcmon_monitor_get_exited (self->monitor) == (error == NULL));
  if (error == NULL)
    {
      g_assert_null (lxcmon_monitor_get_error (self->monitor));
      g_string_append (self->trace, "closed ");
      return;
    }
  g_assert_true (error->domain == LXCMON_MONITOR_ERROR);
  g_assert_true (
      g_error_matches (lxcmon_monitor_get_error (self->monitor), error->domain, error->code));
  g_string_append_printf (self->trace, "closed:%s ",
                          lxcmon_monitor_error_to_string ((LxcmonMonitorError) error->code));
}

Watch *
watch_new_for_client (LxcmonClient *client)
{
  Watch *self = g_new0 (Watch, 1);

  self->client = client;
  self->monitor = LXCMON_MONITOR (client);
  self->trace = g_string_new (NULL);
  g_signal_connect (client, "init", G_CALLBACK (on_init_signal), self);
  g_signal_connect (client, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (client, "closed", G_CALLBACK (on_closed_signal), self);
  return self;
}

Watch *
watch_new (Container *container)
{
  return watch_new_for_client (lxcmon_client_new (container_get_name (container)));
}

void
watch_clear (Watch *self)
{
  g_string_truncate (self->trace, 0);
  self->init_pid = 0;
  self->closed_at = 0;
  self->attach_done = self->exit_done = FALSE;
  g_clear_error (&self->attach_error);
  g_clear_error (&self->exit_error);
}

void
watch_free (Watch *self)
{
  g_signal_handlers_disconnect_by_data (self->client, self);
  lxcmon_client_detach (self->client);
  real_wait (!self->attach_pending && !self->exit_pending);
  watch_clear (self);
  g_object_unref (self->client);
  g_string_free (self->trace, TRUE);
  g_free (self);
}

static void
on_attached (GObject *client, GAsyncResult *result, gpointer user_data)
{
  Watch *self = user_data;

  lxcmon_client_attach_finish (LXCMON_CLIENT (client), result, &self->attach_error);
  self->attach_done_at = g_get_monotonic_time ();
  self->attach_done = TRUE;
  self->attach_pending = FALSE;
}

void
watch_attach (Watch *self)
{
  watch_clear (self);
  self->attach_pending = TRUE;
  lxcmon_client_attach_async (self->client, NULL, on_attached, self);
}

static void
on_exit_waited_for (GObject *client, GAsyncResult *result, gpointer user_data)
{
  Watch *self = user_data;

  self->exit_status
      = lxcmon_monitor_wait_exit_finish (LXCMON_MONITOR (client), result, &self->exit_error);
  self->exit_done = TRUE;
  self->exit_pending = FALSE;
}

void
watch_wait_exit (Watch *self)
{
  self->exit_done = FALSE;
  self->exit_pending = TRUE;
  g_clear_error (&self->exit_error);
  lxcmon_monitor_wait_exit_async (LXCMON_MONITOR (self->client), NULL, on_exit_waited_for, self);
}

Watch *
watch_start (Container *container)
{
  Watch *self = watch_new (container);

  lxcmon_client_set_force (self->client, TRUE);
  real_start_controller (container);
  watch_attach (self);
  watch_assert_state (self, "queued");
  real_continue (container);
  real_wait (self->init_pid != 0 && self->attach_done);
  g_assert_no_error (self->attach_error);
  watch_assert_state (self, "attached");
  return self;
}
