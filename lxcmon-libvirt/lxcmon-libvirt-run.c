/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the run that a row of the backend is about. It does not decide what libvirt's events mean.
 */

#include "lxcmon-libvirt-run-private.h"

void
_lxcmon_libvirt_run_clear_timer (LxcmonLibvirtRun *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
}

static void
run_free (gpointer data)
{
  LxcmonLibvirtRun *self = data;

  _lxcmon_libvirt_run_clear_timer (self);
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

  model.controller_pid = domain->controller_pid;
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
  _lxcmon_row_set_data (row, run, run_free);
}

/*< private >
 * _lxcmon_libvirt_row_new:
 *
 * Makes the row of a container that runs.
 */
LxcmonRow *
_lxcmon_libvirt_row_new (gpointer backend, const LxcmonLibvirtDomain *domain)
{
  const LxcmonModel model = _lxcmon_libvirt_model_new (domain);
  LxcmonRow *row = _lxcmon_row_new (domain->name);

  _lxcmon_libvirt_row_adopt (row, backend, domain);
  _lxcmon_row_learn_controller (row, domain->controller_pid);
  _lxcmon_monitor_report (LXCMON_MONITOR (row), LXCMON_REPORT_CHANGED, &model, NULL);
  return row;
}
