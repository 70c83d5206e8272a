/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* real-test.c: see real-test.h for what this file owns. */

#include "real-test.h"

#include <arpa/inet.h>
#include <gio/gio.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process.h"
#include "smoke-tools.h"

/* Nothing waits longer than this; a test that needs it has failed. */
#define LIBVIRTD_END_MS 15000
#define PATIENCE_MS     60000
#define END_TIMEOUT_MS  60000
#define TICK_MS         5

/* GLib opens some descriptors when they are first needed, and keeps them: the default context's, and
 * those of the thread that watches files. */
static void
warm_up (void)
{
  g_autoptr (GFile) file = g_file_new_for_path (CONTAINER_RUNTIME_DIR);
  g_autoptr (GFileMonitor) monitor = g_file_monitor_directory (file, 0, NULL, NULL);

  g_assert_nonnull (monitor);
  g_main_context_iteration (NULL, FALSE);
}

gboolean
real_test_begin (int *argc, char ***argv)
{
  g_autofree char *why = NULL;
  g_autoptr (GError) error = NULL;

  g_test_init (argc, argv, NULL);
  why = container_why_unsupported ();
  if (why != NULL)
    {
      g_print ("1..0 # SKIP %s\n", why);
      return FALSE;
    }
  if (!container_prepare_namespace (&error))
    g_error ("%s", error->message);
  warm_up ();
  return TRUE;
}

guint
real_count_descriptors (void)
{
  return smoke_count_entries ("/proc/self/fd");
}

static void
print_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *target = g_file_read_link (path, NULL);
      g_autofree char *info_path = g_build_filename ("/proc/self/fdinfo", name, NULL);
      g_autofree char *info = NULL;

      g_file_get_contents (info_path, &info, NULL, NULL);
      g_strdelimit (info, "\n\t", ' ');
      g_printerr ("# %s is %s: %s\n", name, target, info);
    }
}

void
real_wait_descriptors (guint n)
{
  gint64 deadline = real_deadline ();

  while (real_count_descriptors () > n)
    {
      if (g_get_monotonic_time () > deadline)
        print_descriptors ();
      real_iterate (deadline, "descriptors to be closed");
    }
}

static void
run (gconstpointer data)
{
  RealTestFunc func = *(RealTestFunc const *) data;
  guint n_before = real_count_descriptors ();

  func ();

  /* Dispatches what the test left in the main context, such as a closed file monitor. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (real_count_descriptors (), ==, n_before);
}

void
real_test_add (const char *path, RealTestFunc func)
{
  g_test_add_data_func_full (path, g_memdup2 (&func, sizeof func), run, g_free);
}

Libvirtd *
real_test_start_libvirtd (void)
{
  g_autofree char *why = libvirtd_why_unsupported ();

  if (why != NULL)
    {
      g_test_skip (why);
      return NULL;
    }
  return real_start_libvirtd ();
}

Libvirtd *
real_start_libvirtd (void)
{
  g_autoptr (GError) error = NULL;
  Libvirtd *libvirtd = libvirtd_start (&error);

  g_assert_no_error (error);
  return libvirtd;
}

void
real_end_libvirtd (Libvirtd *libvirtd, int signum)
{
  g_autoptr (GError) error = NULL;

  libvirtd_kill (libvirtd, signum);
  libvirtd_wait_end (libvirtd, LIBVIRTD_END_MS, &error);
  g_assert_no_error (error);
}

gint64
real_deadline (void)
{
  return process_deadline (PATIENCE_MS);
}

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_REMOVE;
}

/* One iteration of the loop, woken from time to time: the condition may not be an event of this loop. */
void
real_iterate (gint64 deadline, const char *what)
{
  GSource *tick = g_timeout_source_new (TICK_MS);

  if (g_get_monotonic_time () > deadline)
    g_error ("waited too long for: %s", what);
  g_source_set_callback (tick, on_tick, NULL, NULL);
  g_source_attach (tick, NULL);
  g_main_context_iteration (NULL, TRUE);
  g_source_destroy (tick);
  g_source_unref (tick);
}

void
real_run_for (int ms)
{
  gint64 end = process_deadline (ms);
  gint64 deadline = real_deadline ();

  while (g_get_monotonic_time () < end)
    real_iterate (deadline, "some time to pass");
}

void
real_start_controller (Container *container)
{
  g_autoptr (GError) error = NULL;

  container_start_controller (container, &error);
  g_assert_no_error (error);
}

void
real_continue (Container *container)
{
  g_autoptr (GError) error = NULL;

  container_continue (container, &error);
  g_assert_no_error (error);
}

void
real_start (Container *container)
{
  real_start_controller (container);
  real_continue (container);
}

void
real_command (Container *container, const char *line)
{
  g_autoptr (GError) error = NULL;

  container_command (container, line, &error);
  g_assert_no_error (error);
}

void
real_wait_end (Container *container)
{
  g_autoptr (GError) error = NULL;

  container_wait_end (container, END_TIMEOUT_MS, &error);
  g_assert_no_error (error);
}

void
real_kill_at_the_start (Container *container)
{
  pid_t init = real_init_pid (container);

  container_signal (container, SIGKILL);
  kill (init, SIGKILL);
}

int
real_init_pid (Container *container)
{
  int pid = (int) container_get_init_pid (container);

  g_assert_cmpint (pid, >, 1);
  return pid;
}

guint
real_find_free_port (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &size), ==, 0);
  close (fd);
  return ntohs (address.sin_port);
}
