/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Counting the system calls of a process, between marks that it sets itself.
 */

#include <glib.h>

void bench_trace_begin (void);
void bench_trace_end (void);

gboolean bench_trace_ask (void);
gboolean bench_trace_count (GPid pid, guint trace_ms, guint64 *n_calls, char **why);
