/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon list": the containers of the host, by one look that connects to nothing.
 */

#include <lxcmon/lxcmon-process.h>
#include <lxcmon/lxcmon-runtime-dir.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "options.h"
#include "output.h"
#include "verbs.h"

#define N_COLUMNS 5

/* A line of the table, and how wide each of its texts is on a terminal. */
typedef struct
{
  char *texts[N_COLUMNS];
  gsize widths[N_COLUMNS];
} Line;

typedef struct
{
  const LxcmonRuntimeSocket *socket;
  int init_pid;
  gint64 started; /* µs since 1970, or 0 */
} Container;

static Container
examine (const LxcmonRuntimeSocket *socket)
{
  Container self = { .socket = socket };

  self.init_pid = lxcmon_process_find_init (socket->controller_pid);
  self.started = lxcmon_process_get_start (self.init_pid);
  if (self.started == 0)
    self.started = lxcmon_process_get_start (socket->controller_pid);
  return self;
}

static const char *
get_state (const Container *self)
{
  return self->socket->listener != 0 ? "running" : "stale";
}

static gsize
measure (const char *text)
{
  gsize width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);
      width += g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

static char *
format_pid (int pid)
{
  return pid > 0 ? g_strdup_printf ("%d", pid) : g_strdup ("-");
}

static char *
format_age (gint64 started)
{
  gint64 s = MAX ((g_get_real_time () - started) / G_USEC_PER_SEC, 0);

  if (started == 0)
    return g_strdup ("-");
  if (s < 60)
    return g_strdup_printf ("%ds", (int) s);
  if (s < 60 * 60)
    return g_strdup_printf ("%dm", (int) (s / 60));
  if (s < 24 * 60 * 60)
    return g_strdup_printf ("%dh", (int) (s / 60 / 60));
  return g_strdup_printf ("%" G_GINT64_FORMAT "d", s / 60 / 60 / 24);
}

static void
add_line (GArray *lines, Line line)
{
  for (guint i = 0; i < N_COLUMNS; i++)
    line.widths[i] = measure (line.texts[i]);
  g_array_append_val (lines, line);
}

static void
add_container (GArray *lines, const Container *container)
{
  Line line = { {
      escape_for_line (container->socket->name),
      g_strdup (get_state (container)),
      format_pid (container->init_pid),
      format_pid (container->socket->controller_pid),
      format_age (container->started),
  } };

  add_line (lines, line);
}

static void
print_table (GArray *lines)
{
  gsize widths[N_COLUMNS] = { 0 };

  for (guint i = 0; i < lines->len; i++)
    for (guint column = 0; column < N_COLUMNS; column++)
      widths[column] = MAX (widths[column], g_array_index (lines, Line, i).widths[column]);
  for (guint i = 0; i < lines->len; i++)
    {
      Line *line = &g_array_index (lines, Line, i);
      for (guint column = 0; column < N_COLUMNS; column++)
        {
          gsize padding = widths[column] - line->widths[column] + 2;
          gboolean last = column == N_COLUMNS - 1;
          printf ("%s%*s", line->texts[column], last ? 0 : (int) padding, last ? "\n" : "");
          g_free (line->texts[column]);
        }
    }
  output_flush ();
}

static void
print_all_text (LxcmonRuntimeDir *look, gsize n)
{
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));

  add_line (lines, (Line){ { g_strdup ("NAME"), g_strdup ("STATE"), g_strdup ("INIT-PID"),
                             g_strdup ("CONTROLLER-PID"), g_strdup ("AGE") } });
  for (gsize i = 0; i < n; i++)
    {
      Container container = examine (lxcmon_runtime_dir_get_socket (look, i));
      add_container (lines, &container);
    }
  print_table (lines);
}

static void
print_all_json (LxcmonRuntimeDir *look, gsize n)
{
  for (gsize i = 0; i < n && !output_is_broken (); i++)
    {
      Container container = examine (lxcmon_runtime_dir_get_socket (look, i));
      output_json_container (container.socket->name, get_state (&container), container.init_pid,
                             container.socket->controller_pid, container.socket->n_served > 0,
                             container.started);
    }
}

static ExitCode
list (const Options *options)
{
  LxcmonError error;
  LxcmonRuntimeDir *look = lxcmon_runtime_dir_look (options->runtime_dir, &error);
  gsize n = 0;

  /* Without the directory there has been no container yet. */
  if (look == NULL && error.code != LXCMON_MONITOR_ERROR_NOT_FOUND)
    {
      g_autoptr (GError) why
          = g_error_new_literal (LXCMON_MONITOR_ERROR, (gint) error.code, error.message);
      message (options, "%s", error.message);
      return exit_code_for_error (why);
    }
  if (look != NULL)
    {
      lxcmon_runtime_dir_find_controllers (look);
      n = lxcmon_runtime_dir_get_n_sockets (look);
      if (lxcmon_runtime_dir_get_n_left_out (look) > 0)
        message (options, "sockets left out, as their names are not UTF-8: %zu",
                 lxcmon_runtime_dir_get_n_left_out (look));
    }
  if (options->json)
    print_all_json (look, n);
  else
    print_all_text (look, n);
  lxcmon_runtime_dir_free (look);
  return output_is_broken () ? EXIT_CODE_FAILED : EXIT_CODE_DONE;
}

int
list_main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  ExitCode code = EXIT_CODE_DONE;

  if (!options_parse (&options, OPTIONS_JSON | OPTIONS_RUNTIME_DIR, NULL, "",
                      "Lists the containers of the host, and connects to none.", argc, argv, &code))
    return code;
  if (options.arguments != NULL)
    return usage_error ("list: it takes no arguments, and lists all containers");
  return list (&options);
}
