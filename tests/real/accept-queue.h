/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* accept-queue.h: which clients a controller's socket has, as the kernel reports it.
 *
 * Owns: a reading of /proc/net/unix and of a socket's own state that shares no code with lxcmon's.
 * Does not: connect to anything. */

#pragma once

#include <glib.h>

typedef struct
{
  guint n_listeners;
  guint n_queued; /* in the accept queue, dead entries included */
  guint n_served;
} AcceptQueue;

AcceptQueue accept_queue_look (const char *path);

/* Waits until the socket has exactly so many of both; never longer than a test's patience. */
void accept_queue_wait (const char *path, guint n_queued, guint n_served);

/* The Recv-Q that ss shows for the listener, or -1 if there is no ss. */
int accept_queue_ask_ss (const char *path);

/* How many PINGs have left this process for the socket at @path and were not read there: what the
 * kernel holds for them, in terms of one PING. */
guint accept_queue_count_unread_pings (const char *path);
