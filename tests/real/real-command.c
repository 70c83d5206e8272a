/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* real-command.c: see real-command.h for what this file owns. */

#include "real-command.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accept-queue.h"
#include "container.h"
#include "process.h"

#define CONNECT_TIMEOUT_MS 60000
#define CONNECT_RETRY_MS   5
#define END_TIMEOUT_MS     60000

typedef struct
{
  pid_t pid;
  int pidfd;
} Child;

/* The one child, for the signal handler. */
static volatile sig_atomic_t child_pidfd = -1;

static void
pass_on (int signum)
{
  process_send (child_pidfd, signum);
}

static void
handle_signals (void (*handler) (int))
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
  struct sigaction action = { .sa_handler = handler };

  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    sigaction (signals[i], &action, NULL);
}

static gboolean
start_child (Child *self, const RealCommand *command, Container *container, GError **error)
{
  g_autofree char *init_pid = g_strdup_printf ("%d", (int) container_get_init_pid (container));
  g_auto (GStrv) environment
      = g_environ_setenv (g_get_environ (), REAL_COMMAND_INIT_PID, init_pid, TRUE);
  /* Copies: GLib closes in the child what it was given, even if that is descriptor 1 or 2. */
  ProcessSetup setup = {
    .envp = (const char *const *) environment,
    .out_fd = fcntl (command->out_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1),
    .err_fd = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1),
    .death_signal = SIGKILL,
  };

  self->pid = process_spawn (command->argv, &setup, &self->pidfd, error);
  process_clear_fd (&setup.out_fd);
  process_clear_fd (&setup.err_fd);
  if (self->pid < 0)
    return FALSE;
  child_pidfd = self->pidfd;
  handle_signals (pass_on);
  return TRUE;
}

/* A command that still runs after @timeout_ms is killed. */
static int
end_child (Child *self, int timeout_ms)
{
  int status = 0;

  if (!process_wait (self->pidfd, timeout_ms))
    process_send (self->pidfd, SIGKILL);
  handle_signals (SIG_DFL);
  child_pidfd = -1;
  waitpid (self->pid, &status, 0);
  process_clear_fd (&self->pidfd);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

static gboolean
is_connected (const char *path)
{
  AcceptQueue queue = accept_queue_look (path);

  return queue.n_queued + queue.n_served > 0;
}

/* FALSE if the command has ended before, which is not checked here, or never connects. */
static gboolean
wait_for_connection (Child *child, const char *path)
{
  gint64 deadline = process_deadline (CONNECT_TIMEOUT_MS);

  while (!is_connected (path))
    if (process_wait (child->pidfd, CONNECT_RETRY_MS) || g_get_monotonic_time () > deadline)
      return FALSE;
  return TRUE;
}

static gboolean
run_container (Container *container, const RealCommand *command, Child *child, GError **error)
{
  if (!container_continue (container, error))
    return FALSE;
  process_wait (child->pidfd, command->after_ms); /* who ends earlier has seen enough */
  return container_command (container, command->ending, error)
         && container_wait_end (container, END_TIMEOUT_MS, error);
}

int
real_command_run (const RealCommand *self, GError **error)
{
  g_autoptr (Container) container = container_new (self->name);
  Child child = { .pidfd = -1 };
  gboolean done;
  int code;

  if (!container_prepare_namespace (error) || !container_start_controller (container, error)
      || !start_child (&child, self, container, error))
    return -1;

  if (!wait_for_connection (&child, container_get_socket_path (container)))
    {
      code = end_child (&child, 0);
      g_printerr ("Nobody has connected to container %s.\n", self->name);
      return code;
    }
  done = run_container (container, self, &child, error);
  code = end_child (&child, done ? END_TIMEOUT_MS : 0);
  return done ? code : -1;
}
