/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An application, built with the flags that pkg-config prints for lxcmon-glib-1.0, or for lxcmon-libvirt-1.0 with
 * a connection of its own. It prints the names of the containers.
 *
 *   installed-host URI
 */

#ifdef WITH_CONNECTION
#include <lxcmon-libvirt/lxcmon-libvirt.h>
#else
#include <lxcmon-glib/lxcmon-glib.h>
#endif

static LxcmonHost *
make_host (const char *uri)
{
#ifdef WITH_CONNECTION
  g_autoptr (GObject) connection = G_OBJECT (gvir_connection_new (uri));

  return lxcmon_libvirt_host_new_for_connection (GVIR_CONNECTION (connection));
#else
  return lxcmon_host_new_for_uri (uri);
#endif
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  guint n = g_list_model_get_n_items (G_LIST_MODEL (object));

  if (!lxcmon_host_start_finish (LXCMON_HOST (object), result, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (G_LIST_MODEL (object), i);
      g_print ("%s\n", lxcmon_monitor_get_name (monitor));
    }
  g_main_loop_quit (user_data);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (LxcmonHost) host = make_host (argv[1]);

  lxcmon_host_start_async (host, NULL, on_started, loop);
  g_main_loop_run (loop);
  return 0;
}
