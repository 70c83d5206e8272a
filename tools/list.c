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
#include <string.h>

#include "escape.h"
#include "message.h"
#include "output.h"
#include "verbs.h"
#include "watcher.h"

#define N_COLUMNS 6 /* the last one only if there are several hosts */

/* A line of the table, and the width of each of its texts on a terminal. */
typedef struct
{
  char *texts[N_COLUMNS];
  gsize widths[N_COLUMNS];
} Line;

typedef struct
{
  const char *host; /* NULL unless there are several */
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
clear_line (gpointer data)
{
  Line *self = data;

  for (guint i = 0; i < N_COLUMNS; i++)
    g_free (self->texts[i]);
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
      escape_for_line (container->host != NULL ? container->host : ""),
  } };

  add_line (lines, line);
}

static void
print_line (Line *line, const gsize widths[N_COLUMNS], guint n_columns)
{
  for (guint i = 0; i < n_columns; i++)
    {
      gsize padding = widths[i] - line->widths[i] + 2;
      gboolean is_last = i == n_columns - 1;
      printf ("%s%*s", line->texts[i], is_last ? 0 : (int) padding, is_last ? "\n" : "");
    }
}

static void
print_lines (GArray *lines, guint n_columns)
{
  gsize widths[N_COLUMNS] = { 0 };

  for (guint i = 0; i < lines->len; i++)
    for (guint column = 0; column < N_COLUMNS; column++)
      widths[column] = MAX (widths[column], g_array_index (lines, Line, i).widths[column]);
  for (guint i = 0; i < lines->len; i++)
    print_line (&g_array_index (lines, Line, i), widths, n_columns);
  output_flush ();
}

static void
print_table (GArray *containers, gboolean has_hosts)
{
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));

  g_array_set_clear_func (lines, clear_line);
  add_line (lines, (Line){ { g_strdup ("NAME"), g_strdup ("STATE"), g_strdup ("INIT-PID"),
                             g_strdup ("CONTROLLER-PID"), g_strdup ("AGE"), g_strdup ("HOST") } });
  for (guint i = 0; i < containers->len; i++)
    add_container (lines, &g_array_index (containers, Container, i));
  print_lines (lines, has_hosts ? N_COLUMNS : N_COLUMNS - 1);
}

static void
print_json (const Container *container)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  output_json_string (builder, "container", container->name);
  if (container->host != NULL)
    output_json_string (builder, "host", container->host);
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
    print_table (containers, options_has_hosts (options));
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
            LxcmonSource source)
{
  g_autofree char *path = g_strconcat (dir, "/", socket->name, ".sock", NULL);
  gint controller_pid = _lxcmon_status_xml_find_controller (path, socket);
  gint init_pid = lxcmon_process_find_init (controller_pid);

  if (init_pid == 0)
    init_pid = _lxcmon_status_xml_find_init (path, controller_pid);
  add (containers, (Container){
                       .name = g_strdup (socket->name),
                       .source = source,
                       .state = describe_state (socket),
                       .init_pid = init_pid,
                       .controller_pid = controller_pid,
                       .served = socket->n_served > 0,
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
  gboolean has_driver = !options->direct && lxcmon_runtime_dir_get_driver (scan)->running;
  LxcmonSource source = has_driver ? LXCMON_SOURCE_LIBVIRT : LXCMON_SOURCE_DIRECT;
  guint n_unknown = 0;

  for (gsize i = 0; i < lxcmon_runtime_dir_get_n_sockets (scan); i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (scan, i);
      add_socket (containers, dir, socket, source);
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

typedef struct
{
  const Options *options;
  GArray *containers;
} List;

/* libvirtd is the client of all containers that it reports. */
static void
add_monitors (GArray *containers, const char *host, GListModel *monitors)
{
  for (guint i = 0; i < g_list_model_get_n_items (monitors); i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (monitors, i);
      add (containers, (Container){
                           .host = host,
                           .name = g_strdup (lxcmon_monitor_get_name (monitor)),
                           .source = lxcmon_monitor_get_source (monitor),
                           .state = "running",
                           .init_pid = lxcmon_monitor_get_init_pid (monitor),
                           .controller_pid = lxcmon_monitor_get_controller_pid (monitor),
                           .served = TRUE,
                       });
    }
}

static ExitCode
on_event (const Event *event, gpointer user_data)
{
  List *self = user_data;

  switch (event->type)
    {
    case EVENT_LISTED:
      if (!event->is_first_list)
        return EXIT_CODE_NONE;
      add_monitors (self->containers, event->host, event->containers);
      return EXIT_CODE_DONE;
    case EVENT_FAILED:
      message_error (self->options, event);
      return exit_code_for_error (event->error);
    case EVENT_SIGNAL:
      return (ExitCode) (EXIT_CODE_SIGNAL + event->signal);
    default:
      return EXIT_CODE_NONE;
    }
}

/* The hosts are in the order of the options, whichever has answered first. */
static int
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Container *one = a, *other = b;
  const Options *options = user_data;

  for (guint i = 0; one->host != other->host && options->connect[i] != NULL; i++)
    if (options->connect[i] == one->host || options->connect[i] == other->host)
      return options->connect[i] == one->host ? -1 : 1;
  return strcmp (one->name, other->name);
}

static ExitCode
list_by_libvirt (const Options *options)
{
  g_autoptr (GArray) containers = new_containers ();
  List self = { options, containers };
  ExitCode code = watcher_run (options, FALSE, on_event, &self);

  if (code != EXIT_CODE_DONE)
    return code;
  g_array_sort_with_data (containers, compare, (gpointer) options);
  return print (options, containers);
}

int
list_main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  ExitCode code = EXIT_CODE_DONE;

  if (!options_parse (&options, OPTIONS_JSON | OPTIONS_HOST | OPTIONS_TIMEOUT, NULL, "",
                      "Lists the containers of the host without connecting to any; with --connect: "
                      "those\nthat libvirtd runs.",
                      argc, argv, &code))
    return code;
  if (options.arguments != NULL)
    return usage_error ("list: no arguments are expected");
  if (options.timeout > 0 && options.connect == NULL)
    return usage_error ("list: --timeout is only for --connect");

  return options.connect != NULL ? list_by_libvirt (&options) : list_by_scan (&options);
}
