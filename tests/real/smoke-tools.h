/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* smoke-tools.h: helpers of smoke.c.
 *
 * Owns: a client of plain socket calls, and the search for what was left.
 * Does not: understand more of
 * the wire than the two messages' bytes. */

#pragma once

#include <glib.h>

#include "container.h"

enum
{
  SMOKE_EXIT_SHUTDOWN = 1,
  SMOKE_EXIT_REBOOT = 2,
};

int smoke_connect_to (Container *container);

/* INIT's pid; aborts when anything else comes. */
guint64 smoke_read_init (int fd);

/* Returns when the controller serves @fd, whose INIT somebody else has got: it answers a PING. */
void smoke_wait_served (int fd);

/* EXIT's status; aborts when anything else comes. */
guint32 smoke_read_exit (int fd);

/* Closes @fd too. */
void smoke_assert_end_of_file (int fd);

guint smoke_count_entries (const char *path);

/* No file in the directory @path has @name in its name. */
void smoke_assert_nothing_named (const char *path, const char *name);

/* The same in the runtime directory, and in libvirt's control groups for controllers that have ended. */
void smoke_assert_nothing_left (const char *name);
