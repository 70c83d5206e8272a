/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* smoke.c: proves the harness itself, with plain sockets and known bytes.
 *
 * Owns: the assurance that a test which fails on this harness has found
 * something in lxcmon.
 * Does not: use any code of lxcmon. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "libvirtd.h"
#include "process.h"
#include "smoke-tools.h"

#define END_TIMEOUT_MS 60000
#define ROUNDS         20

/* Starts up to INIT; the socket that got it is returned. */
static int
start_and_read_init (Container *container)
{
  g_autoptr (GError) error = NULL;
  int fd;

  container_start_controller (container, &error);
  g_assert_no_error (error);
  fd = smoke_connect_to (container);
  container_continue (container, &error);
  g_assert_no_error (error);
  container_wait_init (container, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (smoke_read_init (fd), ==, (guint64) container_get_init_pid (container));
  return fd;
}

static void
command (Container *container, const char *line)
{
  g_autoptr (GError) error = NULL;

  container_command (container, line, &error);
  g_assert_no_error (error);
}

static void
wait_end (Container *container)
{
  g_autoptr (GError) error = NULL;

  container_wait_end (container, END_TIMEOUT_MS, &error);
  g_assert_no_error (error);
  g_assert_cmpint (container_get_controller_pid (container), ==, 0);
  g_assert_cmpint (container_get_init_pid (container), ==, 0);
}

static void
run_once (const char *name, const char *line)
{
  g_autoptr (Container) container = container_new (name);
  int fd = start_and_read_init (container);

  command (container, line);
  g_assert_cmpuint (smoke_read_exit (fd), ==, SMOKE_EXIT_SHUTDOWN);
  smoke_assert_end_of_file (fd);
  wait_end (container);
}

static void
test_shutdown (void)
{
  run_once ("smoke-shutdown", "shutdown");
  smoke_assert_nothing_left ("smoke-shutdown");
}

static void
test_exit_status (void)
{
  run_once ("smoke-exit", "exit 42");
  smoke_assert_nothing_left ("smoke-exit");
}

static void
test_reboot (void)
{
  g_autoptr (Container) container = container_new ("smoke-reboot");
  g_autoptr (GError) error = NULL;
  int fd = start_and_read_init (container);
  pid_t first = container_get_controller_pid (container);

  command (container, "reboot");
  g_assert_cmpuint (smoke_read_exit (fd), ==, SMOKE_EXIT_REBOOT);
  smoke_assert_end_of_file (fd);

  container_restart (container, &error);
  g_assert_no_error (error);
  g_assert_cmpint (container_get_controller_pid (container), !=, first);
  container_wait_init (container, &error);
  g_assert_no_error (error);
}

/* An order given before init exists is obeyed by it. */
static void
test_early_command (void)
{
  g_autoptr (Container) container = container_new ("smoke-early");
  g_autoptr (GError) error = NULL;
  int fd;

  g_assert_false (container_command (container, "shutdown", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
  g_clear_error (&error);

  container_start_controller (container, &error);
  g_assert_no_error (error);
  fd = smoke_connect_to (container);
  command (container, "shutdown");
  container_continue (container, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (smoke_read_init (fd), >, 1);
  g_assert_cmpuint (smoke_read_exit (fd), ==, SMOKE_EXIT_SHUTDOWN);
  smoke_assert_end_of_file (fd);
}

static void
test_term (void)
{
  g_autoptr (Container) container = container_new ("smoke-term");
  int fd = start_and_read_init (container);
  /* Sent again and again: before init has set its trap the kernel drops it. */
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  pid_t init = container_get_init_pid (container);

  do
    kill (init, SIGTERM);
  while (process_poll_until (&poll_fd, 1, process_deadline (20)) == 0);
  g_assert_cmpuint (smoke_read_exit (fd), ==, SMOKE_EXIT_SHUTDOWN);
  smoke_assert_end_of_file (fd);
}

static void
test_kill (void)
{
  Container *container = container_new ("smoke-kill");
  g_autoptr (GError) error = NULL;
  int fd = start_and_read_init (container);
  pid_t init = container_get_init_pid (container);
  g_autofree char *proc = g_strdup_printf ("/proc/%d/root/command", (int) init);

  container_signal (container, SIGSTOP);
  g_assert_false (container_wait_end (container, 10, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  container_signal (container, SIGCONT);

  container_signal (container, SIGKILL);
  smoke_assert_end_of_file (fd);
  wait_end (container);
  g_assert_cmpint (access (container_get_socket_path (container), F_OK), ==, 0);
  container_free (container);
  g_assert_cmpint (access (proc, F_OK), !=, 0);
  smoke_assert_nothing_left ("smoke-kill");
}

static void
test_free_running (void)
{
  Container *container = container_new ("smoke-free");
  int fd = start_and_read_init (container);

  container_signal (container, SIGSTOP);
  container_free (container);
  smoke_assert_end_of_file (fd);
  smoke_assert_nothing_left ("smoke-free");
}

/* A controller that cannot bind says so in its log, and we in the error. */
static void
test_start_failure (void)
{
  g_autoptr (Container) container = container_new ("smoke-failure");
  g_autoptr (GError) error = NULL;
  g_autofree char *inside = g_build_filename (container_get_socket_path (container), "in", NULL);

  g_mkdir_with_parents (inside, 0700);
  g_assert_false (container_start (container, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "smoke-failure.sock"));
  g_test_message ("%s", error->message);
  g_assert_cmpint (container_get_controller_pid (container), ==, 0);
  g_rmdir (inside);
}

static void
test_many (void)
{
  guint before, files;
  gint64 start;

  run_once ("smoke-many", "shutdown");
  before = smoke_count_entries ("/proc/self/fd");
  files = smoke_count_entries (CONTAINER_RUNTIME_DIR);
  start = g_get_monotonic_time ();
  for (guint i = 0; i < ROUNDS; i++)
    run_once ("smoke-many", "shutdown");
  g_test_message ("%d containers: %.1f ms each", ROUNDS,
                  (double) (g_get_monotonic_time () - start) / 1000 / ROUNDS);

  g_assert_cmpuint (smoke_count_entries ("/proc/self/fd"), ==, before);
  g_assert_cmpuint (smoke_count_entries (CONTAINER_RUNTIME_DIR), ==, files);
  smoke_assert_nothing_left ("smoke-many");
}

static Libvirtd *
start_libvirtd (void)
{
  g_autofree char *why = libvirtd_why_unsupported ();
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  Libvirtd *libvirtd;

  if (why != NULL)
    {
      g_test_skip (why);
      return NULL;
    }
  libvirtd = libvirtd_start (&error);
  g_assert_no_error (error);
  g_test_message ("libvirt's daemon answered after %.0f ms",
                  (double) (g_get_monotonic_time () - start) / 1000);
  return libvirtd;
}

static void
test_libvirtd_life (void)
{
  g_autoptr (Libvirtd) libvirtd = start_libvirtd ();
  g_autoptr (Container) container = container_new ("smoke-libvirtd");
  g_autoptr (GError) error = NULL;
  g_autofree char *list = NULL;
  pid_t first;

  if (libvirtd == NULL)
    return;
  libvirtd_create (libvirtd, container, &error);
  g_assert_no_error (error);
  first = container_get_controller_pid (container);

  /* That libvirtd starts it again shows that it got EXIT reboot ... */
  command (container, "reboot");
  libvirtd_wait_reboot (libvirtd, container, &error);
  g_assert_no_error (error);
  g_assert_cmpint (container_get_controller_pid (container), !=, first);

  /* ... and that it does not, EXIT shutdown; which it does not receive if it has hung up after the
   * restart (see libvirtd_wait_attached ()). */
  if (libvirtd_wait_attached (container))
    command (container, "shutdown");
  else
    libvirtd_destroy_domain (libvirtd, container, NULL);
  libvirtd_wait_gone (libvirtd, container, &error);
  g_assert_no_error (error);
  libvirtd_create (libvirtd, container, &error);
  g_assert_no_error (error);
  libvirtd_destroy_domain (libvirtd, container, &error);
  g_assert_no_error (error);

  list = libvirtd_virsh (libvirtd, &error, "list", "--all", "--name", NULL);
  g_assert_no_error (error);
  g_assert_null (strstr (list, container_get_name (container)));
}

/* A client that is queued after libvirtd is accepted when libvirtd has ended, and receives EXIT. */
static void
test_libvirtd_killed (void)
{
  g_autoptr (Libvirtd) libvirtd = start_libvirtd ();
  g_autoptr (Container) container = container_new ("smoke-promoted");
  g_autoptr (GError) error = NULL;
  int fd;

  if (libvirtd == NULL)
    return;
  libvirtd_create (libvirtd, container, &error);
  g_assert_no_error (error);
  g_assert_cmpint (container_get_init_pid (container), >, 1);
  fd = smoke_connect_to (container);

  libvirtd_kill (libvirtd, SIGKILL);
  libvirtd_wait_end (libvirtd, END_TIMEOUT_MS, &error);
  g_assert_no_error (error);
  smoke_wait_served (fd);
  command (container, "exit 3");
  g_assert_cmpuint (smoke_read_exit (fd), ==, SMOKE_EXIT_SHUTDOWN);
  smoke_assert_end_of_file (fd);
  wait_end (container);
}

static void
test_libvirtd_leaves_nothing (void)
{
  guint before = smoke_count_entries ("/proc/self/fd");

  test_libvirtd_life ();
  test_libvirtd_killed ();
  g_assert_cmpuint (smoke_count_entries ("/proc/self/fd"), ==, before);
  smoke_assert_nothing_left ("smoke-");
  smoke_assert_nothing_named (CONTAINER_RUNTIME_DIR, "driver.pid");
  smoke_assert_nothing_named ("/var/log/libvirt/lxc", "smoke-");
}

int
main (int argc, char *argv[])
{
  g_autofree char *why = NULL;
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  why = container_why_unsupported ();
  if (why != NULL)
    {
      g_print ("1..0 # SKIP %s\n", why);
      return 0;
    }
  if (!container_prepare_namespace (&error))
    g_error ("%s", error->message);

  g_test_add_func ("/real/shutdown", test_shutdown);
  g_test_add_func ("/real/exit-status", test_exit_status);
  g_test_add_func ("/real/reboot", test_reboot);
  g_test_add_func ("/real/early-command", test_early_command);
  g_test_add_func ("/real/term", test_term);
  g_test_add_func ("/real/kill", test_kill);
  g_test_add_func ("/real/free-running", test_free_running);
  g_test_add_func ("/real/start-failure", test_start_failure);
  g_test_add_func ("/real/many", test_many);
  g_test_add_func ("/real/libvirtd/life", test_libvirtd_life);
  g_test_add_func ("/real/libvirtd/killed", test_libvirtd_killed);
  g_test_add_func ("/real/libvirtd/leaves-nothing", test_libvirtd_leaves_nothing);
  return g_test_run ();
}
