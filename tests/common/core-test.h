/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What every test of the core is made of: a descriptor count around each, a limit on every wait, and
 * tests that run once with events that are pulled and once with callbacks.
 */

#include <glib.h>

/* Nothing waits longer than this; a test that needs it has failed. */
#define CORE_PATIENCE_US (60 * G_USEC_PER_SEC)

typedef enum
{
  CORE_PULLED,     /* one lxcmon_hub_next_event() for each poll */
  CORE_DISPATCHED, /* lxcmon_hub_dispatch() and callbacks */
} CoreMode;

typedef void (*CoreTestFunc) (void);
typedef void (*CoreModeFunc) (CoreMode mode);
typedef void (*CoreDataFunc) (gconstpointer data);

void core_test_add (const char *path, CoreTestFunc func);
void core_test_add_modes (const char *path, CoreModeFunc func);
void core_test_add_data (const char *path, CoreDataFunc func, gconstpointer data);

int core_count_descriptors (void);
gint64 core_deadline (void);
void core_check_deadline (gint64 deadline, const char *what);
gboolean core_is_root (void);
gboolean core_machine_is_small (void);
char *core_make_dir (void);
void core_remove_dir (char *dir);
