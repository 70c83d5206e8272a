/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the host's two files share: its list, and what becomes of what libvirt says.
 */

#include "lxcmon-libvirt-host.h"
#include "lxcmon-libvirt-link-private.h"
#include "lxcmon-libvirt-monitor-private.h"

/* Something that is still to be done of what was told; see lxcmon-libvirt-events.c. */
typedef struct _LxcmonLibvirtStep LxcmonLibvirtStep;

struct _LxcmonLibvirtHost
{
  GObject parent_instance;

  GVirConnection *connection;
  char *uri;
  GMainContext *context;

  GListStore *rows;    /* of LxcmonLibvirtMonitor, sorted by name */
  GHashTable *by_uuid; /* the same; keys are the rows' own */

  LxcmonLibvirtLink *link; /* while started */
  GTask *start_task;
  GSource *cancel_source;
  guint epoch; /* changes when the host is stopped */
  gboolean connected;
  GError *error;

  /* Which containers a connection has told events of before its list was taken. */
  GHashTable *heard;
  guint heard_serial;
  gboolean is_listed;

  GQueue steps; /* of LxcmonLibvirtStep */
};

LxcmonLibvirtMonitor *_lxcmon_libvirt_host_add (LxcmonLibvirtHost *self,
                                                const LxcmonLibvirtDomain *domain);
void _lxcmon_libvirt_host_remove (LxcmonLibvirtHost *self, LxcmonLibvirtMonitor *row);
void _lxcmon_libvirt_host_add_all (LxcmonLibvirtHost *self, GPtrArray *domains);
gboolean _lxcmon_libvirt_host_has_left (LxcmonLibvirtHost *self, guint epoch);

void _lxcmon_libvirt_step_free (LxcmonLibvirtStep *step);
void _lxcmon_libvirt_host_do_steps (LxcmonLibvirtHost *self);
void _lxcmon_libvirt_host_take_event (LxcmonLibvirtHost *self, const LxcmonLibvirtEvent *event,
                                      guint serial);
void _lxcmon_libvirt_host_take_list (LxcmonLibvirtHost *self, GPtrArray *domains, guint serial);
