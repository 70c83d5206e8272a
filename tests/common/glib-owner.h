/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A session with an owner of its own, which records what is reported to it, and the controller's side of it.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#include "core-peer.h"
#include "lxcmon-glib/lxcmon-session-private.h"

#define GLIB_TYPE_OWNER (glib_owner_get_type ())
G_DECLARE_FINAL_TYPE (GlibOwner, glib_owner, GLIB, OWNER, GObject)

typedef void (*GlibOwnerFunc) (GlibOwner *owner);

/* It closes its session when it is disposed of, as a client does. */
struct _GlibOwner
{
  GObject parent_instance;

  LxcmonSession *session;
  LxcmonModel model;
  GString *events;   /* such as "attached, init, exit, closed", or "failed lost" */
  GlibOwnerFunc act; /* what to do in the handler of */
  LxcmonEventType act_at;
};

/* Atomic. */
extern gint glib_n_owners_finalized;

typedef struct
{
  CoreListener listener;
  GlibOwner *owner;
  int fd; /* the controller's; -1 before it has accepted */
} GlibOwned;

typedef enum
{
  GLIB_STAGE_QUEUED,
  GLIB_STAGE_ATTACHED,
  GLIB_STAGE_INIT,
  GLIB_STAGE_EXIT,
  GLIB_STAGE_PENDING, /* events wait to be taken */
  GLIB_STAGE_CLOSED,
  GLIB_STAGE_FOLLOWING,
  GLIB_N_STAGES
} GlibStage;

void glib_owned_init (GlibOwned *self);
void glib_owned_init_open (GlibOwned *self);
void glib_owned_clear (GlibOwned *self);
gboolean glib_owned_open (GlibOwned *self, guint reboot_timeout, LxcmonError *error);
void glib_owned_accept (GlibOwned *self);
void glib_owned_hang_up (GlibOwned *self);
void glib_owned_wait_for (GlibOwned *self, const char *events);
gboolean glib_owned_is_left (GlibOwned *self);
void glib_owned_reach (GlibOwned *self, GlibStage stage);
