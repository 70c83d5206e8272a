/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* real-test.h: what every test against the real controller is made of.
 *
 * Owns: the skip if the machine cannot run containers, the check around each test that nothing was left
 * open, and bounded waits on the default main context.
 * Does not: use a line of lxcmon's own code. */

#pragma once

#include <glib.h>

#include "container.h"
#include "libvirtd.h"

G_BEGIN_DECLS

typedef void (*RealTestFunc) (void);

/* FALSE if nothing can be tested: the reason is printed, and main () returns 0. */
gboolean real_test_begin (int *argc, char ***argv);

/* After @func as many descriptors are open as before. */
void real_test_add (const char *path, RealTestFunc func);

/* Starts a libvirtd, or skips the test and returns NULL. */
Libvirtd *real_test_start_libvirtd (void);

/* Starts one after another has ended. */
Libvirtd *real_start_libvirtd (void);

/* Sends it a signal, and returns when it has ended. Its containers run on. */
void real_end_libvirtd (Libvirtd *libvirtd, int signum);

guint real_count_descriptors (void);
/* Runs the default main context until no more than @n are open: some threads close theirs late. */
void real_wait_descriptors (guint n);

/* Runs the default main context until @condition holds; what does not come in time ends the test. */
#define real_wait(condition)                     \
  G_STMT_START                                   \
  {                                              \
    gint64 real_deadline_ = real_deadline ();    \
    while (!(condition))                         \
      real_iterate (real_deadline_, #condition); \
  }                                              \
  G_STMT_END

gint64 real_deadline (void);
void real_iterate (gint64 deadline, const char *what);

/* Runs the default main context for so long; for what must not come. */
void real_run_for (int ms);

/* Functions of the harness whose failure fails the test. */
void real_start_controller (Container *container);
void real_continue (Container *container);
void real_start (Container *container);
void real_command (Container *container, const char *line);
void real_wait_end (Container *container);

/* Kills a controller that was not continued, and init: until init runs its own program, it holds a copy
 * of the controller's socket, so that the end would never be noticed on it. */
void real_kill_at_the_start (Container *container);

/* A TCP port of the loopback on which no process listens. */
guint real_find_free_port (void);

/* Init's pid, found by the harness in /proc. */
int real_init_pid (Container *container);

G_END_DECLS
