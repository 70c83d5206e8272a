/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists and hosts cost libvirtd and its containers nothing: no place in an accept queue, and no connection but one
 * for each host. A libvirtd is found wherever it listens, and one that ends when it is idle stays while a host
 * is connected. */

#include <lxcmon-glib/lxcmon-glib.h>
#include <signal.h>
#include <string.h>

#include "accept-queue.h"
#include "real-test.h"

#define IDLE_S         5
#define END_TIMEOUT_MS 30000

/* With LXCMON_TEST_WHOLE, all of it; in a build without sanitizers, a part; otherwise, a little. */
typedef struct
{
  guint n_containers;
  guint n_lists;
  guint n_hosts;
} Plan;

static const Plan plan_whole = { 50, 1000, 100 };
static const Plan plan_full = { 50, 200, 100 };
static const Plan plan_little = { 5, 10, 5 };

typedef struct
{
  const Plan *plan;
  Libvirtd *libvirtd;
  GPtrArray *containers;
  guint n_descriptors; /* of this process, without containers */
} Fixture;

static const Plan *
choose_plan (void)
{
  if (g_getenv ("LXCMON_TEST_WHOLE") != NULL)
    return &plan_whole;
  return g_getenv ("LXCMON_TEST_FULL") != NULL ? &plan_full : &plan_little;
}

static void
create (Fixture *self, guint n)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("many-%02u", i);
      Container *container = container_new (name);

      g_ptr_array_add (self->containers, container);
      libvirtd_create (self->libvirtd, container, &error);
      g_assert_no_error (error);
    }
}

/* @libvirtd is NULL, and @error is set, if it could not be started. */
static void
set_up (Fixture *self, Libvirtd *libvirtd, const GError *error)
{
  g_assert_no_error (error);
  self->plan = choose_plan ();
  self->libvirtd = libvirtd;
  self->n_descriptors = real_count_descriptors () - 1; /* libvirtd's pidfd */
  self->containers = g_ptr_array_new_with_free_func ((GDestroyNotify) container_free);
}

static void
tear_down (Fixture *self)
{
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  g_ptr_array_unref (self->containers);
  /* The threads of the hosts' connections end a moment later. */
  real_wait_descriptors (self->n_descriptors);
}

static gboolean
is_skipped (void)
{
  g_autofree char *why = libvirtd_why_unsupported ();

  if (why != NULL)
    g_test_skip (why);
  return why != NULL;
}

/* ---- Hosts ---- */

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  lxcmon_host_start_finish (LXCMON_HOST (object), result, &error);
  g_assert_no_error (error);
  ++*(guint *) user_data;
}

static void
count (guint *n)
{
  ++*n;
}

static LxcmonHost *
start_host (void)
{
  LxcmonHost *host = lxcmon_host_new (NULL);
  guint n_started = 0;

  lxcmon_host_start_async (host, NULL, on_started, &n_started);
  real_wait (n_started == 1);
  return host;
}

/* Whether the host has all containers from libvirtd. */
static void
assert_complete (Fixture *self, LxcmonHost *host)
{
  g_assert_true (lxcmon_host_get_connected (host));
  g_assert_cmpint (lxcmon_host_get_source (host), ==, LXCMON_SOURCE_LIBVIRT);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (host)), ==, self->containers->len);
}

/* ---- Many ---- */

static void
assert_queues (Fixture *self)
{
  for (guint i = 0; i < self->containers->len; i++)
    {
      AcceptQueue queue
          = accept_queue_look (container_get_socket_path (self->containers->pdata[i]));

      g_assert_cmpuint (queue.n_listeners, ==, 1);
      g_assert_cmpuint (queue.n_queued, ==, 0);
      g_assert_cmpuint (queue.n_served, ==, 1);
    }
}

static void
assert_ss_agrees (Fixture *self)
{
  for (guint i = 0; i < self->containers->len; i++)
    {
      const char *path = container_get_socket_path (self->containers->pdata[i]);
      g_assert_cmpint (accept_queue_ask_ss (path), <=, 0);
    }
}

/* The command lists all containers. */
static void
run_list (Fixture *self)
{
  const char *argv[] = { g_getenv ("LXCMON_COMMAND"), "list", NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  int status = -1;

  g_assert_nonnull (argv[0]);
  g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, &text, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  for (guint i = 0; i < self->containers->len; i++)
    g_assert_nonnull (strstr (text, container_get_name (self->containers->pdata[i])));
}

static void
run_lists (Fixture *self)
{
  guint n_sockets = libvirtd_count_sockets (self->libvirtd), n_most = 0;
  gint64 begin = g_get_monotonic_time ();

  for (guint i = 0; i < self->plan->n_lists; i++)
    {
      run_list (self);
      n_most = MAX (n_most, libvirtd_count_sockets (self->libvirtd));
      if (i % 10 == 0)
        assert_queues (self);
    }
  g_assert_cmpuint (n_most, ==, n_sockets);
  g_test_message (
      "%u lists of %u containers, %.1f ms each: libvirtd had %u sockets before, and never more",
      self->plan->n_lists, self->containers->len,
      (double) (g_get_monotonic_time () - begin) / 1000 / self->plan->n_lists, n_sockets);
}

/* libvirtd is stopped, so that a connection to it would be left in its queue. */
static void
run_lists_alone (Fixture *self)
{
  static const char *const paths[]
      = { "/run/libvirt/libvirt-sock", "/run/libvirt/libvirt-sock-ro", "/run/libvirt/virtlxcd-sock",
          "/run/libvirt/virtlxcd-sock-ro" };
  guint n_listeners = 0;

  libvirtd_kill (self->libvirtd, SIGSTOP);
  for (guint i = 0; i < self->plan->n_lists / 10; i++)
    run_list (self);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      AcceptQueue queue = accept_queue_look (paths[i]);

      n_listeners += queue.n_listeners;
      g_assert_cmpuint (queue.n_queued, ==, 0);
    }
  g_assert_cmpuint (n_listeners, ==, 2);
  libvirtd_kill (self->libvirtd, SIGCONT);
}

static void
run_hosts (Fixture *self)
{
  g_autoptr (GPtrArray) hosts = g_ptr_array_new_with_free_func (g_object_unref);
  guint n_sockets = libvirtd_count_sockets (self->libvirtd), n_started = 0, n_most;

  for (guint i = 0; i < self->plan->n_hosts; i++)
    {
      LxcmonHost *host = lxcmon_host_new (NULL);

      g_ptr_array_add (hosts, host);
      lxcmon_host_start_async (host, NULL, on_started, &n_started);
    }
  real_wait (n_started == self->plan->n_hosts);
  for (guint i = 0; i < hosts->len; i++)
    assert_complete (self, hosts->pdata[i]);
  assert_queues (self);
  n_most = libvirtd_count_sockets (self->libvirtd);
  g_assert_cmpuint (n_most, ==, n_sockets + self->plan->n_hosts);
  for (guint i = 0; i < hosts->len; i++)
    lxcmon_host_stop (hosts->pdata[i]);
  real_wait (libvirtd_count_sockets (self->libvirtd) == n_sockets);
  assert_queues (self);
  g_test_message ("%u hosts: libvirtd had %u sockets before, %u meanwhile, %u afterwards",
                  self->plan->n_hosts, n_sockets, n_most, n_sockets);
}

static void
test_many (void)
{
  g_autoptr (GError) error = NULL;
  Fixture self;

  if (is_skipped ())
    return;
  set_up (&self, libvirtd_start (&error), error);
  create (&self, self.plan->n_containers);
  assert_queues (&self);
  /* The last virsh has gone. */
  real_run_for (200);
  if (g_getenv ("LXCMON_COMMAND") != NULL)
    {
      run_lists (&self);
      run_lists_alone (&self);
    }
  run_hosts (&self);
  assert_queues (&self);
  assert_ss_agrees (&self);
  tear_down (&self);
}

/* ---- Where libvirtd listens ---- */

/* Its containers' events come from it. */
static void
expect_events (Fixture *self, LxcmonHost *host)
{
  g_autoptr (GError) error = NULL;
  guint n_inits = 0;

  g_signal_connect_swapped (host, "init", G_CALLBACK (count), &n_inits);
  real_command (self->containers->pdata[0], "reboot");
  libvirtd_wait_reboot (self->libvirtd, self->containers->pdata[0], &error);
  g_assert_no_error (error);
  real_wait (n_inits == 1);
  assert_complete (self, host);
  g_signal_handlers_disconnect_by_data (host, &n_inits);
}

/* The second libvirtd listens in another directory than the first, and starts while the host is waiting. */
static void
test_elsewhere (void)
{
  g_autoptr (GError) error = NULL;
  guint n_sockets;
  Fixture self;

  if (is_skipped ())
    return;
  set_up (&self, libvirtd_start_elsewhere (&error), error);
  create (&self, 2);
  g_assert_false (g_file_test ("/run/libvirt/libvirt-sock", G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test ("/run/libvirt/libvirt-sock-ro", G_FILE_TEST_EXISTS));
  /* The last virsh has gone. */
  real_run_for (200);
  n_sockets = libvirtd_count_sockets (self.libvirtd);

  LxcmonHost *host = start_host ();
  assert_complete (&self, host);
  g_assert_cmpuint (libvirtd_count_sockets (self.libvirtd), ==, n_sockets + 1);
  expect_events (&self, host);

  g_clear_pointer (&self.libvirtd, libvirtd_free);
  real_wait (!lxcmon_host_get_connected (host));
  self.libvirtd = libvirtd_start_elsewhere (&error);
  g_assert_no_error (error);
  real_wait (lxcmon_host_get_connected (host));
  assert_complete (&self, host);
  expect_events (&self, host);
  lxcmon_host_stop (host);
  g_object_unref (host);
  tear_down (&self);
}

/* ---- When libvirtd ends by itself ---- */

static gboolean
has_ended (Fixture *self, int timeout_ms)
{
  return libvirtd_wait_end (self->libvirtd, timeout_ms, NULL);
}

/* Nobody is connected: it ends. The host does not start it again, and shows no error. */
static void
test_idle (void)
{
  g_autoptr (GError) error = NULL;
  Fixture self;

  if (is_skipped ())
    return;
  set_up (&self, libvirtd_start_with_timeout (IDLE_S, &error), error);
  g_assert_true (has_ended (&self, END_TIMEOUT_MS));
  LxcmonHost *host = start_host ();
  g_assert_true (lxcmon_host_get_connected (host));
  g_assert_null (lxcmon_host_get_error (host));
  lxcmon_host_stop (host);
  g_object_unref (host);
  tear_down (&self);
}

/* The host's connection keeps it, and when the host is stopped, it ends. */
static void
test_kept (void)
{
  g_autoptr (GError) error = NULL;
  Fixture self;

  if (is_skipped ())
    return;
  set_up (&self, libvirtd_start_with_timeout (IDLE_S, &error), error);
  LxcmonHost *host = start_host ();
  assert_complete (&self, host);
  real_run_for (3 * IDLE_S * 1000);
  g_assert_false (has_ended (&self, 0));
  assert_complete (&self, host);
  gint64 stopped_at = g_get_monotonic_time ();
  lxcmon_host_stop (host);
  g_object_unref (host);
  g_assert_true (has_ended (&self, END_TIMEOUT_MS));
  g_test_message ("libvirtd ended %.1f s after the host was stopped",
                  (double) (g_get_monotonic_time () - stopped_at) / G_USEC_PER_SEC);
  tear_down (&self);
}

/* libvirt-glib logs each step of its event loop. */
static void
drop_message (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  g_log_set_handler (NULL, G_LOG_LEVEL_DEBUG, drop_message, NULL);
  real_test_add ("/real/host-many/many", test_many);
  real_test_add ("/real/host-many/elsewhere", test_elsewhere);
  real_test_add ("/real/host-many/idle", test_idle);
  real_test_add ("/real/host-many/kept", test_kept);
  return g_test_run ();
}
