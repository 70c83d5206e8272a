/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the parts of a link share: the thread that keeps the connection, what libvirt calls back, and
 * what is told to the owner.
 */

#include "lxcmon-libvirt-link-private.h"

#define LXCMON_LIBVIRT_NOT_LOST (-1)

struct _LxcmonLibvirtLink
{
  gatomicrefcount refs;

  /* These do not change. */
  GWeakRef owner;
  const LxcmonLibvirtLinkFuncs *funcs;
  GMainContext *context;
  char *uri;

  GMutex mutex;
  GCond cond;
  gboolean stopped;
  int lost; /* a virConnectCloseReason, or LXCMON_LIBVIRT_NOT_LOST */

  gint serial; /* counts attempts to connect; atomic */
  guint told;  /* in the owner's context: reports of older ones come too late */

  /* These belong to our own thread. */
  virConnectPtr handle;
  gboolean handle_is_new;      /* given to us, and not used yet */
  gpointer close_registration; /* NULL where libvirt has not taken it */
  int lifecycle_id;
  int reboot_id;
};

LxcmonLibvirtLink *_lxcmon_libvirt_link_ref (LxcmonLibvirtLink *self);
void _lxcmon_libvirt_link_unref (LxcmonLibvirtLink *self);
gboolean _lxcmon_libvirt_link_is_stopped (LxcmonLibvirtLink *self);

gboolean _lxcmon_libvirt_link_register (LxcmonLibvirtLink *self, gboolean is_local, GError **error);
void _lxcmon_libvirt_link_deregister (LxcmonLibvirtLink *self);

void _lxcmon_libvirt_link_post_event (LxcmonLibvirtLink *self, guint serial,
                                      const LxcmonLibvirtEvent *event);
void _lxcmon_libvirt_link_post_list (LxcmonLibvirtLink *self, GPtrArray *domains);
void _lxcmon_libvirt_link_post_loss (LxcmonLibvirtLink *self, GError *error);
void _lxcmon_libvirt_link_post_failure (LxcmonLibvirtLink *self, GError *error);
