/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the watch: the main loop, the clients of containers that are watched directly, and the list of
 * those that libvirtd reports, or of the whole host. Both are LxcmonMonitors and are handled alike. What
 * an event means, and when the watch of a container is over, is up to the verb.
 */

#include "watcher.h"

#include <glib-unix.h>
#include <signal.h>

#include "message.h"
#include "output.h"
#include "source.h"

/* How long a container may be without a controller between the end before a reboot and the next start. */
#define REBOOT_TIMEOUT_MS 10000

typedef struct
{
  const Options *options;
  gboolean follow;
  WatcherFunc func;
  gpointer user_data;
  GMainLoop *loop;
  GPtrArray *clients;
  LxcmonMonitorList *list; /* or NULL */
  GHashTable *names;       /* those of the list that are watched, or NULL for all */
  GHashTable *attached;    /* monitors that have been reported as attached */
  guint n_open;            /* named containers whose watch is not over */
  gboolean is_source_lost;
  gboolean is_over;
  ExitCode code;
} Watcher;

/* ---- Reporting ---- */

static void
quit (Watcher *self)
{
  self->is_over = TRUE;
  g_main_loop_quit (self->loop);
}

/* @monitor: the container's, or NULL if it has none */
static void
finish (Watcher *self, const Event *event, LxcmonMonitor *monitor, ExitCode code)
{
  g_assert (event->name == NULL || self->n_open > 0);

  self->code = event->type == EVENT_SIGNAL ? code : MAX (self->code, code);
  if (event->name == NULL || --self->n_open == 0)
    quit (self);
  if (monitor != NULL)
    g_signal_handlers_disconnect_by_data (monitor, self);
  g_hash_table_remove (self->attached, monitor);
  if (event->name != NULL && !g_ptr_array_find (self->clients, monitor, NULL))
    g_hash_table_remove (self->names, event->name);
}

/* Returns whether the watch of the event's container goes on. */
static gboolean
report (Watcher *self, const Event *event, LxcmonMonitor *monitor)
{
  if (self->is_over)
    return FALSE;

  ExitCode code = self->func (event, self->user_data);
  if (code != EXIT_CODE_NONE)
    finish (self, event, monitor, code);
  if (output_is_broken ())
    quit (self); /* nobody can read what comes next */
  return code == EXIT_CODE_NONE && !self->is_over;
}

static Event
make_event (EventType type, LxcmonMonitor *monitor)
{
  return (Event){
    .type = type,
    .source = lxcmon_monitor_get_source (monitor),
    .name = lxcmon_monitor_get_name (monitor),
    .controller_pid = lxcmon_monitor_get_controller_pid (monitor),
    .init_pid = lxcmon_monitor_get_init_pid (monitor),
    .status = lxcmon_monitor_get_exit_status (monitor),
    .exit_raw = lxcmon_monitor_get_exit_raw (monitor),
  };
}

/* ---- One container ---- */

/* There is no signal for this. A property may be notified late, so other events ask for it too. */
static gboolean
report_attached (Watcher *self, LxcmonMonitor *monitor)
{
  if (!g_hash_table_add (self->attached, monitor))
    return TRUE;

  Event event = make_event (EVENT_ATTACHED, monitor);
  return report (self, &event, monitor);
}

static void
on_init (LxcmonMonitor *monitor, int pid, Watcher *self)
{
  Event event = make_event (EVENT_INIT, monitor);

  event.init_pid = pid;
  if (report_attached (self, monitor))
    report (self, &event, monitor);
}

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, Watcher *self)
{
  Event event = make_event (EVENT_EXIT, monitor);

  event.status = status;
  if (report_attached (self, monitor))
    report (self, &event, monitor);
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, Watcher *self)
{
  Event event = make_event (EVENT_CLOSED, monitor);

  event.error = error;
  g_hash_table_remove (self->attached, monitor);
  report (self, &event, monitor);
}

static void
check_state (Watcher *self, LxcmonMonitor *monitor)
{
  if (lxcmon_monitor_get_state (monitor) == LXCMON_STATE_ATTACHED)
    report_attached (self, monitor);
}

static void
on_state (LxcmonMonitor *monitor, GParamSpec *pspec, Watcher *self)
{
  check_state (self, monitor);
}

/* A monitor that is detached and has an error could not be attached, at first or after a reboot. */
static void
check_error (Watcher *self, LxcmonMonitor *monitor)
{
  Event event = make_event (EVENT_FAILED, monitor);

  event.error = lxcmon_monitor_get_error (monitor);
  if (event.error != NULL && lxcmon_monitor_get_state (monitor) == LXCMON_STATE_DETACHED)
    report (self, &event, monitor);
}

static void
on_error (LxcmonMonitor *monitor, GParamSpec *pspec, Watcher *self)
{
  check_error (self, monitor);
}

static void
subscribe (Watcher *self, LxcmonMonitor *monitor)
{
  g_signal_connect (monitor, "init", G_CALLBACK (on_init), self);
  g_signal_connect (monitor, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (monitor, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect (monitor, "notify::state", G_CALLBACK (on_state), self);
  g_signal_connect (monitor, "notify::error", G_CALLBACK (on_error), self);
}

static void
add_client (Watcher *self, const char *argument)
{
  LxcmonClient *client = options_make_client (self->options, argument);

  lxcmon_client_set_reboot_timeout (client, self->follow ? REBOOT_TIMEOUT_MS : 0);
  subscribe (self, LXCMON_MONITOR (client));
  g_ptr_array_add (self->clients, client);
  self->n_open++;
}

/* ---- The list ---- */

/* A container may be attached, or may have failed, before it is in the list. */
static void
on_items_changed (GListModel *list, guint position, guint removed, guint added, Watcher *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (list, i);
      const char *name = lxcmon_monitor_get_name (monitor);
      if (self->names != NULL && !g_hash_table_contains (self->names, name))
        continue;
      subscribe (self, monitor);
      check_error (self, monitor);
      check_state (self, monitor);
    }
}

/* The first connection is not reported, nor is the end of one that was not lost. */
static void
on_connected (LxcmonMonitorList *list, GParamSpec *pspec, Watcher *self)
{
  g_autoptr (GError) error = NULL;
  gboolean is_connected = FALSE;

  g_object_get (list, "connected", &is_connected, "error", &error, NULL);
  gboolean is_lost = !is_connected && error != NULL;
  if (self->is_source_lost == is_lost)
    return;
  self->is_source_lost = is_lost;
  Event event = { .type = is_lost ? EVENT_SOURCE_LOST : EVENT_SOURCE_BACK,
                  .source = LXCMON_SOURCE_LIBVIRT,
                  .error = is_lost ? error : NULL };
  report (self, &event, NULL);
}

static void
make_list (Watcher *self, LxcmonSource source)
{
  self->list = source_new_list (self->options, source, self->follow);
  g_signal_connect (self->list, "items-changed", G_CALLBACK (on_items_changed), self);
  g_signal_connect (self->list, "notify::connected", G_CALLBACK (on_connected), self);
}

static void
add_name (Watcher *self, const char *name)
{
  if (self->list == NULL)
    {
      make_list (self, LXCMON_SOURCE_LIBVIRT);
      self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    }
  /* A container that is named twice is watched once. */
  if (g_hash_table_add (self->names, g_strdup (name)))
    self->n_open++;
}

static void
report_missing (Watcher *self)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND,
                             "libvirtd runs no container of this name");
  g_autoptr (GList) names = self->names != NULL ? g_hash_table_get_keys (self->names) : NULL;

  names = g_list_sort (names, (GCompareFunc) g_strcmp0);
  for (GList *name = names; name != NULL; name = name->next)
    if (lxcmon_monitor_list_lookup (self->list, name->data) == NULL)
      {
        Event event = {
          .type = EVENT_FAILED, .source = LXCMON_SOURCE_LIBVIRT, .name = name->data, .error = error
        };
        report (self, &event, NULL);
      }
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Watcher *self = user_data;
  g_autoptr (GError) error = NULL;
  gboolean is_listed = lxcmon_monitor_list_start_finish (self->list, result, &error);

  if (is_listed)
    report_missing (self);
  Event event = { .type = is_listed ? EVENT_LISTED : EVENT_FAILED,
                  .error = error,
                  .containers = is_listed ? G_LIST_MODEL (object) : NULL };
  report (self, &event, NULL);
}

/* ---- The whole watch ---- */

static void
add (Watcher *self, const char *argument)
{
  g_autofree char *name = NULL;

  if (source_choose (self->options, argument, &name) == LXCMON_SOURCE_LIBVIRT)
    add_name (self, name);
  else
    add_client (self, argument);
}

/* In the main loop: an attach may fail at once. */
static gboolean
start (gpointer user_data)
{
  Watcher *self = user_data;

  for (guint i = 0; i < self->clients->len; i++)
    lxcmon_client_attach_async (g_ptr_array_index (self->clients, i), NULL, NULL, NULL);
  if (self->list != NULL)
    lxcmon_monitor_list_start_async (self->list, NULL, on_started, self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_timeout (gpointer user_data)
{
  Watcher *self = user_data;

  message (self->options, "timed out");
  self->code = EXIT_CODE_TIMED_OUT;
  quit (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sigint (gpointer user_data)
{
  report (user_data, &(Event){ .type = EVENT_SIGNAL, .signal = SIGINT }, NULL);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sigterm (gpointer user_data)
{
  report (user_data, &(Event){ .type = EVENT_SIGNAL, .signal = SIGTERM }, NULL);
  return G_SOURCE_CONTINUE;
}

static void
run_loop (Watcher *self)
{
  guint timeout = self->options->timeout;
  guint sources[] = {
    g_unix_signal_add (SIGINT, on_sigint, self),
    g_unix_signal_add (SIGTERM, on_sigterm, self),
    timeout > 0 ? g_timeout_add (timeout, on_timeout, self) : 0,
  };

  g_idle_add (start, self);
  g_main_loop_run (self->loop);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0)
      g_source_remove (sources[i]);
}

/* Calls that are pending complete, and release what they hold. */
static void
stop (Watcher *self)
{
  for (guint i = 0; i < self->clients->len; i++)
    {
      g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->clients, i), self);
      lxcmon_client_detach (g_ptr_array_index (self->clients, i));
    }
  if (self->list != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->list, self);
      lxcmon_monitor_list_stop (self->list);
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/**
 * watcher_run:
 * @options: its arguments are the containers to watch; without any: all of the host
 * @follow: whether the watch of a container goes on after a reboot
 * @func: called with each event
 *
 * Watches containers until the watch of each one is over.
 *
 * Returns: the largest exit code of all
 */
ExitCode
watcher_run (const Options *options, gboolean follow, WatcherFunc func, gpointer user_data)
{
  Watcher self = { .options = options,
                   .follow = follow,
                   .func = func,
                   .user_data = user_data,
                   .loop = g_main_loop_new (NULL, FALSE),
                   .clients = g_ptr_array_new_with_free_func (g_object_unref),
                   .attached = g_hash_table_new (NULL, NULL),
                   .code = EXIT_CODE_DONE };

  if (options->arguments == NULL)
    make_list (&self, source_choose (options, NULL, NULL));
  for (char **argument = options->arguments; argument != NULL && *argument != NULL; argument++)
    add (&self, *argument);
  run_loop (&self);
  stop (&self);

  g_hash_table_unref (self.attached);
  g_clear_pointer (&self.names, g_hash_table_unref);
  g_clear_object (&self.list);
  g_ptr_array_unref (self.clients);
  g_main_loop_unref (self.loop);
  return self.code;
}
