/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon list": the containers of the host, by one look that connects to nothing; or with --connect
 * those that libvirtd runs.
 */

#include <lxcmon/lxcmon-process.h>
#include <lxcmon/lxcmon-runtime-dir.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "output.h"
#include "source.h"
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
  char *name;
  LxcmonSource source; /* who can tell of it */
  const char *state;
  int init_pid;
  int controller_pid;
  gboolean served;
  gint64 started; /* µs since 1970, or 0 */
} Container;

static void
clear_container (gpointer data)
{
  Container *self = data;

  g_free (self->name);
}

static GArray *
new_containers (void)
{
  GArray *containers = g_array_new (FALSE, FALSE, sizeof (Container));

  g_array_set_clear_func (containers, clear_container);
  return containers;
}

/* Processes of another machine have the pid 0, which nobody has. */
static gint64
find_start (int init_pid, int controller_pid)
{
  gint64 started = lxcmon_process_get_start (init_pid);

  return started != 0 ? started : lxcmon_process_get_start (controller_pid);
}

static void
add_socket (GArray *containers, const LxcmonRuntimeSocket *socket, gboolean driver_lives)
{
  Container container = {
    .name = g_strdup (socket->name),
    .source = driver_lives && socket->n_served > 0 ? LXCMON_SOURCE_LIBVIRT : LXCMON_SOURCE_DIRECT,
    .state = socket->listener != 0 ? "running" : "stale",
    .init_pid = lxcmon_process_find_init (socket->controller_pid),
    .controller_pid = socket->controller_pid,
    .served = socket->n_served > 0,
  };

  container.started = find_start (container.init_pid, container.controller_pid);
  g_array_append_val (containers, container);
}

/* What libvirtd tells of is a container that it runs and is the client of. */
static void
add_monitor (GArray *containers, LxcmonMonitor *monitor)
{
  Container container = {
    .name = g_strdup (lxcmon_monitor_get_name (monitor)),
    .source = lxcmon_monitor_get_source (monitor),
    .state = "running",
    .init_pid = lxcmon_monitor_get_init_pid (monitor),
    .controller_pid = lxcmon_monitor_get_controller_pid (monitor),
    .served = TRUE,
  };

  container.started = find_start (container.init_pid, container.controller_pid);
  g_array_append_val (containers, container);
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
      escape_for_line (container->name),
      g_strdup (container->state),
      format_pid (container->init_pid),
      format_pid (container->controller_pid),
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
print_all_text (GArray *containers)
{
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));

  add_line (lines, (Line){ { g_strdup ("NAME"), g_strdup ("STATE"), g_strdup ("INIT-PID"),
                             g_strdup ("CONTROLLER-PID"), g_strdup ("AGE") } });
  for (guint i = 0; i < containers->len; i++)
    add_container (lines, &g_array_index (containers, Container, i));
  print_table (lines);
}

static void
print_all_json (GArray *containers)
{
  for (guint i = 0; i < containers->len && !output_is_broken (); i++)
    {
      const Container *container = &g_array_index (containers, Container, i);
      output_json_container (container->name, container->source, container->state,
                             container->init_pid, container->controller_pid, container->served,
                             container->started);
    }
}

static ExitCode
print_all (const Options *options, GArray *containers)
{
  if (options->json)
    print_all_json (containers);
  else
    print_all_text (containers);
  return output_is_broken () ? EXIT_CODE_FAILED : EXIT_CODE_DONE;
}

/* ---- By a look ---- */

static void
add_sockets (GArray *containers, LxcmonRuntimeDir *look)
{
  gboolean driver_lives = lxcmon_runtime_dir_get_driver (look)->lives;
  gsize n = lxcmon_runtime_dir_get_n_sockets (look);

  lxcmon_runtime_dir_find_controllers (look);
  for (gsize i = 0; i < n; i++)
    add_socket (containers, lxcmon_runtime_dir_get_socket (look, i), driver_lives);
}

static ExitCode
list_by_look (const Options *options)
{
  g_autoptr (GArray) containers = new_containers ();
  LxcmonError error;
  LxcmonRuntimeDir *look = lxcmon_runtime_dir_scan (options->runtime_dir, &error);

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
      add_sockets (containers, look);
      if (lxcmon_runtime_dir_get_n_unlisted (look) > 0)
        message (options, "sockets left out, as their names are not UTF-8: %zu",
                 lxcmon_runtime_dir_get_n_unlisted (look));
      lxcmon_runtime_dir_free (look);
    }
  return print_all (options, containers);
}

/* ---- Through libvirtd ---- */

typedef struct
{
  const Options *options;
  GMainLoop *loop;
  ExitCode code;
} List;

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  List *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) containers = new_containers ();

  g_main_loop_quit (self->loop);
  if (!lxcmon_monitor_list_start_finish (LXCMON_MONITOR_LIST (object), result, &error))
    {
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
      message (self->options, "%s", error->message);
      self->code = exit_code_for_error (error);
      return;
    }

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (object)); i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (G_LIST_MODEL (object), i);
      add_monitor (containers, monitor);
    }
  self->code = print_all (self->options, containers);
}

static gboolean
on_timeout (gpointer user_data)
{
  List *self = user_data;

  message (self->options, "the time is over");
  self->code = EXIT_CODE_TIMED_OUT;
  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

static ExitCode
list_through_libvirt (const Options *options)
{
  g_autoptr (LxcmonMonitorList) list = source_new_list (options, LXCMON_SOURCE_LIBVIRT, FALSE);
  List self = { .options = options, .loop = g_main_loop_new (NULL, FALSE) };
  guint timeout = options->timeout > 0 ? g_timeout_add (options->timeout, on_timeout, &self) : 0;

  lxcmon_monitor_list_start_async (list, NULL, on_started, &self);
  g_main_loop_run (self.loop);

  lxcmon_monitor_list_stop (list);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  if (timeout > 0)
    g_source_remove (timeout);
  g_main_loop_unref (self.loop);
  return self.code;
}

int
list_main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  ExitCode code = EXIT_CODE_DONE;

  if (!options_parse (&options,
                      OPTIONS_JSON | OPTIONS_RUNTIME_DIR | OPTIONS_TIMEOUT | OPTIONS_CONNECT, NULL,
                      "",
                      "Lists the containers of the host, and connects to none; with --connect "
                      "those that libvirtd runs.",
                      argc, argv, &code))
    return code;
  if (options.arguments != NULL)
    return usage_error ("list: it takes no arguments, and lists all containers");
  if (!source_check (&options, &code))
    return code;
  if (options.timeout > 0 && options.connect == NULL)
    return usage_error ("list: a look takes no time; --timeout goes with --connect");

  if (options.connect != NULL)
    return list_through_libvirt (&options);
  return list_by_look (&options);
}
