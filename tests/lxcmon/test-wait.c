/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The one call that blocks: it returns when the controller serves us or the attach has failed, takes
 * nothing from the socket, calls nothing back, and cannot hang.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-session.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void
assert_attached (CoreSession *self)
{
  LxcmonError error;

  if (!lxcmon_connection_wait_attached (self->connection, -1, &error))
    g_error ("not served: %s", error.message);
  core_session_assert_state (self, "attached");
  g_assert_cmpstr (self->trace->str, ==, "");
}

static void
assert_fails (CoreSession *self, LxcmonMonitorError code, const char *text)
{
  LxcmonError error;

  g_assert_false (lxcmon_connection_wait_attached (self->connection, -1, &error));
  g_assert_cmpint (error.code, ==, code);
  g_assert_nonnull (strstr (error.message, text));
  core_session_assert_state (self, "detached");
  g_assert_cmpstr (self->trace->str, ==, "");
  g_assert_nonnull (lxcmon_connection_get_error (self->connection));
  g_assert_cmpint (lxcmon_connection_get_fd (self->connection), ==, -1);
}

/* Everything is there already, the end too: it stays for the loop. */
static void
test_all_pending (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_story (session.peer);
  core_session_hang_up (&session);
  assert_attached (&session);
  g_assert_false (lxcmon_connection_get_missed_init (session.connection));
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 0);
  core_session_expect (&session, "init(3869) exit(reboot) closed(null)");
  core_session_clear (&session);
}

static void
test_pong (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_pong (session.peer);
  assert_attached (&session);
  g_assert_true (lxcmon_connection_get_missed_init (session.connection));
  core_session_expect (&session, "");
  assert_attached (&session); /* asked again, it is still true */
  core_session_clear (&session);
}

/* EXIT as the first thing: served, and the rest by the loop. */
static void
test_exit_first (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_exit (session.peer, 1);
  core_session_hang_up (&session);
  assert_attached (&session);
  core_session_expect (&session, "exit(shutdown) closed(null)");
  core_session_clear (&session);
}

static void
test_failures (CoreMode mode)
{
  static const guint8 garbage[] = { 0, 0, 0, 1 };
  CoreMessage bad = core_init_message (0);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_drain (session.peer);
  core_session_hang_up (&session);
  assert_fails (&session, LXCMON_MONITOR_ERROR_LOST, "went before it served us");

  core_session_attach_pair (&session, NULL);
  core_session_hang_up (&session); /* our PING was not read: ECONNRESET */
  assert_fails (&session, LXCMON_MONITOR_ERROR_LOST, "went before it served us");

  core_session_attach_pair (&session, NULL);
  core_send (session.peer, garbage, sizeof garbage);
  assert_fails (&session, LXCMON_MONITOR_ERROR_PROTOCOL, "the length at offset 0 is 1");

  core_put_message (bytes, &bad);
  core_session_attach_pair (&session, NULL);
  core_send_array (session.peer, bytes);
  assert_fails (&session, LXCMON_MONITOR_ERROR_PROTOCOL, "the pid of INIT at offset 28 is 0");
  core_session_clear (&session);
}

/* The stream ends inside the very first message, wherever. */
static void
test_truncated (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  for (gsize size = 1; size < CORE_KEEPALIVE_SIZE; size++)
    for (int clean = 0; clean < 2; clean++)
      {
        core_session_attach_pair (&session, NULL);
        if (clean)
          core_drain (session.peer);
        core_send (session.peer, core_init_bytes, size);
        core_session_hang_up (&session);
        assert_fails (&session, LXCMON_MONITOR_ERROR_TRUNCATED, "the stream ends at offset");
      }
  core_session_clear (&session);
}

typedef struct
{
  int fd;
  gsize size;
} Rest;

static gpointer
send_rest (gpointer data)
{
  const Rest *rest = data;

  for (gsize i = CORE_INIT_SIZE - rest->size; i < CORE_INIT_SIZE; i++)
    {
      g_usleep (500);
      core_send (rest->fd, core_init_bytes + i, 1);
    }
  return NULL;
}

/* The first message comes byte by byte, while we wait. */
static void
test_slow_message (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send (session.peer, core_init_bytes, 3);
  Rest rest = { .fd = session.peer, .size = CORE_INIT_SIZE - 3 };
  GThread *thread = g_thread_new ("rest", send_rest, &rest);
  assert_attached (&session);
  g_thread_join (thread);
  core_session_expect (&session, "init(3869)");
  core_session_clear (&session);
}

/* Cancelled: the connection goes on attaching, and tells by its callbacks then. */
static void
test_cancel (CoreMode mode)
{
  int cancel_fd = eventfd (1, EFD_CLOEXEC);
  CoreSession session;
  LxcmonError error;

  core_session_init_pair (&session, mode);
  g_assert_false (lxcmon_connection_wait_attached (session.connection, cancel_fd, &error));
  g_assert_cmpint (error.system_errno, ==, ECANCELED);
  core_session_assert_state (&session, "queued");
  core_send_init (session.peer, 1);
  core_session_expect (&session, "attached init(1)");
  core_session_clear (&session);
  close (cancel_fd);
}

static void
wait_inside (CoreSession *self, const char *event)
{
  LxcmonError error;

  if (!g_str_has_prefix (event, "failed"))
    return;
  g_assert_false (lxcmon_connection_wait_attached (self->connection, -1, &error));
  g_assert_cmpint (error.system_errno, ==, EINVAL);
}

static void
test_mistakes (CoreMode mode)
{
  CoreSession session;
  LxcmonError error;

  core_session_init (&session, mode);
  g_assert_false (lxcmon_connection_wait_attached (session.connection, -1, &error));
  g_assert_cmpint (error.system_errno, ==, EINVAL);
  g_assert_false (lxcmon_connection_wait_attached (session.connection, -1, NULL));
  core_session_attach_pair (&session, NULL);
  core_session_hang_up (&session);
  session.hook = wait_inside;
  core_session_expect (&session, "failed(lost)");
  core_session_clear (&session);
}

/* Somebody else is served, and we took the place in the queue behind: BUSY after the timeout. */
static void
test_busy (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreListener listener;
  CoreSession session;

  options.force = true;
  options.attach_timeout = 50;
  core_listener_init (&listener);
  int client = core_listener_connect (&listener);
  int served = core_listener_accept (&listener);
  core_session_init (&session, mode);
  g_assert_true (lxcmon_connection_attach (session.connection, listener.path, &options, NULL));
  gint64 start = g_get_monotonic_time ();
  assert_fails (&session, LXCMON_MONITOR_ERROR_BUSY, "serves one client");
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 45 * 1000);
  core_session_clear (&session);
  close (client);
  close (served);
  core_listener_clear (&listener);
}

typedef struct
{
  CoreListener *listener;
  CoreChild *holder;
  int served;
} Release;

/* Lets the served client go, then serves the next one. */
static gpointer
release_place (gpointer data)
{
  Release *release = data;
  gint64 deadline = core_deadline ();
  int next;

  core_child_stop (release->holder);
  close (release->served);
  while ((next = core_listener_accept (release->listener)) < 0)
    {
      core_check_deadline (deadline, "the next client");
      g_usleep (1000);
    }
  core_send_pong (next);
  return GINT_TO_POINTER (next);
}

static void
test_wait_if_busy (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreListener listener;
  CoreSession session;
  CoreChild holder;

  options.wait_if_busy = true;
  core_listener_init (&listener);
  core_child_start (&holder, core_child_connect, listener.path);
  Release release = { &listener, &holder, core_listener_accept (&listener) };
  core_session_init (&session, mode);
  g_assert_true (lxcmon_connection_attach (session.connection, listener.path, &options, NULL));
  core_session_assert_state (&session, "connecting");
  GThread *thread = g_thread_new ("release", release_place, &release);
  assert_attached (&session);
  close (GPOINTER_TO_INT (g_thread_join (thread)));
  core_session_clear (&session);
  core_listener_clear (&listener);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/wait/all-pending", test_all_pending);
  core_test_add_modes ("/wait/pong", test_pong);
  core_test_add_modes ("/wait/exit-first", test_exit_first);
  core_test_add_modes ("/wait/failures", test_failures);
  core_test_add_modes ("/wait/truncated", test_truncated);
  core_test_add_modes ("/wait/slow-message", test_slow_message);
  core_test_add_modes ("/wait/cancel", test_cancel);
  core_test_add_modes ("/wait/mistakes", test_mistakes);
  core_test_add_modes ("/wait/busy", test_busy);
  core_test_add_modes ("/wait/wait-if-busy", test_wait_if_busy);

  return g_test_run ();
}
