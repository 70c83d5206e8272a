/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How inits end, through a real libvirtd on this machine: what the kernel knows, as a host reports it. */

#include "ended.h"
#include "lxcmon-libvirt/record.h"
#include "real-test.h"

#define NAME "real-libvirt-ended"

typedef struct
{
  Libvirtd *libvirtd;
  Container *container;
  Record *record;
  LxcmonHost *host;   /* the record's */
  LxcmonMonitor *row; /* the last that had ended */
  int exit_code;
  int signal;
} Through;

static void
on_host_closed (LxcmonHost *host, LxcmonMonitor *row, const GError *error, gpointer user_data)
{
  Through *self = user_data;

  g_set_object (&self->row, row);
  self->exit_code = lxcmon_monitor_get_init_exit_code (row);
  self->signal = lxcmon_monitor_get_init_signal (row);
}

static gboolean
through_start (Through *self)
{
  if (!ended_is_known ())
    return FALSE;
  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  self->container = container_new (NAME);
  self->record = record_new (lxcmon_host_new_for_uri ("lxc:///system"));
  self->host = self->record->list;
  g_signal_connect (self->host, "closed", G_CALLBACK (on_host_closed), self);
  record_run (self->record);
  return TRUE;
}

static void
through_clear (Through *self)
{
  g_clear_object (&self->row);
  if (self->host != NULL)
    g_signal_handlers_disconnect_by_data (self->host, self);
  g_clear_pointer (&self->record, record_free);
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  g_clear_pointer (&self->container, container_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Through, through_clear)

/* The row of a container that has started, and is libvirtd's. */
static LxcmonMonitor *
through_create (Through *self)
{
  g_autoptr (GError) error = NULL;
  LxcmonMonitor *row;

  libvirtd_create (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  real_wait ((row = lxcmon_host_lookup (self->host, NAME)) != NULL
             && lxcmon_monitor_get_init_pid (row) == real_init_pid (self->container));
  g_autofree char *uuid = lxcmon_monitor_get_uuid (row);
  g_assert_cmpstr (uuid, ==, container_get_uuid (self->container));
  g_clear_object (&self->row);
  return row;
}

static void
test_libvirt (gconstpointer data)
{
  const EndedWay *way = data;
  g_auto (Through) through = { 0 };
  g_autoptr (GHashTable) lives = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GError) error = NULL;

  if (!through_start (&through))
    return;
  for (int i = 0; i < ended_count_runs () / 2; i++)
    {
      ended_add_life (lives, through_create (&through));
      ended_end (through.container, way);
      libvirtd_wait_gone (through.libvirtd, through.container, &error);
      g_assert_no_error (error);
      real_wait (through.row != NULL && lxcmon_host_lookup (through.host, NAME) == NULL);
      ended_assert (through.row, way);
    }
}

static void
test_libvirt_destroyed (void)
{
  g_auto (Through) through = { 0 };
  g_autoptr (GError) error = NULL;
  int n_at_once = 0, n = ended_count_runs () / 2;

  if (!through_start (&through))
    return;
  for (int i = 0; i < n; i++)
    {
      through_create (&through);
      libvirtd_destroy_domain (through.libvirtd, through.container, &error);
      g_assert_no_error (error);
      libvirtd_wait_gone (through.libvirtd, through.container, &error);
      g_assert_no_error (error);
      real_wait (through.row != NULL);
      g_assert_cmpint (lxcmon_monitor_get_end (through.row), ==, LXCMON_END_DESTROYED);
      n_at_once += through.signal != 0 || through.exit_code >= 0;
      real_wait (lxcmon_monitor_get_init_signal (through.row) != 0
                 || lxcmon_monitor_get_init_exit_code (through.row) >= 0);
      g_autofree char *description = lxcmon_monitor_describe_end (through.row);
      g_test_message ("%s", description);
    }
  g_test_message ("known with \"closed\": %d of %d", n_at_once, n);
}

/* On a reboot the old init is asked, although the new one runs already. */
static void
test_libvirt_reboot (void)
{
  g_auto (Through) through = { 0 };
  g_autoptr (GError) error = NULL;

  if (!through_start (&through))
    return;
  g_autoptr (LxcmonMonitor) row = g_object_ref (through_create (&through));
  for (int i = 0; i < ended_count_runs () / 2; i++)
    {
      g_autofree char *life = lxcmon_monitor_get_life (row);

      real_command (through.container, "reboot");
      libvirtd_wait_reboot (through.libvirtd, through.container, &error);
      g_assert_no_error (error);
      real_wait (lxcmon_monitor_get_init_pid (row) == real_init_pid (through.container));
      g_assert_cmpint (through.exit_code, ==, 0);
      g_assert_true (through.row == row);
      g_assert_true (lxcmon_monitor_get_running (row));
      g_assert_cmpint (lxcmon_monitor_get_init_exit_code (row), ==, -1);
      g_autofree char *next = lxcmon_monitor_get_life (row);
      g_assert_true (life == NULL || !g_str_equal (life, next));
      through.exit_code = -1;
    }
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  for (gsize i = 0; i < N_ENDED_WAYS; i++)
    if (ended_ways[i].end != LXCMON_END_REBOOT)
      ended_add_test ("/real/libvirt-ended", &ended_ways[i], test_libvirt);
  real_test_add ("/real/libvirt-ended/destroyed", test_libvirt_destroyed);
  real_test_add ("/real/libvirt-ended/reboot", test_libvirt_reboot);
  return g_test_run ();
}
