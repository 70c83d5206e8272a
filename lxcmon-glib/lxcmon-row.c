/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a row between backends: which run of a container it is about, the watch for that run's end while no connection
 * would report it, and the pidfd of its init while no connection has one.
 */

#include "lxcmon-row-private.h"

#include "lxcmon-pidfd-private.h"
#include "lxcmon-session-private.h"

#include <fcntl.h>
#include <lxcmon/lxcmon-init.h>
#include <lxcmon/lxcmon-process.h>
#include <unistd.h>

G_DEFINE_FINAL_TYPE (LxcmonRow, _lxcmon_row, LXCMON_TYPE_MONITOR)

static void
_lxcmon_row_dispose (GObject *object)
{
  LxcmonRow *self = (LxcmonRow *) object;

  g_clear_pointer (&self->session, _lxcmon_session_close);
  _lxcmon_row_unwatch_end (self);
  _lxcmon_row_set_init_fd (self, -1);
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

static int
_lxcmon_row_dup_init_pidfd (LxcmonMonitor *monitor)
{
  const LxcmonRow *self = (LxcmonRow *) monitor;

  if (self->session != NULL)
    return _lxcmon_session_dup_init_pidfd (self->session);
  return self->init_fd >= 0 ? fcntl (self->init_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
}

static void
_lxcmon_row_class_init (LxcmonRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = _lxcmon_row_dispose;
  object_class->finalize = _lxcmon_row_finalize;
  LXCMON_MONITOR_CLASS (klass)->dup_init_pidfd = _lxcmon_row_dup_init_pidfd;
}

static void
_lxcmon_row_init (LxcmonRow *self)
{
  self->init_fd = -1;
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

  if (self->end_watch == NULL)
    self->end_watch = _lxcmon_pidfd_watch (pid, context, func, user_data);
  /* The descriptor may refer to a later process of this pid. */
  if (self->end_watch != NULL && !_lxcmon_row_is_run_of (self, pid))
    _lxcmon_row_unwatch_end (self);
  return self->end_watch != NULL;
}

void
_lxcmon_row_unwatch_end (LxcmonRow *self)
{
  if (self->end_watch != NULL)
    g_source_destroy (self->end_watch);
  g_clear_pointer (&self->end_watch, g_source_unref);
}

/*< private >
 * _lxcmon_row_set_init_fd:
 * @init_fd: (transfer full): a pidfd of the container's init, or -1
 */
void
_lxcmon_row_set_init_fd (LxcmonRow *self, int init_fd)
{
  if (self->init_fd >= 0)
    close (self->init_fd);
  self->init_fd = init_fd;
  self->init_tried = 0;
}

/*< private >
 * _lxcmon_row_steal_init_fd:
 *
 * Returns: (transfer full): the pidfd of the container's init, which the row does not have any more; or -1
 */
int
_lxcmon_row_steal_init_fd (LxcmonRow *self)
{
  int init_fd = self->init_fd;

  self->init_fd = -1;
  self->init_tried = 0;
  return init_fd;
}

/*< private >
 * _lxcmon_row_watch_init:
 * @model: what is known of a container that nobody is attached to
 *
 * Opens a pidfd of init, so that it will be known how init ends. It is tried once for each init.
 */
void
_lxcmon_row_watch_init (LxcmonRow *self, const LxcmonModel *model)
{
  if (model->init_pid == self->init_tried)
    return;
  _lxcmon_row_set_init_fd (self,
                           model->init_pid == 0
                               ? -1
                               : lxcmon_init_open (model->init_pid, model->controller_pid, NULL));
  self->init_tried = model->init_pid;
}

/*< private >
 * _lxcmon_row_add_init_end:
 * @model: (inout): what is known of a container
 *
 * Adds how init has ended, if the container has ended and that is not in the model yet.
 */
void
_lxcmon_row_add_init_end (LxcmonRow *self, LxcmonModel *model)
{
  const LxcmonModel *known = _lxcmon_monitor_get_model ((LxcmonMonitor *) self);

  if (model->running || _lxcmon_model_knows_init_end (model))
    return;
  if (model->init_pid == known->init_pid && _lxcmon_model_knows_init_end (known))
    {
      model->init_exit_code = known->init_exit_code;
      model->init_signal = known->init_signal;
    }
  else if (self->init_fd >= 0)
    (void) lxcmon_init_get_end (self->init_fd, &model->init_exit_code, &model->init_signal);
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
