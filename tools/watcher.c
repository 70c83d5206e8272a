/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the watch as a whole: what the arguments are, the main loop, and when it is over. What an event
 * means, and when the watch of a container is over, is up to the verb.
 */

#include "watcher.h"

#include <glib-unix.h>
#include <lxcmon/lxcmon-name.h>
#include <signal.h>

#include "message.h"
#include "output.h"
#include "subject.h"

typedef struct
{
  const Options *options;
  gboolean follow;
  WatcherFunc func;
  gpointer user_data;
  GMainLoop *loop;
  GPtrArray *subjects;
  GHashTable *names; /* of containers in the hosts, and whether they are there; NULL for all */
  guint n_unlisted;  /* hosts whose first list is to come */
  guint n_open;      /* containers, or whole hosts, whose watch is not over */
  gboolean is_over;
  ExitCode code;
} Watcher;

/* ---- Events ---- */

static void
quit (Watcher *self)
{
  self->is_over = TRUE;
  g_main_loop_quit (self->loop);
}

/* Before all hosts have listed their containers, more of them may be found. */
static void
quit_if_done (Watcher *self)
{
  if (self->n_open == 0 && self->n_unlisted == 0)
    quit (self);
}

static void
finish (Watcher *self, const Event *event, ExitCode code)
{
  self->code = event->type == EVENT_SIGNAL ? code : MAX (self->code, code);
  if (event->type == EVENT_SIGNAL || (event->type == EVENT_FAILED && event->name == NULL))
    {
      quit (self);
      return;
    }
  g_assert (self->n_open > 0);
  self->n_open--;
  quit_if_done (self);
}

static gboolean
report (Watcher *self, const Event *event)
{
  if (self->is_over)
    return FALSE;

  ExitCode code = self->func (event, self->user_data);
  if (code != EXIT_CODE_NONE)
    finish (self, event, code);
  if (output_is_broken ())
    quit (self); /* nobody can read what comes next */
  return code == EXIT_CODE_NONE && !self->is_over;
}

static void
report_missing (Watcher *self)
{
  g_autoptr (GError) error
      = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND,
                             "no container of this name runs");
  g_autoptr (GList) names
      = g_list_sort (g_hash_table_get_keys (self->names), (GCompareFunc) g_strcmp0);

  for (GList *name = names; name != NULL; name = name->next)
    if (!GPOINTER_TO_INT (g_hash_table_lookup (self->names, name->data)))
      {
        self->n_open++;
        report (self, &(Event){ .type = EVENT_FAILED, .name = name->data, .error = error });
      }
}

static void
handle_found (Watcher *self, const Event *event)
{
  self->n_open++;
  g_hash_table_insert (self->names, g_strdup (event->name), GINT_TO_POINTER (TRUE));
}

/* A container that is named may be on any of the hosts. */
static void
handle_first_list (Watcher *self)
{
  if (self->names == NULL || self->n_unlisted > 0)
    return;
  report_missing (self);
  quit_if_done (self);
}

/* ---- What is watched ---- */

static gboolean on_event (const Event *event, gpointer user_data);

static void
add_host (Watcher *self, const char *uri, const char *label)
{
  LxcmonHost *host = options_make_host (self->options, uri, self->follow);

  g_ptr_array_add (self->subjects, subject_new_for_host (host, self->names, label, on_event, self));
  self->n_unlisted++;
  self->n_open += self->names == NULL;
}

static void
add_hosts (Watcher *self)
{
  char **uris = self->options->connect;

  if (uris == NULL)
    add_host (self, NULL, NULL);
  for (guint i = 0; uris != NULL && uris[i] != NULL; i++)
    add_host (self, uris[i], options_has_hosts (self->options) ? uris[i] : NULL);
}

static void
add_client (Watcher *self, const char *argument)
{
  LxcmonClient *client = options_make_client (self->options, argument, self->follow);

  g_ptr_array_add (self->subjects, subject_new_for_client (client, on_event, self));
  self->n_open++;
}

/* What is no container's name has a client too, which says why. */
static gboolean
needs_client (const Options *options, const char *argument)
{
  return options_is_path (argument) || options->wait_if_busy
         || (options->connect == NULL && !lxcmon_name_check (argument, NULL));
}

/* A container that is named twice is watched once. */
static void
add_name (Watcher *self, const char *name)
{
  if (self->names == NULL)
    self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_insert (self->names, g_strdup (name), GINT_TO_POINTER (FALSE));
}

static void
add_subjects (Watcher *self)
{
  char **arguments = self->options->arguments;

  for (guint i = 0; arguments != NULL && arguments[i] != NULL; i++)
    if (needs_client (self->options, arguments[i]))
      add_client (self, arguments[i]);
    else
      add_name (self, arguments[i]);
  if (arguments == NULL || self->names != NULL)
    add_hosts (self);
}

/* ---- What a host cannot watch ---- */

/* Whether a container that is named is not attached because it cannot be seen whether its slot is free. */
static gboolean
can_queue_up (Watcher *self, const Event *event)
{
  return event->type == EVENT_UNWATCHED && self->names != NULL
         && event->source == LXCMON_SOURCE_DIRECT
         && g_error_matches (event->error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED);
}

/* A client of its own is queued for the slot. */
static void
queue_up (Watcher *self, const char *name)
{
  self->n_open--; /* of the host */
  add_client (self, name);
  subject_start (self->subjects->pdata[self->subjects->len - 1]);
}

static gboolean
on_event (const Event *event, gpointer user_data)
{
  Watcher *self = user_data;

  if (event->type == EVENT_FOUND)
    {
      handle_found (self, event);
      return TRUE;
    }
  if (can_queue_up (self, event))
    {
      queue_up (self, event->name);
      return FALSE;
    }
  if (event->is_first_list)
    self->n_unlisted--;
  gboolean goes_on = report (self, event);
  if (event->is_first_list)
    handle_first_list (self);
  return goes_on;
}

/* ---- The main loop ---- */

/* In the main loop: an attach may fail at once. */
static gboolean
start (gpointer user_data)
{
  Watcher *self = user_data;

  for (guint i = 0; i < self->subjects->len; i++)
    subject_start (self->subjects->pdata[i]);
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
  report (user_data, &(Event){ .type = EVENT_SIGNAL, .signal = SIGINT });
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sigterm (gpointer user_data)
{
  report (user_data, &(Event){ .type = EVENT_SIGNAL, .signal = SIGTERM });
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
  for (guint i = 0; i < self->subjects->len; i++)
    subject_stop (self->subjects->pdata[i]);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/**
 * watcher_run:
 * @options: its arguments are the containers to watch; without any: all of the hosts
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
                   .subjects = g_ptr_array_new_with_free_func ((GDestroyNotify) subject_free),
                   .code = EXIT_CODE_DONE };

  add_subjects (&self);
  run_loop (&self);
  stop (&self);

  g_ptr_array_unref (self.subjects);
  g_clear_pointer (&self.names, g_hash_table_unref);
  g_main_loop_unref (self.loop);
  return self.code;
}
