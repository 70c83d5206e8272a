/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The connection to libvirtd, which is kept in a thread of its own. What it has to tell arrives in the
 * owner's main context, in order.
 */

#include <gio/gio.h>

#include "lxcmon-libvirt-domain-private.h"

typedef struct _LxcmonLibvirtLink LxcmonLibvirtLink;

/* What a link tells its owner. @serial counts connections: events of one that was never listed come
 * before the list of another. */
typedef struct
{
  /* Something has happened to a container. */
  void (*event) (GObject *owner, const LxcmonLibvirtEvent *event, guint serial);
  /* Connected; all containers that run. Each event that came before is told in the list as well, and
   * what is in the list happened before each event that comes later. */
  void (*listed) (GObject *owner, GPtrArray *domains, guint serial);
  /* The connection was lost; another one is tried until the link is stopped. */
  void (*lost) (GObject *owner, const GError *error);
  /* There was no first connection; this was the last word. */
  void (*failed) (GObject *owner, const GError *error);
} LxcmonLibvirtLinkFuncs;

LxcmonLibvirtLink *_lxcmon_libvirt_link_start (GObject *owner, const LxcmonLibvirtLinkFuncs *funcs,
                                               GMainContext *context, const char *uri,
                                               virConnectPtr handle);
void _lxcmon_libvirt_link_stop (LxcmonLibvirtLink *self);

GError *_lxcmon_libvirt_error_new (const char *what);
