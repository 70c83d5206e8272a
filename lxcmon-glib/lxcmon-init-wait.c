/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the wait for how an init has ended, when its controller has ended first: another process reaps it then, and
 * the kernel knows it only afterwards. The wait is limited, and takes a descriptor.
 */

#include "lxcmon-init-wait-private.h"

#include <glib-unix.h>
#include <lxcmon/lxcmon-init.h>
#include <unistd.h>

#define LIMIT_US (5 * G_TIME_SPAN_SECOND)

typedef struct
{
  GWeakRef monitor; /* may be freed in another thread meanwhile */
  LxcmonInitWaitFunc func;
  int pidfd;
} InitWait;

static void
init_wait_free (gpointer data)
{
  InitWait *self = data;

  g_weak_ref_clear (&self->monitor);
  close (self->pidfd);
  g_free (self);
}

/* Init was reaped, or the limit has passed. */
static gboolean
on_reaped (gint fd, GIOCondition condition, gpointer user_data)
{
  InitWait *self = user_data;
  g_autoptr (LxcmonMonitor) monitor = g_weak_ref_get (&self->monitor);
  int exit_code, signal;

  if (monitor != NULL && lxcmon_init_get_end (self->pidfd, &exit_code, &signal))
    self->func (monitor, exit_code, signal);
  return G_SOURCE_REMOVE;
}

/*< private >
 * _lxcmon_init_wait_new:
 * @monitor: a monitor, which is not kept alive
 * @pidfd: (transfer full): a pidfd of init
 * @func: called once, unless the source is destroyed before or the limit passes
 *
 * Waits until init was reaped: for POLLHUP alone, as the descriptor is readable as soon as init has ended.
 *
 * Returns: (transfer full): a source to destroy if the answer is not wanted any more
 */
GSource *
_lxcmon_init_wait_new (LxcmonMonitor *monitor, int pidfd, GMainContext *context,
                       LxcmonInitWaitFunc func)
{
  InitWait *self = g_new0 (InitWait, 1);
  GSource *source = g_unix_fd_source_new (pidfd, G_IO_HUP);

  g_weak_ref_init (&self->monitor, monitor);
  self->func = func;
  self->pidfd = pidfd;
  g_source_set_static_name (source, "[lxcmon] an init's end");
  g_source_set_ready_time (source, g_get_monotonic_time () + LIMIT_US);
  g_source_set_callback (source, G_SOURCE_FUNC (on_reaped), self, init_wait_free);
  g_source_attach (source, context);
  return source;
}
