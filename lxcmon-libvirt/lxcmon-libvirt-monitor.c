/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a row: the monitor of one container of a host. It does not decide what libvirt's events mean.
 */

#include "lxcmon-libvirt-monitor-private.h"

G_DEFINE_FINAL_TYPE (LxcmonLibvirtMonitor, _lxcmon_libvirt_monitor, LXCMON_TYPE_MONITOR)

static void
_lxcmon_libvirt_monitor_finalize (GObject *object)
{
  g_free (LXCMON_LIBVIRT_MONITOR (object)->uuid);

  G_OBJECT_CLASS (_lxcmon_libvirt_monitor_parent_class)->finalize (object);
}

static void
_lxcmon_libvirt_monitor_class_init (LxcmonLibvirtMonitorClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = _lxcmon_libvirt_monitor_finalize;
}

static void
_lxcmon_libvirt_monitor_init (LxcmonLibvirtMonitor *self)
{
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
 * _lxcmon_libvirt_monitor_new:
 *
 * Makes the row of a container that runs.
 */
LxcmonLibvirtMonitor *
_lxcmon_libvirt_monitor_new (const LxcmonLibvirtDomain *domain)
{
  const LxcmonModel model = _lxcmon_libvirt_model_new (domain);
  LxcmonLibvirtMonitor *self
      = g_object_new (LXCMON_LIBVIRT_TYPE_MONITOR, "name", domain->name, NULL);

  self->uuid = g_strdup (domain->uuid);
  self->id = domain->id;
  _lxcmon_monitor_report (LXCMON_MONITOR (self), LXCMON_REPORT_CHANGED, &model, NULL);
  return self;
}
