/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * One attach of a client or a row, until it is closed. If reboots are followed, it covers several runs of
 * the container.
 */

#include "lxcmon-main-source-private.h"
#include "lxcmon-monitor-private.h"

typedef struct _LxcmonSession LxcmonSession;

/* What a session reports to its owner, in its context. The session is alive during the call. */
typedef void (*LxcmonSessionFunc) (GObject *owner, LxcmonSession *session,
                                   const LxcmonEvent *event);

typedef struct
{
  GRefString *name; /* the container's */
  GRefString *socket_path;
  LxcmonAttachOptions options;
  guint reboot_timeout; /* in ms, how long to wait for the next controller; 0 for not at all */
} LxcmonSessionSettings;

LxcmonSession *_lxcmon_session_open (gpointer owner, GMainContext *context,
                                     const LxcmonSessionSettings *settings, LxcmonSessionFunc func,
                                     LxcmonError *error);
LxcmonSession *_lxcmon_session_ref (LxcmonSession *self);
void _lxcmon_session_unref (LxcmonSession *self);
void _lxcmon_session_shutdown (LxcmonSession *self);
void _lxcmon_session_close (LxcmonSession *self);
LxcmonMainSource *_lxcmon_session_get_source (LxcmonSession *self);
gboolean _lxcmon_session_is_followed (LxcmonSession *self);
void _lxcmon_session_follow (LxcmonSession *self);
int _lxcmon_session_dup_init_pidfd (LxcmonSession *self);
void _lxcmon_session_apply (LxcmonSession *self, const LxcmonEvent *event, LxcmonModel *model);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LxcmonSession, _lxcmon_session_unref)
