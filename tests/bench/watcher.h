/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * An object with the signals "init", "exit" and "closed", as an application has one that has no
 * library for it.
 */

#include <glib-object.h>

#define BENCH_TYPE_WATCHER (bench_watcher_get_type ())
G_DECLARE_FINAL_TYPE (BenchWatcher, bench_watcher, BENCH, WATCHER, GObject)

BenchWatcher *bench_watcher_new (guint n_handlers);
void bench_watcher_emit_init (BenchWatcher *self, int pid);
void bench_watcher_emit_exit (BenchWatcher *self, int status);
void bench_watcher_emit_closed (BenchWatcher *self);
