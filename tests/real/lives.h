/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lives.h: the lives of containers, as the test knows them, as a host reports them, and as "virsh event" has
 * seen them.
 *
 * Owns: one record for each life, and the comparison: a life is reported once, with the end that it has had if
 * somebody could see it. A life is named by its controller's pid.
 * Does not: start or end anything. */

#pragma once

#include <lxcmon-glib/lxcmon-glib.h>

#include "container.h"

G_BEGIN_DECLS

/* What the test does to a life. */
typedef enum
{
  DEED_NONE,
  DEED_SHUTDOWN,
  DEED_EXIT,
  DEED_REBOOT,
  DEED_KILL,
  DEED_DESTROY
} Deed;

/* Who could see its end. */
typedef enum
{
  VIEW_LIBVIRT, /* libvirtd, with which the host was connected */
  VIEW_DIRECT,  /* the host, which was attached to the controller */
  VIEW_NOBODY,  /* libvirtd was away, and the host not attached yet */
  VIEW_CHANGE,  /* one of them perhaps: libvirtd was just ending or starting */
  N_VIEWS
} View;

typedef struct
{
  char *name;
  pid_t controller;

  /* What the test knows. */
  gboolean is_known; /* it was started, or found */
  Deed deed;
  View view;
  gboolean was_restarted; /* by libvirtd, after its reboot */
  gboolean is_unnoticed;  /* libvirtd had hung up on it, and was told to destroy it */
  guint n_changes;        /* of libvirtd, while it ran */
  const char *witnessed;  /* its end, if only virsh is certain to have seen it; otherwise NULL */

  /* What the host has reported. */
  LxcmonMonitor *row;
  guint n_inits;
  gboolean is_listed; /* without init: it ran already, and none may follow */
  gboolean exited;
  gint64 exited_at;
  gboolean is_closed;
  LxcmonEnd end;
  LxcmonSource source; /* of the end */
} Life;

typedef struct _Lives Lives;

/* To be made before the host is started. */
Lives *lives_new (LxcmonHost *host);
/* Fails the test if two facts disagree, and prints the number of lives of each kind. */
void lives_check (Lives *self);
void lives_free (Lives *self);

/* The life of a controller that the test has started or found. It stays the record's. */
Life *lives_know (Lives *self, Container *container, pid_t controller);
/* The host shows it as running: its row is to stay, and it does not begin again. */
void lives_know_row (Lives *self, Life *life);
guint lives_count (Lives *self);
/* For loops over all lives. */
Life *lives_get (Lives *self, guint i);

/* Something that has happened to a container, or to LIVES_HOST: libvirtd, and the host. */
#define LIVES_HOST "*"
void lives_note (Lives *self, const char *name, const char *what);
/* Fails the test, and prints what has happened to the container. */
void lives_fail (Lives *self, const char *name, const char *why) G_GNUC_NORETURN;

/* The same, of one life. */
void lives_fail_life (Lives *self, const Life *life, const char *what) G_GNUC_NORETURN;
/* Whether nobody could see it. */
gboolean life_is_unseen (const Life *self);

/* Runs the main context until the host has reported the end. */
void lives_wait_closed (Lives *self, const Life *life);

/* What the container has written down is what was done to its lives. */
void lives_check_log (Lives *self, Container *container);

/* A witness begins to see what the host reports. */
void lives_begin_witness (Lives *self);
/* libvirtd is about to end: from now on, one of the two may see more. */
void lives_end_calm (Lives *self);
/* Compares with what the witness has seen (see witness.h). */
void lives_compare (Lives *self, const char *seen);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lives, lives_free)

G_END_DECLS
