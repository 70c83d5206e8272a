/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what happens between a reboot's end and the next start: waiting for the new controller's
 * socket, for a bounded time, and attaching to it. A new controller has a new socket at the same
 * path, so a socket that was there before is never taken for it.
 *
 * GFileMonitor says when to look; as it may miss something, and as a socket exists a moment before
 * its owner listens on it, we also look now and then by ourselves.
 */

#include "lxcmon-client-private.h"

#include <glib/gstdio.h>

/* Which file a socket is. Its inode alone is not enough: some file systems use one again at once. */
typedef struct
{
  guint64 device;
  guint64 inode;
  gint64 change_s;
  gint64 change_ns;
} Identity;

struct _LxcmonFollow
{
  LxcmonClient *client; /* not owned: it owns us */
  Identity last;        /* the socket that we were attached to */
  guint timeout;        /* in ms: how long to wait, as it was set when the client was attached */
  gint64 deadline;      /* monotonic, in µs; 0 while there is nothing to wait for */
  GFileMonitor *monitor;
  GSource *timer;
};

static Identity
identify (const char *path)
{
  GStatBuf info;

  if (path == NULL || g_lstat (path, &info) < 0)
    return (Identity){ 0 };

  return (Identity){
    .device = info.st_dev,
    .inode = info.st_ino,
    .change_s = info.st_ctim.tv_sec,
    .change_ns = info.st_ctim.tv_nsec,
  };
}

static gboolean
is_same (const Identity *a, const Identity *b)
{
  return a->device == b->device && a->inode == b->inode && a->change_s == b->change_s
         && a->change_ns == b->change_ns;
}

static void
stop_looking (LxcmonFollow *self)
{
  if (self->timer != NULL)
    {
      g_source_destroy (self->timer);
      g_clear_pointer (&self->timer, g_source_unref);
    }
  if (self->monitor != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->monitor, self);
      g_file_monitor_cancel (self->monitor);
      g_clear_object (&self->monitor);
    }
}

/*< private >
 * _lxcmon_follow_new:
 *
 * Remembers which socket the client is about to attach to.
 */
LxcmonFollow *
_lxcmon_follow_new (LxcmonClient *client)
{
  LxcmonFollow *self = g_new0 (LxcmonFollow, 1);

  self->client = client;
  self->timeout = lxcmon_client_get_reboot_timeout (client);
  self->last = identify (_lxcmon_client_build_path (client, NULL));
  return self;
}

void
_lxcmon_follow_free (LxcmonFollow *self)
{
  stop_looking (self);
  g_free (self);
}

gboolean
_lxcmon_follow_is_running (const LxcmonFollow *self)
{
  return self != NULL && self->deadline != 0;
}

static gboolean
is_over (const LxcmonFollow *self)
{
  return g_get_monotonic_time () >= self->deadline;
}

/* Whether an attach that failed so may succeed a moment later: the new controller is not there yet,
 * has bound its socket and does not listen yet, or went again before it served us. */
static gboolean
is_passing (const GError *error)
{
  return g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND)
         || g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_REFUSED)
         || g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST);
}

static void
give_up (LxcmonFollow *self)
{
  self->deadline = 0;
  _lxcmon_client_handle_failed (self->client,
                              g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
                                           "%s rebooted, and no new controller came within %u ms",
                                           _lxcmon_client_get_name (self->client), self->timeout));
}

/*< private >
 * _lxcmon_follow_is_looking:
 *
 * Whether the new controller's socket is waited for at present, rather than its answer.
 */
gboolean
_lxcmon_follow_is_looking (const LxcmonFollow *self)
{
  return self != NULL && self->timer != NULL;
}

static void
notify_changes (LxcmonClient *client)
{
  g_autoptr (LxcmonHeldClient) alive = _lxcmon_client_hold (client);

  _lxcmon_client_notify_changes (alive);
}

/*< private >
 * _lxcmon_follow_look:
 *
 * Looks for the new controller. The client may be gone afterwards.
 */
void
_lxcmon_follow_look (LxcmonFollow *self)
{
  LxcmonClient *client = self->client;
  g_autoptr (GError) error = NULL;
  Identity now = identify (client->socket_path);

  if (now.inode == 0 || is_same (&now, &self->last))
    {
      if (is_over (self))
        give_up (self);
      return;
    }

  if (!_lxcmon_client_begin_attach (client, &error))
    {
      if (is_passing (error) && !is_over (self))
        {
          _lxcmon_client_set_error (client, NULL);
          notify_changes (client);
          return;
        }
      self->deadline = 0;
      _lxcmon_client_handle_failed (client, g_steal_pointer (&error));
      return;
    }

  self->last = now;
  stop_looking (self);
  notify_changes (client);
}

static gboolean
on_timer (gpointer user_data)
{
  _lxcmon_follow_look (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
            gpointer user_data)
{
  if (event == G_FILE_MONITOR_EVENT_CREATED || event == G_FILE_MONITOR_EVENT_MOVED_IN
      || event == G_FILE_MONITOR_EVENT_RENAMED)
    _lxcmon_follow_look (user_data);
}

/* A file monitor tells the context that is thread-default when it is made; without one, the timer
 * finds the socket a little later. */
static void
watch_directory (LxcmonFollow *self, GMainContext *context)
{
  g_autofree char *directory = g_path_get_dirname (self->client->socket_path);
  g_autoptr (GFile) file = g_file_new_for_path (directory);

  g_main_context_push_thread_default (context);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  g_main_context_pop_thread_default (context);
  if (self->monitor != NULL)
    g_signal_connect (self->monitor, "changed", G_CALLBACK (on_changed), self);
}

static void
start_looking (LxcmonFollow *self)
{
  GMainContext *context = _lxcmon_hub_source_get_context (self->client->source);

  watch_directory (self, context);
  self->timer = g_timeout_source_new (LXCMON_FOLLOW_INTERVAL_MS);
  g_source_set_static_name (self->timer, "[lxcmon] look for the new controller");
  g_source_set_callback (self->timer, on_timer, self, NULL);
  g_source_attach (self->timer, context);
}

/*< private >
 * _lxcmon_follow_start:
 *
 * Begins to wait for the new controller; it may be there already. The client may be gone afterwards.
 */
void
_lxcmon_follow_start (LxcmonFollow *self)
{
  self->deadline = g_get_monotonic_time () + (gint64) self->timeout * G_TIME_SPAN_MILLISECOND;
  start_looking (self);
  _lxcmon_client_notify_changes (self->client);
}

/*< private >
 * _lxcmon_follow_resume:
 *
 * An attach of the client's has failed. Returns whether it was one of ours and is tried again.
 */
gboolean
_lxcmon_follow_resume (LxcmonFollow *self, const GError *error)
{
  if (self->deadline == 0 || !is_passing (error) || is_over (self))
    return FALSE;

  if (self->timer == NULL)
    start_looking (self);
  return TRUE;
}

/*< private >
 * _lxcmon_follow_succeed:
 *
 * The client is served by the new controller.
 */
void
_lxcmon_follow_succeed (LxcmonFollow *self)
{
  self->deadline = 0;
  stop_looking (self);
}
