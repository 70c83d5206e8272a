/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the object that peers without lxcmon emit their signals on.
 */

#include "watcher.h"
#include "bench.h"

struct _BenchWatcher
{
  GObject parent_instance;
};

G_DEFINE_FINAL_TYPE (BenchWatcher, bench_watcher, G_TYPE_OBJECT)

enum
{
  SIGNAL_INIT,
  SIGNAL_EXIT,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static void
bench_watcher_class_init (BenchWatcherClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  signals[SIGNAL_INIT] = g_signal_new ("init", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 1, G_TYPE_INT);
  signals[SIGNAL_EXIT] = g_signal_new ("exit", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 1, G_TYPE_INT);
  signals[SIGNAL_CLOSED]
      = g_signal_new ("closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
bench_watcher_init (BenchWatcher *self)
{
}

static void
on_init (BenchWatcher *self, int pid, gpointer user_data)
{
  bench_on_init (pid);
}

static void
on_exit_signal (BenchWatcher *self, int status, gpointer user_data)
{
  bench_on_exit (status);
}

static void
on_closed (BenchWatcher *self, gpointer user_data)
{
  bench_on_closed ();
}

/**
 * bench_watcher_new:
 *
 * Makes a watcher with the first @n_handlers of the three handlers connected.
 */
BenchWatcher *
bench_watcher_new (guint n_handlers)
{
  BenchWatcher *self = g_object_new (BENCH_TYPE_WATCHER, NULL);

  if (n_handlers > 0)
    g_signal_connect (self, "init", G_CALLBACK (on_init), NULL);
  if (n_handlers > 1)
    g_signal_connect (self, "exit", G_CALLBACK (on_exit_signal), NULL);
  if (n_handlers > 2)
    g_signal_connect (self, "closed", G_CALLBACK (on_closed), NULL);

  return self;
}

void
bench_watcher_emit_init (BenchWatcher *self, int pid)
{
  g_signal_emit (self, signals[SIGNAL_INIT], 0, pid);
}

void
bench_watcher_emit_exit (BenchWatcher *self, int status)
{
  g_signal_emit (self, signals[SIGNAL_EXIT], 0, status);
}

void
bench_watcher_emit_closed (BenchWatcher *self)
{
  g_signal_emit (self, signals[SIGNAL_CLOSED], 0);
}
