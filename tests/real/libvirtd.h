/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libvirtd.h: a real libvirtd (or virtlxcd) with the LXC driver alone, for tests.
 *
 * Owns: the daemon, its configuration, and virsh as the way to talk to it.
 * Does not: run at the same
 * time as another daemon that drives LXC or listens on the same socket, load any other driver, or need
 * D-Bus, systemd or /etc/libvirt.
 *
 * It listens at libvirt's default path, so lxc:///system reaches it, unless the test asks for another. */

#pragma once

#include <glib.h>
#include <sys/types.h>

#include "container.h"

G_BEGIN_DECLS

typedef struct _Libvirtd Libvirtd;

/* NULL if libvirtd_start () can work; otherwise why not, for g_test_skip (). */
char *libvirtd_why_unsupported (void);

/* The daemon of the test that holds the lock of the LXC driver; 0 if none does. */
pid_t libvirtd_find_living (void);

/* Returns when it answers and holds the lock on driver.pid, within 60 s.
 * Needs container_prepare_namespace () before. */
Libvirtd *libvirtd_start (GError **error);

/* The same, and it listens on that port of 127.0.0.1 too, for lxc+tcp, and lets everybody in. */
Libvirtd *libvirtd_start_listening (guint tcp_port, GError **error);

/* The same as libvirtd_start(), and its sockets are in a directory of its own: nothing listens at the default
 * path. */
Libvirtd *libvirtd_start_elsewhere (GError **error);

/* The same as libvirtd_start(), and it ends by itself when it has had no client and no container for so long. */
Libvirtd *libvirtd_start_with_timeout (guint timeout_s, GError **error);

/* NULL if libvirtd_start_listening () can work as well. */
char *libvirtd_why_no_tcp (void);

/* How many sockets it has open: those on which it listens, its clients', and its containers'. */
guint libvirtd_count_sockets (Libvirtd *self);

/* Ends it if it still runs. Its domains run on; container_free () ends them. */
void libvirtd_free (Libvirtd *self);

/* Starts @container as a transient domain that restarts on reboot, and returns
 * when libvirtd has got its INIT: it is the served client from then on. */
gboolean libvirtd_create (Libvirtd *self, Container *container, GError **error);

/* The pid of the container's controller, according to libvirtd. 0 if it has none at the moment. */
pid_t libvirtd_find_controller (Libvirtd *self, Container *container);

/* Returns when the domain has a controller other than the one that @container knows, and makes it known.
 * Within 60 s. Use libvirtd_wait_attached () if the test then needs libvirtd as the accepted client. */
gboolean libvirtd_wait_reboot (Libvirtd *self, Container *container, GError **error);

/* Returns when libvirtd has noticed the end of @old, which was @container's controller: either it has another
 * one for it, which is made known, or none. Within 20 s: 9.0.0 sometimes hangs up on a container, and then never
 * notices its end. */
gboolean libvirtd_wait_next (Libvirtd *self, Container *container, pid_t old, GError **error);

/* Whether libvirtd gets INIT of the container as it runs now, within 2 s. Not a
 * matter of course: 9.0.0 sometimes hangs up on a container that it has just
 * started (libvirtd_create () tries again then) or restarted. */
gboolean libvirtd_wait_attached (Container *container);

/* Waits for the end of the controller and for libvirtd to have noticed: only
 * then can a domain of the same name be created again. */
gboolean libvirtd_wait_gone (Libvirtd *self, Container *container, GError **error);

/* virsh destroy, and the wait for the controller's end. */
gboolean libvirtd_destroy_domain (Libvirtd *self, Container *container, GError **error);

/* The standard output of virsh with the arguments that follow up to NULL; fails
 * with its standard error, or when it takes more than 60 s. */
char *libvirtd_virsh (Libvirtd *self, GError **error, ...) G_GNUC_NULL_TERMINATED;

void libvirtd_kill (Libvirtd *self, int signum);

/* Waits for its end and reaps it. What it left stays until libvirtd_free (), so that a test can check
 * it. */
gboolean libvirtd_wait_end (Libvirtd *self, int timeout_ms, GError **error);

/* 0 when it has been reaped. */
pid_t libvirtd_get_pid (Libvirtd *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Libvirtd, libvirtd_free)

G_END_DECLS
