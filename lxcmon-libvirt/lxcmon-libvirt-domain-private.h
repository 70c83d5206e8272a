/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What libvirt says of a container: in a list, or in an event.
 */

#include <glib.h>
#include <libvirt/libvirt.h>

typedef struct
{
  char uuid[VIR_UUID_STRING_BUFLEN];
  char *name;
  gint id;             /* tells one life of a container from the next; 0 where it has none */
  gint controller_pid; /* 0 where the id is no pid of ours */
  gint init_pid;       /* 0 where it cannot be known */
} LxcmonLibvirtDomain;

typedef enum
{
  LXCMON_LIBVIRT_EVENT_STARTED,
  LXCMON_LIBVIRT_EVENT_STOPPED,
  LXCMON_LIBVIRT_EVENT_REBOOTED
} LxcmonLibvirtEventKind;

typedef struct
{
  LxcmonLibvirtEventKind kind;
  int detail; /* of STOPPED: a virDomainEventStoppedDetailType */
  LxcmonLibvirtDomain *domain;
} LxcmonLibvirtEvent;

LxcmonLibvirtDomain *_lxcmon_libvirt_domain_new (virDomainPtr handle, gboolean is_local);
LxcmonLibvirtDomain *_lxcmon_libvirt_domain_copy (const LxcmonLibvirtDomain *self);
void _lxcmon_libvirt_domain_free (LxcmonLibvirtDomain *self);

gboolean _lxcmon_libvirt_uri_is_local (const char *uri);
gint _lxcmon_libvirt_find_init (const char *name, gint controller_pid);
