/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a host share: lxcmon-libvirt-step.c its steps, lxcmon-libvirt-events.c what libvirt's
 * events and lists change, lxcmon-libvirt-host.c the type and its connection.
 */

#include "../lxcmon-glib/lxcmon-monitor-list-private.h"
#include "lxcmon-libvirt-host.h"
#include "lxcmon-libvirt-link-private.h"
#include "lxcmon-libvirt-monitor-private.h"

struct _LxcmonLibvirtHost
{
  LxcmonMonitorList parent_instance;

  GVirConnection *connection;
  char *uri;
  LxcmonLibvirtLink *link; /* while started */
  gboolean connected;
  GError *error;

  GHashTable *by_uuid;  /* the rows, and those that a step is about to add */
  gboolean is_listed;   /* the list of this connection was applied */
  GHashTable *reported; /* before that: uuids of events; the values are serials of connections */
};

/* Something to be done, in the queue of the main context. It is dropped if the host was stopped since. */
typedef struct _LxcmonLibvirtStep LxcmonLibvirtStep;
typedef void (*LxcmonLibvirtStepFunc) (LxcmonLibvirtHost *self, const LxcmonLibvirtStep *step);

struct _LxcmonLibvirtStep
{
  LxcmonLibvirtStepFunc func;
  guint epoch; /* the host's */

  /* An event to be applied, or one change that an event has made: */
  LxcmonLibvirtEvent *event;
  GPtrArray *rows;           /* to be added */
  LxcmonLibvirtMonitor *row; /* to be reported, or removed */
  LxcmonReport report;
  LxcmonModel model;
  GError *error;
};

/* lxcmon-libvirt-step.c */
LxcmonLibvirtStep *_lxcmon_libvirt_step_new (LxcmonLibvirtHost *host, LxcmonLibvirtStepFunc func);
void _lxcmon_libvirt_step_push (LxcmonLibvirtHost *host, LxcmonLibvirtStep *step);
void _lxcmon_libvirt_step_push_first (LxcmonLibvirtHost *host, LxcmonLibvirtStep *step);

/* lxcmon-libvirt-events.c */
void _lxcmon_libvirt_host_apply_event (LxcmonLibvirtHost *self, const LxcmonLibvirtStep *step);
void _lxcmon_libvirt_host_apply_list (LxcmonLibvirtHost *self, const LxcmonLibvirtStep *step);
gboolean _lxcmon_libvirt_host_end_held (LxcmonLibvirtHost *self);
void _lxcmon_libvirt_host_forget (LxcmonLibvirtHost *self);
