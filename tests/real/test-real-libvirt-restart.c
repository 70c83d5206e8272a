/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libvirtd is stopped, killed, suspended and started again, while containers start and end: a host reports
 * that the connection is lost, connects again by itself, and then has the list of libvirtd. */

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lxcmon-libvirt/record.h"
#include "real-test.h"

#define LOCAL          "lxc:///system"
#define N_CONTAINERS   4
#define N_RESTARTS     4
#define N_RESTARTS_ALL 20

typedef struct
{
  Libvirtd *libvirtd;
  Record *record;
  Container *containers[N_CONTAINERS];
  guint n_lost;
  guint n_back;
  guint n_names;
  guint n_not_started;
} Bridge;

static void
on_connected (LxcmonHost *host, GParamSpec *property, Bridge *self)
{
  const GError *error = lxcmon_host_get_error (host);

  if (lxcmon_host_get_connected (host))
    self->n_back++;
  else if (error != NULL) /* else it was stopped */
    {
      g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST);
      self->n_lost++;
    }
}

static gboolean
bridge_start (Bridge *self)
{
  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("real-restart-%u", self->n_names++);
      self->containers[i] = container_new (name);
    }
  self->record = record_new (lxcmon_host_new_for_uri (LOCAL));
  g_signal_connect (self->record->host, "notify::connected", G_CALLBACK (on_connected), self);
  record_run (self->record);
  self->n_back = 0;
  return TRUE;
}

static void
bridge_clear (Bridge *self)
{
  if (self->record != NULL)
    g_signal_handlers_disconnect_by_func (self->record->host, on_connected, self);
  g_clear_pointer (&self->record, record_free);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  for (guint i = 0; i < N_CONTAINERS; i++)
    g_clear_pointer (&self->containers[i], container_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bridge, bridge_clear)

static void
bridge_create (Bridge *self, guint i)
{
  g_autoptr (GError) error = NULL;

  libvirtd_create (self->libvirtd, self->containers[i], &error);
  g_assert_no_error (error);
}

/* Under load, a container that does not start is no failure: 9.0.0 keeps the files of a container that ended
 * while libvirtd did not run, and then cannot start it again. */
static void
try_create (Bridge *self, guint i)
{
  g_autoptr (GError) error = NULL;

  if (!libvirtd_create (self->libvirtd, self->containers[i], &error))
    {
      self->n_not_started++;
      g_clear_pointer (&self->containers[i], container_free);
      g_autofree char *name = g_strdup_printf ("real-restart-%u", self->n_names++);
      self->containers[i] = container_new (name);
    }
}

static void
bridge_end_libvirtd (Bridge *self, int signum)
{
  real_end_libvirtd (self->libvirtd, signum);
}

static void
bridge_start_libvirtd (Bridge *self)
{
  libvirtd_free (self->libvirtd);
  self->libvirtd = real_start_libvirtd ();
}

static gboolean
is_listed (Bridge *self, guint i)
{
  return lxcmon_host_lookup (self->record->list, container_get_name (self->containers[i])) != NULL;
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The names as virsh lists them, sorted. */
static char *
list_of_virsh (Bridge *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = libvirtd_virsh (self->libvirtd, &error, "list", "--name", NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  g_assert_no_error (error);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (*g_strstrip (lines[i]) != '\0')
      g_ptr_array_add (names, lines[i]);
  g_ptr_array_sort (names, compare_strings);
  g_ptr_array_add (names, NULL);
  return g_strjoinv (" ", (char **) names->pdata);
}

/* Whether the list is the same as libvirtd's. */
static gboolean
is_settled (Bridge *self)
{
  g_autofree char *theirs = list_of_virsh (self);
  g_autofree char *ours = record_list_names (self->record);

  return lxcmon_host_get_connected (self->record->host) && strcmp (theirs, ours) == 0;
}

/* Containers stay while libvirtd does not run. One that ends meanwhile is closed at once; one that runs is
 * unchanged. */
static void
check_away (int signum)
{
  g_auto (Bridge) bridge = { 0 };

  if (!bridge_start (&bridge))
    return;
  bridge_create (&bridge, 0);
  bridge_create (&bridge, 1);
  real_wait (is_listed (&bridge, 0) && is_listed (&bridge, 1));
  real_run_for (100);
  record_clear (bridge.record);
  g_autoptr (LxcmonMonitor) row
      = g_object_ref (lxcmon_host_lookup (bridge.record->list, "real-restart-0"));

  bridge_end_libvirtd (&bridge, signum);
  real_wait (bridge.n_lost == 1);
  g_assert_true (is_listed (&bridge, 0) && is_listed (&bridge, 1));
  container_signal (bridge.containers[1], SIGKILL);
  real_wait_end (bridge.containers[1]);
  real_wait (!is_listed (&bridge, 1));
  record_assert (bridge.record, "real-restart-1 closed unseen");
  g_assert_cmpuint (bridge.n_back, ==, 0);

  bridge_start_libvirtd (&bridge);
  real_wait (bridge.n_back == 1);
  real_run_for (300);
  record_assert (bridge.record, "");
  g_assert_true (lxcmon_host_lookup (bridge.record->list, "real-restart-0") == row);
  g_assert_cmpint (lxcmon_monitor_get_state (row), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (row), ==, real_init_pid (bridge.containers[0]));
  g_assert_null (lxcmon_host_get_error (bridge.record->host));
  g_assert_true (is_settled (&bridge));

  /* Events are reported again. */
  real_command (bridge.containers[0], "shutdown");
  real_wait (!is_listed (&bridge, 0));
  record_assert (bridge.record, "real-restart-0 exit shutdown, real-restart-0 closed");
}

static void
test_stopped (void)
{
  check_away (SIGTERM);
}

static void
test_killed (void)
{
  check_away (SIGKILL);
}

/* Shuts down this program's connections to libvirtd, which continues to run. */
static void
cut_connections (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      struct sockaddr_un address = { 0 };
      socklen_t size = sizeof address;
      int fd = (int) g_ascii_strtoll (name, NULL, 10);

      if (getpeername (fd, (struct sockaddr *) &address, &size) == 0
          && address.sun_family == AF_UNIX && strstr (address.sun_path, "/libvirt-sock") != NULL)
        {
          g_assert_cmpint (shutdown (fd, SHUT_RDWR), ==, 0);
          n++;
        }
    }
  g_assert_cmpuint (n, ==, 1);
}

/* The same name and the same uuid, but another run, whose start was not seen: the old one was lost, the
 * new one appears. */
static void
test_another_life (void)
{
  g_auto (Bridge) bridge = { 0 };
  g_autoptr (GError) error = NULL;

  if (!bridge_start (&bridge))
    return;
  bridge_create (&bridge, 0);
  real_wait (is_listed (&bridge, 0));
  real_run_for (100);
  record_clear (bridge.record);
  g_autoptr (LxcmonMonitor) row
      = g_object_ref (lxcmon_host_lookup (bridge.record->list, "real-restart-0"));

  /* No context runs meanwhile, so the host reports nothing yet. */
  cut_connections ();
  libvirtd_destroy_domain (bridge.libvirtd, bridge.containers[0], &error);
  g_assert_no_error (error);
  bridge_create (&bridge, 0);
  real_wait (bridge.n_lost == 1 && bridge.n_back == 1);
  real_run_for (100);
  record_assert (bridge.record, "real-restart-0 closed unseen");
  g_autoptr (LxcmonMonitor) other
      = g_object_ref (lxcmon_host_lookup (bridge.record->list, "real-restart-0"));
  g_assert_true (other != row);
  g_assert_cmpint (lxcmon_monitor_get_state (row), ==, LXCMON_STATE_CLOSED);
  g_assert_cmpint (lxcmon_monitor_get_state (other), ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (other), ==, real_init_pid (bridge.containers[0]));
  g_assert_true (is_settled (&bridge));
}

/* A libvirtd that hangs blocks no main loop, and stopping a host returns at once. */
static void
test_hanging (void)
{
  g_auto (Bridge) bridge = { 0 };
  gint64 start;

  if (!bridge_start (&bridge))
    return;
  libvirtd_kill (bridge.libvirtd, SIGSTOP);
  Record *other = record_new (lxcmon_host_new_for_uri (LOCAL));
  record_start (other, NULL);
  real_run_for (300);
  g_assert_cmpuint (other->n_starts_done, ==, 0);
  start = g_get_monotonic_time ();
  lxcmon_host_stop (other->list);
  lxcmon_host_stop (bridge.record->list);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 100 * 1000);
  real_wait (other->n_starts_done == 1);
  g_assert_error (other->start_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  libvirtd_kill (bridge.libvirtd, SIGCONT);
  record_free (other);
}

/* If libvirtd hangs for long, the keepalive closes the connection. */
static void
test_keepalive (void)
{
  g_auto (Bridge) bridge = { 0 };

  if (!bridge_start (&bridge))
    return;
  libvirtd_kill (bridge.libvirtd, SIGSTOP);
  real_run_for (15000);
  real_wait (bridge.n_lost == 1);
  g_assert_nonnull (strstr (lxcmon_host_get_error (bridge.record->host)->message, "answer"));
  libvirtd_kill (bridge.libvirtd, SIGCONT);
  real_wait (bridge.n_back == 1);
}

/* Starts or ends a container. Without libvirtd, one that reboots or is killed ends. */
static void
do_something (Bridge *self, guint i, gboolean has_libvirtd)
{
  Container *container = self->containers[i];
  g_autofree char *list = has_libvirtd ? list_of_virsh (self) : NULL;
  gboolean runs = list == NULL || strstr (list, container_get_name (container)) != NULL;

  if (!runs)
    try_create (self, i);
  else if (container_get_init_pid (container) == 0)
    return;
  else if (g_test_rand_bit ())
    real_command (container, g_test_rand_bit () ? "reboot" : "shutdown");
  else
    container_signal (container, SIGKILL);
}

static void
test_under_load (void)
{
  g_auto (Bridge) bridge = { 0 };
  guint n = g_getenv ("LXCMON_TEST_FULL") != NULL ? N_RESTARTS_ALL : N_RESTARTS;

  if (!bridge_start (&bridge))
    return;
  for (guint i = 0; i < n; i++)
    {
      for (guint k = 0; k < 2 * N_CONTAINERS; k++)
        do_something (&bridge, (guint) g_test_rand_int_range (0, N_CONTAINERS), TRUE);
      bridge_end_libvirtd (&bridge, g_test_rand_bit () ? SIGTERM : SIGKILL);
      for (guint k = 0; k < N_CONTAINERS; k++)
        do_something (&bridge, k, FALSE);
      bridge_start_libvirtd (&bridge);
      do_something (&bridge, 0, TRUE);
      real_wait (bridge.n_back == i + 1 && is_settled (&bridge));
      g_assert_cmpuint (bridge.n_lost, ==, i + 1);
    }
  g_test_message ("%u restarts: the list was virsh's after each; %u containers did not start", n,
                  bridge.n_not_started);
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  record_begin ();
  real_test_add ("/real/libvirt-restart/stopped", test_stopped);
  real_test_add ("/real/libvirt-restart/killed", test_killed);
  real_test_add ("/real/libvirt-restart/another-life", test_another_life);
  real_test_add ("/real/libvirt-restart/hanging", test_hanging);
  real_test_add ("/real/libvirt-restart/keepalive", test_keepalive);
  real_test_add ("/real/libvirt-restart/under-load", test_under_load);
  return g_test_run ();
}
