/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* witness.h: what "virsh event" prints, to compare with what a host reports.
 *
 * Owns: that process, and the translation of its lines into the words that record.h uses.
 * It uses no code of lxcmon. */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Witness Witness;

/* Waits until virsh is registered with libvirtd, as far as that can be seen. */
Witness *witness_start (void);
void witness_free (Witness *self);

/* A container that has been running since before the witness was started. */
void witness_know (Witness *self, const char *name);

/* Ends the witness. Returns what it has seen, such as "web1 init, web1 exit shutdown, web1 closed".
 *
 * If a container is destroyed and libvirtd notices the end of its controller at the same time, 9.0.0
 * sends Stopped twice, Destroyed and Failed in either order. A run ends once, as destroyed: the second
 * event is counted in @n_doubles. */
char *witness_end (Witness *self, guint *n_doubles);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Witness, witness_free)

G_END_DECLS
