/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the process of the command: its pipes, its end, and the limit of every wait for them. It does not
 * know what the output means.
 */

#include "command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  int fd;
  GString *text; /* that has been read from the pipe and not by the test */
} Stream;

struct _Command
{
  GPid pid;
  int pid_fd;
  int in_fd;
  Stream out;
  Stream err;
};

void
assert_matches (const char *text, const char *pattern)
{
  g_autofree char *whole = g_strdup_printf ("\\A(?:%s)\\z", pattern);

  if (!g_regex_match_simple (whole, text, G_REGEX_RAW, 0))
    g_error ("\"%s\" does not match \"%s\"", text, pattern);
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

/* In the child. It must not outlive a test that fails. */
static void
set_up_child (gpointer data)
{
  const CommandHow *how = data;

  if (how->setup != NULL)
    how->setup (how->setup_data);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static Command *
start (const CommandHow *how, const char *verb, va_list args)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  const char *program = how->program != NULL ? how->program : g_getenv ("LXCMON_COMMAND");
  Command *self = g_new0 (Command, 1);

  g_assert_nonnull (program);
  g_ptr_array_add (argv, (char *) program);
  for (const char *arg = verb; arg != NULL; arg = va_arg (args, const char *))
    g_ptr_array_add (argv, (char *) arg);
  g_ptr_array_add (argv, NULL);

  self->in_fd = -1;
  g_spawn_async_with_pipes (how->directory, (char **) argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                            set_up_child, (gpointer) how, &self->pid,
                            how->feed ? &self->in_fd : NULL, &self->out.fd, &self->err.fd, &error);
  g_assert_no_error (error);
  self->pid_fd = (int) syscall (SYS_pidfd_open, self->pid, 0);
  g_assert_cmpint (self->pid_fd, >=, 0);
  self->out.text = g_string_new (NULL);
  self->err.text = g_string_new (NULL);
  return self;
}

Command *
command_start (const char *verb, ...)
{
  va_list args;

  va_start (args, verb);
  Command *self = start (&(CommandHow){ .feed = FALSE }, verb, args);
  va_end (args);
  return self;
}

Command *
command_start_how (const CommandHow *how, const char *verb, ...)
{
  va_list args;

  va_start (args, verb);
  Command *self = start (how, verb, args);
  va_end (args);
  return self;
}

int
command_get_pid (Command *self)
{
  return self->pid;
}

static void
fail_late (Command *self, const char *what)
{
  kill (self->pid, SIGKILL);
  g_error ("waited too long for %s; unread output: \"%s\"; unread messages: \"%s\"", what,
           self->out.text->str, self->err.text->str);
}

/* The command must never print anything that controls a terminal. */
static void
read_bytes (Stream *stream)
{
  char bytes[4096];
  gssize n = read (stream->fd, bytes, sizeof bytes);

  if (n < 0 && errno == EINTR)
    return;
  if (n <= 0)
    close_fd (&stream->fd);
  else
    {
      g_assert_null (memchr (bytes, '\033', (gsize) n));
      g_string_append_len (stream->text, bytes, n);
    }
}

/* Waits until the command prints something. Reads both streams, so that it is never blocked. */
static void
read_some (Command *self, gint64 deadline, const char *what)
{
  struct pollfd fds[] = { { self->out.fd, POLLIN, 0 },
                          { self->err.fd, POLLIN, 0 },
                          { self->out.fd < 0 && self->err.fd < 0 ? self->pid_fd : -1, POLLIN, 0 } };
  gint64 left = deadline - g_get_monotonic_time ();

  if (left <= 0 || poll (fds, G_N_ELEMENTS (fds), (int) (left / 1000) + 1) == 0)
    fail_late (self, what);
  if (fds[0].revents != 0)
    read_bytes (&self->out);
  if (fds[1].revents != 0)
    read_bytes (&self->err);
}

/* Returns the next line, which is not read. */
static char *
peek_line (Command *self, Stream *stream, const char *what)
{
  gint64 deadline = g_get_monotonic_time () + COMMAND_PATIENCE_US;
  const char *newline;

  while ((newline = strchr (stream->text->str, '\n')) == NULL)
    {
      if (stream->fd < 0)
        g_error ("%s ended before %s; messages: \"%s\"", "the command", what, self->err.text->str);
      read_some (self, deadline, what);
    }

  return g_strndup (stream->text->str, (gsize) (newline - stream->text->str));
}

static char *
read_line (Command *self, Stream *stream, const char *what)
{
  char *line = peek_line (self, stream, what);

  g_string_erase (stream->text, 0, (gssize) strlen (line) + 1);
  return line;
}

char *
command_peek_line (Command *self)
{
  return peek_line (self, &self->out, "a line of output");
}

char *
command_read_line (Command *self)
{
  return read_line (self, &self->out, "a line of output");
}

char *
command_read_message (Command *self)
{
  return read_line (self, &self->err, "a message");
}

void
command_expect_line (Command *self, const char *pattern)
{
  g_autofree char *line = command_read_line (self);

  assert_matches (line, pattern);
}

void
command_expect_message (Command *self, const char *pattern)
{
  g_autofree char *line = command_read_message (self);

  assert_matches (line, pattern);
}

void
command_feed (Command *self, const void *bytes, gsize size)
{
  g_assert_cmpint (write (self->in_fd, bytes, size), ==, (gssize) size);
}

void
command_feed_end (Command *self)
{
  close_fd (&self->in_fd);
}

/* Closes the pipe that the command prints to. */
void
command_close_output (Command *self)
{
  close_fd (&self->out.fd);
}

static gboolean
handles (Command *self, int number)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", self->pid);
  g_autofree char *status = NULL;

  g_assert_true (g_file_get_contents (path, &status, NULL, NULL));
  const char *caught = strstr (status, "\nSigCgt:");
  g_assert_nonnull (caught);
  return (g_ascii_strtoull (caught + strlen ("\nSigCgt:"), NULL, 16) >> (number - 1) & 1) != 0;
}

/* Returns when the command has a handler for a signal. */
void
command_wait_handles (Command *self, int number)
{
  gint64 deadline = g_get_monotonic_time () + COMMAND_PATIENCE_US;

  while (!handles (self, number))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (2000);
    }
}

void
command_signal (Command *self, int number)
{
  g_assert_cmpint (kill (self->pid, number), ==, 0);
}

static int
wait_end (Command *self)
{
  gint64 deadline = g_get_monotonic_time () + COMMAND_PATIENCE_US;
  struct pollfd end = { self->pid_fd, POLLIN, 0 };
  int status;

  close_fd (&self->in_fd);
  while (self->out.fd >= 0 || self->err.fd >= 0)
    read_some (self, deadline, "the end of output");
  gint64 left = MAX (deadline - g_get_monotonic_time (), 0);
  if (poll (&end, 1, (int) (left / 1000)) == 0)
    fail_late (self, "the end");
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -WTERMSIG (status);
}

/**
 * command_expect_end:
 * @self: (transfer full): a command
 * @code: its exit code, or -N if signal N ends it
 * @output: matches the rest of its output
 * @messages: matches the rest of its messages
 *
 * Waits for the end.
 */
void
command_expect_end (Command *self, int code, const char *output, const char *messages)
{
  int found = wait_end (self);

  if (found != code)
    g_error ("ended with %d, and not with %d; output: \"%s\"; messages: \"%s\"", found, code,
             self->out.text->str, self->err.text->str);
  assert_matches (self->out.text->str, output);
  assert_matches (self->err.text->str, messages);

  close_fd (&self->pid_fd);
  g_string_free (self->out.text, TRUE);
  g_string_free (self->err.text, TRUE);
  g_free (self);
}
