/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A row of the host's list. What is known of its container is the model of #LxcmonMonitor.
 */

#include "../lxcmon-glib/lxcmon-monitor-private.h"
#include "lxcmon-libvirt-domain-private.h"

#define LXCMON_LIBVIRT_TYPE_MONITOR (_lxcmon_libvirt_monitor_get_type ())

G_DECLARE_FINAL_TYPE (LxcmonLibvirtMonitor, _lxcmon_libvirt_monitor, LXCMON_LIBVIRT, MONITOR,
                      LxcmonMonitor)

struct _LxcmonLibvirtMonitor
{
  LxcmonMonitor parent_instance;

  char *uuid;
  gint id;                /* of the run that the row is about; 0 if it is not known */
  gboolean init_reported; /* in that run */

  /* While its end is held; see lxcmon-libvirt-events.c. */
  const char *held; /* why it is not known how the container ended; NULL if no end is held */
  GSource *hold_timer;
  gpointer host; /* the #LxcmonLibvirtHost; not owned */
};

LxcmonLibvirtMonitor *_lxcmon_libvirt_monitor_new (const LxcmonLibvirtDomain *domain);
LxcmonModel _lxcmon_libvirt_model_new (const LxcmonLibvirtDomain *domain);
