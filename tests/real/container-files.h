/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-files.h: the files of a container.
 *
 * Owns: its root directory and its XML, and the names of all that a controller leaves in the runtime
 * directory.
 * Does not: start or stop anything, or remove what another container or libvirt's
 * installation owns. */

#pragma once

#include <glib.h>
#include <sys/types.h>

/* libvirt's controller; NULL if it is not installed. */
const char *container_files_emulator (void);

/* A busybox that needs no library, NULL if there is none. */
char *container_files_busybox (void);

/* Makes @root with busybox, an init to command, and its FIFO. */
gboolean container_files_make_root (const char *root, GError **error);

/* A <domain>; @id is 0 if libvirtd is to choose it. */
char *container_files_domain_xml (const char *name, const char *uuid, const char *root, pid_t id);

/* The status file that the controller reads, as libvirtd writes it. */
gboolean container_files_write_status (const char *name, const char *uuid, const char *root,
                                       pid_t controller, GError **error);

/* Removes what the controller of @name left in the runtime directory. */
void container_files_sweep (const char *name);

/* Removes libvirtd's log of @name. */
void container_files_remove_log (const char *name);

/* rm -r, on one file system, following no link. */
void container_files_remove_tree (const char *path);
