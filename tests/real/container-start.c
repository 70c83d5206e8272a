/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-start.c: starts a controller as libvirtd does.
 *
 * Owns: the console, the handshake, the controller's command line.
 * Does not: keep a controller whose
 * start has failed. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "container-private.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "container-files.h"
#include "process.h"

#define HANDSHAKE_TIMEOUT_MS 60000
#define CONTINUE             'c'

/* The child's side of the start; as numbers 3, 4 and 5 in the controller. */
typedef struct
{
  int console;
  int continue_fd;
  int answer_fd;
  int log_fd;
} Ends;

static void
clear_ends (Ends *ends)
{
  process_clear_fd (&ends->console);
  process_clear_fd (&ends->continue_fd);
  process_clear_fd (&ends->answer_fd);
  process_clear_fd (&ends->log_fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Ends, clear_ends)

/* Raw, or the terminal would echo what the container prints back into it. The
 * slave is closed again, as libvirtd does. */
static gboolean
make_raw (int master)
{
  char slave_name[64];
  struct termios settings;
  gboolean done;
  int slave;

  if (grantpt (master) != 0 || unlockpt (master) != 0
      || ptsname_r (master, slave_name, sizeof slave_name) != 0)
    return FALSE;
  slave = open (slave_name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0)
    return FALSE;

  done = tcgetattr (slave, &settings) == 0;
  cfmakeraw (&settings);
  done = done && tcsetattr (slave, TCSANOW, &settings) == 0;
  close (slave);
  return done;
}

static gboolean
open_console (Ends *ends, GError **error)
{
  ends->console = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends->console < 0 || !make_raw (ends->console))
    return process_set_errno (error, "Cannot open", "a pty for the container's console");
  return TRUE;
}

/* "Continue" needs its reading end twice: one for the controller, one that
 * stays with us (see container-private.h). */
static gboolean
open_handshake (Container *self, Ends *ends, GError **error)
{
  int answer[2];

  if (!g_unix_open_pipe (self->continue_fds, FD_CLOEXEC, error)
      || !g_unix_open_pipe (answer, FD_CLOEXEC, error))
    return FALSE;
  self->answer_fd = answer[0];
  ends->answer_fd = answer[1];

  ends->continue_fd = fcntl (self->continue_fds[0], F_DUPFD_CLOEXEC, 0);
  if (ends->continue_fd < 0)
    return process_set_errno (error, "Cannot duplicate", "the handshake pipe");
  return TRUE;
}

static gboolean
spawn (Container *self, const Ends *ends, GError **error)
{
  static const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
  const char *argv[] = {
    container_files_emulator (), "--name",         self->name, "--console", "3",
    "--security=none",           "--handshakefds", "4:5",      NULL,
  };
  const int fds[] = { ends->console, ends->continue_fd, ends->answer_fd };
  ProcessSetup setup = {
    .envp = envp,
    .out_fd = ends->log_fd,
    .err_fd = ends->log_fd,
    .fds = fds,
    .n_fds = G_N_ELEMENTS (fds),
    .death_signal = SIGKILL,
  };

  if (argv[0] == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "libvirt_lxc is not installed: ask container_why_unsupported () first");
      return FALSE;
    }
  self->controller = process_spawn (argv, &setup, &self->controller_fd, error);
  if (self->controller < 0)
    {
      self->controller = 0;
      return FALSE;
    }
  self->last_controller = self->controller;
  g_array_append_val (self->controllers, self->controller);
  self->adopted = FALSE;
  return TRUE;
}

static gboolean
send_continue (Container *self, GError **error)
{
  const char byte = CONTINUE;

  if (write (self->continue_fds[1], &byte, 1) != 1)
    return process_set_errno (error, "Cannot write the handshake to the controller of", self->name);
  return TRUE;
}

static void
set_handshake_error (Container *self, gboolean timed_out, const char *when, GError **error)
{
  g_autofree char *tail = container_log_tail (self);

  g_set_error (error, G_IO_ERROR, timed_out ? G_IO_ERROR_TIMED_OUT : G_IO_ERROR_FAILED,
               "The controller of container %s %s %s; its log says: %s", self->name,
               timed_out ? "was silent for 60 s" : "ended", when, tail);
}

static gboolean
wait_for_continue (Container *self, const char *when, GError **error)
{
  /* Its death closes its end of the pipe, so one descriptor reports both. */
  struct pollfd fd = { .fd = self->answer_fd, .events = POLLIN };
  char byte = 0;

  if (process_poll_until (&fd, 1, process_deadline (HANDSHAKE_TIMEOUT_MS)) <= 0)
    {
      set_handshake_error (self, TRUE, when, error);
      return FALSE;
    }
  if (read (self->answer_fd, &byte, 1) == 1 && byte == CONTINUE)
    return TRUE;
  set_handshake_error (self, FALSE, when, error);
  return FALSE;
}

static void
forget_commands (Container *self)
{
  char buffer[512];

  while (read (self->fifo_fd, buffer, sizeof buffer) > 0)
    ;
}

static gboolean
open_ends (Container *self, Ends *ends, GError **error)
{
  ends->log_fd = process_open_log (self->log_path, error);
  return ends->log_fd >= 0 && open_console (ends, error) && open_handshake (self, ends, error);
}

static gboolean
write_status (Container *self, pid_t controller, GError **error)
{
  return container_files_write_status (self->name, self->uuid, self->root, controller, error);
}

/* The controller reads the status file some 50 ms after it was spawned, and waits for no process before
 * it does. The file is to hold its pid, which we know only then: in case that we are too slow, there is a
 * file before, with the pid of another process that runs.
 *
 * When its first "continue" comes, its socket listens, init has been cloned, and it waits for ours: no
 * client is accepted before. (It never waits for a second one of ours.) */
static gboolean
start_process (Container *self, GError **error)
{
  g_auto (Ends) ends = { -1, -1, -1, -1 };

  if (!write_status (self, getpid (), error) || !open_ends (self, &ends, error)
      || !spawn (self, &ends, error))
    return FALSE;
  clear_ends (&ends); /* or its death would not be seen on its answer */

  return write_status (self, self->controller, error)
         && wait_for_continue (self, "before its socket listened", error);
}

static gboolean
make_ready (Container *self, GError **error)
{
  if (self->controller != 0)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_EXISTS,
          "Container %s has a controller (pid %d) already: container_wait_end () comes first",
          self->name, (int) self->controller);
      return FALSE;
    }
  if (!container_check_namespace (error) || !container_make_root (self, error))
    return FALSE;
  if (g_mkdir_with_parents (CONTAINER_RUNTIME_DIR, 0755) != 0)
    return process_set_errno (error, "Cannot make the directory", CONTAINER_RUNTIME_DIR);

  self->is_ours = TRUE;
  container_sweep (self);
  forget_commands (self);
  return TRUE;
}

gboolean
container_start_controller (Container *self, GError **error)
{
  if (!make_ready (self, error))
    return FALSE;
  if (start_process (self, error))
    {
      container_forget_driver ();
      return TRUE;
    }
  container_kill_controller (self);
  container_sweep (self);
  return FALSE;
}

gboolean
container_continue (Container *self, GError **error)
{
  if (self->continue_fds[1] < 0)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
          "Container %s waits for no continue: container_start_controller () comes first, once",
          self->name);
      return FALSE;
    }
  /* Its second answer has to be waited for: a controller that cannot write it exits, and ends the
   * container. */
  if (!send_continue (self, error) || !wait_for_continue (self, "before it started init", error))
    return FALSE;
  process_clear_fd (&self->continue_fds[0]);
  process_clear_fd (&self->continue_fds[1]);
  process_clear_fd (&self->answer_fd);
  container_forget_driver ();
  return TRUE;
}

gboolean
container_start (Container *self, GError **error)
{
  return container_start_controller (self, error) && container_continue (self, error);
}
