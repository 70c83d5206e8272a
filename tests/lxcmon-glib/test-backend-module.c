/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Loading the module of libvirtd's backend: what is wrong with it is said. That it works is tested with
 * lxcmon-libvirt.
 */

#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-backend-module-private.h"

#include <string.h>
#include <sys/auxv.h>

static gboolean is_secure;

/* Stands in for libc's. */
unsigned long
getauxval (unsigned long type)
{
  return type == AT_SECURE && is_secure ? 1 : 0;
}

static void
assert_error (const char *first, const char *second)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (_lxcmon_backend_new_for_uri ("lxc:///system", FALSE, &error));
  g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, first));
  g_assert_nonnull (strstr (error->message, second));
}

static void
test_missing (void)
{
  char *dir = glib_test_make_dir ();

  g_setenv ("LXCMON_MODULE_DIR", dir, TRUE);
  assert_error ("install", dir);
  glib_test_remove_dir (dir);
}

static void
test_broken (void)
{
  char *dir = glib_test_make_dir ();
  g_autofree char *path = g_build_filename (dir, "liblxcmon-backend-libvirt.so", NULL);

  g_assert_true (g_file_set_contents (path, "no module", -1, NULL));
  g_setenv ("LXCMON_MODULE_DIR", dir, TRUE);
  assert_error ("cannot be loaded", path);
  glib_test_remove_dir (dir);
}

/* A program with more rights than its user does not use what the user has set. */
static void
test_secure (void)
{
  is_secure = TRUE;
  g_setenv ("LXCMON_MODULE_DIR", "/nonexistent", TRUE);
  g_autoptr (GError) error = NULL;
  g_autoptr (LxcmonBackend) backend = _lxcmon_backend_new_for_uri ("lxc:///system", FALSE, &error);
  g_assert_null (strstr (error->message, "/nonexistent"));
  is_secure = FALSE;
}

/* ---- A backend of another version ---- */

typedef LxcmonBackend OldBackend;
typedef LxcmonBackendClass OldBackendClass;

static GType old_backend_get_type (void);
G_DEFINE_TYPE (OldBackend, old_backend, LXCMON_TYPE_BACKEND)

static void
old_backend_class_init (OldBackendClass *klass)
{
  klass->version = "0.0.1";
}

static void
old_backend_init (OldBackend *self)
{
}

static void
test_version (void)
{
  g_io_extension_point_implement ("lxcmon-backend", old_backend_get_type (), "libvirt", 0);
  assert_error ("0.0.1", LXCMON_VERSION_S);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/backend-module/missing", test_missing);
  glib_test_add ("/backend-module/broken", test_broken);
  glib_test_add ("/backend-module/secure", test_secure);
  /* From here on, a backend is known. */
  glib_test_add ("/backend-module/version", test_version);
  return g_test_run ();
}
