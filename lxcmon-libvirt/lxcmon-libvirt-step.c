/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the steps of a host, between their making and their run in the queue of the main context. It does
 * not know what they do.
 */

#include "lxcmon-libvirt-host-private.h"

static void
step_free (gpointer data)
{
  LxcmonLibvirtStep *self = data;

  g_clear_pointer (&self->event, _lxcmon_libvirt_event_free);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_object (&self->row);
  g_clear_error (&self->error);
  g_free (self);
}

static void
step_run (GObject *object, gpointer data)
{
  LxcmonLibvirtHost *host = (LxcmonLibvirtHost *) object;
  const LxcmonLibvirtStep *self = data;

  if (self->epoch == _lxcmon_monitor_list_get_epoch (LXCMON_MONITOR_LIST (host)))
    self->func (host, self);
}

/* Creates a step. The caller fills in what @func needs, and pushes it. */
LxcmonLibvirtStep *
_lxcmon_libvirt_step_new (LxcmonLibvirtHost *host, LxcmonLibvirtStepFunc func)
{
  LxcmonLibvirtStep *self = g_new0 (LxcmonLibvirtStep, 1);

  self->func = func;
  self->epoch = _lxcmon_monitor_list_get_epoch (LXCMON_MONITOR_LIST (host));
  return self;
}

/*< private >
 * _lxcmon_libvirt_step_push:
 * @host: a host that is started
 * @step: (transfer full): a step
 *
 * Adds a step to the queue. It runs when the code of the application returns to a main loop.
 */
void
_lxcmon_libvirt_step_push (LxcmonLibvirtHost *host, LxcmonLibvirtStep *step)
{
  _lxcmon_main_source_push (_lxcmon_monitor_list_get_source (LXCMON_MONITOR_LIST (host)), host,
                            step_run, step, step_free);
}

/* As before, but the step runs before the steps that are there: for what a step has decided. */
void
_lxcmon_libvirt_step_push_first (LxcmonLibvirtHost *host, LxcmonLibvirtStep *step)
{
  _lxcmon_main_source_push_first (_lxcmon_monitor_list_get_source (LXCMON_MONITOR_LIST (host)),
                                  host, step_run, step, step_free);
}
