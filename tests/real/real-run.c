/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a command together with a real container: for tests of programs in any language. */

#include <stdlib.h>
#include <unistd.h>

#include "container.h"
#include "real-command.h"

#define EXIT_USAGE 2
#define EXIT_SKIP  77 /* as Meson understands it */

static char *ending = NULL;
static int after_ms = 0;
static char **words = NULL;

static const GOptionEntry options[] = {
  { "end", 0, 0, G_OPTION_ARG_STRING, &ending, "How the container ends (default: shutdown)",
    "shutdown|reboot|N" },
  { "after", 0, 0, G_OPTION_ARG_INT, &after_ms, "How long it runs before (default: 0)", "MS" },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, NULL },
  { 0 },
};

static gboolean
parse (int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("NAME -- COMMAND...");

  g_option_context_set_summary (context, "Starts a container up to where its socket listens, then "
                                         "COMMAND; lets the container run when\nsomebody has "
                                         "connected, ends it, and exits as COMMAND does. "
                                         "COMMAND's environment has\n" REAL_COMMAND_INIT_PID
                                         ", and signals go to COMMAND.");
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (words == NULL || g_strv_length (words) < 2)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                           "a container's NAME and a COMMAND are needed");
      return FALSE;
    }
  return TRUE;
}

/* "N" is init's exit status. */
static char *
make_order (void)
{
  if (ending == NULL)
    return g_strdup ("shutdown");
  return g_ascii_isdigit (*ending) ? g_strconcat ("exit ", ending, NULL) : g_strdup (ending);
}

static int
run (void)
{
  g_autofree char *order = make_order ();
  g_autoptr (GError) error = NULL;
  int first = g_str_equal (words[1], "--") ? 2 : 1;
  RealCommand command = {
    .name = words[0],
    .ending = order,
    .after_ms = after_ms,
    .argv = (const char *const *) words + first,
    .out_fd = STDOUT_FILENO,
  };
  int code;

  if (*command.argv == NULL)
    return EXIT_USAGE;
  code = real_command_run (&command, &error);
  if (code >= 0)
    return code;
  g_printerr ("%s\n", error->message);
  return EXIT_FAILURE;
}

int
main (int argc, char *argv[])
{
  g_autoptr (GError) error = NULL;
  g_autofree char *why = container_why_unsupported ();
  int code;

  if (!parse (&argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return EXIT_USAGE;
    }
  if (why != NULL)
    {
      g_printerr ("%s\n", why);
      return EXIT_SKIP;
    }
  code = run ();
  g_strfreev (words);
  g_free (ending);
  return code;
}
