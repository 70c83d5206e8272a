/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what is true of all tests, and what they measure.
 */

#include "glib-test.h"

#include <glib/gstdio.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether the address sanitizer's allocator is used. */
extern size_t __sanitizer_get_current_allocated_bytes (void) __attribute__ ((weak));

typedef struct
{
  GlibTestFunc func;
  GlibTestDataFunc data_func;
  gconstpointer data;
} GlibTest;

/* GIO starts its worker thread with the first file monitor, and both stay. */
static void
start_gio (void)
{
  g_autoptr (GFile) file = g_file_new_for_path (g_get_tmp_dir ());
  g_autoptr (GFileMonitor) monitor
      = g_file_monitor_directory (file, G_FILE_MONITOR_NONE, NULL, NULL);

  if (monitor != NULL)
    g_file_monitor_cancel (monitor);
}

void
glib_test_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  if (!g_test_subprocess ())
    start_gio ();
}

static void
run (gconstpointer data)
{
  const GlibTest *test = data;
  guint n_descriptors = glib_test_count_descriptors ();

  if (test->func != NULL)
    test->func ();
  else
    test->data_func (test->data);

  glib_test_drain ();
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  g_assert_cmpuint (glib_test_count_descriptors (), ==, n_descriptors);
}

/* GLib frees the data of a test when it has run, and that of others never. */
static void
add (const char *path, GlibTest test)
{
  static GSList *tests;

  tests = g_slist_prepend (tests, g_memdup2 (&test, sizeof test));
  g_test_add_data_func (path, tests->data, run);
}

void
glib_test_add (const char *path, GlibTestFunc func)
{
  add (path, (GlibTest){ .func = func });
}

void
glib_test_add_data (const char *path, GlibTestDataFunc func, gconstpointer data)
{
  add (path, (GlibTest){ .data_func = func, .data = data });
}

gint64
glib_test_get_deadline (void)
{
  return g_get_monotonic_time () + GLIB_TEST_PATIENCE_US;
}

static gboolean
do_nothing (gpointer user_data)
{
  return G_SOURCE_REMOVE;
}

/* Runs the thread-default context once. It is woken after a moment, as what is waited for may happen
 * in another thread. */
void
glib_test_iterate (gint64 deadline, const char *where, const char *what)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autoptr (GSource) alarm = g_timeout_source_new (2);

  if (g_get_monotonic_time () > deadline)
    g_error ("%s: waited too long for: %s", where, what);
  g_source_set_callback (alarm, do_nothing, NULL, NULL);
  g_source_attach (alarm, context);
  g_main_context_iteration (context, TRUE);
  g_source_destroy (alarm);
}

/* Runs the thread-default context until nothing in it is ready. */
void
glib_test_drain (void)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  gint64 deadline = glib_test_get_deadline ();

  while (g_main_context_iteration (context, FALSE))
    if (g_get_monotonic_time () > deadline)
      g_error ("the main context does not come to rest");
}

void
glib_test_expect_critical (const char *pattern)
{
  g_test_expect_message ("lxcmon", G_LOG_LEVEL_CRITICAL, pattern);
}

guint
glib_test_count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

/* How many sources of a context have a name that begins so. */
guint
glib_test_count_sources (GMainContext *context, const char *name)
{
  g_autoptr (GSource) last = g_idle_source_new ();
  guint n = 0;

  guint last_id = g_source_attach (last, context);
  g_source_destroy (last);
  for (guint id = 1; id < last_id; id++)
    {
      GSource *source = g_main_context_find_source_by_id (context, id);
      if (source != NULL && g_source_get_name (source) != NULL
          && g_str_has_prefix (g_source_get_name (source), name))
        n++;
    }

  return n;
}

/* How many bytes are allocated, or 0 if that cannot be known. */
gsize
glib_test_heap_in_use (void)
{
  if (__sanitizer_get_current_allocated_bytes != NULL)
    return __sanitizer_get_current_allocated_bytes ();

  return mallinfo2 ().uordblks;
}

/* Whether everything takes many times as long as it should: tests that repeat do so less often. */
gboolean
glib_test_is_slow (void)
{
  return __sanitizer_get_current_allocated_bytes != NULL || g_getenv ("LXCMON_TEST_SLOW") != NULL
         || glib_test_heap_in_use () == 0;
}

/* Forks off a child that runs a function. It does not exit, which would run what was registered for the
 * exit of this program, and have tools look for leaks in what is but a copy. */
GlibTestChild
glib_test_fork (int (*func) (gpointer data), gpointer data)
{
  GlibTestChild child;
  int fds[2];

  g_assert_cmpint (pipe (fds), ==, 0);
  child.pid = fork ();
  if (child.pid == 0)
    {
      int result = func (data);
      if (write (fds[1], &result, sizeof result) == sizeof result)
        raise (SIGKILL);
      abort ();
    }
  close (fds[1]);
  child.result_fd = fds[0];
  return child;
}

/* Waits for a child. Returns what its function has returned, or -1 if it did not return. */
int
glib_test_join (GlibTestChild *child)
{
  int result = -1;

  if (read (child->result_fd, &result, sizeof result) != sizeof result)
    result = -1;
  close (child->result_fd);
  g_assert_cmpint (waitpid (child->pid, NULL, 0), ==, child->pid);
  return result;
}

/* A new directory with a short name: an address has room for 107 bytes. */
char *
glib_test_make_dir (void)
{
  char template[] = "/tmp/lxcmon-test.XXXXXX";

  g_assert_nonnull (g_mkdtemp (template));
  return g_strdup (template);
}

/* Removes a directory with the files in it, and frees its name. */
void
glib_test_remove_dir (char *dir)
{
  g_autoptr (GDir) entries = g_dir_open (dir, 0, NULL);
  const char *name;

  g_assert_nonnull (entries);
  while ((name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);
      g_assert_cmpint (g_remove (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (dir), ==, 0);
  g_free (dir);
}
