/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the steps of the backend, between their making and their run in the queue of the main context. It
 * does not know what they do.
 */

#include "lxcmon-libvirt-backend-private.h"

static void
step_free (gpointer data)
{
  LxcmonLibvirtStep *self = data;

  g_clear_pointer (&self->event, _lxcmon_libvirt_event_free);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_object (&self->row);
  g_clear_error (&self->error);
  g_object_unref (self->backend);
  g_free (self);
}

/* The host is kept while it runs, and with it the rows. */
static void
step_run (GObject *host, gpointer data)
{
  const LxcmonLibvirtStep *self = data;

  if (self->epoch == _lxcmon_backend_get_epoch (LXCMON_BACKEND (self->backend)))
    self->func (self->backend, self);
}

/* Creates a step. The caller fills in what @func needs, and pushes it. */
LxcmonLibvirtStep *
_lxcmon_libvirt_step_new (LxcmonLibvirtBackend *backend, LxcmonLibvirtStepFunc func)
{
  LxcmonLibvirtStep *self = g_new0 (LxcmonLibvirtStep, 1);

  self->func = func;
  self->backend = g_object_ref (backend);
  self->epoch = _lxcmon_backend_get_epoch (LXCMON_BACKEND (backend));
  return self;
}

/*< private >
 * _lxcmon_libvirt_step_push:
 * @step: (transfer full): a step of a backend that is started
 *
 * Adds a step to the queue. It runs when the code of the application returns to a main loop.
 */
void
_lxcmon_libvirt_step_push (LxcmonLibvirtStep *step)
{
  LxcmonRows *rows = _lxcmon_backend_get_rows (LXCMON_BACKEND (step->backend));

  _lxcmon_main_source_push (rows->source, rows->host, step_run, step, step_free);
}

/* As before, but the step runs before the steps that are there: for what a step has decided. */
void
_lxcmon_libvirt_step_push_first (LxcmonLibvirtStep *step)
{
  LxcmonRows *rows = _lxcmon_backend_get_rows (LXCMON_BACKEND (step->backend));

  _lxcmon_main_source_push_first (rows->source, rows->host, step_run, step, step_free);
}
