/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns: what of the build tree another user needs to run a program. Does not: change who may reach the
 * build tree itself.
 */

#include "others.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_CANNOT 99

/* Programs find the libraries by paths relative to their own. A build tree that is made with a strict
 * umask is not readable for others. */
static const char copy_script[]
    = "set -e; cd \"$1\"; "
      "find . -name '*.p' -prune -o -name '*.so*' -exec cp --parents --no-dereference -t \"$3\" {} +; "
      "cp --parents -t \"$3\" \"$2\"; chmod -R a+rX \"$3\"";

void
others_become (gpointer unused)
{
  if (setgroups (0, NULL) != 0 || setgid (OTHERS_UID) != 0 || setuid (OTHERS_UID) != 0)
    _exit (EXIT_CANNOT);
}

static gboolean
other_can (const char *path, int mode)
{
  int status = 0;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      others_become (NULL);
      _exit (access (path, mode) == 0 ? EXIT_SUCCESS : EXIT_CANNOT);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return status == 0;
}

char *
others_why_unsupported (void)
{
  if (geteuid () != 0)
    return g_strdup ("needs root, to become somebody else");
  if (!other_can (g_get_tmp_dir (), X_OK))
    return g_strdup_printf ("others than root cannot reach %s", g_get_tmp_dir ());
  return NULL;
}

/* Finds the nearest directory above a program with @base in it. Meson marks the root of a build tree. */
static char *
find_above (const char *program, const char *base)
{
  char *dir = g_path_get_dirname (program);

  for (;;)
    {
      g_autofree char *mark = g_build_filename (dir, base, NULL);
      char *parent;

      if (g_file_test (mark, G_FILE_TEST_IS_DIR))
        return dir;
      parent = g_path_get_dirname (dir);
      if (g_str_equal (parent, dir))
        g_error ("%s is in no directory with %s", program, base);
      g_free (dir);
      dir = parent;
    }
}

char *
others_copy (const char *program)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *root = find_above (program, "meson-info");
  g_autofree char *dir = g_dir_make_tmp ("others-XXXXXX", &error);
  const char *relative = program + strlen (root) + 1;
  const char *argv[] = { "sh", "-c", copy_script, "sh", root, relative, dir, NULL };
  int status = 0;
  char *copy;

  g_assert_no_error (error);
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  copy = g_build_filename (dir, relative, NULL);
  g_assert_true (other_can (copy, X_OK));
  return copy;
}

char *
others_get_module_dir (const char *copy)
{
  g_autofree char *root = find_above (copy, "lxcmon-libvirt");

  return g_build_filename (root, "lxcmon-libvirt", NULL);
}
