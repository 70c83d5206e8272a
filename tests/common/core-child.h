/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A process of its own that does something, says that it is done, and runs until the test ends it. It has
 * none of the test's descriptors but those that it opens itself.
 */

#include <glib.h>

#include <sys/types.h>

typedef struct
{
  pid_t pid;
  int stop;
} CoreChild;

/* Returns 0 for success; the child exits with anything else at once. */
typedef int (*CoreChildFunc) (gconstpointer data);

void core_child_start (CoreChild *self, CoreChildFunc func, gconstpointer data);
void core_child_stop (CoreChild *self);
int core_child_run (CoreChildFunc func, gconstpointer data);

int core_child_connect (gconstpointer path);
int core_child_lock (gconstpointer path);

/* Forbids netlink sockets to the calling process, for good. Returns whether it has done so. */
gboolean core_child_forbid_netlink (void);
