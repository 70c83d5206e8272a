/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the backend keeps in a row: which run of a container it is about, as libvirt names it. What is known
 * of the container is the row's model.
 */

#include "../lxcmon-glib/lxcmon-rows-private.h"
#include "lxcmon-libvirt-domain-private.h"

typedef struct
{
  LxcmonRow *row;   /* not owned: it has this struct */
  gpointer backend; /* the #LxcmonLibvirtBackend; not owned */
  char *uuid;
  gint id;                /* of the run that the row is about; 0 if it is not known */
  gboolean init_reported; /* in that run */
  int next_init_fd; /* a pidfd of the init that is about to be reported, or -1; the row has the earlier one's */

  /* While its end is held; see lxcmon-libvirt-events.c. */
  const char *held; /* why it is not known how the container ended; NULL if no end is held */
  GSource *timer;   /* after which a held end is reported, or the row leaves the list; or NULL */
} LxcmonLibvirtRun;

LxcmonRow *_lxcmon_libvirt_row_new (gpointer backend, LxcmonLibvirtDomain *domain);
void _lxcmon_libvirt_row_adopt (LxcmonRow *row, gpointer backend,
                                const LxcmonLibvirtDomain *domain);
LxcmonLibvirtRun *_lxcmon_libvirt_row_get_run (LxcmonRow *row);
LxcmonModel _lxcmon_libvirt_model_new (const LxcmonLibvirtDomain *domain);
void _lxcmon_libvirt_run_start_timer (LxcmonLibvirtRun *self, GMainContext *context, guint ms,
                                      GSourceFunc func);
void _lxcmon_libvirt_run_clear_timer (LxcmonLibvirtRun *self);
