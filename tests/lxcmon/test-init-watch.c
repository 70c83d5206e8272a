/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A connection that finds out how its container's init ends: what its events say, what that costs, and what is given
 * up when descriptors run short.
 */

#include "common/core-init.h"
#include "common/core-peer.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_SESSIONS   40
#define LIMIT_HIGH   600
#define N_WITH_PIDFD 8

static const LxcmonAttachOptions with_init
    = { sizeof with_init, .attach_timeout = 2000, .watch_init = true };

/* A session that has received INIT of a real init. */
static void
begin (CoreSession *self, CoreMode mode, CoreInit *init)
{
  core_session_init (self, mode);
  core_session_attach_pair (self, &with_init);
  core_init_start (init, CORE_INIT_REAL);
  core_send_init (self->peer, init->pid);
  core_session_settle (self);
  core_session_assert_state (self, "attached");
}

static void
end (CoreSession *self)
{
  core_session_hang_up (self);
  core_session_settle (self);
  core_session_assert_state (self, "closed");
  core_session_clear (self);
}

static void
assert_init (CoreSession *self, int exit_code, int signal)
{
  g_assert_cmpint (lxcmon_connection_get_init_exit_code (self->connection), ==, exit_code);
  g_assert_cmpint (lxcmon_connection_get_init_signal (self->connection), ==, signal);
}

static int expected_exit_code, expected_signal;

/* Runs in the callbacks. */
static void
check_init (CoreSession *self, const char *event)
{
  if (g_str_has_prefix (event, "exit") || g_str_has_prefix (event, "closed"))
    assert_init (self, expected_exit_code, expected_signal);
  else
    assert_init (self, -1, 0);
}

static void
run_to_exit (CoreMode mode, int exit_code, int signal)
{
  CoreSession session;
  CoreInit init;

  begin (&session, mode, &init);
  session.hook = check_init;
  expected_exit_code = exit_code;
  expected_signal = signal;
  if (signal != 0)
    core_init_kill (&init, signal);
  else
    core_init_exit (&init, exit_code);
  assert_init (&session, -1, 0);
  core_send_exit (session.peer, LXCMON_EXIT_STATUS_SHUTDOWN);
  core_session_settle (&session);
  core_session_assert_state (&session, "exited");
  end (&session);
}

static void
test_exit (CoreMode mode)
{
  if (!core_init_can_run ())
    return;
  run_to_exit (mode, 0, 0);
  run_to_exit (mode, 42, 0);
  run_to_exit (mode, -1, SIGKILL);
}

/* What is returned has it too, and only these two events. */
static void
test_events (void)
{
  LxcmonEvent event;
  CoreSession session;
  CoreInit init;

  if (!core_init_can_run ())
    return;
  begin (&session, CORE_PULLED, &init);
  core_init_exit (&init, 42);
  core_send_exit (session.peer, LXCMON_EXIT_STATUS_REBOOT);
  core_session_hang_up (&session);
  g_assert_true (lxcmon_hub_next_event (session.hub, &event));
  g_assert_cmpint (event.type, ==, LXCMON_EVENT_EXIT);
  g_assert_cmpint (event.init_exit_code, ==, 42);
  g_assert_cmpint (event.init_signal, ==, 0);
  g_assert_true (lxcmon_hub_next_event (session.hub, &event));
  g_assert_cmpint (event.type, ==, LXCMON_EVENT_CLOSED);
  g_assert_cmpint (event.init_exit_code, ==, 42);
  core_session_clear (&session);
}

/* The controller was killed. Whether it is known at once depends on who reaps init; later it is. */
static void
test_closed (CoreMode mode)
{
  CoreSession session;
  CoreInit init;

  if (!core_init_can_run ())
    return;
  begin (&session, mode, &init);
  core_init_kill (&init, SIGKILL);
  core_session_hang_up (&session);
  core_session_settle (&session);
  assert_init (&session, -1, SIGKILL);
  core_session_clear (&session);

  begin (&session, mode, &init);
  core_init_kill_only (&init, SIGKILL);
  core_session_hang_up (&session);
  core_session_settle (&session);
  assert_init (&session, -1, 0);
  core_init_reap (&init);
  core_session_clear (&session);
}

static void
test_known_later (CoreMode mode)
{
  int exit_code, signal;
  CoreSession session;
  CoreInit init;

  if (!core_init_can_run ())
    return;
  begin (&session, mode, &init);
  core_session_hang_up (&session);
  core_session_settle (&session);
  assert_init (&session, -1, 0);
  struct pollfd later = { .fd = lxcmon_connection_dup_init_pidfd (session.connection) };
  g_assert_cmpint (later.fd, >, STDERR_FILENO);
  core_session_clear (&session);

  g_assert_cmpint (poll (&later, 1, 0), ==, 0);
  core_init_exit (&init, 7);
  g_assert_cmpint (poll (&later, 1, 0), ==, 1);
  g_assert_true (lxcmon_init_get_end (later.fd, &exit_code, &signal));
  g_assert_cmpint (exit_code, ==, 7);
  close (later.fd);
}

/* Nothing is opened unless it is wanted, and then once: a controller has one init. */
static void
test_opened_once (CoreMode mode)
{
  CoreSession session;
  CoreInit init, other;

  if (!core_init_can_run ())
    return;
  core_init_start (&init, CORE_INIT_REAL);
  core_session_init_pair (&session, mode);
  int n_before = core_count_descriptors ();
  core_send_init (session.peer, init.pid);
  core_session_settle (&session);
  g_assert_cmpint (core_count_descriptors (), ==, n_before);
  g_assert_cmpint (lxcmon_connection_dup_init_pidfd (session.connection), ==, -1);

  core_session_attach_pair (&session, &with_init);
  core_init_start (&other, CORE_INIT_REAL);
  n_before = core_count_descriptors ();
  core_send_init (session.peer, init.pid);
  core_send_init (session.peer, other.pid);
  core_send_init (session.peer, init.pid);
  core_session_settle (&session);
  g_assert_cmpint (core_count_descriptors (), ==, n_before + 1);
  core_init_exit (&other, 1);
  core_init_exit (&init, 2);
  core_send_exit (session.peer, LXCMON_EXIT_STATUS_SHUTDOWN);
  core_session_settle (&session);
  assert_init (&session, 2, 0);
  end (&session);
}

/* A client that has missed INIT finds the pid in /proc. */
static void
test_missed_init (CoreMode mode)
{
  CoreSession session;
  CoreInit init;

  if (!core_init_can_run ())
    return;
  core_init_start (&init, CORE_INIT_REAL);
  core_session_init (&session, mode);
  core_session_attach_pair (&session, &with_init);
  core_send_pong (session.peer);
  core_session_settle (&session);
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, init.pid);
  core_init_kill (&init, SIGKILL);
  core_send_exit (session.peer, LXCMON_EXIT_STATUS_SHUTDOWN);
  core_session_settle (&session);
  assert_init (&session, -1, SIGKILL);
  end (&session);
}

/* A pid that is not init's is not believed, and is no reason to warn. */
static void
test_not_init (CoreMode mode)
{
  CoreSession session;
  CoreInit plain;

  core_session_init (&session, mode);
  core_session_set_debug (&session);
  core_session_attach_pair (&session, &with_init);
  core_init_start (&plain, CORE_INIT_PLAIN);
  core_send_init (session.peer, plain.pid);
  core_session_settle (&session);
  g_assert_nonnull (strstr (session.log->str, "debug: how init ends will not be known"));
  g_assert_null (strstr (session.log->str, "warning"));
  core_init_exit (&plain, 42);
  core_send_exit (session.peer, LXCMON_EXIT_STATUS_SHUTDOWN);
  core_session_settle (&session);
  assert_init (&session, -1, 0);
  end (&session);
}

/* What a life costs, from INIT on: after it the connection is freed. */
static guint
count_calls (const LxcmonAttachOptions *options, char **description)
{
  CoreSession session;
  CoreInit init;

  core_session_init (&session, CORE_PULLED);
  core_session_attach_pair (&session, options);
  core_init_start (&init, CORE_INIT_REAL);
  core_send_init (session.peer, init.pid);
  core_wrap_begin ();
  core_session_settle (&session);
  core_wrap_pause ();
  core_init_exit (&init, 42);
  core_send_exit (session.peer, LXCMON_EXIT_STATUS_SHUTDOWN);
  core_session_hang_up (&session);
  core_wrap_resume ();
  core_session_settle (&session);
  core_session_free_connection (&session);
  guint n = core_wrap_end ();
  *description = core_wrap_describe ();
  core_session_clear (&session);
  return n;
}

static void
test_cost (void)
{
  g_autofree char *without = NULL, *with = NULL;

  if (!core_init_can_run ())
    return;
  guint n_without = count_calls (NULL, &without);
  guint n_with = count_calls (&with_init, &with);
  g_test_message ("without: %s", without);
  g_test_message ("with: %s", with);
  g_assert_cmpuint (n_with - n_without, ==, 6);
  /* The peer's end of file ends both directions. */
  g_assert_cmpuint (core_wrap_get_n (CORE_CALL_shutdown), ==, 0);
}

static gboolean
fail_ioctl (CoreCall call, int *fault_errno)
{
  *fault_errno = ENOTTY;
  return call == CORE_CALL_ioctl;
}

/* There still is a pidfd, for the application. */
static void
test_old_kernel (CoreMode mode)
{
  CoreSession session;
  CoreInit init;

  if (!core_init_can_run ())
    return;
  begin (&session, mode, &init);
  core_init_exit (&init, 42);
  core_send_exit (session.peer, LXCMON_EXIT_STATUS_SHUTDOWN);
  core_wrap_begin ();
  core_wrap_set_fault (fail_ioctl, 0, TRUE);
  core_session_settle (&session);
  core_wrap_pause ();
  g_assert_cmpstr (session.log->str, ==, "");
  assert_init (&session, -1, 0);
  int pidfd = lxcmon_connection_dup_init_pidfd (session.connection);
  g_assert_cmpint (pidfd, >=, 0);
  close (pidfd);
  core_session_hang_up (&session);
  core_wrap_resume ();
  core_session_settle (&session);
  g_assert_cmpuint (core_wrap_get_n (CORE_CALL_ioctl), ==, 1);
  core_wrap_end ();
  core_session_clear (&session);
}

static void
set_limit (rlim_t n)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = n;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* The controller's end of the connection, with a high number: it is another process's. */
static int
accept_high (CoreListener *listener, rlim_t limit)
{
  set_limit (LIMIT_HIGH);
  int accepted = core_listener_accept (listener);
  int high = fcntl (accepted, F_DUPFD_CLOEXEC, LIMIT_HIGH / 2);

  g_assert_cmpint (high, >=, 0);
  close (accepted);
  set_limit (limit);
  return high;
}

static gboolean
has_pidfd (CoreSession *self)
{
  int pidfd = lxcmon_connection_dup_init_pidfd (self->connection);

  if (pidfd < 0)
    return FALSE;
  close (pidfd);
  return TRUE;
}

/* There are only descriptors for the connections. The first ones have pidfds all the same, until others are
 * attached; there is one warning. It is the first test: the limit was not asked for before. */
static void
test_shortage (void)
{
  CoreSession sessions[N_SESSIONS];
  CoreListener listener;
  LxcmonError error;
  CoreInit init;
  struct rlimit before;
  LxcmonAttachOptions options = with_init;

  if (!core_init_can_run ())
    return;
  options.force = true;
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  core_listener_init_full (&listener, "web1", SOCK_STREAM, N_SESSIONS);
  core_init_start (&init, CORE_INIT_REAL);
  core_session_init (&sessions[0], CORE_PULLED);
  int next = dup (STDERR_FILENO);
  close (next);
  rlim_t limit = (rlim_t) next + N_SESSIONS + 4;
  set_limit (limit);
  for (guint i = 0; i < N_SESSIONS; i++)
    {
      if (i > 0)
        core_session_init_on (&sessions[i], sessions[0].hub, CORE_PULLED);
      if (!core_session_attach (&sessions[i], listener.path, &options, &error))
        g_error ("number %u: %s", i, error.message);
      sessions[i].peer = accept_high (&listener, limit);
      core_send_init (sessions[i].peer, init.pid);
      core_session_settle (&sessions[0]);
      if (i < N_WITH_PIDFD || i == N_SESSIONS - 1)
        g_assert_cmpint (has_pidfd (&sessions[i]), ==, i < N_WITH_PIDFD);
    }
  for (guint i = 0; i < N_SESSIONS; i++)
    g_assert_false (has_pidfd (&sessions[i]));
  g_assert_true (
      g_str_has_prefix (sessions[0].log->str, "warning: how init ends will not be known: "));
  g_assert_cmpuint (strlen (sessions[0].log->str), ==,
                    strcspn (sessions[0].log->str, "\n") + strlen ("\n"));
  set_limit (before.rlim_cur);
  for (guint i = N_SESSIONS; i > 0; i--)
    core_session_clear (&sessions[i - 1]);
  core_init_exit (&init, 0);
  core_listener_clear (&listener);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/init-watch/shortage", test_shortage);
  core_test_add_modes ("/init-watch/exit", test_exit);
  core_test_add ("/init-watch/events", test_events);
  core_test_add_modes ("/init-watch/closed", test_closed);
  core_test_add_modes ("/init-watch/known-later", test_known_later);
  core_test_add_modes ("/init-watch/opened-once", test_opened_once);
  core_test_add_modes ("/init-watch/missed-init", test_missed_init);
  core_test_add_modes ("/init-watch/not-init", test_not_init);
  core_test_add ("/init-watch/cost", test_cost);
  core_test_add_modes ("/init-watch/old-kernel", test_old_kernel);

  return g_test_run ();
}
