/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of the backend share: lxcmon-libvirt-step.c its steps, lxcmon-libvirt-events.c what libvirt's
 * events and lists change, lxcmon-libvirt-backend.c the type and its connection.
 */

#include <libvirt-gobject/libvirt-gobject.h>

#include "../lxcmon-glib/lxcmon-backend-private.h"
#include "lxcmon-libvirt-link-private.h"
#include "lxcmon-libvirt-run-private.h"

#define LXCMON_LIBVIRT_TYPE_BACKEND (_lxcmon_libvirt_backend_get_type ())
LXCMON_EXPORT
G_DECLARE_FINAL_TYPE (LxcmonLibvirtBackend, _lxcmon_libvirt_backend, LXCMON_LIBVIRT, BACKEND,
                      LxcmonBackend)

struct _LxcmonLibvirtBackend
{
  LxcmonBackend parent_instance;

  GVirConnection *connection; /* the application's, or NULL */
  gboolean keeps_trying;      /* also after the first connection has failed */

  LxcmonLibvirtLink *link; /* while started */
  GQueue early;            /* of LxcmonLibvirtEvent: before the list of this connection */
  gboolean has_list;       /* the list of this connection has come */
  GHashTable *by_uuid;     /* the rows, and those that a step is about to add */
  gboolean is_listed;      /* the list of this connection was applied */
  GSource *ask_again;   /* while the connection is lost: for ends that cannot be watched; or NULL */
  GHashTable *reported; /* before that: uuids of events; the values are serials of connections */
};

/* Something to be done, in the queue of the main context. It is dropped if the backend was stopped since. */
typedef struct _LxcmonLibvirtStep LxcmonLibvirtStep;
typedef void (*LxcmonLibvirtStepFunc) (LxcmonLibvirtBackend *self, const LxcmonLibvirtStep *step);

struct _LxcmonLibvirtStep
{
  LxcmonLibvirtStepFunc func;
  LxcmonLibvirtBackend *backend;
  guint epoch; /* the backend's */

  /* An event to be applied, or one change that an event has made: */
  LxcmonLibvirtEvent *event;
  GPtrArray *rows; /* to be added */
  LxcmonRow *row;  /* to be reported, or removed */
  LxcmonReport report;
  LxcmonModel model;
  GError *error;
};

/* lxcmon-libvirt-step.c */
LxcmonLibvirtStep *_lxcmon_libvirt_step_new (LxcmonLibvirtBackend *backend,
                                             LxcmonLibvirtStepFunc func);
void _lxcmon_libvirt_step_push (LxcmonLibvirtStep *step);
void _lxcmon_libvirt_step_push_first (LxcmonLibvirtStep *step);

/* lxcmon-libvirt-events.c */
void _lxcmon_libvirt_backend_apply_event (LxcmonLibvirtBackend *self,
                                          const LxcmonLibvirtStep *step);
void _lxcmon_libvirt_backend_apply_list (LxcmonLibvirtBackend *self, const LxcmonLibvirtStep *step);
void _lxcmon_libvirt_backend_watch_ends (LxcmonLibvirtBackend *self);
gboolean _lxcmon_libvirt_backend_end_held (LxcmonLibvirtBackend *self);
void _lxcmon_libvirt_backend_forget (LxcmonLibvirtBackend *self);
