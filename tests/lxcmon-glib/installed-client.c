/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A program that uses the library as it is installed: built with what pkg-config prints for lxcmon-glib-1.0.
 * It attaches to the controller at a path, and prints the signals.
 *
 *   installed-client PATH
 */

#include <lxcmon-glib/lxcmon-glib.h>

static void
on_init (LxcmonClient *client, gint pid, gpointer user_data)
{
  g_print ("init %d\n", pid);
}

static void
on_exit_signal (LxcmonClient *client, LxcmonExitStatus status, gpointer user_data)
{
  g_autoptr (GEnumClass) class = g_type_class_ref (LXCMON_TYPE_EXIT_STATUS);

  g_print ("exit %s\n", g_enum_get_value (class, status)->value_nick);
}

static void
on_closed (LxcmonClient *client, const GError *error, gpointer user_data)
{
  g_print ("closed%s\n", error != NULL ? " with an error" : "");
  g_main_loop_quit (user_data);
}

static void
on_attached (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, &error))
    g_error ("%s", error->message);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (LxcmonClient) client = lxcmon_client_new_for_path (argv[1]);

  if (!LXCMON_CHECK_VERSION (0, 1, 0))
    return 1;
  g_signal_connect (client, "init", G_CALLBACK (on_init), NULL);
  g_signal_connect (client, "exit::shutdown", G_CALLBACK (on_exit_signal), NULL);
  g_signal_connect (client, "closed", G_CALLBACK (on_closed), loop);
  lxcmon_client_attach_async (client, NULL, on_attached, NULL);
  g_main_loop_run (loop);
  return 0;
}
