/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the watch for the end of a process, by a pidfd. It does not know what kind of process that is.
 */

#include "lxcmon-pidfd-private.h"

#include <glib-unix.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct
{
  GSourceFunc func;
  gpointer user_data;
  int fd;
} Watch;

static void
watch_free (gpointer data)
{
  Watch *self = data;

  close (self->fd);
  g_free (self);
}

static gboolean
on_end (gint fd, GIOCondition condition, gpointer user_data)
{
  const Watch *self = user_data;

  self->func (self->user_data);
  return G_SOURCE_REMOVE;
}

/*< private >
 * _lxcmon_pidfd_watch:
 * @pid: a pid, or 0 if it is not known
 * @func: called once when the process has ended
 *
 * Watches for the end of a process. It may be a later one of this pid: the caller checks that afterwards.
 *
 * Returns: (transfer full) (nullable): a source to destroy, or %NULL if the process cannot be watched: it is in another
 *   pid namespace, descriptors have run out, or the kernel is older than pidfds
 */
GSource *
_lxcmon_pidfd_watch (gint pid, GMainContext *context, GSourceFunc func, gpointer user_data)
{
  int fd = pid > 0 ? (int) syscall (SYS_pidfd_open, pid, 0) : -1;

  if (fd < 0)
    return NULL;
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN);
  Watch *self = g_new (Watch, 1);
  *self = (Watch){ func, user_data, fd };
  g_source_set_static_name (source, "[lxcmon] a process's end");
  g_source_set_callback (source, G_SOURCE_FUNC (on_end), self, watch_free);
  g_source_attach (source, context);
  return source;
}
