/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What can be asked of a connection, what another thread may do, and mistakes: each is refused with an error,
 * and nothing leaks.
 */

#include "common/core-peer.h"
#include "common/core-session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lxcmon/lxcmon-connection-private.h>

static void
test_new_with_bad_size (void)
{
  const LxcmonCallbacks none = { .size = 0 };
  const LxcmonCallbacks cut = { .size = sizeof (LxcmonCallbacks) - 1 };
  const LxcmonCallbacks longer = { .size = sizeof (LxcmonCallbacks) + 64 };
  LxcmonHub *hub = lxcmon_hub_new (NULL);

  g_assert_null (lxcmon_connection_new (hub, &none, NULL));
  g_assert_null (lxcmon_connection_new (hub, &cut, NULL));

  /* The struct of a newer program has more members. */
  LxcmonConnection *connection = lxcmon_connection_new (hub, &longer, NULL);
  g_assert_nonnull (connection);
  lxcmon_connection_free (connection);
  lxcmon_connection_free (NULL);
  lxcmon_hub_unref (hub);
}

static void
test_detached (void)
{
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  LxcmonConnection *connection = lxcmon_connection_new (hub, NULL, &hub);

  g_assert_true (lxcmon_connection_get_user_data (connection) == &hub);
  g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpint (lxcmon_connection_get_controller_pid (connection), ==, 0);
  g_assert_cmpint (lxcmon_connection_get_init_pid (connection), ==, 0);
  g_assert_cmpint (lxcmon_connection_get_exit_raw (connection), ==, -1);
  g_assert_cmpint (lxcmon_connection_get_exit_status (connection), ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_false (lxcmon_connection_get_exited (connection));
  g_assert_false (lxcmon_connection_get_missed_init (connection));
  lxcmon_connection_shutdown (connection);
  lxcmon_hub_unref (hub); /* the connection holds a reference */
  lxcmon_connection_free (connection);
}

/* Events for which there is no callback are dropped. */
static void
test_no_callbacks (void)
{
  static const LxcmonCallbacks empty = { LXCMON_CALLBACKS_INIT };
  LxcmonHub *hub = lxcmon_hub_new (NULL);

  for (int ending = 0; ending < 6; ending++)
    {
      LxcmonConnection *connection = lxcmon_connection_new (hub, ending < 3 ? NULL : &empty, NULL);
      int pair[2];

      g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
      g_assert_true (lxcmon_connection_attach_fd (connection, pair[0], NULL, NULL));
      if (ending % 3 == 0)
        core_send_story (pair[1]);
      if (ending % 3 == 1)
        core_send_init (pair[1], 1);
      close (pair[1]);
      lxcmon_hub_dispatch (hub);
      g_assert_cmpint (lxcmon_connection_get_state (connection), ==,
                       ending % 3 == 2 ? LXCMON_STATE_DETACHED : LXCMON_STATE_CLOSED);
      lxcmon_connection_free (connection);
    }
  lxcmon_hub_unref (hub);
}

static void
assert_used (CoreSession *self)
{
  LxcmonError error;
  int pair[2];

  g_assert_false (lxcmon_connection_attach (self->connection, "/nonexistent", NULL, &error));
  g_assert_cmpint (error.system_errno, ==, EALREADY);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  g_assert_false (lxcmon_connection_attach_fd (self->connection, pair[0], NULL, &error));
  g_assert_cmpint (error.system_errno, ==, EALREADY);
  g_assert_cmpint (fcntl (pair[0], F_GETFD), ==, -1); /* it was passed in, and is closed */
  close (pair[1]);
}

/* A connection has one attach, whether that fails, goes on, or has ended. */
static void
test_attach_twice (CoreMode mode)
{
  CoreSession session;
  LxcmonError error;

  core_session_init (&session, mode);
  g_assert_false (core_session_attach (&session, "/nonexistent/web1.sock", NULL, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_NOT_FOUND);
  assert_used (&session);
  core_session_attach_pair (&session, NULL);
  assert_used (&session);
  core_session_assert_state (&session, "queued");
  core_send_story (session.peer);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
  assert_used (&session);
  core_session_clear (&session);
}

static void
test_bad_options (CoreMode mode)
{
  LxcmonAttachOptions no_size = LXCMON_ATTACH_OPTIONS_INIT;
  LxcmonAttachOptions no_timeout = LXCMON_ATTACH_OPTIONS_INIT;
  LxcmonAttachOptions longer = LXCMON_ATTACH_OPTIONS_INIT;
  CoreSession session;
  LxcmonError error;

  no_size.size = 0;
  no_timeout.attach_timeout = 0;
  longer.size += 100;
  core_session_init (&session, mode);
  g_assert_false (core_session_attach (&session, "/x", &no_size, &error));
  g_assert_nonnull (strstr (error.message, "LXCMON_ATTACH_OPTIONS_INIT"));
  g_assert_false (core_session_attach (&session, "/x", &no_timeout, &error));
  g_assert_nonnull (strstr (error.message, "attach_timeout is 0"));
  g_assert_false (core_session_attach (&session, NULL, NULL, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_INVALID_NAME);
  core_session_assert_state (&session, "detached");
  core_session_attach_pair (&session, &longer);
  g_assert_cmpstr (session.trace->str, ==, "");
  core_session_clear (&session);
}

static void
assert_refused (CoreSession *self, int fd, LxcmonMonitorError code, int system_errno)
{
  LxcmonError error;

  g_assert_false (core_session_attach_fd (self, fd, NULL, &error));
  g_assert_cmpint (error.code, ==, code);
  g_assert_cmpint (error.system_errno, ==, system_errno);
  core_session_assert_state (self, "detached");
  g_assert_cmpuint (lxcmon_hub_get_n_connections (self->hub), ==, 0);
  core_session_renew (self);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
}

/* Anything but a connected stream socket is refused. It is closed with the connection. */
static void
test_bad_descriptors (CoreMode mode)
{
  CoreSession session;
  int pipe_fds[2];

  core_session_init (&session, mode);
  assert_refused (&session, -1, LXCMON_MONITOR_ERROR_FAILED, EBADF);
  g_assert_no_errno (pipe2 (pipe_fds, O_CLOEXEC));
  assert_refused (&session, pipe_fds[0], LXCMON_MONITOR_ERROR_FAILED, ENOTSOCK);
  close (pipe_fds[1]);
  for (int domain = AF_UNIX; domain != AF_UNSPEC; domain = domain == AF_UNIX ? AF_INET : AF_UNSPEC)
    {
      LxcmonError error;
      int unconnected = socket (domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

      if (unconnected < 0)
        continue;
      g_assert_false (core_session_attach_fd (&session, unconnected, NULL, &error));
      core_session_renew (&session);
      g_assert_cmpint (fcntl (unconnected, F_GETFD), ==, -1);
    }
  g_assert_cmpstr (session.trace->str, ==, ""); /* there is a return value */
  core_session_clear (&session);
}

/* Packets have boundaries that the protocol does not know: controllers use streams. */
static void
test_other_types (CoreMode mode)
{
  static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      CoreSession session;
      int pair[2];

      core_session_init (&session, mode);
      g_assert_no_errno (socketpair (AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair));
      assert_refused (&session, pair[0], LXCMON_MONITOR_ERROR_UNTRUSTED, EPROTOTYPE);
      close (pair[1]);
      core_session_clear (&session);
    }
}

static void
test_descriptor_flags (CoreMode mode)
{
  CoreSession session;
  int pair[2];

  core_session_init (&session, mode);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM, 0, pair));
  g_assert_true (core_session_attach_fd (&session, pair[0], NULL, NULL));
  g_assert_true ((fcntl (pair[0], F_GETFL) & O_NONBLOCK) != 0);
  g_assert_true ((fcntl (pair[0], F_GETFD) & FD_CLOEXEC) != 0);
  g_assert_cmpint (lxcmon_connection_get_controller_pid (session.connection), ==, getpid ());
  close (pair[1]);
  core_session_clear (&session);
}

/* A descriptor that select() could not watch. */
static void
test_high_descriptor (CoreMode mode)
{
  struct rlimit limit;
  CoreSession session;
  int pair[2];

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  if (limit.rlim_max <= FD_SETSIZE + 1)
    {
      g_test_skip ("may not have so many descriptors");
      return;
    }
  struct rlimit higher = { .rlim_cur = FD_SETSIZE + 100, .rlim_max = limit.rlim_max };
  if (limit.rlim_cur < higher.rlim_cur)
    g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &higher));

  core_session_init (&session, mode);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  int high = fcntl (pair[0], F_DUPFD_CLOEXEC, FD_SETSIZE + 1);
  g_assert_cmpint (high, >, FD_SETSIZE);
  close (pair[0]);
  g_assert_true (core_session_attach_fd (&session, high, NULL, NULL));
  session.peer = pair[1];
  core_send_story (session.peer);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
  core_session_clear (&session);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* Hangs up from another thread, while this one takes events. */
static gpointer
shut_down (gpointer data)
{
  lxcmon_connection_shutdown (data);
  return NULL;
}

static void
test_shutdown (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_story (session.peer);
  g_thread_join (g_thread_new ("shutdown", shut_down, session.connection));
  core_session_assert_state (&session, "queued"); /* nothing but the socket has changed */
  g_autofree char *sent = core_receive (session.peer);
  g_assert_cmpstr (sent, ==, "ping end");
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
  lxcmon_connection_shutdown (session.connection);
  core_session_clear (&session);
}

/* Without EXIT, the end is an error like any other end. */
static void
test_shutdown_before_exit (CoreMode mode)
{
  static const char *const expected[] = { "failed(lost)", "attached init(1) closed(lost)" };

  for (int i = 0; i < 2; i++)
    {
      CoreSession session;

      core_session_init_pair (&session, mode);
      if (i == 1)
        core_send_init (session.peer, 1);
      lxcmon_connection_shutdown (session.connection);
      core_session_expect (&session, expected[i]);
      core_session_clear (&session);
    }
}

/* At any moment: before, between and after the events, and their order is always the same. */
static void
test_shutdown_races (CoreMode mode)
{
  for (int i = 0; i < 500; i++)
    {
      CoreSession session;
      GThread *thread;

      core_session_init_pair (&session, mode);
      core_send_story (session.peer);
      thread = g_thread_new ("shutdown", shut_down, session.connection);
      while (lxcmon_hub_get_n_connections (session.hub) > 0)
        if (core_session_is_ready (&session, 50))
          core_session_dispatch (&session);
      g_assert_cmpstr (session.trace->str, ==, "attached init(3869) exit(reboot) closed(null)");
      g_thread_join (thread);
      core_session_clear (&session);
    }
}

/* The number of the descriptor is not used again before the connection is freed: a late shutdown() cannot
 * hit another socket. */
static void
test_descriptor_stays (CoreMode mode)
{
  CoreSession session;
  int other[2];

  core_session_init_pair (&session, mode);
  int fd = session.connection->fd;
  core_session_hang_up (&session);
  core_session_expect (&session, "failed(lost)");
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other));
  g_assert_cmpint (other[0], !=, fd);
  g_assert_cmpint (other[1], !=, fd);
  lxcmon_connection_shutdown (session.connection);
  core_session_free_connection (&session);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
  close (other[0]);
  close (other[1]);
  core_session_clear (&session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/connection/new-with-bad-size", test_new_with_bad_size);
  core_test_add ("/connection/detached", test_detached);
  core_test_add ("/connection/no-callbacks", test_no_callbacks);
  core_test_add_modes ("/connection/attach-twice", test_attach_twice);
  core_test_add_modes ("/connection/bad-options", test_bad_options);
  core_test_add_modes ("/connection/bad-descriptors", test_bad_descriptors);
  core_test_add_modes ("/connection/other-types", test_other_types);
  core_test_add_modes ("/connection/descriptor-flags", test_descriptor_flags);
  core_test_add_modes ("/connection/high-descriptor", test_high_descriptor);
  core_test_add_modes ("/connection/shutdown/events-first", test_shutdown);
  core_test_add_modes ("/connection/shutdown/before-exit", test_shutdown_before_exit);
  core_test_add_modes ("/connection/shutdown/races", test_shutdown_races);
  core_test_add_modes ("/connection/shutdown/descriptor-stays", test_descriptor_stays);

  return g_test_run ();
}
