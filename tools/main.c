/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the command line up to the verb.
 */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "output.h"
#include "verbs.h"

static const struct
{
  const char *name;
  int (*main) (int argc, char **argv);
  const char *arguments;
  const char *summary;
} verbs[] = {
  { "watch", watch_main, "[NAME|PATH]...", "print the events of containers as they come" },
  { "wait", wait_main, "NAME|PATH", "wait until a container has ended" },
  { "list", list_main, "", "list the containers of the host" },
  { "simulate", simulate_main, "PATH", "run a controller without a container" },
  { "decode", decode_main, "[FILE|-]", "decode captured messages" },
};

static void
print_help (void)
{
  g_print ("Usage:\n"
           "  lxcmon VERB [OPTION…] [ARGUMENT…]\n"
           "\n"
           "Reports when the LXC containers of libvirt start, and how they end.\n"
           "\n"
           "Verbs:\n");
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-9s %-15s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
  g_print ("\n"
           "Options:\n"
           "  --help       Show this help, or the options of a verb\n"
           "  --version    Show the version\n"
           "\n"
           "See lxcmon(1) for exit codes and examples.\n");
}

/* If a standard descriptor is closed at the start, the next file that is opened would get its number, and
 * output or messages would be written into that file. A file that fails takes the number instead. */
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
