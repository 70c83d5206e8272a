/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the hints that something may have changed in the runtime directory. A scan finds out what.
 *
 * If the directory does not exist, GFileMonitor would poll for it every few seconds. Its nearest parent
 * that exists is watched instead.
 */

#include "lxcmon-direct-private.h"

#include <glib/gstdio.h>

/* For how long GFileMonitor delays further changes of a file. */
#define RATE_LIMIT_MS 50

/* inotify drops events when its queue is full, and GIO does not report this. So the directory is scanned
 * once more after the last hint. */
#define SAFETY_US (1 * G_TIME_SPAN_SECOND)

/* How often to scan where the directory cannot be watched. */
#define UNWATCHED_US (2 * G_TIME_SPAN_SECOND)

/* Directories that appear and vanish while the one to watch is found. */
#define TRIES_MAX 16

static void
on_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
            gpointer user_data)
{
  LxcmonDirectBackend *self = user_data;

  self->safety_at = g_get_monotonic_time () + SAFETY_US;
  self->n_early_scans = 0;
  _lxcmon_direct_scan_soon (self);
}

void
_lxcmon_direct_watch_stop (LxcmonDirectBackend *self)
{
  if (self->monitor != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->monitor, self);
      /* In a forked child, it is the parent's: a thread of GIO's that is not there may have its lock. */
      if (_lxcmon_main_source_was_forked (_lxcmon_direct_get_rows (self)->source))
        self->monitor = NULL;
      else
        g_file_monitor_cancel (self->monitor);
      g_clear_object (&self->monitor);
    }
  g_clear_pointer (&self->watched, g_free);
  self->watched_device = self->watched_inode = 0;
}

/* Finds the runtime directory, or its nearest parent that exists. */
static char *
find_nearest (LxcmonDirectBackend *self, GStatBuf *info)
{
  char *path = g_canonicalize_filename (_lxcmon_direct_get_dir (self), NULL);

  while (g_stat (path, info) < 0 || !S_ISDIR (info->st_mode))
    {
      char *above = g_path_get_dirname (path);
      if (g_str_equal (above, path))
        {
          g_free (above);
          break;
        }
      g_free (path);
      path = above;
    }
  return path;
}

static gboolean
is_watched (LxcmonDirectBackend *self, const char *path, const GStatBuf *info)
{
  return self->monitor != NULL && g_str_equal (self->watched, path)
         && self->watched_device == info->st_dev && self->watched_inode == info->st_ino;
}

static void
watch (LxcmonDirectBackend *self, const char *path, const GStatBuf *info)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;

  _lxcmon_direct_watch_stop (self);
  self->watched = g_strdup (path);
  self->watched_device = info->st_dev;
  self->watched_inode = info->st_ino;
  g_main_context_push_thread_default (_lxcmon_direct_get_rows (self)->context);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);
  g_main_context_pop_thread_default (_lxcmon_direct_get_rows (self)->context);
  if (self->monitor == NULL)
    {
      _lxcmon_direct_warn_once (
          self, "cannot watch the runtime directory, so that changes are found late",
          error->message);
      self->safety_at = MIN (self->safety_at, g_get_monotonic_time () + UNWATCHED_US);
      return;
    }
  g_file_monitor_set_rate_limit (self->monitor, RATE_LIMIT_MS);
  g_signal_connect (self->monitor, "changed", G_CALLBACK (on_changed), self);
}

/*< private >
 * _lxcmon_direct_watch_update:
 *
 * Watches the runtime directory that exists now. To be called before each scan, so that later changes
 * cause a hint.
 */
void
_lxcmon_direct_watch_update (LxcmonDirectBackend *self)
{
  for (guint i = 0; i < TRIES_MAX; i++)
    {
      GStatBuf info = { 0 };
      g_autofree char *path = find_nearest (self, &info);

      if (is_watched (self, path, &info))
        return;
      watch (self, path, &info);
      if (self->monitor == NULL)
        return;
      /* It may have appeared while its parent was not watched yet. */
    }
}
