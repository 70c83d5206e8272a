/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a user may ask of a connection, and mistakes that a user may make: each is refused with an
 * error, and nothing leaks. What callbacks may do: test-callbacks.c.
 */

#include "common/core-peer.h"
#include "common/core-session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static void
count_free (void *user_data)
{
  guint *n_freed = user_data;

  ++*n_freed;
}

/* What is no table has no `free` to call: the data stays the caller's. */
static void
test_new_with_bad_size (void)
{
  const LxcmonCallbacks none = { .size = 0, .free = count_free };
  const LxcmonCallbacks cut = { .size = sizeof (LxcmonCallbacks) - 1, .free = count_free };
  const LxcmonCallbacks longer = { .size = sizeof (LxcmonCallbacks) + 64, .free = count_free };
  guint n_freed = 0;

  g_assert_null (lxcmon_connection_new (NULL, &n_freed));
  g_assert_null (lxcmon_connection_new (&none, &n_freed));
  g_assert_null (lxcmon_connection_new (&cut, &n_freed));
  g_assert_cmpuint (n_freed, ==, 0);

  /* A newer program's table is good enough. */
  LxcmonConnection *connection = lxcmon_connection_new (&longer, &n_freed);
  g_assert_nonnull (connection);
  g_assert_cmpuint (n_freed, ==, 0);
  lxcmon_connection_free (connection);
  g_assert_cmpuint (n_freed, ==, 1);
  lxcmon_connection_free (NULL);
}

/* Connections in memory of the caller's, which uses it for something else at once. */
static void
on_closed_clear (LxcmonConnection *connection, const LxcmonError *error, void *user_data)
{
  lxcmon_connection_clear (connection);
  memset (connection, 0xa5, lxcmon_connection_get_size ());
}

static void
test_in_place (CoreMode mode)
{
  guint n_freed = 0;
  const LxcmonCallbacks callbacks
      = { LXCMON_CALLBACKS_INIT, .closed = on_closed_clear, .free = count_free };
  gsize size = lxcmon_connection_get_size ();
  guint8 *memory = g_malloc (3 * size);
  LxcmonHub *hub = mode == CORE_ALONE ? NULL : lxcmon_hub_new (NULL);
  int peers[3];

  g_assert_cmpuint (size % 8, ==, 0);
  memset (memory, 0xa5, 3 * size);
  for (guint i = 0; i < 3; i++)
    {
      int pair[2];
      LxcmonConnection *connection
          = lxcmon_connection_init (memory + i * size, &callbacks, &n_freed);

      g_assert_true ((guint8 *) connection == memory + i * size);
      g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_DETACHED);
      g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
      peers[i] = pair[1];
      g_assert_true (lxcmon_connection_set_hub (connection, hub, NULL));
      g_assert_true (lxcmon_connection_attach_fd (connection, pair[0], NULL, NULL));
      core_send_story (pair[1]);
    }

  /* The one in the middle stays, and is cleared while it is attached. */
  close (peers[0]);
  close (peers[2]);
  for (guint i = 0; i < 3; i++)
    if (hub != NULL)
      lxcmon_hub_dispatch (hub);
    else if (i != 1)
      for (guint j = 0; j < 2 && memory[i * size] != 0xa5; j++)
        lxcmon_connection_dispatch ((LxcmonConnection *) (gpointer) (memory + i * size));
  g_assert_cmpuint (n_freed, ==, 2);
  lxcmon_connection_clear ((LxcmonConnection *) (gpointer) (memory + size));
  g_assert_cmpuint (n_freed, ==, 3);
  struct pollfd peer = { .fd = peers[1], .events = POLLIN };
  g_assert_cmpint (poll (&peer, 1, 0), ==, 1);
  g_assert_cmpint (peer.revents & POLLHUP, ==, POLLHUP);
  close (peers[1]);
  lxcmon_hub_unref (hub);
  g_free (memory);
}

/* What is no table is refused, and the data stays the caller's. */
static void
test_in_place_with_bad_size (void)
{
  const LxcmonCallbacks cut = { .size = sizeof (LxcmonCallbacks) - 1, .free = count_free };
  g_autofree guint8 *memory = g_malloc (lxcmon_connection_get_size ());
  guint n_freed = 0;

  g_assert_null (lxcmon_connection_init (memory, NULL, &n_freed));
  g_assert_null (lxcmon_connection_init (memory, &cut, &n_freed));
  g_assert_cmpuint (n_freed, ==, 0);
}

static void
test_set_init_pid (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  lxcmon_connection_set_init_pid (session.connection, 77);
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 77);
  core_send_init (session.peer, 3869);
  core_session_expect (&session, "attached init(3869)");
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 3869);
  lxcmon_connection_detach (session.connection);
  core_session_attach_pair (&session, NULL);
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 0);
  core_session_clear (&session);
}

static void
expect_changes (CoreSession *session, const char *trace, guint expected)
{
  core_session_expect (session, trace);
  g_string_truncate (session->trace, 0);
  g_assert_cmphex (lxcmon_connection_take_changes (session->connection), ==, expected);
  g_assert_cmphex (lxcmon_connection_take_changes (session->connection), ==, 0);
}

/* Each change is told once, and what stays as it was is none. */
static void
test_changes (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  expect_changes (&session, "", LXCMON_CHANGE_STATE | LXCMON_CHANGE_CONTROLLER_PID);
  core_send_init (session.peer, 42);
  expect_changes (&session, "attached init(42)", LXCMON_CHANGE_STATE | LXCMON_CHANGE_INIT_PID);
  core_send_init (session.peer, 42);
  expect_changes (&session, "init(42)", 0);
  lxcmon_connection_set_init_pid (session.connection, 43);
  expect_changes (&session, "", LXCMON_CHANGE_INIT_PID);
  lxcmon_connection_set_init_pid (session.connection, 43);
  expect_changes (&session, "", 0);

  core_send_exit (session.peer, 1);
  expect_changes (&session, "exit(shutdown)", LXCMON_CHANGE_STATE | LXCMON_CHANGE_EXIT);
  core_send_exit (session.peer, 1);
  expect_changes (&session, "exit(shutdown)", 0);
  core_send_exit (session.peer, 2);
  expect_changes (&session, "exit(reboot)", LXCMON_CHANGE_EXIT);

  /* The next attach forgets; the controller is the same one. */
  lxcmon_connection_detach (session.connection);
  expect_changes (&session, "", LXCMON_CHANGE_STATE);
  core_session_attach_pair (&session, NULL);
  expect_changes (&session, "", LXCMON_CHANGE_STATE | LXCMON_CHANGE_INIT_PID | LXCMON_CHANGE_EXIT);
  core_session_clear (&session);
}

static void
test_detached (void)
{
  const LxcmonCallbacks callbacks = { LXCMON_CALLBACKS_INIT };
  LxcmonConnection *connection = lxcmon_connection_new (&callbacks, NULL);

  g_assert_cmpint (lxcmon_connection_get_state (connection), ==, LXCMON_STATE_DETACHED);
  g_assert_cmpint (lxcmon_connection_get_fd (connection), ==, -1);
  g_assert_cmpint (lxcmon_connection_get_events (connection), ==, 0);
  g_assert_cmpint (lxcmon_connection_get_timeout (connection), ==, -1);
  g_assert_cmpint (lxcmon_connection_get_controller_pid (connection), ==, 0);
  g_assert_cmpint (lxcmon_connection_get_init_pid (connection), ==, 0);
  g_assert_cmpint (lxcmon_connection_get_exit_raw (connection), ==, -1);
  g_assert_cmpint (lxcmon_connection_get_exit_status (connection), ==, LXCMON_EXIT_STATUS_UNKNOWN);
  g_assert_false (lxcmon_connection_get_exited (connection));
  g_assert_false (lxcmon_connection_get_missed_init (connection));
  g_assert_null (lxcmon_connection_get_error (connection));
  g_assert_cmpuint (lxcmon_connection_get_skipped (connection), ==, 0);
  g_assert_cmpuint (lxcmon_connection_get_extended (connection), ==, 0);
  lxcmon_connection_dispatch (connection);
  lxcmon_connection_detach (connection);
  lxcmon_connection_free (connection);
}

/* Nobody has to listen to anything. */
static void
test_no_callbacks (void)
{
  const LxcmonCallbacks callbacks = { LXCMON_CALLBACKS_INIT };
  LxcmonConnection *connection = lxcmon_connection_new (&callbacks, NULL);
  int pair[2];

  lxcmon_connection_set_debug (connection, true);
  for (int ending = 0; ending < 3; ending++)
    {
      g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
      g_assert_true (lxcmon_connection_attach_fd (connection, pair[0], NULL, NULL));
      if (ending == 0)
        core_send_story (pair[1]);
      if (ending == 1)
        core_send_init (pair[1], 1);
      close (pair[1]);
      for (int i = 0; i < 3; i++)
        lxcmon_connection_dispatch (connection);
      g_assert_cmpint (lxcmon_connection_get_state (connection), ==,
                       ending == 2 ? LXCMON_STATE_DETACHED : LXCMON_STATE_CLOSED);
    }
  lxcmon_connection_free (connection);
}

static void
test_attach_twice (CoreMode mode)
{
  CoreSession session;
  LxcmonError error;
  int pair[2];

  core_session_init_pair (&session, mode);
  g_assert_false (lxcmon_connection_attach (session.connection, "/nonexistent", NULL, &error));
  g_assert_cmpint (error.system_errno, ==, EALREADY);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  g_assert_false (lxcmon_connection_attach_fd (session.connection, pair[0], NULL, &error));
  g_assert_cmpint (error.system_errno, ==, EALREADY);
  g_assert_cmpint (fcntl (pair[0], F_GETFD), ==, -1); /* it was given away, and is closed */
  close (pair[1]);

  g_assert_false (lxcmon_connection_set_hub (session.connection, NULL, &error));
  g_assert_cmpint (error.system_errno, ==, EBUSY);
  core_session_assert_state (&session, "queued");
  core_send_story (session.peer);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
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
  g_assert_false (lxcmon_connection_attach (session.connection, "/x", &no_size, &error));
  g_assert_nonnull (strstr (error.message, "LXCMON_ATTACH_OPTIONS_INIT"));
  g_assert_false (lxcmon_connection_attach (session.connection, "/x", &no_timeout, &error));
  g_assert_nonnull (strstr (error.message, "attach_timeout is 0"));
  g_assert_false (lxcmon_connection_attach (session.connection, NULL, NULL, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_INVALID_NAME);
  core_session_assert_state (&session, "detached");
  core_session_attach_pair (&session, &longer);
  g_assert_cmpstr (session.trace->str, ==, "");
  core_session_clear (&session);
}

/* What is no connected stream socket is refused, and closed all the same. */
static void
test_bad_descriptors (CoreMode mode)
{
  CoreSession session;
  LxcmonError error;
  int pipe_fds[2];

  core_session_init (&session, mode);
  g_assert_false (lxcmon_connection_attach_fd (session.connection, -1, NULL, &error));
  g_assert_cmpint (error.system_errno, ==, EBADF);

  g_assert_no_errno (pipe2 (pipe_fds, O_CLOEXEC));
  g_assert_false (lxcmon_connection_attach_fd (session.connection, pipe_fds[0], NULL, &error));
  g_assert_cmpint (error.system_errno, ==, ENOTSOCK);
  g_assert_cmpint (fcntl (pipe_fds[0], F_GETFD), ==, -1);
  close (pipe_fds[1]);

  int unconnected = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_false (lxcmon_connection_attach_fd (session.connection, unconnected, NULL, &error));
  g_assert_cmpint (fcntl (unconnected, F_GETFD), ==, -1);

  int internet = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (internet >= 0)
    {
      g_assert_false (lxcmon_connection_attach_fd (session.connection, internet, NULL, &error));
      g_assert_cmpint (fcntl (internet, F_GETFD), ==, -1);
    }
  core_session_assert_state (&session, "detached");
  g_assert_cmpstr (session.trace->str, ==, ""); /* the return value has said it */
  core_session_clear (&session);
}

/* Messages in packets would lose their boundaries' meaning: a stream is what controllers speak. */
static void
test_other_types (CoreMode mode)
{
  static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    {
      CoreSession session;
      LxcmonError error;
      int pair[2];

      core_session_init (&session, mode);
      g_assert_no_errno (socketpair (AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair));
      g_assert_false (lxcmon_connection_attach_fd (session.connection, pair[0], NULL, &error));
      g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_UNTRUSTED);
      g_assert_cmpint (error.system_errno, ==, EPROTOTYPE);
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
  g_assert_true (lxcmon_connection_attach_fd (session.connection, pair[0], NULL, NULL));
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
  g_assert_true (lxcmon_connection_attach_fd (session.connection, high, NULL, NULL));
  session.peer = pair[1];
  core_send_story (session.peer);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
  core_session_clear (&session);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

static void
test_loop_contract (void)
{
  CoreSession session;

  core_session_init_pair (&session, CORE_ALONE);
  g_assert_cmpint (lxcmon_connection_get_events (session.connection), ==, POLLIN);
  int timeout = lxcmon_connection_get_timeout (session.connection);
  g_assert_cmpint (timeout, >, 1000);
  g_assert_cmpint (timeout, <=, 2000);
  /* Dispatched without reason: nothing happens. */
  for (int i = 0; i < 5; i++)
    lxcmon_connection_dispatch (session.connection);
  g_assert_cmpstr (session.trace->str, ==, "");
  core_session_clear (&session);
}

/* A connection behind a hub may be waited for alone. */
static void
test_dispatch_behind_hub (void)
{
  CoreSession session;

  core_session_init_pair (&session, CORE_BEHIND_HUB);
  core_send_story (session.peer);
  core_session_hang_up (&session);
  for (int i = 0; i < 3; i++)
    lxcmon_connection_dispatch (session.connection);
  g_assert_cmpstr (session.trace->str, ==, "attached init(3869) exit(reboot) closed(null)");
  g_assert_false (core_session_is_ready (&session, 0));
  core_session_clear (&session);
}

static void
test_change_of_hub (void)
{
  CoreSession session;
  LxcmonHub *hub = lxcmon_hub_new (NULL);

  core_session_init_pair (&session, CORE_ALONE);
  lxcmon_connection_detach (session.connection);
  g_assert_true (lxcmon_connection_set_hub (session.connection, hub, NULL));
  g_assert_true (lxcmon_connection_set_hub (session.connection, hub, NULL));
  session.hub = hub;
  core_session_attach_pair (&session, NULL);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 1);
  core_send_story (session.peer);
  core_session_expect (&session, "attached init(3869) exit(reboot)");
  lxcmon_connection_detach (session.connection);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 0);
  g_assert_true (lxcmon_connection_set_hub (session.connection, NULL, NULL));
  core_session_clear (&session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/connection/new-with-bad-size", test_new_with_bad_size);
  core_test_add_modes ("/connection/in-place", test_in_place);
  core_test_add ("/connection/in-place-with-bad-size", test_in_place_with_bad_size);
  core_test_add_modes ("/connection/set-init-pid", test_set_init_pid);
  core_test_add_modes ("/connection/changes", test_changes);
  core_test_add ("/connection/detached", test_detached);
  core_test_add ("/connection/no-callbacks", test_no_callbacks);
  core_test_add_modes ("/connection/attach-twice", test_attach_twice);
  core_test_add_modes ("/connection/bad-options", test_bad_options);
  core_test_add_modes ("/connection/bad-descriptors", test_bad_descriptors);
  core_test_add_modes ("/connection/other-types", test_other_types);
  core_test_add_modes ("/connection/descriptor-flags", test_descriptor_flags);
  core_test_add_modes ("/connection/high-descriptor", test_high_descriptor);
  core_test_add ("/connection/loop-contract", test_loop_contract);
  core_test_add ("/connection/dispatch-behind-hub", test_dispatch_behind_hub);
  core_test_add ("/connection/change-of-hub", test_change_of_hub);

  return g_test_run ();
}
