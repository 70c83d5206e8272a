/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container.c: starting and ending one container; see container.h for what it owns. Its files
 * are in container-files.c, its processes in process.c, its machine in container-host.c, the start of its
 * controller in container-start.c. */

#include "container-private.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container-cgroup.h"
#include "container-files.h"
#include "process.h"

#define END_TIMEOUT_MS  60000
#define INIT_TIMEOUT_MS 60000
#define INIT_RETRY_MS   2

Container *
container_new (const char *name)
{
  Container *self = g_new0 (Container, 1);

  self->name = g_strdup (name);
  self->uuid = g_uuid_string_random ();
  self->socket_path = g_strdup_printf ("%s/%s.sock", CONTAINER_RUNTIME_DIR, name);
  self->controller_fd = -1;
  self->init_fd = -1;
  self->fifo_fd = -1;
  self->continue_fds[0] = self->continue_fds[1] = -1;
  self->answer_fd = -1;
  self->controllers = g_array_new (FALSE, FALSE, sizeof (pid_t));
  return self;
}

const char *
container_get_name (Container *self)
{
  return self->name;
}

const char *
container_get_uuid (Container *self)
{
  return self->uuid;
}

const char *
container_get_socket_path (Container *self)
{
  return self->socket_path;
}

const char *
container_get_root (Container *self)
{
  return self->root;
}

pid_t
container_get_controller_pid (Container *self)
{
  return self->controller;
}

const pid_t *
container_get_controllers (Container *self, guint *n)
{
  *n = self->controllers->len;
  return (const pid_t *) (gpointer) self->controllers->data;
}

/* Both ends in one descriptor: an order can be given before init opens the
 * FIFO, and is not lost between two of its reads. */
static gboolean
open_fifo (Container *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->root, "command", NULL);

  self->fifo_fd = open (path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (self->fifo_fd < 0)
    return process_set_errno (error, "Cannot open the FIFO", path);
  return TRUE;
}

gboolean
container_make_root (Container *self, GError **error)
{
  if (self->fifo_fd >= 0)
    return TRUE;
  if (self->directory == NULL)
    {
      self->directory = g_dir_make_tmp ("lxcmon-container-XXXXXX", error);
      if (self->directory == NULL)
        return FALSE;
      self->root = g_build_filename (self->directory, "root", NULL);
      self->log_path = g_build_filename (self->directory, "controller.log", NULL);
    }
  return container_files_make_root (self->root, error) && open_fifo (self, error);
}

gboolean
container_command (Container *self, const char *line, GError **error)
{
  g_autofree char *text = g_strconcat (line, "\n", NULL);
  size_t length = strlen (text);

  if (self->fifo_fd < 0 || self->controller == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                   "Container %s cannot be told to %s: it has not been started", self->name, line);
      return FALSE;
    }
  /* Shorter than PIPE_BUF, so it is written whole or not at all. */
  if (write (self->fifo_fd, text, length) != (ssize_t) length)
    return process_set_errno (error, "Cannot write to the FIFO of container", self->name);
  return TRUE;
}

void
container_signal (Container *self, int signum)
{
  /* Init's pidfd first: when its parent has ended, it cannot be found any more. */
  container_get_init_pid (self);
  process_send (self->controller_fd, signum);
}

static void
forget_controller (Container *self)
{
  process_clear_fd (&self->controller_fd);
  process_clear_fd (&self->continue_fds[0]);
  process_clear_fd (&self->continue_fds[1]);
  process_clear_fd (&self->answer_fd);
  self->controller = 0;
}

gboolean
container_wait_end (Container *self, int timeout_ms, GError **error)
{
  if (self->controller == 0)
    return TRUE;
  if (!process_wait (self->controller_fd, timeout_ms))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   "The controller of container %s (pid %d) has not ended within %d ms", self->name,
                   (int) self->controller, timeout_ms);
      return FALSE;
    }
  if (!self->adopted)
    waitpid (self->controller, &self->wait_status, 0);
  forget_controller (self);
  container_forget_driver ();
  return TRUE;
}

/* Removes what the previous controller left, and makes sure that nothing of
 * its container runs: init outlives a controller that is killed. */
void
container_sweep (Container *self)
{
  if (!self->is_ours)
    return;
  if (self->init_fd >= 0)
    {
      process_send (self->init_fd, SIGKILL);
      if (!process_wait (self->init_fd, END_TIMEOUT_MS))
        g_printerr ("# Init of container %s (pid %d) does not die\n", self->name, (int) self->init);
    }
  process_clear_fd (&self->init_fd);
  self->init = 0;

  container_files_sweep (self->name);
  container_cgroup_sweep (self->name, self->last_controller);
  self->last_controller = 0;
  /* Those of controllers before, whose libvirtd was killed. */
  container_cgroup_sweep_orphans (self->name);
}

void
container_kill_controller (Container *self)
{
  g_autoptr (GError) error = NULL;

  container_signal (self, SIGKILL);
  if (container_wait_end (self, END_TIMEOUT_MS, &error))
    return;
  g_printerr ("# %s\n", error->message);
  forget_controller (self);
}

gboolean
container_adopt (Container *self, pid_t controller, GError **error)
{
  int fd;

  if (self->controller != 0 && !self->adopted)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_EXISTS,
          "Container %s runs under a controller of its own (pid %d): it cannot be libvirtd's too",
          self->name, (int) self->controller);
      return FALSE;
    }
  fd = process_open (controller, error);
  if (fd < 0)
    return FALSE;
  forget_controller (self);
  process_clear_fd (&self->init_fd);
  self->init = 0;
  self->controller_fd = fd;
  self->controller = self->last_controller = controller;
  g_array_append_val (self->controllers, controller);
  self->adopted = self->is_ours = TRUE;
  return TRUE;
}

/* Of the controller's children, init is the one that has another pid, 1, in
 * a pid namespace of its own; and a dead one is none. */
static gboolean
is_container_init (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", (int) pid);
  g_autofree char *status = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &status, NULL, NULL) || strstr (status, "\nState:\tZ") != NULL)
    return FALSE;
  lines = g_strsplit (status, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) pids = NULL;
      guint n;

      if (!g_str_has_prefix (*line, "NSpid:\t"))
        continue;
      pids = g_strsplit (*line + strlen ("NSpid:\t"), "\t", -1);
      n = g_strv_length (pids);
      return n > 1 && strcmp (pids[n - 1], "1") == 0;
    }
  return FALSE;
}

static pid_t
find_init_of_thread (const char *task_path, const char *thread)
{
  g_autofree char *path = g_build_filename (task_path, thread, "children", NULL);
  g_autofree char *children = NULL;
  char *at;

  if (!g_file_get_contents (path, &children, NULL, NULL))
    return 0;
  at = children;
  for (;;)
    {
      char *end;
      pid_t pid = (pid_t) strtol (at, &end, 10);

      if (end == at)
        return 0;
      if (is_container_init (pid))
        return pid;
      at = end;
    }
}

/* The thread that cloned is the parent, and it need not be the first. */
static pid_t
find_init (pid_t controller)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int) controller);
  g_autoptr (GDir) tasks = g_dir_open (path, 0, NULL);
  const char *thread;
  pid_t init = 0;

  while (init == 0 && tasks != NULL && (thread = g_dir_read_name (tasks)) != NULL)
    init = find_init_of_thread (path, thread);
  return init;
}

/* The same test may run a second time on this machine: each has a network namespace of its own. */
static gboolean
is_in_sandbox (const char *pid)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "ns", "net", NULL);
  g_autofree char *theirs = g_file_read_link (path, NULL);
  g_autofree char *ours = g_file_read_link ("/proc/self/ns/net", NULL);

  return g_strcmp0 (theirs, ours) == 0;
}

/* Whether a process is libvirt_lxc for a container of that name: its arguments are --name NAME ... */
static gboolean
is_controller_of (const char *pid, const char *name)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "cmdline", NULL);
  g_autofree char *text = NULL;
  gboolean found = FALSE;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, NULL)
      || strcmp (text, container_files_emulator ()) != 0)
    return FALSE;
  for (const char *word = text; !found && word < text + length; word += strlen (word) + 1)
    found = strcmp (word, "--name") == 0 && word + strlen (word) + 1 < text + length
            && strcmp (word + strlen (word) + 1, name) == 0;
  return found;
}

pid_t
container_find_controller (Container *self)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  pid_t found = 0;
  const char *entry;

  while (found == 0 && (entry = g_dir_read_name (dir)) != NULL)
    {
      pid_t pid = (pid_t) strtol (entry, NULL, 10);

      /* Init has the same command line until it runs its own program. */
      if (pid > 0 && is_controller_of (entry, self->name) && is_in_sandbox (entry)
          && !is_container_init (pid))
        found = pid;
    }
  return found;
}

char *
container_read_log (Container *self)
{
  g_autofree char *path = self->root != NULL ? g_build_filename (self->root, "log", NULL) : NULL;
  char *text = NULL;

  if (path == NULL || !g_file_get_contents (path, &text, NULL, NULL))
    return g_strdup ("");
  return text;
}

pid_t
container_get_init_pid (Container *self)
{
  pid_t init = self->controller != 0 ? find_init (self->controller) : 0;

  if (init == 0 || init == self->init)
    return init;

  process_clear_fd (&self->init_fd);
  self->init_fd = process_open (init, NULL);
  /* Checked again: the pid may have been reused before it was opened. */
  if (!is_container_init (init))
    process_clear_fd (&self->init_fd);
  self->init = self->init_fd >= 0 ? init : 0;
  return self->init;
}

/* The controller clones init before its socket listens, and init executes the
 * container's program only after the last "continue": until then it is still
 * a libvirt_lxc. */
static gboolean
init_is_running (Container *self)
{
  pid_t init = container_get_init_pid (self);
  g_autofree char *init_exe = g_strdup_printf ("/proc/%d/exe", (int) init);
  g_autofree char *controller_exe = g_strdup_printf ("/proc/%d/exe", (int) self->controller);
  g_autofree char *init_program = g_file_read_link (init_exe, NULL);
  g_autofree char *controller_program = g_file_read_link (controller_exe, NULL);

  return init != 0 && init_program != NULL && controller_program != NULL
         && strcmp (init_program, controller_program) != 0;
}

gboolean
container_wait_init (Container *self, GError **error)
{
  gint64 deadline = process_deadline (INIT_TIMEOUT_MS);

  while (self->controller != 0 && !init_is_running (self))
    {
      /* No event reports a new child; the end of the controller is reported. */
      if (process_wait (self->controller_fd, INIT_RETRY_MS))
        {
          g_autofree char *tail = container_log_tail (self);

          g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                       "The controller of container %s ended without an init: %s", self->name,
                       tail);
          return FALSE;
        }
      if (g_get_monotonic_time () > deadline)
        {
          g_set_error (
              error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
              "Init of container %s has not run for %d ms: was container_continue () called?",
              self->name, INIT_TIMEOUT_MS);
          return FALSE;
        }
    }
  if (self->controller != 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
               "Container %s can have no init: it has not been started", self->name);
  return FALSE;
}

char *
container_log_tail (Container *self)
{
  return self->log_path != NULL && !self->adopted ? process_log_tail (self->log_path)
                                                  : g_strdup ("(its log is with libvirtd)");
}

gboolean
container_restart (Container *self, GError **error)
{
  return container_wait_end (self, END_TIMEOUT_MS, error) && container_start (self, error);
}

void
container_free (Container *self)
{
  if (self == NULL)
    return;
  container_kill_controller (self);
  container_sweep (self);
  if (self->adopted)
    container_files_remove_log (self->name);
  process_clear_fd (&self->fifo_fd);
  if (self->directory != NULL)
    container_files_remove_tree (self->directory);
  g_array_unref (self->controllers);
  g_free (self->directory);
  g_free (self->root);
  g_free (self->log_path);
  g_free (self->socket_path);
  g_free (self->uuid);
  g_free (self->name);
  g_free (self);
}
