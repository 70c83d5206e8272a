/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What a stream of bytes means, worked out a second time from the protocol's description and without
 * the library, and the same as the library says. Both as text: "init(3869) exit(2) end".
 */

#include <glib.h>

#include <lxcmon/lxcmon-decoder.h>

/* How many of the @left bytes are given to the decoder at once. */
typedef gsize (*CoreChunkFunc) (gsize left, gpointer data);

char *core_oracle_decode (const guint8 *bytes, gsize size);
char *core_library_decode (const guint8 *bytes, gsize size, CoreChunkFunc chunk, gpointer data);
char *core_oracle_trace (const char *decoded);

gsize core_chunk_all (gsize left, gpointer data);
gsize core_chunk_byte (gsize left, gpointer data);
gsize core_chunk_random (gsize left, gpointer data);
