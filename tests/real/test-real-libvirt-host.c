/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host over a real libvirtd: each way in which a container starts and ends, local and remote, with and
 * without rights. */

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lxcmon-libvirt/record.h"
#include "others.h"
#include "process.h"
#include "real-test.h"

#define NAME  "real-libvirt"
#define LOCAL "lxc:///system"
/* An unprivileged user: "nobody", on most distributions. */
#define NOBODY "65534"

typedef struct
{
  Libvirtd *libvirtd;
  Container *container;
  Record *record;
} Bridge;

static int
count_repeats (int full)
{
  return g_getenv ("LXCMON_TEST_FULL") != NULL ? full : full / 10;
}

static gboolean
bridge_start (Bridge *self, const char *uri)
{
  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  self->container = container_new (NAME);
  self->record = record_new (lxcmon_host_new_for_uri (uri));
  record_run (self->record);
  return TRUE;
}

static void
bridge_clear (Bridge *self)
{
  g_clear_pointer (&self->record, record_free);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  g_clear_pointer (&self->container, container_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bridge, bridge_clear)

static LxcmonMonitor *
bridge_row (Bridge *self)
{
  return lxcmon_host_lookup (self->record->list, NAME);
}

/* Whether the trace ends with this. */
static gboolean
ends_with (Bridge *self, const char *what)
{
  g_autofree char *text = g_strdup_printf (NAME " %s", what);

  return g_str_has_suffix (self->record->trace->str, text);
}

static void
bridge_wait_init (Bridge *self, gboolean is_known)
{
  int pid = is_known ? real_init_pid (self->container) : 0;
  g_autofree char *init = g_strdup_printf ("init %d", pid);

  real_wait (ends_with (self, init));
  g_assert_cmpint (lxcmon_monitor_get_init_pid (bridge_row (self)), ==, pid);
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (bridge_row (self)), ==,
                   is_known ? container_get_controller_pid (self->container) : 0);
}

/* The harness may need several attempts: only the last one counts. */
static void
bridge_create (Bridge *self, gboolean is_known)
{
  g_autoptr (GError) error = NULL;

  libvirtd_create (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  bridge_wait_init (self, is_known);
  record_assert_names (self->record, NAME);
  record_clear (self->record);
}

static void
bridge_wait_gone (Bridge *self)
{
  g_autoptr (GError) error = NULL;

  libvirtd_wait_gone (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  real_wait (bridge_row (self) == NULL);
}

static void
bridge_shutdown (Bridge *self)
{
  real_command (self->container, "shutdown");
  bridge_wait_gone (self);
  record_assert (self->record, NAME " exit shutdown, " NAME " closed");
}

static void
test_shutdown (void)
{
  g_auto (Bridge) bridge = { 0 };

  if (!bridge_start (&bridge, LOCAL))
    return;
  bridge_create (&bridge, TRUE);
  bridge_shutdown (&bridge);
}

/* All reboots are reported on one row. */
static void
test_reboot (void)
{
  g_auto (Bridge) bridge = { 0 };
  g_autoptr (GError) error = NULL;
  int n = count_repeats (50), n_unserved = 0;

  if (!bridge_start (&bridge, LOCAL))
    return;
  bridge_create (&bridge, TRUE);
  g_autoptr (LxcmonMonitor) row = g_object_ref (bridge_row (&bridge));
  for (int i = 0; i < n; i++)
    {
      g_autofree char *expected = NULL;
      real_command (bridge.container, "reboot");
      libvirtd_wait_reboot (bridge.libvirtd, bridge.container, &error);
      g_assert_no_error (error);
      bridge_wait_init (&bridge, TRUE);
      expected = g_strdup_printf (NAME " exit reboot, " NAME " closed, " NAME " init %d",
                                  real_init_pid (bridge.container));
      record_assert (bridge.record, expected);
      g_assert_true (bridge_row (&bridge) == row);
      if (libvirtd_wait_attached (bridge.container))
        continue;

      /* libvirt 9.0.0 has lost the connection to its own container, and receives nothing from it. */
      n_unserved++;
      libvirtd_destroy_domain (bridge.libvirtd, bridge.container, &error);
      g_assert_no_error (error);
      bridge_wait_gone (&bridge);
      bridge_create (&bridge, TRUE);
      g_set_object (&row, bridge_row (&bridge));
    }
  g_test_message ("%d reboots; libvirtd lost its own container %d times", n, n_unserved);
  bridge_shutdown (&bridge);
}

static void
test_destroy (void)
{
  g_auto (Bridge) bridge = { 0 };
  g_autoptr (GError) error = NULL;
  int n = count_repeats (50);

  if (!bridge_start (&bridge, LOCAL))
    return;
  for (int i = 0; i < n; i++)
    {
      bridge_create (&bridge, TRUE);
      libvirtd_destroy_domain (bridge.libvirtd, bridge.container, &error);
      g_assert_no_error (error);
      bridge_wait_gone (&bridge);
      record_assert (bridge.record, NAME " closed destroyed");
    }
  g_test_message ("destroyed %d times", n);
}

static void
test_controller_killed (void)
{
  g_auto (Bridge) bridge = { 0 };

  if (!bridge_start (&bridge, LOCAL))
    return;
  bridge_create (&bridge, TRUE);
  container_signal (bridge.container, SIGKILL);
  bridge_wait_gone (&bridge);
  record_assert (bridge.record, NAME " closed lost");
}

/* A host that is started later finds the container and its pids, and reports the rest. */
static void
test_late (void)
{
  g_auto (Bridge) bridge = { 0 };

  if (!bridge_start (&bridge, LOCAL))
    return;
  bridge_create (&bridge, TRUE);
  Record *late = record_new (lxcmon_host_new_for_uri (LOCAL));
  record_run (late);
  LxcmonMonitor *row = lxcmon_host_lookup (late->list, NAME);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (row), ==, real_init_pid (bridge.container));
  g_assert_cmpint (lxcmon_monitor_get_controller_pid (row), ==,
                   container_get_controller_pid (bridge.container));
  record_assert (late, "");

  /* Both hosts report the end. */
  bridge_shutdown (&bridge);
  real_wait (lxcmon_host_lookup (late->list, NAME) == NULL);
  record_assert (late, NAME " exit shutdown, " NAME " closed");
  record_free (late);
}

/* The application's own connection stays open, with what the application has registered. */
static void
test_connection (void)
{
  g_auto (Bridge) bridge = { 0 };
  g_autoptr (GError) error = NULL;

  if (!bridge_start (&bridge, LOCAL))
    return;
  g_autoptr (GObject) owned = G_OBJECT (gvir_connection_new (LOCAL));
  GVirConnection *connection = GVIR_CONNECTION (owned);
  gvir_connection_open_read_only (connection, NULL, &error);
  g_assert_no_error (error);
  Record *record = record_new (lxcmon_libvirt_host_new_for_connection (connection));
  record_run (record);
  bridge_create (&bridge, TRUE);
  bridge_shutdown (&bridge);
  real_wait (lxcmon_host_lookup (record->list, NAME) == NULL);
  g_assert_true (g_str_has_suffix (record->trace->str, NAME " exit shutdown, " NAME " closed"));
  record_free (record);
  g_assert_true (gvir_connection_is_open (connection));
  gvir_connection_close (connection);
  real_run_for (50);
}

/* As from another host: the same, except for the pids. */
static void
test_remote (void)
{
  g_auto (Bridge) bridge = { 0 };
  g_autofree char *why = libvirtd_why_unsupported ();
  g_autofree char *why_no_tcp = libvirtd_why_no_tcp ();
  g_autoptr (GError) error = NULL;
  guint port = real_find_free_port ();
  g_autofree char *uri = g_strdup_printf ("lxc+tcp://127.0.0.1:%u/system", port);

  if (why != NULL || why_no_tcp != NULL)
    {
      g_test_skip (why != NULL ? why : why_no_tcp);
      return;
    }
  bridge.libvirtd = libvirtd_start_listening (port, &error);
  g_assert_no_error (error);
  bridge.container = container_new (NAME);
  bridge.record = record_new (lxcmon_host_new_for_uri (uri));
  record_run (bridge.record);

  bridge_create (&bridge, FALSE);
  real_command (bridge.container, "reboot");
  libvirtd_wait_reboot (bridge.libvirtd, bridge.container, &error);
  g_assert_no_error (error);
  real_wait (ends_with (&bridge, "init 0"));
  record_assert (bridge.record, NAME " exit reboot, " NAME " closed, " NAME " init 0");
  libvirtd_destroy_domain (bridge.libvirtd, bridge.container, &error);
  g_assert_no_error (error);
  bridge_wait_gone (&bridge);
  record_assert (bridge.record, NAME " closed destroyed");
}

/* This program again, as an unprivileged user: it watches until the container has ended. */
static int
run_watch (const char *uri)
{
  g_autoptr (Record) record = record_new (lxcmon_host_new_for_uri (uri));
  LxcmonMonitor *row;

  record_run (record);
  row = lxcmon_host_lookup (record->list, NAME);
  g_assert_nonnull (row);
  printf ("there init %d\n", lxcmon_monitor_get_init_pid (row));
  fflush (stdout);
  real_wait (lxcmon_host_lookup (record->list, NAME) == NULL);
  printf ("%s\n", record->trace->str);
  return 0;
}

static char *
read_log (const char *path)
{
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static gboolean
log_says (const char *path, const char *what)
{
  g_autofree char *text = read_log (path);

  return strstr (text, what) != NULL;
}

static void
test_unprivileged (void)
{
  const char *envp[] = { "PATH=/usr/bin:/bin", "HOME=/", NULL, NULL };
  g_auto (Bridge) bridge = { 0 };
  g_autofree char *setpriv = g_find_program_in_path ("setpriv");
  g_autofree char *why = others_why_unsupported ();
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *program = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  const char *argv[]
      = { setpriv, "--reuid=" NOBODY, "--regid=" NOBODY, "--clear-groups", NULL, "--watch", NULL };
  ProcessSetup setup = { .envp = envp, .death_signal = SIGKILL };
  int pidfd, status;

  if (setpriv == NULL || why != NULL)
    {
      g_test_skip (why != NULL ? why : "setpriv is not installed");
      return;
    }
  if (!bridge_start (&bridge, LOCAL))
    return;
  bridge_create (&bridge, TRUE);
  argv[4] = program = others_copy (self);
  g_autofree char *module_dir = others_get_module_dir (program);
  g_autofree char *variable = g_strconcat ("LXCMON_MODULE_DIR=", module_dir, NULL);
  envp[2] = variable;
  setup.out_fd = setup.err_fd = g_file_open_tmp ("lxcmon-watch-XXXXXX", &path, &error);
  pid_t pid = process_spawn (argv, &setup, &pidfd, &error);
  g_assert_no_error (error);
  close (setup.out_fd);

  g_autofree char *there = g_strdup_printf ("there init %d\n", real_init_pid (bridge.container));
  real_wait (log_says (path, there) || process_wait (pidfd, 0));
  bridge_shutdown (&bridge);
  g_assert_true (process_wait (pidfd, 10000));
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  process_clear_fd (&pidfd);
  g_autofree char *said = read_log (path);
  g_autofree char *expected = g_strconcat (there, NAME " exit shutdown, " NAME " closed\n", NULL);
  g_assert_cmpstr (said, ==, expected);
  g_assert_cmpint (status, ==, 0);
  g_unlink (path);
}

int
main (int argc, char *argv[])
{
  if (argc == 2 && strcmp (argv[1], "--watch") == 0)
    return run_watch (LOCAL);
  if (!real_test_begin (&argc, &argv))
    return 0;
  record_begin ();
  real_test_add ("/real/libvirt-host/shutdown", test_shutdown);
  real_test_add ("/real/libvirt-host/reboot", test_reboot);
  real_test_add ("/real/libvirt-host/destroy", test_destroy);
  real_test_add ("/real/libvirt-host/controller-killed", test_controller_killed);
  real_test_add ("/real/libvirt-host/late", test_late);
  real_test_add ("/real/libvirt-host/connection", test_connection);
  real_test_add ("/real/libvirt-host/remote", test_remote);
  real_test_add ("/real/libvirt-host/unprivileged", test_unprivileged);
  return g_test_run ();
}
