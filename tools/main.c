/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the way from the command line to a verb.
 */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "output.h"
#include "verbs.h"

static const struct
{
  const char *name;
  int (*main) (int argc, char **argv);
  const char *arguments;
  const char *summary;
} verbs[] = {
  { "watch", watch_main, "[NAME|PATH…]", "tell of containers' events as they come" },
  { "wait", wait_main, "NAME|PATH", "wait for a container's end and say which" },
  { "list", list_main, "", "list the containers of the host" },
  { "simulate", simulate_main, "PATH", "be a controller without a container" },
  { "decode", decode_main, "[FILE|-]", "say what captured bytes are" },
};

static void
print_help (void)
{
  g_print ("Usage:\n"
           "  lxcmon VERB [OPTION…] [ARGUMENT…]\n"
           "\n"
           "Tells when libvirt's LXC containers start and how they end.\n"
           "\n"
           "Verbs:\n");
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-9s %-13s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
  g_print ("\n"
           "Options:\n"
           "  --help       Show this, or with a verb its options\n"
           "  --version    Show the version\n"
           "\n"
           "lxcmon(1) has the exit codes and examples.\n");
}

/* A program may be started without one of them. What we open next would get its number then, and be
 * written to by whatever prints; so it gets a file that fails as a closed one does. */
static void
occupy_standard_descriptors (void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0 && errno == EBADF)
      (void) !open ("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int
run (int argc, char **argv)
{
  if (argc < 2)
    return usage_error ("a verb is missing");
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)
    {
      print_help ();
      return EXIT_CODE_DONE;
    }
  if (strcmp (argv[1], "--version") == 0)
    {
      g_print ("lxcmon %s\n", lxcmon_get_version ());
      return EXIT_CODE_DONE;
    }

  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (strcmp (argv[1], verbs[i].name) == 0)
      {
        g_autofree char *program = g_strconcat ("lxcmon ", verbs[i].name, NULL);
        g_set_prgname (program);
        return verbs[i].main (argc - 1, argv + 1);
      }

  return usage_error ("there is no verb \"%s\"", argv[1]);
}

int
main (int argc, char **argv)
{
  occupy_standard_descriptors ();
  setlocale (LC_ALL, "");
  g_set_prgname ("lxcmon");
  g_log_set_writer_func (message_write_log, NULL, NULL);

  return output_finish (run (argc, argv));
}
