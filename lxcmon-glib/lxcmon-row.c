/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a row between backends: which run of a container it is about, and the watch for that run's end
 * while no connection would report it.
 */

#include "lxcmon-row-private.h"

#include "lxcmon-session-private.h"

#include <glib-unix.h>
#include <lxcmon/lxcmon-process.h>
#include <sys/syscall.h>
#include <unistd.h>

G_DEFINE_FINAL_TYPE (LxcmonRow, _lxcmon_row, LXCMON_TYPE_MONITOR)

static void
_lxcmon_row_dispose (GObject *object)
{
  LxcmonRow *self = (LxcmonRow *) object;

  g_clear_pointer (&self->session, _lxcmon_session_close);
  _lxcmon_row_unwatch_end (self);
  _lxcmon_row_set_data (self, NULL, NULL);

  G_OBJECT_CLASS (_lxcmon_row_parent_class)->dispose (object);
}

static void
_lxcmon_row_finalize (GObject *object)
{
  LxcmonRow *self = (LxcmonRow *) object;

  g_clear_pointer (&self->socket_path, g_ref_string_release);
  g_clear_error (&self->yields);

  G_OBJECT_CLASS (_lxcmon_row_parent_class)->finalize (object);
}

static void
_lxcmon_row_class_init (LxcmonRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = _lxcmon_row_dispose;
  object_class->finalize = _lxcmon_row_finalize;
}

static void
_lxcmon_row_init (LxcmonRow *self)
{
}

LxcmonRow *
_lxcmon_row_new (const char *name)
{
  return g_object_new (LXCMON_TYPE_ROW, "name", name, NULL);
}

/*< private >
 * _lxcmon_row_set_data:
 * @data: (transfer full) (nullable): what the backend that now reports the container keeps in the row
 */
void
_lxcmon_row_set_data (LxcmonRow *self, gpointer data, GDestroyNotify free_data)
{
  gpointer old = g_steal_pointer (&self->data);

  if (old != NULL)
    self->free_data (old);
  self->data = data;
  self->free_data = free_data;
}

/*< private >
 * _lxcmon_row_learn_controller:
 * @controller_pid: a pid on this host, or 0 if it is not known
 *
 * Takes down which process the controller is. Its pid alone may be used again.
 */
void
_lxcmon_row_learn_controller (LxcmonRow *self, gint controller_pid)
{
  self->controller_start = lxcmon_process_get_start_ticks (controller_pid);
}

/*< private >
 * _lxcmon_row_is_run_of:
 * @controller_pid: a pid on this host
 *
 * Returns: whether the row is about the run of this controller, which has not ended
 */
gboolean
_lxcmon_row_is_run_of (LxcmonRow *self, gint controller_pid)
{
  return controller_pid > 0 && self->controller_start != 0
         && lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) self) == controller_pid
         && lxcmon_process_get_start_ticks (controller_pid) == self->controller_start;
}

/*< private >
 * _lxcmon_row_has_ended:
 *
 * Returns: whether the controller of the run that the row is about is certain to have ended; it was a process of
 *   this host
 */
gboolean
_lxcmon_row_has_ended (LxcmonRow *self)
{
  gint pid = lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) self);

  return self->controller_start != 0
         && lxcmon_process_get_start_ticks (pid) != self->controller_start;
}

typedef struct
{
  GSourceFunc func;
  gpointer user_data;
  int fd;
} EndWatch;

static void
end_watch_free (gpointer data)
{
  EndWatch *self = data;

  close (self->fd);
  g_free (self);
}

static gboolean
on_end (gint fd, GIOCondition condition, gpointer user_data)
{
  const EndWatch *self = user_data;

  return self->func (self->user_data);
}

/*< private >
 * _lxcmon_row_watch_end:
 * @func: called once when the controller has ended
 *
 * Watches for the end of the controller, while nobody is attached to it. Nothing happens if it is watched
 * already.
 *
 * Returns: whether it is watched: the pid may not be known, or the kernel may be older than pidfds
 */
gboolean
_lxcmon_row_watch_end (LxcmonRow *self, GMainContext *context, GSourceFunc func, gpointer user_data)
{
  gint pid = lxcmon_monitor_get_controller_pid ((LxcmonMonitor *) self);

  if (self->end_watch != NULL)
    return TRUE;
  int fd = pid > 0 ? (int) syscall (SYS_pidfd_open, pid, 0) : -1;
  if (fd < 0)
    return FALSE;
  /* The descriptor may refer to a later process of this pid. */
  if (!_lxcmon_row_is_run_of (self, pid))
    {
      close (fd);
      return FALSE;
    }

  EndWatch *watch = g_new (EndWatch, 1);
  *watch = (EndWatch){ func, user_data, fd };
  self->end_watch = g_unix_fd_source_new (fd, G_IO_IN);
  g_source_set_static_name (self->end_watch, "[lxcmon] a controller's end");
  g_source_set_callback (self->end_watch, G_SOURCE_FUNC (on_end), watch, end_watch_free);
  g_source_attach (self->end_watch, context);
  return TRUE;
}

void
_lxcmon_row_unwatch_end (LxcmonRow *self)
{
  if (self->end_watch != NULL)
    g_source_destroy (self->end_watch);
  g_clear_pointer (&self->end_watch, g_source_unref);
}

/*< private >
 * _lxcmon_row_new_unseen_error:
 *
 * Returns: (transfer full): the error of a container that has ended while nobody could see how
 */
GError *
_lxcmon_row_new_unseen_error (LxcmonRow *self)
{
  return g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST,
                      "%s has ended while it was not watched, and it is not known how",
                      lxcmon_monitor_get_name ((LxcmonMonitor *) self));
}
