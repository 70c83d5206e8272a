/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers the scale of a host: thousands of containers are listed at once, all of them are served, no
 * thread wakes up while nothing happens, and a container costs little more than its client.
 */

#include <dirent.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <lxcmon-glib/lxcmon-glib.h>
#include <lxcmon/lxcmon-encode.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  N_SERVERS = 3,
#ifdef SCALE_SMALL
  N_CONTAINERS = 600,
#else
  N_CONTAINERS = 9900,
#endif
  LIMIT_MS = 60000, /* for what needs some 2 seconds at the most */
  /* What a container may cost beside its client. */
  BYTES_MAX = 170,
  IDLE_MS = 3000,
};

static char *directory;

static char *
socket_path (guint i)
{
  return g_strdup_printf ("%s/c%u.sock", directory, i);
}

static void
check (gboolean right, const char *what)
{
  if (right)
    return;
  g_printerr ("scale server: %s: %s\n", what, g_strerror (errno));
  _exit (1);
}

static void
serve_client (int epoll_fd, int listen_fd, guint32 i)
{
  guint8 message[LXCMON_ENCODED_SIZE];
  int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC);

  if (fd < 0)
    return;
  gsize size = lxcmon_encode_init (message, sizeof message, (int) i + 1);
  check (send (fd, message, size, MSG_NOSIGNAL) == (gssize) size, "send");
  /* Further clients wait; at a signal, this one receives its EXIT. */
  (void) epoll_ctl (epoll_fd, EPOLL_CTL_DEL, listen_fd, NULL);
}

/* Controllers that start their containers and then have nothing to say. It ends by being killed. */
static void G_GNUC_NORETURN
run_server (guint first, guint n, int ready)
{
  struct epoll_event events[64];
  int *fds = g_new (int, n);
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (guint i = 0; i < n; i++)
    {
      struct sockaddr_un address = { .sun_family = AF_UNIX };
      struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
      g_autofree char *path = socket_path (first + i);

      g_strlcpy (address.sun_path, path, sizeof address.sun_path);
      fds[i] = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      check (fds[i] >= 0 && bind (fds[i], (struct sockaddr *) &address, sizeof address) == 0
                 && listen (fds[i], 30) == 0
                 && epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fds[i], &event) == 0,
             "listen");
    }
  check (write (ready, "", 1) == 1, "ready");
  for (;;)
    {
      int n_events = epoll_wait (epoll_fd, events, G_N_ELEMENTS (events), -1);
      for (int i = 0; i < n_events; i++)
        serve_client (epoll_fd, fds[events[i].data.u32], first + events[i].data.u32);
    }
}

static void
start_servers (GPid servers[N_SERVERS])
{
  guint n = N_CONTAINERS / N_SERVERS;
  int ready[2];
  char byte;

  g_assert_cmpint (pipe (ready), ==, 0);
  for (guint i = 0; i < N_SERVERS; i++)
    {
      servers[i] = fork ();
      if (servers[i] == 0)
        run_server (i * n, n, ready[1]);
    }
  for (guint i = 0; i < N_SERVERS; i++)
    g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
  close (ready[1]);
}

static void
kill_servers (GPid servers[N_SERVERS])
{
  for (guint i = 0; i < N_SERVERS; i++)
    {
      kill (servers[i], SIGKILL);
      g_assert_cmpint (waitpid (servers[i], NULL, 0), ==, servers[i]);
    }
  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      g_autofree char *path = socket_path (i);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
}

static void
run_until (gboolean (*is_done) (gpointer data), gpointer data)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_MS * G_TIME_SPAN_MILLISECOND;

  while (!is_done (data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, TRUE);
    }
}

/* What clients cost alone, each attached by itself. */
static guint n_served;

static void
on_client_init (void)
{
  n_served++;
}

static gboolean
are_all_served (gpointer data)
{
  return n_served == N_CONTAINERS;
}

static gsize
measure_clients (void)
{
  LxcmonClient **clients = g_new0 (LxcmonClient *, N_CONTAINERS);
  GPid servers[N_SERVERS];
  guint handlers = 0;

  start_servers (servers);
  gsize before = mallinfo2 ().uordblks;
  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      g_autofree char *path = socket_path (i);
      clients[i] = lxcmon_client_new_for_path (path);
      lxcmon_client_attach_async (clients[i], NULL, NULL, NULL);
    }
  for (;;)
    {
      handlers = 0;
      for (guint i = 0; i < N_CONTAINERS; i++)
        handlers += lxcmon_monitor_get_init_pid (LXCMON_MONITOR (clients[i])) > 0;
      if (handlers == N_CONTAINERS)
        break;
      g_main_context_iteration (NULL, TRUE);
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
  gsize cost = mallinfo2 ().uordblks - before;
  for (guint i = 0; i < N_CONTAINERS; i++)
    g_object_unref (clients[i]);
  g_free (clients);
  kill_servers (servers);
  return cost;
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  gint64 *started_at = user_data;
  g_autoptr (GError) error = NULL;

  lxcmon_host_start_finish (LXCMON_HOST (object), result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (object)), ==, N_CONTAINERS);
  *started_at = g_get_monotonic_time ();
}

static void
count (guint *n)
{
  (*n)++;
}

static gboolean
is_empty (gpointer list)
{
  return g_list_model_get_n_items (list) == 0;
}

static guint64
count_wakeups (void)
{
  DIR *tasks = opendir ("/proc/self/task");
  struct dirent *entry;
  guint64 n = 0;

  while ((entry = readdir (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/status", entry->d_name);
      g_autofree char *text = NULL;
      if (!g_file_get_contents (path, &text, NULL, NULL))
        continue;
      const char *line = strstr (text, "\nvoluntary_ctxt_switches:");
      n += g_ascii_strtoull (line + strlen ("\nvoluntary_ctxt_switches:"), NULL, 10);
    }
  closedir (tasks);
  return n;
}

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static void
run_for (guint ms)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_timeout_add (ms, quit, loop);
  g_main_loop_run (loop);
}

static void
test_host (void)
{
  struct rlimit limit;
  GPid servers[N_SERVERS];
  gint64 started_at = 0;
  guint n_changes = 0, n_closed = 0;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  if (limit.rlim_max < N_CONTAINERS + 100)
    {
      g_test_skip ("the limit on descriptors is too low for so many clients");
      return;
    }
  directory = g_dir_make_tmp ("lxcmon-scale-XXXXXX", NULL);
  /* The second time: the core keeps what its last look has found. */
  (void) measure_clients ();
  gsize clients_cost = measure_clients ();

  start_servers (servers);
  LxcmonHost *host = lxcmon_host_new (directory);
  LxcmonHost *list = host;
  g_signal_connect (host, "init", G_CALLBACK (on_client_init), NULL);
  g_signal_connect_swapped (host, "items-changed", G_CALLBACK (count), &n_changes);
  g_signal_connect_swapped (host, "closed", G_CALLBACK (count), &n_closed);
  gsize heap = mallinfo2 ().uordblks;
  gint64 start = g_get_monotonic_time ();
  lxcmon_host_start_async (list, NULL, on_started, &started_at);
  run_until (are_all_served, NULL);
  gint64 served_at = g_get_monotonic_time ();
  g_assert_cmpint (started_at, >, 0);
  g_assert_cmpuint (n_changes, ==, 1);
  run_for (1500);
  double cost = (double) (mallinfo2 ().uordblks - heap) / N_CONTAINERS;
  double row = (double) clients_cost / N_CONTAINERS;
  g_test_message ("%d containers: listed after %.0f ms, all served after %.0f ms", N_CONTAINERS,
                  (double) (started_at - start) / 1000, (double) (served_at - start) / 1000);
  g_test_message ("%.0f bytes a container, %.0f of them for the client", cost, row);
#ifndef SCALE_SMALL
  g_assert_cmpfloat (cost, <, row + BYTES_MAX);
#endif

  guint64 wakeups = count_wakeups ();
  run_for (IDLE_MS);
  wakeups = count_wakeups () - wakeups;
  g_test_message ("%" G_GUINT64_FORMAT " wake-ups in %d ms, of which the test's end is one",
                  wakeups, IDLE_MS);
  g_assert_cmpuint (wakeups, <=, 2);

  /* All end at once. */
  kill_servers (servers);
  start = g_get_monotonic_time ();
  run_until (is_empty, host);
  g_assert_cmpuint (n_closed, ==, N_CONTAINERS);
  g_test_message ("all gone after %.0f ms", (double) (g_get_monotonic_time () - start) / 1000);
  lxcmon_host_stop (list);
  g_object_unref (host);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_free (directory);
}

int
main (int argc, char **argv)
{
  g_setenv ("G_SLICE", "always-malloc", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scale/host", test_host);
  return g_test_run ();
}
