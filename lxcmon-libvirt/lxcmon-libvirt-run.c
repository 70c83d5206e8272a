/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the run that a row of the backend is about. It does not decide what libvirt's events mean.
 */

#include "lxcmon-libvirt-run-private.h"

#include <unistd.h>

void
_lxcmon_libvirt_run_clear_timer (LxcmonLibvirtRun *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

/*< private >
 * _lxcmon_libvirt_run_start_timer:
 *
 * Calls a function with the run, once, unless the row is released before.
 */
void
_lxcmon_libvirt_run_start_timer (LxcmonLibvirtRun *self, GMainContext *context, guint ms,
                                 GSourceFunc func)
{
  _lxcmon_libvirt_run_clear_timer (self);
  self->timer = g_timeout_source_new (ms);
  g_source_set_static_name (self->timer, "[lxcmon] libvirt row");
  g_source_set_callback (self->timer, func, self, NULL);
  g_source_attach (self->timer, context);
}

static void
run_free (gpointer data)
{
  LxcmonLibvirtRun *self = data;

  _lxcmon_libvirt_run_clear_timer (self);
  if (self->next_init_fd >= 0)
    close (self->next_init_fd);
  g_free (self->uuid);
  g_free (self);
}

/*< private >
 * _lxcmon_libvirt_row_get_run:
 *
 * Returns: (nullable): the run that a row is about, or %NULL if the row is another backend's
 */
LxcmonLibvirtRun *
_lxcmon_libvirt_row_get_run (LxcmonRow *row)
{
  return row->data;
}

/*< private >
 * _lxcmon_libvirt_model_new:
 *
 * Returns: what is known of a container that runs, as the start of a run
 */
LxcmonModel
_lxcmon_libvirt_model_new (const LxcmonLibvirtDomain *domain)
{
  LxcmonModel model = LXCMON_MODEL_INIT (LXCMON_SOURCE_LIBVIRT, LXCMON_STATE_ATTACHED);

  _lxcmon_model_set_controller (&model, domain->controller_pid);
  _lxcmon_model_set_uuid (&model, domain->uuid);
  model.running = TRUE;
  model.init_pid = domain->init_pid;
  return model;
}

/*< private >
 * _lxcmon_libvirt_row_adopt:
 * @row: a row that is no backend's
 *
 * Makes a row the backend's own. It is about the run of @domain.
 */
void
_lxcmon_libvirt_row_adopt (LxcmonRow *row, gpointer backend, const LxcmonLibvirtDomain *domain)
{
  LxcmonLibvirtRun *run = g_new0 (LxcmonLibvirtRun, 1);

  run->row = row;
  run->backend = backend;
  run->uuid = g_strdup (domain->uuid);
  run->id = domain->id;
  run->next_init_fd = -1;
  _lxcmon_row_set_data (row, run, run_free);
}

/*< private >
 * _lxcmon_libvirt_row_new:
 *
 * Makes the row of a container that runs.
 */
LxcmonRow *
_lxcmon_libvirt_row_new (gpointer backend, LxcmonLibvirtDomain *domain)
{
  const LxcmonModel model = _lxcmon_libvirt_model_new (domain);
  LxcmonRow *row = _lxcmon_row_new (domain->name);

  _lxcmon_libvirt_row_adopt (row, backend, domain);
  row->controller_start = model.controller_start;
  _lxcmon_row_set_init_fd (row, _lxcmon_libvirt_domain_steal_init_fd (domain));
  _lxcmon_monitor_report (LXCMON_MONITOR (row), LXCMON_REPORT_CHANGED, &model, NULL);
  return row;
}
