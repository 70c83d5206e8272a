/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* worker.h: a thread that calls the harness, while the test's main context runs.
 *
 * Owns: the thread, in which one function runs at a time.
 * Does not: run the main context, or protect what the function uses: the test leaves that alone meanwhile.
 *
 * What is spawned in the thread lives as long as the worker (see container.h). */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Worker Worker;
typedef void (*WorkerFunc) (gpointer data);

Worker *worker_new (void);
/* Waits until its function has returned. */
void worker_free (Worker *self);

/* Calls @func in the thread. The one before has returned. */
void worker_begin (Worker *self, WorkerFunc func, gpointer data);
gboolean worker_is_done (Worker *self);

/* Calls @func in the thread, and runs the default main context until it has returned. */
void worker_run (Worker *self, WorkerFunc func, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Worker, worker_free)

G_END_DECLS
