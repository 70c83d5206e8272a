/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Covers scale: thousands of clients on one main loop, whose controllers run in a few processes of their
 * own and end in every possible way; whole processes are killed too. Every event that was sent is
 * accounted for, and descriptors and heap are back to the start.
 */

#include "scale-server.h"

#include <dirent.h>
#include <glib/gstdio.h>
#include <lxcmon-glib/lxcmon-glib.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  N_SERVERS = 3,
#ifdef SCALE_SMALL
  /* Sanitizers make each event cost ten times as much. */
  N_CONTAINERS = 600,
  N_EVENTS = 50000,
#else
  N_CONTAINERS = 9900,
  N_EVENTS = 1000000,
#endif
  N_KILLS = 5,   /* of whole processes */
  LIMIT_S = 240, /* for what needs a minute at the most */
  RETRY_MS = 10,
};

typedef struct
{
  LxcmonClient *client;
  guint64 n_init;
  guint64 n_exit;
  guint64 pid_sum;
  guint64 n_closed; /* without an error */
  guint64 n_lost;
  guint64 n_truncated;
  guint64 n_failed; /* attaches that were too early or too late */
  gboolean down;    /* not attached, and not trying */
} Row;

typedef struct
{
  char *directory;
  ScaleShared *shared;
  gsize shared_size;
  GPid servers[N_SERVERS];
  Row *rows;
  GQueue retry; /* rows whose controller was not there */
  guint n_down;
  guint n_kills;
} Scale;

static Scale scale;

static guint
count_fds (void)
{
  guint n = 0;
  DIR *dir = opendir ("/proc/self/fd");

  while (readdir (dir) != NULL)
    n++;
  closedir (dir);
  return n;
}

static GPid
spawn_server (guint index, guint32 seed)
{
  ScaleServer server = {
    .directory = scale.directory,
    .first = index * (N_CONTAINERS / N_SERVERS),
    .n = N_CONTAINERS / N_SERVERS,
    .seed = seed,
    .shared = scale.shared,
  };
  GPid pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    scale_server_run (&server);
  return pid;
}

static void attach (Row *row);

static void
on_attached (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Row *row = user_data;
  g_autoptr (GError) error = NULL;

  if (lxcmon_client_attach_finish (LXCMON_CLIENT (object), result, &error))
    return;

  /* The controller has not come yet, or went before it served us: there is nothing lost in that, as
   * it counts only what it sent to a client that it served. A first message cut in two is truncated. */
  if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TRUNCATED))
    row->n_truncated++;
  else if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND)
           || g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_REFUSED)
           || g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST))
    row->n_failed++;
  else
    g_error ("an attach failed as none should: %s", error->message);
  g_queue_push_tail (&scale.retry, row);
}

static void
attach (Row *row)
{
  if (g_atomic_int_get (&scale.shared->stop)
      && g_access (lxcmon_client_get_socket_path (row->client), F_OK) != 0)
    {
      row->down = TRUE;
      scale.n_down++;
      return;
    }
  lxcmon_client_attach_async (row->client, NULL, on_attached, row);
}

static gboolean
on_retry (gpointer user_data)
{
  for (guint n = g_queue_get_length (&scale.retry); n > 0; n--)
    attach (g_queue_pop_head (&scale.retry));
  return G_SOURCE_CONTINUE;
}

static void
on_init (LxcmonMonitor *monitor, int pid, gpointer user_data)
{
  Row *row = user_data;

  row->n_init++;
  row->pid_sum += (guint64) pid;
}

static void
on_exit_signal (LxcmonMonitor *monitor, LxcmonExitStatus status, gpointer user_data)
{
  Row *row = user_data;

  row->n_exit++;
}

static void
on_closed (LxcmonMonitor *monitor, const GError *error, gpointer user_data)
{
  Row *row = user_data;

  if (error == NULL)
    row->n_closed++;
  else if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_LOST))
    row->n_lost++;
  else if (g_error_matches (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TRUNCATED))
    row->n_truncated++;
  else
    g_error ("a client was closed as none should be: %s", error->message);
  /* The next controller is there in a moment: from a handler, attaching again is as good as later. */
  attach (row);
}

static void
make_clients (void)
{
  scale.rows = g_new0 (Row, N_CONTAINERS);
  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      Row *row = &scale.rows[i];
      g_autofree char *path = scale_socket_path (scale.directory, i);

      row->client = lxcmon_client_new_for_path (path);
      lxcmon_client_set_force (row->client, TRUE);
      /* On a machine that is busy with other things as well, a controller may take its time. */
      lxcmon_client_set_attach_timeout (row->client, LIMIT_S * 1000);
      g_signal_connect (row->client, "init", G_CALLBACK (on_init), row);
      g_signal_connect (row->client, "exit", G_CALLBACK (on_exit_signal), row);
      g_signal_connect (row->client, "closed", G_CALLBACK (on_closed), row);
      attach (row);
    }
}

static void
reap (GPid pid, gboolean killed)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (killed)
    g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  else
    g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

/* Kills a whole process of controllers from time to time, and starts another one instead. */
static void
maybe_kill (void)
{
  guint n_events = (guint) g_atomic_int_get (&scale.shared->n_events);

  if (scale.n_kills == N_KILLS || n_events < (scale.n_kills + 1) * (N_EVENTS / (N_KILLS + 1)))
    return;
  guint index = scale.n_kills++ % N_SERVERS;
  kill (scale.servers[index], SIGKILL);
  reap (scale.servers[index], TRUE);
  scale.servers[index] = spawn_server (index, 1000 + scale.n_kills);
}

static void
churn (void)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_S * G_TIME_SPAN_SECOND;
  guint retry = g_timeout_add (RETRY_MS, on_retry, NULL);

  while (scale.n_down < N_CONTAINERS)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, TRUE);
      maybe_kill ();
      if (g_atomic_int_get (&scale.shared->n_events) >= N_EVENTS)
        g_atomic_int_set (&scale.shared->stop, 1);
    }
  g_source_remove (retry);
}

/* What was sent against what was delivered. A server that is killed may have sent one message, or ended
 * one run, that it did not record; and its clients receive no EXIT. */
static void
check_accounts (void)
{
  ScaleTally sent = { 0 };
  Row got = { 0 };
  guint n_differ = 0;

  for (guint i = 0; i < N_CONTAINERS; i++)
    {
      const ScaleTally *tally = &scale.shared->tally[i];
      const Row *row = &scale.rows[i];

      g_assert_cmpuint (row->n_init, >=, tally->n_init);
      g_assert_cmpuint (row->n_exit, >=, tally->n_exit);
      if (row->n_init != tally->n_init || row->n_exit != tally->n_exit)
        n_differ++;
      else
        g_assert_cmpuint (row->pid_sum, ==, tally->pid_sum);
      sent.n_init += tally->n_init;
      sent.n_exit += tally->n_exit;
      sent.n_truncated += tally->n_truncated;
      got.n_init += row->n_init;
      got.n_exit += row->n_exit;
      got.n_closed += row->n_closed;
      got.n_lost += row->n_lost;
      got.n_truncated += row->n_truncated;
      got.n_failed += row->n_failed;
    }
  g_assert_cmpuint (n_differ, <=, N_KILLS);
  g_assert_cmpuint (got.n_closed, ==, got.n_exit);
  g_assert_cmpuint (got.n_init + got.n_exit, >=, N_EVENTS);
  g_assert_cmpuint (got.n_truncated, >=, sent.n_truncated);
  g_test_message ("%" G_GUINT64_FORMAT " INIT and %" G_GUINT64_FORMAT
                  " EXIT sent; %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                  " delivered, %u beyond what killed processes wrote down; "
                  "%" G_GUINT64_FORMAT " lost, %" G_GUINT64_FORMAT " truncated, %" G_GUINT64_FORMAT
                  " attaches too early",
                  sent.n_init, sent.n_exit, got.n_init, got.n_exit, n_differ, got.n_lost,
                  got.n_truncated, got.n_failed);
}

static void
drop_clients (void)
{
  for (guint i = 0; i < N_CONTAINERS; i++)
    g_object_unref (scale.rows[i].client);
  g_free (scale.rows);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_churn (void)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  if (limit.rlim_max < N_CONTAINERS + 100)
    {
      g_test_skip ("the limit on descriptors is too low for so many clients");
      return;
    }

  scale.directory = g_dir_make_tmp ("lxcmon-scale-XXXXXX", NULL);
  scale.shared_size = sizeof (ScaleShared) + N_CONTAINERS * sizeof (ScaleTally);
  scale.shared
      = mmap (NULL, scale.shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (scale.shared != MAP_FAILED);
  for (guint i = 0; i < N_SERVERS; i++)
    scale.servers[i] = spawn_server (i, 1 + i);

  /* GLib opens some of its own with its first use: the context's, and those of GTask. */
  g_type_ensure (G_TYPE_TASK);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  guint n_fds = count_fds ();
  gsize heap = mallinfo2 ().uordblks;
  make_clients ();
  churn ();
  g_atomic_int_set (&scale.shared->over, 1);
  for (guint i = 0; i < N_SERVERS; i++)
    reap (scale.servers[i], FALSE);
  check_accounts ();
  drop_clients ();

  g_assert_cmpuint (count_fds (), ==, n_fds);
  g_test_message ("heap in use before: %zu bytes, after: %zu", heap, mallinfo2 ().uordblks);
#ifndef SCALE_SMALL
  /* GLib keeps some of its own, however many clients there were. */
  g_assert_cmpuint (mallinfo2 ().uordblks, <, heap + 256 * 1024);
#endif
  munmap (scale.shared, scale.shared_size);
  g_assert_cmpint (g_rmdir (scale.directory), ==, 0);
  g_free (scale.directory);
}

int
main (int argc, char **argv)
{
  /* Slices keep what was freed; the heap is to show what is in use. */
  g_setenv ("G_SLICE", "always-malloc", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scale/churn", test_churn);
  return g_test_run ();
}
