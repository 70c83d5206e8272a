/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns "lxcmon list": the containers of the host, found by a scan that connects to nothing; or those that
 * a libvirtd reports, with --connect.
 */

#include <lxcmon-glib/lxcmon-status-xml-private.h>
#include <lxcmon/lxcmon-name.h>
#include <lxcmon/lxcmon-process.h>
#include <lxcmon/lxcmon-runtime-dir.h>
#include <stdio.h>

#include "escape.h"
#include "message.h"
#include "output.h"
#include "source.h"
#include "verbs.h"
#include "watcher.h"

#define N_COLUMNS 5

/* A line of the table, and the width of each of its texts on a terminal. */
typedef struct
{
  char *texts[N_COLUMNS];
  gsize widths[N_COLUMNS];
} Line;

typedef struct
{
  char *name;
  LxcmonSource source;
  const char *state; /* NULL where it cannot be known, as for served */
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

/* Processes of another host have pid 0, which does not exist. */
static void
add (GArray *containers, Container container)
{
  container.started = lxcmon_process_get_start (container.init_pid);
  if (container.started == 0)
    container.started = lxcmon_process_get_start (container.controller_pid);
  g_array_append_val (containers, container);
}

/* ---- Printing ---- */

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
      g_strdup (container->state != NULL ? container->state : "unknown"),
      format_pid (container->init_pid),
      format_pid (container->controller_pid),
      format_age (container->started),
  } };

  add_line (lines, line);
}

static void
print_lines (GArray *lines)
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
print_table (GArray *containers)
{
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));

  add_line (lines, (Line){ { g_strdup ("NAME"), g_strdup ("STATE"), g_strdup ("INIT-PID"),
                             g_strdup ("CONTROLLER-PID"), g_strdup ("AGE") } });
  for (guint i = 0; i < containers->len; i++)
    add_container (lines, &g_array_index (containers, Container, i));
  print_lines (lines);
}

static void
print_json (const Container *container)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  output_json_string (builder, "container", container->name);
  output_json_source (builder, container->source);
  output_json_string (builder, "state", container->state);
  output_json_pid (builder, "init_pid", container->init_pid);
  output_json_pid (builder, "controller_pid", container->controller_pid);
  json_builder_set_member_name (builder, "served");
  if (container->state != NULL)
    json_builder_add_boolean_value (builder, container->served);
  else
    json_builder_add_null_value (builder);
  output_json_time (builder, "started", container->started);
  output_json_line (builder);
}

static ExitCode
print (const Options *options, GArray *containers)
{
  if (!options->json)
    print_table (containers);
  else
    for (guint i = 0; i < containers->len && !output_is_broken (); i++)
      print_json (&g_array_index (containers, Container, i));
  return output_is_broken () ? EXIT_CODE_FAILED : EXIT_CODE_DONE;
}

/* ---- By a scan ---- */

static const char *
describe_state (const LxcmonRuntimeSocket *socket)
{
  switch (socket->state)
    {
    case LXCMON_SOCKET_LISTENING:
      return "running";
    case LXCMON_SOCKET_STALE:
    case LXCMON_SOCKET_BOUND:
      return "stale";
    case LXCMON_SOCKET_UNKNOWN:
    default:
      return NULL;
    }
}

static void
add_socket (GArray *containers, const char *dir, const LxcmonRuntimeSocket *socket,
            gboolean has_driver)
{
  g_autofree char *path = g_strconcat (dir, "/", socket->name, ".sock", NULL);
  gint controller_pid = _lxcmon_status_xml_find_controller (path, socket);
  gboolean is_served = socket->n_served > 0;
  gint init_pid = lxcmon_process_find_init (controller_pid);

  if (init_pid == 0)
    init_pid = _lxcmon_status_xml_find_init (path, controller_pid);
  add (containers,
       (Container){
           .name = g_strdup (socket->name),
           .source = has_driver && is_served ? LXCMON_SOURCE_LIBVIRT : LXCMON_SOURCE_DIRECT,
           .state = describe_state (socket),
           .init_pid = init_pid,
           .controller_pid = controller_pid,
           .served = is_served,
       });
}

/* What cannot be seen is not taken for what is not there. */
static void
warn_unknown (const Options *options, guint n)
{
  if (n > 0)
    message (options,
             "whether they run is not known for %u of the containers: they are in another network "
             "namespace, belong to another user, or sock_diag or /proc cannot be used",
             n);
}

static void
add_sockets (GArray *containers, const Options *options, LxcmonRuntimeDir *scan)
{
  const char *dir = options->runtime_dir != NULL ? options->runtime_dir : LXCMON_RUNTIME_DIR;
  gboolean has_driver = lxcmon_runtime_dir_get_driver (scan)->running;
  guint n_unknown = 0;

  for (gsize i = 0; i < lxcmon_runtime_dir_get_n_sockets (scan); i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);
      add_socket (containers, dir, socket, has_driver);
      n_unknown += socket->state == LXCMON_SOCKET_UNKNOWN;
    }
  warn_unknown (options, n_unknown);
}

static ExitCode
list_by_scan (const Options *options)
{
  g_autoptr (GArray) containers = new_containers ();
  LxcmonError error;
  LxcmonRuntimeDir *dir
      = lxcmon_runtime_dir_scan (options->runtime_dir, LXCMON_SCAN_DEFAULT, &error);

  /* If there is no directory, there has been no container yet. */
  if (dir == NULL && error.code != LXCMON_MONITOR_ERROR_NOT_FOUND)
    {
      g_autoptr (GError) why
          = g_error_new_literal (LXCMON_MONITOR_ERROR, (gint) error.code, error.message);
      message (options, "%s", error.message);
      return exit_code_for_error (why);
    }
  if (dir != NULL)
    {
      add_sockets (containers, options, dir);
      if (lxcmon_runtime_dir_get_n_unlisted (dir) > 0)
        message (options, "sockets that are not listed, because their names are not UTF-8: %zu",
                 lxcmon_runtime_dir_get_n_unlisted (dir));
      lxcmon_runtime_dir_free (dir);
    }
  return print (options, containers);
}

/* ---- Through libvirtd ---- */

/* libvirtd is the client of all containers that it reports. */
static ExitCode
list_monitors (const Options *options, GListModel *monitors)
{
  g_autoptr (GArray) containers = new_containers ();

  for (guint i = 0; i < g_list_model_get_n_items (monitors); i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (monitors, i);
      add (containers, (Container){
                           .name = g_strdup (lxcmon_monitor_get_name (monitor)),
                           .source = lxcmon_monitor_get_source (monitor),
                           .state = "running",
                           .init_pid = lxcmon_monitor_get_init_pid (monitor),
                           .controller_pid = lxcmon_monitor_get_controller_pid (monitor),
                           .served = TRUE,
                       });
    }
  return print (options, containers);
}

static ExitCode
on_event (const Event *event, gpointer user_data)
{
  const Options *options = user_data;

  switch (event->type)
    {
    case EVENT_LISTED:
      return list_monitors (options, event->containers);
    case EVENT_FAILED:
      if (event->name != NULL)
        return EXIT_CODE_NONE; /* it is listed nevertheless */
      message_error (options, NULL, event->error);
      return exit_code_for_error (event->error);
    case EVENT_SIGNAL:
      return (ExitCode) (EXIT_CODE_SIGNAL + event->signal);
    default:
      return EXIT_CODE_NONE;
    }
}

int
list_main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  ExitCode code = EXIT_CODE_DONE;

  if (!options_parse (&options,
                      OPTIONS_JSON | OPTIONS_RUNTIME_DIR | OPTIONS_TIMEOUT | OPTIONS_CONNECT, NULL,
                      "",
                      "Lists the containers of the host without connecting to any; with --connect: "
                      "those\nthat libvirtd runs.",
                      argc, argv, &code))
    return code;
  if (options.arguments != NULL)
    return usage_error ("list: no arguments are expected");
  if (!source_check (&options, &code))
    return code;
  if (options.timeout > 0 && options.connect == NULL)
    return usage_error ("list: --timeout is only for --connect");

  if (options.connect != NULL)
    return watcher_run (&options, FALSE, on_event, &options);
  return list_by_scan (&options);
}
