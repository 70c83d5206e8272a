/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client that is attached and has nothing to do does nothing: no system call in ten seconds. */

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"
#include "real-test.h"
#include "watch.h"

#define NAME       "real-idle"
#define IDLE_MS    10000
#define TIMEOUT_MS 60000

/* The child is a program as users write it: a client and a main loop. */
static void
run_client (Container *container, int ready_fd)
{
  Watch *watch = watch_new (container);
  GMainLoop *loop = g_main_loop_new (NULL, FALSE);

  prctl (PR_SET_PDEATHSIG, SIGKILL); /* even if the test ends by an assertion */
  lxcmon_client_set_force (watch->client, TRUE);
  watch_attach (watch);
  while (watch->init_pid == 0 || !watch->attach_done)
    g_main_context_iteration (NULL, TRUE);
  if (write (ready_fd, "r", 1) != 1)
    _exit (1);
  g_main_loop_run (loop);
  _exit (1);
}

static void
wait_for_byte (int fd)
{
  struct pollfd descriptor = { .fd = fd, .events = POLLIN };
  char byte;

  g_assert_cmpint (process_poll_until (&descriptor, 1, process_deadline (TIMEOUT_MS)), ==, 1);
  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
}

static pid_t
start_client (Container *container)
{
  int fds[2];
  pid_t child;

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  child = fork ();
  if (child == 0)
    run_client (container, fds[1]);
  g_assert_cmpint (child, >, 0);
  wait_for_byte (fds[0]);
  close (fds[0]);
  close (fds[1]);
  return child;
}

typedef struct
{
  pid_t pid;
  int pidfd;
  char *output;
} Strace;

static char *
strace_read (Strace *self)
{
  char *text = NULL;

  g_assert_true (g_file_get_contents (self->output, &text, NULL, NULL));
  return text;
}

/* FALSE if strace has ended without having printed it. */
static gboolean
strace_wait_for (Strace *self, const char *what)
{
  gint64 deadline = process_deadline (TIMEOUT_MS);

  for (;;)
    {
      g_autofree char *text = strace_read (self);

      if (strstr (text, what) != NULL)
        return TRUE;
      if (process_wait (self->pidfd, 1))
        return FALSE;
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
}

static gboolean
strace_start (Strace *self, pid_t target)
{
  g_autofree char *strace = g_find_program_in_path ("strace");
  g_autofree char *pid = g_strdup_printf ("%d", (int) target);
  const char *argv[] = { strace, "-f", "-p", pid, NULL };
  const char *envp[] = { "LC_ALL=C", NULL };
  int fd;
  ProcessSetup setup = { .envp = envp, .death_signal = SIGKILL };

  self->output = NULL;
  self->pidfd = -1;
  if (strace == NULL)
    return FALSE;
  fd = g_file_open_tmp ("lxcmon-strace-XXXXXX", &self->output, NULL);
  g_assert_cmpint (fd, >=, 0);
  setup.out_fd = setup.err_fd = fd;
  self->pid = process_spawn (argv, &setup, &self->pidfd, NULL);
  close (fd);
  return self->pid > 0 && strace_wait_for (self, " attached");
}

static void
strace_end (Strace *self)
{
  process_send (self->pidfd, SIGINT);
  g_assert_true (process_wait (self->pidfd, TIMEOUT_MS));
  waitpid (self->pid, NULL, 0);
}

static void
strace_clear (Strace *self)
{
  process_clear_fd (&self->pidfd);
  if (self->output != NULL)
    unlink (self->output);
  g_free (self->output);
}

/* What a main loop waits in, which is ppoll since GLib 2.84, and what GLib's own threads wait in. */
static const char *const waits[] = { "poll(", "ppoll(", "restart_syscall(", "futex(" };

static gboolean
is_wait (const char *line)
{
  /* "[pid   123] poll(", if there is more than one thread. */
  const char *call = g_str_has_prefix (line, "[pid ") ? strstr (line, "] ") + 2 : line;

  for (gsize i = 0; i < G_N_ELEMENTS (waits); i++)
    if (g_str_has_prefix (call, waits[i]))
      return TRUE;
  return FALSE;
}

/* The call that strace found it in stands there without its end; any other has been made since. */
static void
assert_idle (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0' && strstr (*line, " attached") == NULL && !is_wait (*line))
      g_error ("an idle client has called: %s", *line);
  g_assert_null (strstr (text, ") = "));
}

static void
test_one_client (void)
{
  g_autoptr (Container) container = container_new (NAME);
  g_autofree char *text = NULL;
  Strace strace;
  pid_t child;

  real_start (container);
  child = start_client (container);
  if (strace_start (&strace, child))
    {
      real_run_for (IDLE_MS);
      text = strace_read (&strace);
      assert_idle (text);

      /* That strace would have seen it: it sees what the client does when there is something to do. */
      real_command (container, "shutdown");
      g_assert_true (strace_wait_for (&strace, "recvfrom("));
      strace_end (&strace);
    }
  else
    g_test_skip ("there is no strace, or it may not trace");
  strace_clear (&strace);
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/idle/one-client", test_one_client);
  return g_test_run ();
}
