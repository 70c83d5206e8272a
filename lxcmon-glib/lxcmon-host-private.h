/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a host share: lxcmon-host-backends.c which backend reports the containers, and starting
 * and stopping; lxcmon-host.c the type. lxcmon-libvirt makes a host with it too; the header is not installed.
 */

#include <lxcmon-glib/lxcmon-host.h>

#include "lxcmon-direct-private.h"

/* For hosts that never go through libvirtd. */
#define LXCMON_HOST_URI_DIRECT "direct:"

struct _LxcmonHost
{
  GObject parent_instance;

  LxcmonRows rows;
  char *uri; /* of libvirtd; LXCMON_HOST_URI_DIRECT; or NULL: the host chooses */
  LxcmonDirectBackend
      *direct;          /* if the host chooses: it also finds out whether libvirtd is running */
  LxcmonBackend *given; /* the one that the host was made for, or NULL */

  /* While started: */
  LxcmonBackend *active; /* the rows are its own; NULL until there is a first list */
  LxcmonBackend *next;   /* is to take over from it when it can, or NULL */
  GSource *libvirt_wait; /* while that is to take over and has not done so */
  gboolean is_choosing;  /* a step that chooses is queued */
  GTask *start;          /* the call that has not returned */
  GSource *start_cancel;

  LxcmonSource source;
  gboolean connected;
  GError *error;
};

/* lxcmon-host-backends.c */
void _lxcmon_host_begin (LxcmonHost *self, GTask *start);
void _lxcmon_host_flush (LxcmonHost *self);
void _lxcmon_host_end (LxcmonHost *self, const GError *why);

/* lxcmon-host.c */
LXCMON_EXPORT LxcmonHost *_lxcmon_host_new_for_backend (LxcmonBackend *backend, const char *uri);
