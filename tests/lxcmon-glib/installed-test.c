/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test of a program that uses the library as it is installed: built with what pkg-config prints for
 * lxcmon-mock-1.0. It runs a controller for one client, and compares what the program prints.
 *
 *   installed-test PATH PROGRAM
 */

#include <lxcmon-mock/lxcmon-mock.h>

static void
on_client (LxcmonMockController *mock, GParamSpec *property, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (lxcmon_mock_controller_get_n_clients (mock) == 1
      && !lxcmon_mock_controller_finish (mock, LXCMON_EXIT_STATUS_SHUTDOWN, &error))
    g_error ("%s", error->message);
}

static void
on_ended (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  if (!g_subprocess_communicate_utf8_finish (G_SUBPROCESS (object), result, &output, NULL, &error))
    g_error ("%s", error->message);
  g_assert_cmpstr (output, ==, "init 42\nexit shutdown\nclosed\n");
  g_main_loop_quit (user_data);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (LxcmonMockController) mock = lxcmon_mock_controller_new (argv[1]);
  g_autoptr (GError) error = NULL;

  lxcmon_mock_controller_set_init_pid (mock, 42);
  g_signal_connect (mock, "notify::n-clients", G_CALLBACK (on_client), NULL);
  if (!lxcmon_mock_controller_start (mock, &error))
    g_error ("%s", error->message);
  g_autoptr (GSubprocess) program
      = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, argv[2], argv[1], NULL);
  if (program == NULL)
    g_error ("%s", error->message);
  g_subprocess_communicate_utf8_async (program, NULL, NULL, on_ended, loop);
  g_main_loop_run (loop);
  g_assert_true (g_subprocess_get_successful (program));
  return 0;
}
