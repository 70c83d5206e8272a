/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Shows people what lxcmon does, with a real container: "real-demo PATH-TO-lxcmon". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include "container.h"
#include "real-command.h"

#define NAME       "lxcmon-demo"
#define LIFE_MS    2000
#define EXIT_USAGE 2
#define EXIT_SKIP  77 /* as Meson understands it */

typedef struct
{
  FILE *input;
  gboolean saw_init;
  gboolean saw_exit;
} Events;

/* Shows each line as it comes, and remembers what it was. */
static gpointer
show_events (gpointer data)
{
  Events *self = data;
  char *line = NULL;
  size_t size = 0;

  while (getline (&line, &size, self->input) > 0)
    {
      fputs (line, stdout);
      fflush (stdout);
      self->saw_init = self->saw_init || strstr (line, " init pid=") != NULL;
      self->saw_exit = self->saw_exit || strstr (line, " exit status=shutdown") != NULL;
    }
  free (line);
  fclose (self->input);
  return NULL;
}

static void
explain (const char *lxcmon)
{
  printf (
      "libvirt's own controller (libvirt_lxc) runs a container for two seconds; its root is a "
      "busybox.\n"
      "No libvirtd manages it, so lxcmon uses the controller's one client slot, and receives INIT "
      "and EXIT:\n"
      "$ %s watch --direct --force " NAME "\n",
      lxcmon);
  fflush (stdout);
}

static int
run_demo (const char *lxcmon, Events *events, int out_fd)
{
  const char *argv[] = { lxcmon, "watch", "--direct", "--force", NAME, NULL };
  RealCommand command = {
    .name = NAME,
    .ending = "shutdown",
    .after_ms = LIFE_MS,
    .argv = argv,
    .out_fd = out_fd,
  };
  g_autoptr (GError) error = NULL;
  GThread *thread;
  int code;

  thread = g_thread_new ("events", show_events, events);
  code = real_command_run (&command, &error);
  close (
      out_fd); /* ours; the command's was closed when it ended, so the thread reads the end of file */
  g_thread_join (thread);
  if (error != NULL)
    fprintf (stderr, "%s\n", error->message);
  if (code != 0)
    return EXIT_FAILURE;
  if (events->saw_init && events->saw_exit)
    return EXIT_SUCCESS;
  fprintf (stderr, "%s has not reported both init and exit.\n", lxcmon);
  return EXIT_FAILURE;
}

int
main (int argc, char *argv[])
{
  g_autofree char *why = container_why_unsupported ();
  g_autoptr (GError) error = NULL;
  Events events = { 0 };
  int fds[2];

  if (argc != 2)
    {
      fprintf (stderr, "Usage: %s PATH-TO-lxcmon\n", argv[0]);
      return EXIT_USAGE;
    }
  if (why != NULL)
    {
      fprintf (stderr, "%s\n", why);
      return EXIT_SKIP;
    }
  if (!g_unix_open_pipe (fds, FD_CLOEXEC, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return EXIT_FAILURE;
    }
  events.input = fdopen (fds[0], "r");
  explain (argv[1]);
  return run_demo (argv[1], &events, fds[1]);
}
