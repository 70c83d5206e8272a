/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Many test controllers in one process, whose runs are short and end in every possible way. What was sent
 * is recorded in memory that the test shares, so that it outlives a server that is killed.
 */

#include <glib.h>

/* What the servers of all processes write down. Each container has one server at a time. */
typedef struct
{
  guint64 n_init;
  guint64 n_exit;
  guint64 pid_sum;
  guint64 n_ends;      /* end of file after EXIT */
  guint64 n_lost;      /* end of file without EXIT */
  guint64 n_truncated; /* end of file inside a message */
} ScaleTally;

typedef struct
{
  gint stop;          /* set by the test: the current runs are finished, and no new one begins */
  gint over;          /* all clients are down, and none will come */
  gint n_events;      /* sent so far, by all servers: when there are enough, the test says stop */
  ScaleTally tally[]; /* one for each container */
} ScaleShared;

typedef struct
{
  const char *directory;
  guint first; /* container */
  guint n;     /* containers */
  guint32 seed;
  ScaleShared *shared;
} ScaleServer;

char *scale_socket_path (const char *directory, guint container);
void scale_server_run (const ScaleServer *options) G_GNUC_NORETURN;
