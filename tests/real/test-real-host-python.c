/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shortest program of Python that watches all containers, while libvirtd runs, is stopped and killed, and starts: it
 * prints each start and each end once. A line of the test's own prints when the list is up to date. */

#include <gio/gio.h>
#include <signal.h>
#include <string.h>

#include "accept-queue.h"
#include "real-test.h"

#define END_TIMEOUT_MS 15000

static const char program[]
    = "import gi; gi.require_version(\"Lxcmon\", \"1.0\")\n"
      "from gi.repository import GLib, Lxcmon\n"
      "host = Lxcmon.Host.new(None)\n"
      "host.connect(\"init\", lambda h, monitor, pid: print(monitor.props.name, \"init\", pid))\n"
      "host.connect(\"closed\", lambda h, monitor, error: print(monitor.props.name, "
      "monitor.describe_end()))\n"
      "host.connect(\"notify::connected\", lambda h, spec: print(\"connected\", h.props.connected))\n"
      "host.start_async(None, lambda h, result: h.start_finish(result))\n"
      "GLib.MainLoop().run()\n";

typedef struct
{
  Libvirtd *libvirtd;
  Container *container;
  GSubprocess *python;
  GDataInputStream *lines;
} Fixture;

static void
create (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  libvirtd_create (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
}

/* The program finds the libraries, and what an interpreter needs to load before them, by the environment. */
static void
start_python (Fixture *self)
{
  g_autoptr (GSubprocessLauncher) launcher
      = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  const char *preload = g_getenv ("LXCMON_PYTHON_PRELOAD");

  g_subprocess_launcher_setenv (launcher, "PYTHONUNBUFFERED", "1", TRUE);
  if (preload != NULL)
    g_subprocess_launcher_setenv (launcher, "LD_PRELOAD", preload, TRUE);
  g_subprocess_launcher_setenv (launcher, "ASAN_OPTIONS", "detect_leaks=0", TRUE);
  self->python = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LXCMON_PYTHON"), "-c",
                                              program, NULL);
  g_assert_no_error (error);
  self->lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->python));
}

static void
on_line (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  *(char **) user_data = g_data_input_stream_read_line_finish_utf8 (G_DATA_INPUT_STREAM (object),
                                                                    result, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (*(char **) user_data);
}

/* The next line that the program prints. */
static void
expect_line (Fixture *self, const char *expected)
{
  g_autofree char *line = NULL;

  g_data_input_stream_read_line_async (self->lines, G_PRIORITY_DEFAULT, NULL, on_line, &line);
  real_wait (line != NULL);
  g_test_message ("%s", line);
  /* On kernels that know how init ended, that follows. */
  g_autofree char *without = g_strdup (line);
  without[strcspn (without, ",")] = '\0';
  g_assert_true (g_str_has_prefix (expected, without));
  g_assert_true (g_str_equal (line, without) ? g_str_equal (line, expected)
                                             : !g_str_has_suffix (line, "not known"));
}

/* A line about the container. */
static void
expect (Fixture *self, const char *what)
{
  g_autofree char *line = g_strdup_printf ("%s %s", container_get_name (self->container), what);

  expect_line (self, line);
}

static void
expect_init (Fixture *self)
{
  g_autofree char *expected = g_strdup_printf ("init %d", real_init_pid (self->container));

  expect (self, expected);
}

static void
start_libvirtd (Fixture *self)
{
  self->libvirtd = real_start_libvirtd ();
}

static void
end_libvirtd (Fixture *self, int signum)
{
  real_end_libvirtd (self->libvirtd, signum);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  expect_line (self, "connected False");
}

/* libvirtd is started again, and the program is connected to it. */
static void
start_libvirtd_again (Fixture *self)
{
  start_libvirtd (self);
  expect_line (self, "connected True");
}

static void
reboot (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  accept_queue_wait (container_get_socket_path (self->container), 0, 1);
  real_command (self->container, "reboot");
  libvirtd_wait_reboot (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  expect (self, "rebooted");
  expect_init (self);
}

static void
shut_down (Fixture *self)
{
  g_autoptr (GError) error = NULL;

  real_command (self->container, "shutdown");
  expect (self, "shut down");
  if (self->libvirtd != NULL)
    libvirtd_wait_gone (self->libvirtd, self->container, &error);
  else
    container_wait_end (self->container, END_TIMEOUT_MS, &error);
  g_assert_no_error (error);
}

/* libvirtd starts after the program, which is not told. */
static void
check_with_libvirtd (Fixture *self)
{
  start_libvirtd (self);
  create (self);
  expect_init (self);
  reboot (self);
  /* Restarted; upgraded; killed. */
  end_libvirtd (self, SIGTERM);
  start_libvirtd_again (self);
  reboot (self);
  end_libvirtd (self, SIGTERM);
  real_run_for (5000);
  start_libvirtd_again (self);
  reboot (self);
  end_libvirtd (self, SIGKILL);
  start_libvirtd_again (self);
  reboot (self);
  shut_down (self);
  create (self);
  expect_init (self);
}

static void
test_changes (void)
{
  Fixture self = { 0 };
  g_autofree char *why = libvirtd_why_unsupported ();

  if (why != NULL || g_getenv ("LXCMON_PYTHON") == NULL)
    {
      g_test_skip (why != NULL ? why : "no interpreter can load the library");
      return;
    }
  self.container = container_new ("python");
  start_python (&self);
  expect_line (&self, "connected True");
  check_with_libvirtd (&self);
  /* It is away for so long that the program attaches itself. */
  end_libvirtd (&self, SIGTERM);
  expect_line (&self, "connected True");
  accept_queue_wait (container_get_socket_path (self.container), 0, 1);
  shut_down (&self);
  /* It is away, and nobody is attached when the container ends. */
  start_libvirtd (&self);
  /* libvirt 9.0.0 refuses a name whose container has ended while it was away. */
  container_free (self.container);
  self.container = container_new ("python-2");
  create (&self);
  expect_init (&self);
  end_libvirtd (&self, SIGKILL);
  real_command (self.container, "shutdown");
  expect (&self, "ended while it was not watched; how is not known");

  g_subprocess_force_exit (self.python);
  g_subprocess_wait (self.python, NULL, NULL);
  g_object_unref (self.lines);
  g_object_unref (self.python);
  container_free (self.container);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/host-python/changes", test_changes);
  return g_test_run ();
}
