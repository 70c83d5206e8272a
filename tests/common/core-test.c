/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Registers tests so that each is held to what is true of all: as many descriptors are open after it
 * as before.
 */

#include "core-test.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  CoreTestFunc func;
  CoreModeFunc mode_func;
  CoreDataFunc data_func;
  CoreMode mode;
  gconstpointer data;
} CoreTest;

static int
count_entries (const char *path)
{
  DIR *dir = opendir (path);
  int n = 0;

  if (dir == NULL)
    return 0;
  while (readdir (dir) != NULL)
    n++;
  closedir (dir);

  return n;
}

int
core_count_descriptors (void)
{
  return count_entries ("/proc/self/fd");
}

/* Whether there are so few descriptors on the machine that lxcmon searches all of them for a socket's
 * owner. */
gboolean
core_machine_is_small (void)
{
  DIR *dir = opendir ("/proc");
  const struct dirent *entry;
  int n = 0;

  g_assert_nonnull (dir);
  while ((entry = readdir (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%s/fd", entry->d_name);

      if (g_ascii_isdigit (entry->d_name[0]))
        n += count_entries (path);
    }
  closedir (dir);

  return n < 10000;
}

static void
run (gconstpointer data)
{
  const CoreTest *test = data;
  int n_before = core_count_descriptors ();

  if (test->func != NULL)
    test->func ();
  else if (test->mode_func != NULL)
    test->mode_func (test->mode);
  else
    test->data_func (test->data);

  g_assert_cmpint (core_count_descriptors (), ==, n_before);
}

static void
add (const char *path, CoreTest test)
{
  g_test_add_data_func_full (path, g_memdup2 (&test, sizeof test), run, g_free);
}

void
core_test_add (const char *path, CoreTestFunc func)
{
  add (path, (CoreTest){ .func = func });
}

void
core_test_add_modes (const char *path, CoreModeFunc func)
{
  g_autofree char *pulled = g_strconcat (path, "/pulled", NULL);
  g_autofree char *dispatched = g_strconcat (path, "/dispatched", NULL);

  add (pulled, (CoreTest){ .mode_func = func, .mode = CORE_PULLED });
  add (dispatched, (CoreTest){ .mode_func = func, .mode = CORE_DISPATCHED });
}

void
core_test_add_data (const char *path, CoreDataFunc func, gconstpointer data)
{
  add (path, (CoreTest){ .data_func = func, .data = data });
}

gint64
core_deadline (void)
{
  return g_get_monotonic_time () + CORE_PATIENCE_US;
}

/* Ends the test if it waits for an event that does not come. */
void
core_check_deadline (gint64 deadline, const char *what)
{
  if (g_get_monotonic_time () > deadline)
    g_error ("waited too long for: %s", what);
}

gboolean
core_is_root (void)
{
  return geteuid () == 0;
}

/* A new directory with a short name: an address has room for 107 bytes. */
char *
core_make_dir (void)
{
  char template[] = "/tmp/lxcmon-test.XXXXXX";

  g_assert_nonnull (mkdtemp (template));
  return g_strdup (template);
}

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *walk)
{
  return remove (path);
}

/* Removes a directory and all that is in it, and frees its name. */
void
core_remove_dir (char *dir)
{
  g_assert_cmpint (nftw (dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
  g_free (dir);
}
