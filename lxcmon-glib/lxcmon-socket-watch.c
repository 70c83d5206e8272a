/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the hints that a new controller may have created its socket: a file monitor on the directory and,
 * since that may miss something and a socket exists a moment before its owner listens, a timer.
 */

#include "lxcmon-socket-watch-private.h"

#include <unistd.h>

#include <glib/gstdio.h>

#define CHECK_INTERVAL_MS 50

struct _LxcmonSocketWatch
{
  void (*check) (gpointer user_data);
  gpointer user_data;
  GFileMonitor *monitor;
  pid_t pid; /* which process has made it */
  GSource *timer;
};

static guint64
mix (guint64 hash, guint64 value)
{
  hash = (hash ^ value) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  return hash ^ (hash >> 29);
}

/*< private >
 * _lxcmon_socket_watch_identify:
 *
 * Finds out which file is at a path; links are not followed. An inode alone is not enough: some file
 * systems reuse one at once.
 *
 * Returns: a number that differs for each file, or 0 if there is none
 */
guint64
_lxcmon_socket_watch_identify (const char *path)
{
  GStatBuf info;

  if (g_lstat (path, &info) < 0)
    return 0;

  guint64 hash = mix (mix (0, info.st_dev), info.st_ino);
  hash = mix (mix (hash, (guint64) info.st_ctim.tv_sec), (guint64) info.st_ctim.tv_nsec);
  return hash != 0 ? hash : 1;
}

/* The watch may be freed by the check. */
static gboolean
on_timer (gpointer user_data)
{
  LxcmonSocketWatch *self = user_data;

  self->check (self->user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
            gpointer user_data)
{
  LxcmonSocketWatch *self = user_data;

  if (event == G_FILE_MONITOR_EVENT_CREATED || event == G_FILE_MONITOR_EVENT_MOVED_IN
      || event == G_FILE_MONITOR_EVENT_RENAMED)
    self->check (self->user_data);
}

/*< private >
 * _lxcmon_socket_watch_new:
 * @path: where the socket is expected
 * @context: the main context in which @check is called
 * @check: called when there may be another socket, and every 50 ms
 *
 * Returns: a watch to free with _lxcmon_socket_watch_free()
 */
LxcmonSocketWatch *
_lxcmon_socket_watch_new (const char *path, GMainContext *context,
                          void (*check) (gpointer user_data), gpointer user_data)
{
  LxcmonSocketWatch *self = g_new0 (LxcmonSocketWatch, 1);
  g_autofree char *directory = g_path_get_dirname (path);
  g_autoptr (GFile) file = g_file_new_for_path (directory);

  self->check = check;
  self->user_data = user_data;
  self->pid = getpid ();
  /* A file monitor emits in the context that is thread-default when it is created. If it cannot be
   * created, the timer finds the socket a little later. */
  g_main_context_push_thread_default (context);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  g_main_context_pop_thread_default (context);
  if (self->monitor != NULL)
    g_signal_connect (self->monitor, "changed", G_CALLBACK (on_changed), self);

  self->timer = g_timeout_source_new (CHECK_INTERVAL_MS);
  g_source_set_static_name (self->timer, "[lxcmon] next controller");
  g_source_set_callback (self->timer, on_timer, self, NULL);
  g_source_attach (self->timer, context);
  return self;
}

void
_lxcmon_socket_watch_free (LxcmonSocketWatch *self)
{
  g_source_destroy (self->timer);
  g_source_unref (self->timer);
  if (self->monitor != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->monitor, self);
      /* In a forked child, it is the parent's: a thread of GIO's that is not there may have its lock. */
      if (self->pid == getpid ())
        {
          g_file_monitor_cancel (self->monitor);
          g_object_unref (self->monitor);
        }
    }
  g_free (self);
}
