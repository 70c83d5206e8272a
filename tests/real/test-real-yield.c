/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libvirtd stops, its container is watched directly, and libvirtd starts: the container's reboot is libvirtd's to
 * hear of, and it is restarted, always. */

#include <lxcmon-glib/lxcmon-glib.h>
#include <signal.h>
#include <string.h>

#include "accept-queue.h"
#include "real-test.h"

#define N_ROUNDS 3

typedef struct
{
  Libvirtd *libvirtd;
  Container *container;
} Fixture;

static gboolean
set_up (Fixture *self, const char *name)
{
  g_autoptr (GError) error = NULL;

  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  self->container = container_new (name);
  libvirtd_create (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  return TRUE;
}

static void
tear_down (Fixture *self)
{
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  container_free (self->container);
}

/* The controller may notice a moment later, until when the slot is taken. */
static void
stop_libvirtd (Fixture *self, int signum)
{
  real_end_libvirtd (self->libvirtd, signum);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
}

static void
start_libvirtd (Fixture *self)
{
  self->libvirtd = real_start_libvirtd ();
}

/* libvirtd hears of it, and restarts the container. */
static void
reboot (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  accept_queue_wait (container_get_socket_path (self->container), 0, 1);
  real_command (self->container, "reboot");
  libvirtd_wait_reboot (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
}

static void
count (guint *n)
{
  ++*n;
}

static void
test_client (void)
{
  Fixture self = { 0 };

  if (!set_up (&self, "real-yield-client"))
    return;
  for (int i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr (LxcmonClient) client = lxcmon_client_new (container_get_name (self.container));
      LxcmonMonitor *monitor = LXCMON_MONITOR (client);
      guint n_closed = 0, n_others = 0;

      g_signal_connect_swapped (client, "closed", G_CALLBACK (count), &n_closed);
      g_signal_connect_swapped (client, "init", G_CALLBACK (count), &n_others);
      g_signal_connect_swapped (client, "exit", G_CALLBACK (count), &n_others);
      stop_libvirtd (&self, i == 1 ? SIGKILL : SIGTERM);
      accept_queue_wait (container_get_socket_path (self.container), 0, 0);
      container_forget_driver ();
      lxcmon_client_attach_async (client, NULL, NULL, NULL);
      real_wait (lxcmon_monitor_get_state (monitor) == LXCMON_STATE_ATTACHED);

      start_libvirtd (&self);
      real_wait (n_closed == 1);
      g_assert_true (g_error_matches (lxcmon_monitor_get_error (monitor), LXCMON_MONITOR_ERROR,
                                      LXCMON_MONITOR_ERROR_BUSY));
      g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, LXCMON_END_NONE);
      reboot (&self);
      g_assert_cmpuint (n_others, ==, 0);
    }
  tear_down (&self);
}

static GSubprocess *
start_command (Fixture *self, const char *verb, const char *option)
{
  g_autoptr (GError) error = NULL;
  GSubprocess *command
      = g_subprocess_new (G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
                          g_getenv ("LXCMON_COMMAND"), verb,
                          container_get_socket_path (self->container), option, NULL);

  g_assert_no_error (error);
  return command;
}

/* It has nothing to report but that libvirtd has started. */
static void
expect_end (GSubprocess *command)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL, *messages = NULL;

  g_subprocess_communicate_utf8 (command, NULL, NULL, &text, &messages, &error);
  g_assert_no_error (error);
  g_test_message ("%s%s", text, messages);
  g_assert_true (g_subprocess_get_if_exited (command));
  g_assert_cmpint (g_subprocess_get_exit_status (command), ==, 6);
  g_assert_nonnull (strstr (messages, "libvirtd has started"));
}

static void
test_command (void)
{
  static const char *const verbs[N_ROUNDS] = { "watch", "wait", "watch" };
  Fixture self = { 0 };

  if (!set_up (&self, "real-yield-command"))
    return;
  for (int i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr (GSubprocess) command = NULL;

      stop_libvirtd (&self, i == 1 ? SIGKILL : SIGTERM);
      accept_queue_wait (container_get_socket_path (self.container), 0, 0);
      container_forget_driver ();
      command = start_command (&self, verbs[i], NULL);
      accept_queue_wait (container_get_socket_path (self.container), 0, 1);
      start_libvirtd (&self);
      reboot (&self);
      expect_end (command);
    }
  tear_down (&self);
}

/* libvirtd is restarted while a client waits for the slot: the client does not get it in between. */
static void
test_restart (void)
{
  Fixture self = { 0 };

  if (!set_up (&self, "real-yield-restart"))
    return;
  for (int i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr (GSubprocess) command = start_command (&self, "watch", "--wait-if-busy");
      real_run_for (500);
      stop_libvirtd (&self, i == 1 ? SIGKILL : SIGTERM);
      real_run_for (2000);
      start_libvirtd (&self);
      reboot (&self);
      g_subprocess_force_exit (command);
      g_subprocess_wait (command, NULL, NULL);
    }
  tear_down (&self);
}

/* It waits, and gets the slot 10 s after libvirtd has gone. */
static void
test_wait_if_busy (void)
{
  Fixture self = { 0 };

  if (!set_up (&self, "real-yield-wait"))
    return;
  g_autoptr (GSubprocess) command = start_command (&self, "watch", "--wait-if-busy");
  real_run_for (500);
  stop_libvirtd (&self, SIGTERM);
  accept_queue_wait (container_get_socket_path (self.container), 0, 0);
  accept_queue_wait (container_get_socket_path (self.container), 0, 1);
  start_libvirtd (&self);
  reboot (&self);
  expect_end (command);
  tear_down (&self);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/yield/client", test_client);
  real_test_add ("/real/yield/command", test_command);
  real_test_add ("/real/yield/restart", test_restart);
  real_test_add ("/real/yield/wait-if-busy", test_wait_if_busy);
  return g_test_run ();
}
