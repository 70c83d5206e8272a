/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* stage.h: a few containers that are started and ended at random, libvirtd, a host that watches them, and
 * "virsh event".
 *
 * Owns: all of these, and what is done to them. Everything that waits is done in a thread, so that the host's
 * main context runs all the time.
 * Does not: decide when libvirtd comes and goes. */

#pragma once

#include "libvirtd.h"
#include "lives.h"
#include "witness.h"
#include "worker.h"

G_BEGIN_DECLS

#define STAGE_N_SLOTS 6

/* A place for a container. */
typedef struct
{
  Container *container;
  Life *life;            /* NULL if it does not run */
  gboolean is_uncertain; /* libvirtd has restarted it just before it ended */
} StageSlot;

typedef struct
{
  Worker *worker;
  Libvirtd *libvirtd; /* NULL while it is away */
  Witness *witness;
  LxcmonHost *host; /* it was told nothing of libvirtd */
  Lives *lives;
  StageSlot slots[STAGE_N_SLOTS];
  GPtrArray *retired; /* of Container: libvirtd does not start them again */
  guint n_names;
  guint n_descriptors; /* of this process, before */

  /* Faults of libvirt 9.0.0 */
  guint n_not_started;
  guint n_hung_up;
  guint n_doubles;
  guint n_orphans;
} Stage;

/* Starts the host, and nothing else. FALSE if the test is skipped. */
gboolean stage_set_up (Stage *self);
void stage_tear_down (Stage *self);

/* Starts containers: all that do not run; or, before the host is connected to libvirtd again, some. */
void stage_create_missing (Stage *self);
void stage_create_early (Stage *self);

/* Ends all containers. */
void stage_destroy_all (Stage *self);

/* Ends @min to @max containers, if so many run, in random ways. Those that were ended are to be resolved. */
void stage_order_some (Stage *self, guint min, guint max, View view);

/* Waits until the containers have ended that were ordered to, until the host has reported it, and until it is
 * known which of them libvirtd has restarted: */
void stage_resolve_calm (Stage *self);    /* while libvirtd runs */
void stage_resolve_away (Stage *self);    /* without libvirtd */
void stage_resolve_started (Stage *self); /* after libvirtd has started */

/* Waits until the host's list contains what runs, and nothing else, and is connected through @source. */
void stage_wait_shown (Stage *self, LxcmonSource source);
/* Whether libvirtd, or the host, is connected to each container, and nobody else. */
gboolean stage_is_served (Stage *self);
/* Takes down which rows the host has: they are to stay. */
void stage_know_rows (Stage *self);

/* Ends or starts libvirtd. Up to two containers may be ended within @within_ms since then. The start returns when
 * libvirtd has locked its file. */
void stage_end_libvirtd (Stage *self, int signum, int within_ms);
gint64 stage_start_libvirtd (Stage *self, int within_ms);

/* A witness sees what the host reports, from now on until libvirtd is about to end (see lives.h). */
void stage_begin_witness (Stage *self);
void stage_end_witness (Stage *self);

G_END_DECLS
