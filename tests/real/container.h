/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container.h: a real container of libvirt's LXC controller, for tests.
 *
 * Owns: one busybox root, one libvirt_lxc that runs it, and everything those
 * two leave on the machine.
 * Does not: use a line of lxcmon's own code (it is the independent witness),
 * talk the monitor protocol, or wait without a bound.
 *
 *   char *why = container_why_unsupported ();          skip with it
 *   container_prepare_namespace (&error);              once, in main ()
 *   g_autoptr (Container) web = container_new ("web");
 *   container_start_controller (web, &error);          its socket listens
 *   ... connect to container_get_socket_path (web) ...
 *   container_continue (web, &error);                  now init runs: INIT
 *   container_command (web, "shutdown", &error);       EXIT, end of file
 *   container_wait_end (web, 5000, &error);
 *
 * Not thread-safe. A controller dies together with the THREAD that started it
 * (so that a failed test leaves none running): start it where it may live. */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

#define CONTAINER_RUNTIME_DIR "/run/libvirt/lxc"

typedef struct _Container Container;

/* NULL if real containers can run; otherwise why not, for g_test_skip (). */
char *container_why_unsupported (void);

/* Prepares the control groups for the controller. Fails if this is not the mount namespace that
 * ../sandbox has made for the test. */
gboolean container_prepare_namespace (GError **error);

/* Fails if the calling thread is not in the test's mount namespace. */
gboolean container_check_namespace (GError **error);

/* Makes nothing yet, so it cannot fail. @name becomes a file name. The same name
 * in every run is best: a start removes what an aborted test of that name left. */
Container *container_new (const char *name);

/* Kills what still runs, and removes every file and control group. */
void container_free (Container *self);

/* Makes the root directory; starting does it too. Harmless when repeated. */
gboolean container_make_root (Container *self, GError **error);

/* Starts the controller up to the point where its socket listens, and waits for container_continue ()
 * before it accepts a client. May be called again when the one before has ended (after a reboot, say):
 * what that one left in the runtime directory is removed first. Commands that were not run are
 * dropped. */
gboolean container_start_controller (Container *self, GError **error);

/* Lets a started controller start the container's init, and waits for its word
 * that it has. INIT may be on its way to a connected client before it returns. */
gboolean container_continue (Container *self, GError **error);

/* Both, with no client connected in between. */
gboolean container_start (Container *self, GError **error);

/* What a driver does after a reboot: waits for the old controller's end, then
 * starts a new one and its init. */
gboolean container_restart (Container *self, GError **error);

/* Adopts a controller that libvirtd has started. */
gboolean container_adopt (Container *self, pid_t controller, GError **error);

const char *container_get_name (Container *self);
const char *container_get_uuid (Container *self);
const char *container_get_socket_path (Container *self);
/* NULL before container_make_root (). */
const char *container_get_root (Container *self);
/* 0 while there is none; it stays until container_wait_end () has reaped. */
pid_t container_get_controller_pid (Container *self);
/* Found in /proc alone. 0 while there is none. The process exists already when
 * the socket listens, but runs the container's program only later. */
pid_t container_get_init_pid (Container *self);

/* All that the container has had, in order: libvirtd may have started it more than once for one create. */
const pid_t *container_get_controllers (Container *self, guint *n);
/* The controller that runs for a container of this name, found in /proc alone; 0 if there is none. */
pid_t container_find_controller (Container *self);

/* What its inits have written down, one word a line: "up", and the order that was obeyed. */
char *container_read_log (Container *self);

/* Returns when init runs the container's own program, or fails within 60 s. */
gboolean container_wait_init (Container *self, GError **error);

/* Orders init: "shutdown", "exit N" or "reboot". Never blocks; an order that
 * is given before init runs is obeyed as soon as it does. TERM makes init
 * exit with 0 too. */
gboolean container_command (Container *self, const char *line, GError **error);

/* Sends the controller a signal. Does nothing if there is none. */
void container_signal (Container *self, int signum);

/* As if no driver had been there for long: for 10 s after one has gone, its containers are kept for it. Starting and
 * ending a container does it too. */
void container_forget_driver (void);

/* Waits for the controller's end and reaps it. What it left in the runtime directory stays until the next
 * start or container_free (), so that a test can check it. */
gboolean container_wait_end (Container *self, int timeout_ms, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Container, container_free)

G_END_DECLS
