/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client does if libvirtd needs the slot, and if libvirtd has ended. */

#include <signal.h>
#include <string.h>

#include "accept-queue.h"
#include "real-test.h"
#include "watch.h"

#define NAME       "real-libvirtd"
#define N_ATTEMPTS 100
#define N_DESTROYS 5
/* Several busy checks of a client that waits for the slot. */
#define SEVERAL_LOOKS_MS 500

typedef struct
{
  Libvirtd *libvirtd;
  Container *container;
} Host;

static gboolean
host_start (Host *self)
{
  g_autoptr (GError) error = NULL;

  self->container = NULL;
  self->libvirtd = real_test_start_libvirtd ();
  if (self->libvirtd == NULL)
    return FALSE;
  self->container = container_new (NAME);
  libvirtd_create (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  return TRUE;
}

static void
host_clear (Host *self)
{
  g_clear_pointer (&self->libvirtd, libvirtd_free);
  g_clear_pointer (&self->container, container_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Host, host_clear)

/* The container runs on. */
static void
host_end_libvirtd (Host *self, int signum)
{
  real_end_libvirtd (self->libvirtd, signum);
}

static const char *
host_socket (Host *self)
{
  return container_get_socket_path (self->container);
}

static void
host_assert_gone (Host *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *list = NULL;

  libvirtd_wait_gone (self->libvirtd, self->container, &error);
  g_assert_no_error (error);
  list = libvirtd_virsh (self->libvirtd, &error, "list", "--all", "--name", NULL);
  g_assert_no_error (error);
  g_assert_null (strstr (list, NAME));
}

static void
fail_to_attach (Host *host)
{
  g_autoptr (Watch) watch = watch_new (host->container);
  g_autofree char *pid = g_strdup_printf ("(pid %d)", (int) libvirtd_get_pid (host->libvirtd));

  watch_attach (watch);
  watch_assert_state (watch, "detached");
  real_wait (watch->attach_done);
  g_assert_error (watch->attach_error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY);
  g_assert_nonnull (strstr (watch->attach_error->message, "libvirtd"));
  g_assert_nonnull (strstr (watch->attach_error->message, pid));
  watch_assert_trace (watch, "");
}

static void
test_busy (void)
{
  g_auto (Host) host = { NULL, NULL };
  gint64 start;

  if (!host_start (&host))
    return;
  start = g_get_monotonic_time ();
  for (int i = 0; i < N_ATTEMPTS; i++)
    fail_to_attach (&host);
  g_test_message ("%d times BUSY: %.3f ms each", N_ATTEMPTS,
                  (double) (g_get_monotonic_time () - start) / 1000 / N_ATTEMPTS);
  g_assert_cmpuint (accept_queue_look (host_socket (&host)).n_queued, ==, 0);
  g_assert_cmpint (accept_queue_ask_ss (host_socket (&host)), <=, 0);

  /* libvirtd receives its EXIT: it removes the domain. */
  real_command (host.container, "shutdown");
  host_assert_gone (&host);
}

/* EXIT reboot is why libvirtd needs the slot. */
static void
test_reboot_is_libvirtds (void)
{
  g_auto (Host) host = { NULL, NULL };
  g_autoptr (GError) error = NULL;

  if (!host_start (&host))
    return;
  for (int i = 0; i < N_ATTEMPTS / 10; i++)
    fail_to_attach (&host);
  real_command (host.container, "reboot");
  libvirtd_wait_reboot (host.libvirtd, host.container, &error);
  g_assert_no_error (error);
  fail_to_attach (&host);
}

static void
attach_as_late_joiner (Host *host, Watch *watch)
{
  accept_queue_wait (host_socket (host), 0, 0);
  container_forget_driver ();
  watch_attach (watch);
  real_wait (watch->attach_done);
  g_assert_no_error (watch->attach_error);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (watch->monitor), ==,
                   real_init_pid (host->container));
}

static void
run_after_libvirtd (int signum, const char *command, const char *trace)
{
  g_auto (Host) host = { NULL, NULL };
  g_autoptr (Watch) watch = NULL;

  if (!host_start (&host))
    return;
  watch = watch_new (host.container);
  host_end_libvirtd (&host, signum);
  attach_as_late_joiner (&host, watch);
  real_command (host.container, command);
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, trace);
}

static void
test_after_a_kill (void)
{
  run_after_libvirtd (SIGKILL, "shutdown", "exit:shutdown closed ");
}

/* A libvirtd that ends as it should has removed driver.pid. */
static void
test_after_a_stop (void)
{
  run_after_libvirtd (SIGTERM, "reboot", "exit:reboot closed ");
}

/* A libvirtd that hangs still runs: it needs its slot again later. */
static void
test_hanging (void)
{
  g_auto (Host) host = { NULL, NULL };

  if (!host_start (&host))
    return;
  libvirtd_kill (host.libvirtd, SIGSTOP);
  fail_to_attach (&host);
  libvirtd_kill (host.libvirtd, SIGCONT);
}

static Watch *
wait_if_busy (Host *host)
{
  Watch *watch = watch_new (host->container);

  lxcmon_client_set_wait_if_busy (watch->client, TRUE);
  watch_attach (watch);
  real_run_for (SEVERAL_LOOKS_MS);
  watch_assert_state (watch, "connecting");
  g_assert_cmpuint (accept_queue_look (host_socket (host)).n_queued, ==, 0);
  return watch;
}

static void
test_wait_if_busy (void)
{
  g_auto (Host) host = { NULL, NULL };
  g_autoptr (Watch) watch = NULL;

  if (!host_start (&host))
    return;
  watch = wait_if_busy (&host);
  host_end_libvirtd (&host, SIGKILL);
  real_wait (watch->attach_done);
  g_assert_no_error (watch->attach_error);
  g_assert_cmpint (lxcmon_monitor_get_init_pid (watch->monitor), ==,
                   real_init_pid (host.container));
  real_command (host.container, "shutdown");
  real_wait (watch->closed_at != 0);
  watch_assert_trace (watch, "exit:shutdown closed ");
}

/* libvirtd does not run only during its restart: a client that waits for the slot does not get it in between. */
static void
test_restart_while_waiting (void)
{
  g_auto (Host) host = { NULL, NULL };
  g_autoptr (Watch) watch = NULL;
  g_autoptr (GError) error = NULL;

  if (!host_start (&host))
    return;
  watch = wait_if_busy (&host);
  host_end_libvirtd (&host, SIGTERM);
  libvirtd_free (host.libvirtd);
  host.libvirtd = libvirtd_start (&error);
  g_assert_no_error (error);
  watch_assert_state (watch, "connecting");
  real_command (host.container, "shutdown");
  host_assert_gone (&host);
  real_wait (watch->attach_done);
  g_assert_true (watch->attach_error->domain == LXCMON_MONITOR_ERROR);
}

/* Attaches again and again in a thread of its own, until it is stopped. */
typedef struct
{
  int stop;
  guint n_busy;
  guint n_not_there;
} Pest;

static gpointer
run_pest (gpointer data)
{
  Pest *self = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  while (!g_atomic_int_get (&self->stop))
    {
      g_autoptr (LxcmonClient) client = lxcmon_client_new (NAME);
      g_autoptr (GError) error = NULL;

      g_assert_false (lxcmon_client_attach (client, NULL, &error));
      if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY))
        self->n_busy++;
      else
        {
          g_assert_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND);
          self->n_not_there++;
        }
    }
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* The socket is there before libvirtd has connected to it: INIT is libvirtd's all the same, and that it
 * is, libvirtd_create () makes sure. */
static void
test_start_race (void)
{
  g_auto (Host) host = { NULL, NULL };
  g_autoptr (GError) error = NULL;
  Pest pest = { 0 };
  GThread *thread;

  host.libvirtd = real_test_start_libvirtd ();
  if (host.libvirtd == NULL)
    return;
  host.container = container_new (NAME);
  thread = g_thread_new ("pest", run_pest, &pest);
  libvirtd_create (host.libvirtd, host.container, &error);
  g_atomic_int_set (&pest.stop, TRUE);
  g_thread_join (thread);
  g_assert_no_error (error);
  g_test_message ("during the start: %u times NOT_FOUND, %u times BUSY", pest.n_not_there,
                  pest.n_busy);
  g_assert_cmpuint (accept_queue_look (host_socket (&host)).n_queued, ==, 0);
  real_command (host.container, "shutdown");
  host_assert_gone (&host);
}

/* A client without force fails with BUSY before the restart and after it. */
static void
test_restart (void)
{
  g_auto (Host) host = { NULL, NULL };
  g_autoptr (GError) error = NULL;

  if (!host_start (&host))
    return;
  fail_to_attach (&host);
  host_end_libvirtd (&host, SIGTERM);
  libvirtd_free (host.libvirtd);
  host.libvirtd = libvirtd_start (&error);
  g_assert_no_error (error);
  accept_queue_wait (host_socket (&host), 0, 1);
  fail_to_attach (&host);
  g_assert_cmpuint (accept_queue_look (host_socket (&host)).n_queued, ==, 0);
  real_command (host.container, "shutdown");
  host_assert_gone (&host);
}

/* libvirtd starts again while the client has the slot, and gets it: a container that it destroys is its own. */
static void
test_destroy (void)
{
  for (int i = 0; i < N_DESTROYS; i++)
    {
      g_auto (Host) host = { NULL, NULL };
      g_autoptr (Watch) watch = NULL;
      g_autoptr (GError) error = NULL;

      if (!host_start (&host))
        return;
      watch = watch_new (host.container);
      host_end_libvirtd (&host, SIGKILL);
      attach_as_late_joiner (&host, watch);
      libvirtd_free (host.libvirtd);
      host.libvirtd = libvirtd_start (&error);
      g_assert_no_error (error);

      real_wait (watch->closed_at != 0);
      accept_queue_wait (host_socket (&host), 0, 1);
      libvirtd_destroy_domain (host.libvirtd, host.container, &error);
      g_assert_no_error (error);
      watch_assert_trace (watch, "closed:busy ");
    }
}

int
main (int argc, char *argv[])
{
  if (!real_test_begin (&argc, &argv))
    return 0;
  real_test_add ("/real/libvirtd/busy", test_busy);
  real_test_add ("/real/libvirtd/start-race", test_start_race);
  real_test_add ("/real/libvirtd/reboot-is-libvirtds", test_reboot_is_libvirtds);
  real_test_add ("/real/libvirtd/after-a-kill", test_after_a_kill);
  real_test_add ("/real/libvirtd/after-a-stop", test_after_a_stop);
  real_test_add ("/real/libvirtd/hanging", test_hanging);
  real_test_add ("/real/libvirtd/wait-if-busy", test_wait_if_busy);
  real_test_add ("/real/libvirtd/restart-while-waiting", test_restart_while_waiting);
  real_test_add ("/real/libvirtd/restart", test_restart);
  real_test_add ("/real/libvirtd/destroy", test_destroy);
  return g_test_run ();
}
