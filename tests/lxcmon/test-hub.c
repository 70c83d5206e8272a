/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A hub and its loop contract: rounds, what an event costs, bounded and fair work for many connections, and the
 * timer descriptor. What may be done between two events: test-hub-between.c and test-hub-others.c.
 */

#include "common/core-peer.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The one timer descriptor of this process. */
static int
find_timer_fd (void)
{
  int found = -1;

  for (int fd = 0; fd < 1024; fd++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
      g_autofree char *link = g_file_read_link (path, NULL);

      if (link == NULL || !g_str_equal (link, "anon_inode:[timerfd]"))
        continue;
      g_assert_cmpint (found, ==, -1);
      found = fd;
    }
  g_assert_cmpint (found, >=, 0);
  return found;
}

static gboolean
timer_is_armed (void)
{
  struct itimerspec when;

  g_assert_no_errno (timerfd_gettime (find_timer_fd (), &when));
  return when.it_value.tv_sec != 0 || when.it_value.tv_nsec != 0;
}

static void
test_timer_is_off_when_idle (CoreMode mode)
{
  CoreSession first, second;

  core_session_init (&first, mode);
  core_session_init_on (&second, first.hub, mode);
  g_assert_false (timer_is_armed ());
  core_session_attach_pair (&first, NULL);
  core_session_attach_pair (&second, NULL);
  g_assert_true (timer_is_armed ());
  core_send_init (first.peer, 1);
  core_session_settle (&first);
  g_assert_true (timer_is_armed ());
  core_send_pong (second.peer);
  core_session_settle (&first);
  g_assert_false (timer_is_armed ()); /* both are attached */
  g_assert_false (core_session_is_ready (&first, 30));

  core_send_exit (first.peer, 1);
  core_session_settle (&first);
  g_assert_true (timer_is_armed ());
  core_session_hang_up (&first);
  core_session_settle (&first);
  g_assert_false (timer_is_armed ());
  core_session_clear (&second);
  core_session_clear (&first);
}

static void
count_events (CoreSession *self, const char *event)
{
  guint *n_events = self->hook_data;

  ++*n_events;
}

/* A lone event is one epoll_wait and one recv, and no allocation. */
static void
test_cost_of_an_event (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  session.counts_only = TRUE;
  core_send_init (session.peer, 2);

  core_wrap_begin ();
  do
    core_session_dispatch (&session);
  while (lxcmon_hub_has_pending (session.hub));
  guint n = core_wrap_end ();
  g_autofree char *calls = core_wrap_describe ();
  g_assert_cmpstr (calls, ==, "epoll_wait:1 recv:1");
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 2);
  core_session_clear (&session);
}

/* And a dispatch with nothing to do is one epoll_wait. */
static void
test_cost_of_nothing (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  core_wrap_begin ();
  core_session_dispatch (&session);
  (void) core_wrap_end ();
  g_autofree char *calls = core_wrap_describe ();
  g_assert_cmpstr (calls, ==, "epoll_wait:1");
  core_session_clear (&session);
}

/* If the peer has hung up, its end is returned before any other connection is read, however much it sent. */
static void
test_hung_up_to_the_end (CoreMode mode)
{
  g_autoptr (GByteArray) much = g_byte_array_new ();
  CoreSession long_one, other;
  guint n_events = 0, n_others = 0;

  for (int i = 0; i < 3000; i++)
    g_byte_array_append (much, core_init_bytes, CORE_INIT_SIZE);
  g_assert_cmpuint (much->len, >, 65536);
  core_session_init_pair (&long_one, mode);
  core_session_init_on (&other, long_one.hub, mode);
  long_one.counts_only = TRUE;
  long_one.hook = other.hook = count_events;
  long_one.hook_data = &n_events;
  other.hook_data = &n_others;
  core_send_array (long_one.peer, much);
  core_session_hang_up (&long_one);
  core_session_attach_pair (&other, NULL);
  core_send_init (other.peer, 1);
  while (n_events < 3002)
    {
      core_session_dispatch (&long_one);
      g_assert_cmpuint (n_others, ==, n_events == 3002 ? n_others : 0);
    }
  core_session_assert_state (&long_one, "closed");
  core_session_expect (&other, "attached init(1)");
  core_session_clear (&other);
  core_session_clear (&long_one);
}

/* Once an event was returned, the hub has more to do until there was none, although its descriptor is not
 * readable. A loop may take one event for each poll. */
static void
test_pending (void)
{
  LxcmonEvent event;
  CoreSession session;
  const LxcmonEventType expected[]
      = { LXCMON_EVENT_ATTACHED, LXCMON_EVENT_INIT, LXCMON_EVENT_EXIT };

  core_session_init_pair (&session, CORE_PULLED);
  g_assert_false (lxcmon_hub_has_pending (session.hub));
  g_assert_false (lxcmon_hub_next_event (session.hub, &event));
  g_assert_false (lxcmon_hub_has_pending (session.hub));
  core_send_story (session.peer);
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_assert_true (lxcmon_hub_next_event (session.hub, &event));
      g_assert_cmpint (event.type, ==, expected[i]);
      g_assert_true (event.connection == session.connection);
      g_assert_true (event.user_data == &session);
      g_assert_null (event.error);
      g_assert_cmpint (event.pid, ==, event.type == LXCMON_EVENT_INIT ? 3869 : 0);
      g_assert_cmpint (event.raw, ==, event.type == LXCMON_EVENT_EXIT ? 2 : -1);
      g_assert_true (lxcmon_hub_has_pending (session.hub));
      g_assert_cmpint (lxcmon_hub_get_timeout (session.hub), ==, 0);
    }
  g_assert_false (lxcmon_hub_next_event (session.hub, &event));
  g_assert_false (lxcmon_hub_has_pending (session.hub));
  g_assert_cmpint (lxcmon_hub_get_timeout (session.hub), ==, -1);
  core_session_clear (&session);
}

/* The state changes as the event is returned, not before. */
static void
test_state_agrees_with_event (void)
{
  LxcmonEvent event;
  CoreSession session;

  core_session_init_pair (&session, CORE_PULLED);
  core_send_story (session.peer);
  core_session_hang_up (&session);
  g_assert_true (lxcmon_hub_next_event (session.hub, &event));
  core_session_assert_state (&session, "attached");
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 0);
  g_assert_true (lxcmon_hub_next_event (session.hub, &event));
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 3869);
  g_assert_false (lxcmon_connection_get_exited (session.connection));
  g_assert_true (lxcmon_hub_next_event (session.hub, &event));
  core_session_assert_state (&session, "exited");
  g_assert_true (lxcmon_connection_get_exited (session.connection));
  g_assert_true (lxcmon_hub_next_event (session.hub, &event));
  g_assert_cmpint (event.type, ==, LXCMON_EVENT_CLOSED);
  core_session_assert_state (&session, "closed");
  core_session_clear (&session);
}

/* The error of an event is valid until the next one is pulled. */
static void
test_error_of_event (void)
{
  LxcmonEvent event;
  CoreSession session;

  core_session_init_pair (&session, CORE_PULLED);
  core_send_init (session.peer, 1);
  core_session_hang_up (&session);
  do
    g_assert_true (lxcmon_hub_next_event (session.hub, &event));
  while (event.type != LXCMON_EVENT_CLOSED);
  core_session_free_connection (&session);
  g_assert_cmpint (event.error->code, ==, LXCMON_MONITOR_ERROR_LOST);
  g_assert_true (g_str_has_prefix (event.error->message, "the controller closed"));
  core_session_clear (&session);
}

static GByteArray *
new_inits (guint n)
{
  GByteArray *bytes = g_byte_array_new ();

  for (guint i = 0; i < n; i++)
    g_byte_array_append (bytes, core_init_bytes, CORE_INIT_SIZE);
  return bytes;
}

/* Many events in hand: each dispatch returns after a part of them, and none is lost. */
static void
test_dispatch_is_bounded (void)
{
  enum
  {
    N_EVENTS = 1500
  };
  g_autoptr (GByteArray) bytes = new_inits (N_EVENTS);
  guint n_events = 0, n_dispatches = 0;
  CoreSession session;

  core_session_init_pair (&session, CORE_DISPATCHED);
  session.counts_only = TRUE;
  session.hook = count_events;
  session.hook_data = &n_events;
  core_send_array (session.peer, bytes);
  do
    {
      guint n_before = n_events;

      core_session_dispatch (&session);
      g_assert_cmpuint (n_events - n_before, <=, 1024);
      n_dispatches++;
    }
  while (lxcmon_hub_get_timeout (session.hub) == 0);
  g_assert_cmpuint (n_events, ==, N_EVENTS + 1);
  g_assert_cmpuint (n_dispatches, ==, (N_EVENTS + 1) / 1024 + 1);
  core_session_clear (&session);
}

static void
ignore (LxcmonConnection *connection, LxcmonLogLevel level, const char *message, void *user_data)
{
  GString *log = user_data;

  g_string_append_printf (log, "%s %s\n", message,
                          lxcmon_state_to_string (lxcmon_connection_get_state (connection)));
}

/* Silent by default; a function may ask the connection. */
static void
test_log (void)
{
  g_autoptr (GString) log = g_string_new (NULL);
  CoreSession session;

  core_session_init_pair (&session, CORE_PULLED);
  lxcmon_hub_set_log (session.hub, LXCMON_LOG_DEBUG, ignore, log);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  g_assert_cmpstr (log->str, ==, "queued → attached attached\n");
  lxcmon_hub_set_log (session.hub, LXCMON_LOG_WARNING, ignore, log);
  core_send_exit (session.peer, 1);
  core_session_settle (&session);
  lxcmon_hub_set_log (session.hub, LXCMON_LOG_DEBUG, NULL, NULL);
  core_session_hang_up (&session);
  core_session_settle (&session);
  g_assert_cmpstr (log->str, ==, "queued → attached attached\n");
  core_session_clear (&session);
}

static void
test_contract (void)
{
  LxcmonError error;
  LxcmonHub *hub = lxcmon_hub_new (&error);

  g_assert_nonnull (hub);
  g_assert_cmpint (lxcmon_hub_get_fd (hub), >, 2);
  g_assert_cmpint (lxcmon_hub_get_events (hub), ==, POLLIN);
  g_assert_cmpint (lxcmon_hub_get_timeout (hub), ==, -1);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 0);
  g_assert_false (lxcmon_hub_was_forked (hub));
  lxcmon_hub_dispatch (hub);
  g_assert_true (lxcmon_hub_ref (hub) == hub);
  lxcmon_hub_unref (hub);
  lxcmon_hub_unref (hub);
  lxcmon_hub_unref (NULL);
}

/* Connections hold a reference to their hub. */
static void
test_held_by_connections (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  lxcmon_hub_unref (session.hub);
  core_send_story (session.peer);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
  session.hub = NULL;
  core_session_clear (&session);
}

static void
test_counts_connections (CoreMode mode)
{
  CoreSession first, second;

  core_session_init (&first, mode);
  core_session_init_on (&second, first.hub, mode);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (first.hub), ==, 0);
  core_session_attach_pair (&first, NULL);
  core_session_attach_pair (&second, NULL);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (first.hub), ==, 2);
  core_session_hang_up (&first);
  core_session_settle (&first);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (first.hub), ==, 1);
  core_session_free_connection (&second);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (first.hub), ==, 0);
  core_session_clear (&second);
  core_session_clear (&first);
}

enum
{
  N_MANY = 300
};

/* More than fit into one epoll_wait, all at once: INIT, EXIT and the end of each. */
static void
test_storm (CoreMode mode)
{
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  g_autofree CoreSession *sessions = g_new0 (CoreSession, N_MANY);

  for (int i = 0; i < N_MANY; i++)
    {
      core_session_init_on (&sessions[i], hub, mode);
      core_session_attach_pair (&sessions[i], NULL);
    }
  for (int i = 0; i < N_MANY; i++)
    {
      core_send_story (sessions[i].peer);
      core_session_hang_up (&sessions[i]);
    }
  guint n = core_session_settle (&sessions[0]);
  g_assert_cmpuint (n, <=, mode == CORE_DISPATCHED ? 4 : N_MANY * 4 + 3);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 0);
  for (int i = 0; i < N_MANY; i++)
    {
      g_assert_cmpstr (sessions[i].trace->str, ==, "attached init(3869) exit(reboot) closed(null)");
      core_session_clear (&sessions[i]);
    }
  lxcmon_hub_unref (hub);
}

/* Makes @n connections with more to read than one recv returns, and counts the events of each. */
static void
init_senders (CoreSession *sessions, guint *n_events, gsize n, const GByteArray *bytes)
{
  LxcmonHub *hub = lxcmon_hub_new (NULL);

  for (gsize i = 0; i < n; i++)
    {
      core_session_init_on (&sessions[i], hub, CORE_DISPATCHED);
      sessions[i].counts_only = TRUE;
      sessions[i].hook = count_events;
      sessions[i].hook_data = &n_events[i];
      core_session_attach_pair (&sessions[i], NULL);
      core_send_array (sessions[i].peer, bytes);
    }
  lxcmon_hub_unref (hub);
}

/* In a round each connection is read once, and no dispatch takes long. */
static void
test_fair (void)
{
  enum
  {
    N_SENDERS = 16,
    N_EVENTS_EACH = 2500,
    N_EVENTS_OF_READ = 65536 / CORE_INIT_SIZE + 1,
  };
  CoreSession sessions[N_SENDERS];
  guint n_events[N_SENDERS] = { 0 };
  g_autoptr (GByteArray) bytes = new_inits (N_EVENTS_EACH);

  init_senders (sessions, n_events, N_SENDERS, bytes);
  do
    core_session_dispatch (&sessions[0]);
  while (lxcmon_hub_has_pending (sessions[0].hub));
  for (int i = 0; i < N_SENDERS; i++)
    {
      g_assert_cmpuint (n_events[i], >, 0);
      g_assert_cmpuint (n_events[i], <=, N_EVENTS_OF_READ + 1); /* and "attached" */
    }

  core_session_settle (&sessions[0]);
  for (int i = 0; i < N_SENDERS; i++)
    {
      g_assert_cmpuint (n_events[i], ==, N_EVENTS_EACH + 1);
      core_session_clear (&sessions[i]);
    }
}

/* A connection has events although all others always have more to read. */
static void
test_never_starved (void)
{
  enum
  {
    N_SENDERS = 300, /* more than there are in a round */
    N_QUIET = N_SENDERS - 1,
    N_ROUNDS = 3,
  };
  g_autofree CoreSession *sessions = g_new0 (CoreSession, N_SENDERS);
  guint n_events[N_SENDERS] = { 0 };
  g_autoptr (GByteArray) bytes = new_inits (1);

  init_senders (sessions, n_events, N_SENDERS, bytes);
  for (int round = 0; round < N_ROUNDS && n_events[N_QUIET] == 0; round++)
    {
      do
        core_session_dispatch (&sessions[0]);
      while (lxcmon_hub_has_pending (sessions[0].hub));
      for (int i = 0; i < N_QUIET; i++)
        core_send_array (sessions[i].peer, bytes);
    }
  g_assert_cmpuint (n_events[N_QUIET], >, 0);
  for (int i = 0; i < N_SENDERS; i++)
    core_session_clear (&sessions[i]);
}

/* Timers of many: each fires, in time, and none of those that were unset. */
static void
test_many_timers (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  g_autofree CoreSession *sessions = g_new0 (CoreSession, N_MANY);

  for (int i = 0; i < N_MANY; i++)
    {
      options.keepalive_interval = 10 + (guint) (i * 7) % 30;
      core_session_init_on (&sessions[i], hub, mode);
      core_session_attach_pair (&sessions[i], &options);
      core_send_init (sessions[i].peer, 1);
      if (i % 3 == 0)
        core_send_exit (sessions[i].peer, 1);
    }
  core_session_settle (&sessions[0]);
  for (int i = 0; i < N_MANY; i++)
    if (i % 3 != 0)
      core_session_wait_for (&sessions[i], "closed(timed-out)");
  for (int i = 0; i < N_MANY; i++)
    {
      g_assert_cmpstr (sessions[i].trace->str, ==,
                       i % 3 == 0 ? "attached init(1) exit(shutdown)"
                                  : "attached init(1) closed(timed-out)");
      core_session_clear (&sessions[i]);
    }
  lxcmon_hub_unref (hub);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/hub/contract", test_contract);
  core_test_add ("/hub/pending", test_pending);
  core_test_add ("/hub/state-agrees-with-event", test_state_agrees_with_event);
  core_test_add ("/hub/error-of-event", test_error_of_event);
  core_test_add ("/hub/dispatch-is-bounded", test_dispatch_is_bounded);
  core_test_add ("/hub/log", test_log);
  core_test_add_modes ("/hub/timer-is-off-when-idle", test_timer_is_off_when_idle);
  core_test_add_modes ("/hub/cost-of-an-event", test_cost_of_an_event);
  core_test_add_modes ("/hub/cost-of-nothing", test_cost_of_nothing);
  core_test_add_modes ("/hub/hung-up-to-the-end", test_hung_up_to_the_end);
  core_test_add_modes ("/hub/held-by-connections", test_held_by_connections);
  core_test_add_modes ("/hub/counts-connections", test_counts_connections);
  core_test_add_modes ("/hub/storm", test_storm);
  core_test_add ("/hub/fair", test_fair);
  core_test_add ("/hub/never-starved", test_never_starved);
  core_test_add_modes ("/hub/many-timers", test_many_timers);

  return g_test_run ();
}
