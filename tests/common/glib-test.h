/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What every test of the GObject layer is made of: a limit on every wait, and checks around each test
 * that nothing is left: no descriptor, no source in the main context, nothing that is still to run.
 */

#include <gio/gio.h>

/* Nothing waits longer than this; a test that needs it has failed. */
#define GLIB_TEST_PATIENCE_US (60 * G_USEC_PER_SEC)

typedef void (*GlibTestFunc) (void);
typedef void (*GlibTestDataFunc) (gconstpointer data);

/* Runs the thread-default main context until an expression is true. */
#define glib_test_wait_until(expression)                             \
  G_STMT_START                                                       \
  {                                                                  \
    gint64 glib_test_deadline = glib_test_get_deadline ();           \
    while (!(expression))                                            \
      glib_test_iterate (glib_test_deadline, G_STRLOC, #expression); \
  }                                                                  \
  G_STMT_END

void glib_test_init (int *argc, char ***argv);
void glib_test_add (const char *path, GlibTestFunc func);
void glib_test_add_data (const char *path, GlibTestDataFunc func, gconstpointer data);

gint64 glib_test_get_deadline (void);
void glib_test_iterate (gint64 deadline, const char *where, const char *what);
void glib_test_drain (void);
void glib_test_expect_critical (const char *pattern);

guint glib_test_count_descriptors (void);
guint glib_test_count_sources (GMainContext *context, const char *name);
gsize glib_test_heap_in_use (void);
gboolean glib_test_is_slow (void);

/* A child of this process, which was forked off in the middle of it all. */
typedef struct
{
  gint pid;
  int result_fd;
} GlibTestChild;

GlibTestChild glib_test_fork (int (*func) (gpointer data), gpointer data);
int glib_test_join (GlibTestChild *child);

char *glib_test_make_dir (void);
void glib_test_remove_dir (char *dir);
