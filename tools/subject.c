/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what becomes an event: the signals and properties of a host, of its rows, and of a client. Rows and
 * clients are LxcmonMonitors and are handled alike. What an event means is up to the verb.
 */

#include "subject.h"

#include <lxcmon-glib/lxcmon-host-names-private.h>
#include <lxcmon/lxcmon-runtime-dir.h>

struct _Subject
{
  SubjectFunc func;
  gpointer user_data;
  LxcmonClient *client; /* or a host: */
  LxcmonHost *host;
  GHashTable *names; /* a set: of the containers whose watch is not over; NULL for all containers */
  const char *uri;   /* of the host, if there are several; or NULL */
  gboolean is_listed;
  gboolean is_lost;         /* as was reported */
  LxcmonSource source;      /* as was reported */
  LxcmonSource lost_source; /* before it was lost */
  guint idle;
};

/* ---- Reporting ---- */

static gboolean
report (Subject *self, Event event)
{
  event.host = self->uri;
  return self->func (&event, self->user_data);
}

/* The host attaches to no other container, so that their slots stay free. */
static void
set_names (Subject *self)
{
  g_autofree gpointer *names = g_hash_table_get_keys_as_array (self->names, NULL);

  _lxcmon_host_set_names (self->host, (const char *const *) names);
}

/* Returns whether the watch of the container goes on. */
static gboolean
report_monitor (Subject *self, LxcmonMonitor *monitor, const Event *event)
{
  if (report (self, *event))
    return TRUE;

  g_signal_handlers_disconnect_by_data (monitor, self);
  if (self->names != NULL)
    {
      g_hash_table_remove (self->names, lxcmon_monitor_get_name (monitor));
      set_names (self);
    }
  return FALSE;
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
    .end = lxcmon_monitor_get_end (monitor),
  };
}

/* What was last reported about whether a container is watched. */
#define REPORTED_NOTHING   0
#define REPORTED_ATTACHED  1
#define REPORTED_UNWATCHED 2 /* plus the code of the error */

/* Returns whether this is news. */
static gboolean
set_reported (LxcmonMonitor *monitor, int reported)
{
  static const char *const key = "lxcmon-reported";
  int before = GPOINTER_TO_INT (g_object_get_data (G_OBJECT (monitor), key));

  g_object_set_data (G_OBJECT (monitor), key, GINT_TO_POINTER (reported));
  return before != reported;
}

/* ---- One container ---- */

/* There is no signal for this. A property may be notified late, so other events ask for it too. A row stays
 * attached while the host changes its source. */
static gboolean
report_attached (Subject *self, LxcmonMonitor *monitor)
{
  Event event = make_event (EVENT_ATTACHED, monitor);

  return !set_reported (monitor, REPORTED_ATTACHED) || report_monitor (self, monitor, &event);
}

static void
on_init (LxcmonMonitor *monitor, int pid, Subject *self)
{
  Event event = make_event (EVENT_INIT, monitor);

  event.init_pid = pid;
  if (report_attached (self, monitor))
    report_monitor (self, monitor, &event);
}

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, Subject *self)
{
  Event event = make_event (EVENT_EXIT, monitor);

  event.status = status;
  if (report_attached (self, monitor))
    report_monitor (self, monitor, &event);
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, Subject *self)
{
  Event event = make_event (EVENT_CLOSED, monitor);

  event.error = error;
  set_reported (monitor, REPORTED_NOTHING);
  report_monitor (self, monitor, &event);
}

static void
report_error (Subject *self, EventType type, LxcmonMonitor *monitor, const GError *error)
{
  Event event = make_event (type, monitor);

  event.error = error;
  report_monitor (self, monitor, &event);
}

/* Whether the controller has gone, or does not listen yet: the host reports the end, or attaches. */
static gboolean
is_passing (const GError *error)
{
  return g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST)
         || g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_REFUSED)
         || g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND);
}

/* Whether the slot was left to libvirtd, which has started, and the host is about to go through it. If that
 * fails, the host is not connected any more, and the row has another error, which says so. */
static gboolean
is_changing_source (LxcmonHost *host, const GError *error)
{
  LxcmonDriver driver;

  return g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY)
         && lxcmon_host_get_uri (host) == NULL && lxcmon_host_get_connected (host)
         && lxcmon_runtime_dir_find_driver (lxcmon_host_get_runtime_dir (host), &driver, NULL)
         && driver.running;
}

/* The next controller after a reboot has not come. For a client this is the last that it reports; of a host,
 * "closed" has said it. */
static gboolean
is_end_of_reboot (const GError *error)
{
  return g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT);
}

static void
check_row (Subject *self, LxcmonMonitor *row, const GError *error)
{
  gboolean is_detached = lxcmon_monitor_get_state (row) == LXCMON_STATE_DETACHED;

  if (is_end_of_reboot (error) && self->names != NULL)
    report_error (self, EVENT_FAILED, row, error);
  else if (is_detached && !is_passing (error) && !is_changing_source (self->host, error)
           && set_reported (row, REPORTED_UNWATCHED + error->code))
    report_error (self, EVENT_UNWATCHED, row, error);
}

static void
check (Subject *self, LxcmonMonitor *monitor)
{
  LxcmonState state = lxcmon_monitor_get_state (monitor);
  const GError *error = lxcmon_monitor_get_error (monitor);

  if (state == LXCMON_STATE_ATTACHED)
    report_attached (self, monitor);
  else if (error != NULL && self->host != NULL)
    check_row (self, monitor, error);
  else if (error != NULL && state == LXCMON_STATE_DETACHED)
    report_error (self, EVENT_FAILED, monitor, error);
}

static void
on_changed (LxcmonMonitor *monitor, GParamSpec *pspec, Subject *self)
{
  check (self, monitor);
}

static void
subscribe (Subject *self, LxcmonMonitor *monitor)
{
  g_signal_connect (monitor, "init", G_CALLBACK (on_init), self);
  g_signal_connect (monitor, "exit", G_CALLBACK (on_exit_signal), self);
  g_signal_connect (monitor, "closed", G_CALLBACK (on_closed), self);
  g_signal_connect (monitor, "notify::state", G_CALLBACK (on_changed), self);
  g_signal_connect (monitor, "notify::error", G_CALLBACK (on_changed), self);
}

/* ---- The rows of a host ---- */

/* A later container of the same name is not the one that was named. */
static gboolean
is_wanted (Subject *self, LxcmonMonitor *row)
{
  return self->names == NULL || g_hash_table_contains (self->names, lxcmon_monitor_get_name (row));
}

/* A container may be attached, or may have failed, before it is in the list. */
static void
on_items_changed (GListModel *rows, guint position, guint removed, guint added, Subject *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (LxcmonMonitor) row = g_list_model_get_item (rows, i);

      if (!is_wanted (self, row))
        continue;
      if (self->names != NULL)
        report (self, make_event (EVENT_FOUND, row));
      subscribe (self, row);
      check (self, row);
    }
}

static gboolean
is_missing (gpointer name, gpointer value, gpointer host)
{
  return lxcmon_host_lookup (host, name) == NULL;
}

/* What does not run when the list is complete is not waited for. */
static void
forget_missing (Subject *self)
{
  if (self->names == NULL)
    return;
  g_hash_table_foreach_remove (self->names, is_missing, self->host);
  set_names (self);
}

static guint
count_rows (Subject *self)
{
  return self->names != NULL ? g_hash_table_size (self->names)
                             : g_list_model_get_n_items (G_LIST_MODEL (self->host));
}

static void
report_listed (Subject *self, gboolean is_first)
{
  report (self, (Event){ .type = EVENT_LISTED,
                         .source = self->source,
                         .n_containers = count_rows (self),
                         .containers = G_LIST_MODEL (self->host),
                         .is_first_list = is_first });
}

/* ---- A host ---- */

static void
report_source (Subject *self, EventType type)
{
  report (self, (Event){ .type = type,
                         .source = self->source,
                         .error = lxcmon_host_get_error (self->host) });
}

static gboolean
on_idle (gpointer user_data)
{
  Subject *self = user_data;

  self->idle = 0;
  report_listed (self, FALSE);
  return G_SOURCE_REMOVE;
}

/* Through libvirtd there is a new list, which the host applies before it returns to the main loop. */
static void
report_back (Subject *self)
{
  report_source (self, EVENT_SOURCE_BACK);
  if (self->source == LXCMON_SOURCE_DIRECT)
    report_listed (self, FALSE);
  else if (self->idle == 0)
    self->idle = g_idle_add_full (G_PRIORITY_DEFAULT, on_idle, self, NULL);
}

/* After a change of the source, the one that was lost is not back. */
static void
set_lost (Subject *self, gboolean is_lost)
{
  if (self->is_lost == is_lost)
    return;

  self->is_lost = is_lost;
  if (is_lost)
    {
      self->lost_source = self->source;
      report_source (self, EVENT_SOURCE_LOST);
    }
  else if (self->source == self->lost_source)
    report_back (self);
}

static void
check_source (Subject *self)
{
  LxcmonSource source = lxcmon_host_get_source (self->host);

  if (self->source != source)
    {
      self->source = source;
      report_source (self, EVENT_SOURCE_CHANGED);
    }
  set_lost (self,
            !lxcmon_host_get_connected (self->host) && lxcmon_host_get_error (self->host) != NULL);
}

static void
on_host_changed (LxcmonHost *host, GParamSpec *pspec, Subject *self)
{
  if (self->is_listed)
    check_source (self);
}

/* A host on which nothing can be watched yet has a list nevertheless. */
static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Subject *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!lxcmon_host_start_finish (self->host, result, &error))
    {
      report (self, (Event){ .type = EVENT_FAILED, .error = error });
      return;
    }
  forget_missing (self);
  self->is_listed = TRUE;
  self->source = lxcmon_host_get_source (self->host);
  check_source (self);
  report_listed (self, TRUE);
}

/* ---- Construction ---- */

static Subject *
subject_new (SubjectFunc func, gpointer user_data)
{
  Subject *self = g_new0 (Subject, 1);

  self->func = func;
  self->user_data = user_data;
  return self;
}

/**
 * subject_new_for_client:
 * @client: (transfer full): a client that is not attached
 *
 * Returns: (transfer full): what it watches
 */
Subject *
subject_new_for_client (LxcmonClient *client, SubjectFunc func, gpointer user_data)
{
  Subject *self = subject_new (func, user_data);

  self->client = client;
  subscribe (self, LXCMON_MONITOR (client));
  return self;
}

static GHashTable *
copy_keys (GHashTable *table)
{
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, table);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_hash_table_add (copy, g_strdup (key));
  return copy;
}

/**
 * subject_new_for_host:
 * @host: (transfer full): a host that is not started
 * @names: (nullable): its keys are the names of the containers to watch; %NULL for all
 * @uri: (nullable): what each event has as its host
 *
 * Returns: (transfer full): its containers
 */
Subject *
subject_new_for_host (LxcmonHost *host, GHashTable *names, const char *uri, SubjectFunc func,
                      gpointer user_data)
{
  Subject *self = subject_new (func, user_data);

  self->host = host;
  self->uri = uri;
  if (names != NULL)
    {
      self->names = copy_keys (names);
      set_names (self);
    }
  g_signal_connect (host, "items-changed", G_CALLBACK (on_items_changed), self);
  g_signal_connect (host, "notify::connected", G_CALLBACK (on_host_changed), self);
  g_signal_connect (host, "notify::source", G_CALLBACK (on_host_changed), self);
  return self;
}

/**
 * subject_start:
 *
 * Begins the watch. Events may be reported at once.
 */
void
subject_start (Subject *self)
{
  if (self->client != NULL)
    lxcmon_client_attach_async (self->client, NULL, NULL, NULL);
  else
    lxcmon_host_start_async (self->host, NULL, on_started, self);
}

/**
 * subject_stop:
 *
 * Ends the watch. A start that is pending completes in the main loop, and has to before @self is freed.
 */
void
subject_stop (Subject *self)
{
  if (self->idle != 0)
    g_source_remove (self->idle);
  self->idle = 0;
  if (self->client != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->client, self);
      lxcmon_client_detach (self->client);
    }
  else
    {
      g_signal_handlers_disconnect_by_data (self->host, self);
      lxcmon_host_stop (self->host);
    }
}

void
subject_free (Subject *self)
{
  g_clear_object (&self->client);
  g_clear_object (&self->host);
  g_clear_pointer (&self->names, g_hash_table_unref);
  g_free (self);
}
