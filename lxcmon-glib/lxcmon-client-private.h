/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a client share: lxcmon-client-session.c what happens to it, lxcmon-client.c the type
 * and its properties, lxcmon-client-attach.c attaching and detaching.
 */

#include <lxcmon-glib/lxcmon-client.h>

#include "lxcmon-session-private.h"

struct _LxcmonClient
{
  LxcmonMonitor parent_instance;

  char *runtime_dir;       /* NULL for the default one */
  GRefString *socket_path; /* NULL if the name is not valid */
  guint attach_timeout;    /* this and the next two in ms */
  guint keepalive_interval;
  guint reboot_timeout;
  gboolean force;
  gboolean wait_if_busy;
  gboolean watch_init;

  LxcmonSession *session; /* while attached, or attaching; another one for each attach */
  GTask *attach;          /* the call that has not returned */
  GSource *attach_cancel;
};

gboolean _lxcmon_client_is_active (LxcmonClient *self);
void _lxcmon_client_attach (LxcmonClient *self, GMainContext *context, GTask *task);
void _lxcmon_client_detach (LxcmonClient *self);
void _lxcmon_client_close (LxcmonClient *self, const GError *why);
