/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* witness.h: what "virsh event" sees, beside what a host of ours tells.
 *
 * Owns: that process, and the translation of its lines into the words that record.h uses.
 * Refuses to: use a line of lxcmon's own code. */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Witness Witness;

/* Returns when it is registered with libvirtd, as far as that can be seen. */
Witness *witness_start (void);
void witness_free (Witness *self);

/* What it has seen of containers, such as "web1 init, web1 exit shutdown, web1 closed". It ends.
 *
 * Where a container is destroyed and libvirtd notices its controller's end at the same time, 9.0.0 sends
 * Stopped twice, Destroyed and Failed in either order. A life ends once: the second is left out, and
 * counted in @n_doubles. */
char *witness_end (Witness *self, guint *n_doubles);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Witness, witness_free)

G_END_DECLS
