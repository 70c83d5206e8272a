/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What libvirt says of a container, in a list or in an event.
 */

#include <glib.h>
#include <libvirt/libvirt.h>

typedef struct
{
  char uuid[VIR_UUID_STRING_BUFLEN];
  char *name;
  gint id;             /* differs for each run of the container; 0 if it has none */
  gint controller_pid; /* 0 if the id is not a pid of this machine */
  gint init_pid;       /* 0 if it is not known */
  int init_fd;         /* a pidfd of it, or -1 */
} LxcmonLibvirtDomain;

LxcmonLibvirtDomain *_lxcmon_libvirt_domain_new (virDomainPtr handle, gboolean is_local);
void _lxcmon_libvirt_domain_watch_init (LxcmonLibvirtDomain *self);
int _lxcmon_libvirt_domain_steal_init_fd (LxcmonLibvirtDomain *self);
void _lxcmon_libvirt_domain_free (LxcmonLibvirtDomain *self);

gboolean _lxcmon_libvirt_uri_is_local (const char *uri);
gint _lxcmon_libvirt_find_init (const char *name, gint controller_pid);
