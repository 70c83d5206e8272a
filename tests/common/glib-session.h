/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A controller, a client of it, and a record of all signals of the client.
 */

#include <lxcmon-glib/lxcmon-glib.h>
#include <lxcmon-mock/lxcmon-mock.h>

#include "mock.h"

typedef struct
{
  char *dir;
  char *path;
  LxcmonMockController *mock;
  LxcmonClient *client;
  gulong handlers[3];

  /* The signals, one after the other: "init 42, exit shutdown, closed", or "closed lost". */
  GString *signals;

  /* What glib_session_begin_attach() has come to. */
  gboolean attaching;
  gboolean attach_done;
  gboolean attached;
  GError *attach_error;
} GlibSession;

GlibSession *glib_session_new (void);
GlibSession *glib_session_new_at (const char *dir, const char *name);
void glib_session_free (GlibSession *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GlibSession, glib_session_free)

void glib_session_record (GlibSession *self);
void glib_session_drop_client (GlibSession *self);
void glib_session_new_client (GlibSession *self);

void glib_session_begin_attach (GlibSession *self, GCancellable *cancellable);
const char *glib_session_finish_attach (GlibSession *self);
void glib_session_attach (GlibSession *self);
void glib_session_wait_accepted (GlibSession *self);
void glib_session_attach_silent (GlibSession *self);

void glib_session_send (GlibSession *self, const char *messages);
void glib_session_finish (GlibSession *self, LxcmonExitStatus status);
void glib_session_die (GlibSession *self);
void glib_session_start (GlibSession *self);

LxcmonState glib_session_get_state (GlibSession *self);
GBytes *glib_encode (const char *messages);
const char *glib_error_nick (const GError *error);
