/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the parts of a link share: lxcmon-libvirt-link.c the thread that keeps the connection,
 * lxcmon-libvirt-registration.c what libvirt calls back.
 */

#include "lxcmon-libvirt-link-private.h"

#define LXCMON_LIBVIRT_NOT_LOST (-1)

struct _LxcmonLibvirtLink
{
  /* These do not change. */
  GWeakRef owner;
  LxcmonLibvirtLinkFunc func;
  GMainContext *context;
  char *uri;
  gboolean keeps_trying;
  gboolean watch_init;

  GMutex mutex;
  GCond cond;
  gboolean stopped;
  gboolean retries; /* libvirtd may be there now: the pause between two attempts ends */
  int lost;         /* a virConnectCloseReason, or LXCMON_LIBVIRT_NOT_LOST */

  gint serial;    /* counts attempts to connect; atomic */
  guint reported; /* in the owner's context: reports of earlier connections come too late */

  /* These belong to the link's own thread. */
  virConnectPtr handle;
  gboolean handle_is_new;      /* given by the owner, and not used yet */
  gpointer close_registration; /* NULL if libvirt has not accepted it */
  int lifecycle_id;
  int reboot_id;
};

LxcmonLibvirtLink *_lxcmon_libvirt_link_ref (LxcmonLibvirtLink *self);
void _lxcmon_libvirt_link_unref (LxcmonLibvirtLink *self);
gboolean _lxcmon_libvirt_link_is_stopped (LxcmonLibvirtLink *self);
void _lxcmon_libvirt_link_post (LxcmonLibvirtLink *self, LxcmonLibvirtEvent *event);

gboolean _lxcmon_libvirt_link_register (LxcmonLibvirtLink *self, gboolean is_local, GError **error);
void _lxcmon_libvirt_link_deregister (LxcmonLibvirtLink *self);
