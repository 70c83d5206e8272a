/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the module of the backend that goes through libvirtd: a GIO extension, which is loaded when it is
 * first needed, so that lxcmon-glib links nothing of libvirt. It is never unloaded.
 */

#include "lxcmon-backend-module-private.h"

#include <sys/auxv.h>

#define EXTENSION_POINT "lxcmon-backend"
#define EXTENSION       "libvirt"
#define MODULE          "liblxcmon-backend-libvirt.so"

/* A program with more rights than its user does not load what the user names. */
static const char *
get_module_dir (void)
{
  const char *dir = getauxval (AT_SECURE) == 0 ? g_getenv ("LXCMON_MODULE_DIR") : NULL;

  return dir != NULL ? dir : LXCMON_MODULE_DIR;
}

static GIOExtension *
find_extension (void)
{
  GIOExtensionPoint *point = g_io_extension_point_lookup (EXTENSION_POINT);

  if (point == NULL)
    {
      point = g_io_extension_point_register (EXTENSION_POINT);
      g_io_extension_point_set_required_type (point, LXCMON_TYPE_BACKEND);
    }
  return g_io_extension_point_get_extension_by_name (point, EXTENSION);
}

/* Loads the module. That is tried once in a process, if the module is there. */
static GIOExtension *
load (GError **error)
{
  static GMutex mutex;
  static GIOModule *module;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  GIOExtension *extension = find_extension ();

  if (extension != NULL)
    return extension;
  g_autofree char *path = g_build_filename (get_module_dir (), MODULE, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED,
                   "lxcmon's backend for libvirt is not installed: there is no %s; "
                   "install lxcmon's library for libvirt",
                   path);
      return NULL;
    }
  if (module == NULL)
    {
      module = g_io_module_new (path);
      if (g_type_module_use (G_TYPE_MODULE (module)))
        extension = find_extension ();
    }
  if (extension == NULL)
    g_set_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED,
                 "lxcmon's backend for libvirt cannot be loaded: %s is not usable", path);
  return extension;
}

/*< private >
 * _lxcmon_backend_new_for_uri:
 * @uri: of libvirtd
 * @keeps_trying: whether it tries again after it has FAILED
 *
 * Creates the backend that reports the containers of a libvirtd.
 *
 * Returns: (transfer full) (nullable): a backend that is not started, or %NULL if the module is missing
 */
LxcmonBackend *
_lxcmon_backend_new_for_uri (const char *uri, gboolean keeps_trying, GError **error)
{
  GIOExtension *extension = load (error);

  if (extension == NULL)
    return NULL;
  g_autoptr (GTypeClass) klass = g_type_class_ref (g_io_extension_get_type (extension));
  const char *version = LXCMON_BACKEND_CLASS (klass)->version;
  if (g_strcmp0 (version, LXCMON_VERSION_S) != 0)
    {
      g_set_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_FAILED,
                   "lxcmon's backend for libvirt is of version %s, and lxcmon is of version %s",
                   version, LXCMON_VERSION_S);
      return NULL;
    }
  return g_object_new (g_io_extension_get_type (extension), "uri", uri, "keeps-trying",
                       keeps_trying, NULL);
}
