/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Many connections behind one hub: what an event costs, how long a dispatch may take, whose turn it
 * is, and what the timer descriptor does. What callbacks do to other connections:
 * test-hub-callbacks.c.
 */

#include "common/core-peer.h"
#include "common/core-session.h"
#include "common/core-wrap.h"

#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
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
test_timer_is_off_when_idle (void)
{
  CoreSession first, second;

  core_session_init (&first, CORE_BEHIND_HUB);
  core_session_init_behind (&second, first.hub);
  g_assert_false (timer_is_armed ());
  core_session_attach_pair (&first, NULL);
  core_session_attach_pair (&second, NULL);
  g_assert_true (timer_is_armed ());
  core_send_init (first.peer, 1);
  core_session_settle (&first);
  g_assert_true (timer_is_armed ());
  core_send_pong (second.peer);
  core_session_settle (&first);
  g_assert_false (timer_is_armed ()); /* both are served */
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
test_cost_of_an_event (void)
{
  CoreSession session;

  core_session_init_pair (&session, CORE_BEHIND_HUB);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  session.counts_only = TRUE;
  core_send_init (session.peer, 2);

  core_wrap_begin ();
  core_session_dispatch (&session);
  guint n = core_wrap_end ();
  g_autofree char *calls = core_wrap_describe ();
  g_assert_cmpstr (calls, ==, "epoll_wait:1 recv:1");
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpint (lxcmon_connection_get_init_pid (session.connection), ==, 2);
  core_session_clear (&session);
}

/* And a dispatch without reason is one epoll_wait. */
static void
test_cost_of_nothing (void)
{
  CoreSession session;

  core_session_init_pair (&session, CORE_BEHIND_HUB);
  core_send_init (session.peer, 1);
  core_session_settle (&session);
  core_wrap_begin ();
  core_session_dispatch (&session);
  (void) core_wrap_end ();
  g_autofree char *calls = core_wrap_describe ();
  g_assert_cmpstr (calls, ==, "epoll_wait:1");
  core_session_clear (&session);
}

/* Where the peer has hung up, one dispatch brings everything, the end too, however much it is. */
static void
test_one_dispatch_to_the_end (void)
{
  g_autoptr (GByteArray) much = g_byte_array_new ();
  CoreSession little, long_one;
  guint n_events = 0;

  core_session_init_pair (&little, CORE_BEHIND_HUB);
  core_send_story (little.peer);
  core_session_hang_up (&little);
  core_session_dispatch (&little);
  g_assert_cmpstr (little.trace->str, ==, "attached init(3869) exit(reboot) closed(null)");
  core_session_clear (&little);

  for (int i = 0; i < 3000; i++)
    g_byte_array_append (much, core_init_bytes, CORE_INIT_SIZE);
  g_assert_cmpuint (much->len, >, 65536);
  core_session_init_pair (&long_one, CORE_BEHIND_HUB);
  long_one.counts_only = TRUE;
  long_one.hook = count_events;
  long_one.hook_data = &n_events;
  core_send_array (long_one.peer, much);
  core_session_hang_up (&long_one);
  core_session_dispatch (&long_one);
  core_session_assert_state (&long_one, "closed");
  g_assert_cmpuint (n_events, ==, 3002);
  core_session_clear (&long_one);
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

/* A hub lives as long as the last connection behind it. */
static void
test_lives_for_its_connections (void)
{
  CoreSession session;

  core_session_init_pair (&session, CORE_BEHIND_HUB);
  lxcmon_hub_unref (session.hub);
  core_send_story (session.peer);
  core_session_hang_up (&session);
  core_session_expect (&session, "attached init(3869) exit(reboot) closed(null)");
  session.hub = NULL;
  core_session_clear (&session);
}

static void
test_counts_connections (void)
{
  CoreSession first, second;

  core_session_init (&first, CORE_BEHIND_HUB);
  core_session_init_behind (&second, first.hub);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (first.hub), ==, 0);
  core_session_attach_pair (&first, NULL);
  core_session_attach_pair (&second, NULL);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (first.hub), ==, 2);
  core_session_hang_up (&first);
  core_session_settle (&first);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (first.hub), ==, 1);
  lxcmon_connection_detach (second.connection);
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
test_storm (void)
{
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  g_autofree CoreSession *sessions = g_new0 (CoreSession, N_MANY);

  for (int i = 0; i < N_MANY; i++)
    {
      core_session_init_behind (&sessions[i], hub);
      core_session_attach_pair (&sessions[i], NULL);
    }
  for (int i = 0; i < N_MANY; i++)
    {
      core_send_story (sessions[i].peer);
      core_session_hang_up (&sessions[i]);
    }
  g_assert_cmpuint (core_session_settle (&sessions[0]), <=, 4);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 0);
  for (int i = 0; i < N_MANY; i++)
    {
      g_assert_cmpstr (sessions[i].trace->str, ==, "attached init(3869) exit(reboot) closed(null)");
      core_session_clear (&sessions[i]);
    }
  lxcmon_hub_unref (hub);
}

/* Everybody has more to say than a dispatch may take: the work of each is bounded, and all have had
 * their turn after a few. */
static void
test_fair (void)
{
  enum
  {
    N_TALKERS = 16,
    N_EVENTS_EACH = 2500,
    N_BYTES_AT_MOST = 5 * 65536,
    N_ROUNDS_FOR_ALL = N_TALKERS * N_EVENTS_EACH * CORE_INIT_SIZE / (4 * 65536) + 1,
  };
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  g_autofree CoreSession *sessions = g_new0 (CoreSession, N_TALKERS);
  g_autoptr (GByteArray) talk = g_byte_array_new ();
  guint n_events[N_TALKERS] = { 0 };

  for (int i = 0; i < N_EVENTS_EACH; i++)
    g_byte_array_append (talk, core_init_bytes, CORE_INIT_SIZE);
  for (int i = 0; i < N_TALKERS; i++)
    {
      core_session_init_behind (&sessions[i], hub);
      sessions[i].counts_only = TRUE;
      sessions[i].hook = count_events;
      sessions[i].hook_data = &n_events[i];
      core_session_attach_pair (&sessions[i], NULL);
      core_send_array (sessions[i].peer, talk);
    }

  for (int round = 0; round < N_TALKERS; round++)
    {
      guint n_before = 0, n_after = 0;

      for (int i = 0; i < N_TALKERS; i++)
        n_before += n_events[i];
      lxcmon_hub_dispatch (hub);
      for (int i = 0; i < N_TALKERS; i++)
        n_after += n_events[i];
      g_assert_cmpuint (n_after - n_before, <=, N_BYTES_AT_MOST / CORE_INIT_SIZE + N_TALKERS);
      if (round < N_ROUNDS_FOR_ALL)
        continue;
      for (int i = 0; i < N_TALKERS; i++)
        g_assert_cmpuint (n_events[i], >, 0);
    }

  core_session_settle (&sessions[0]);
  for (int i = 0; i < N_TALKERS; i++)
    {
      g_assert_cmpuint (n_events[i], ==, N_EVENTS_EACH + 1); /* and "attached" */
      core_session_clear (&sessions[i]);
    }
  lxcmon_hub_unref (hub);
}

/* Those who always have more to say do not keep the others from being heard. */
static void
test_never_starved (void)
{
  enum
  {
    N_TALKERS = 12,
    N_ROUNDS = 2 * N_TALKERS,
  };
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  CoreSession talkers[N_TALKERS], quiet;
  g_autoptr (GByteArray) talk = g_byte_array_new ();
  guint n_events = 0, n_quiet = 0;

  for (int i = 0; i < 2500; i++)
    g_byte_array_append (talk, core_init_bytes, CORE_INIT_SIZE);
  for (int i = 0; i < N_TALKERS; i++)
    {
      core_session_init_behind (&talkers[i], hub);
      talkers[i].counts_only = TRUE;
      talkers[i].hook = count_events;
      talkers[i].hook_data = &n_events;
      core_session_attach_pair (&talkers[i], NULL);
      core_send_array (talkers[i].peer, talk);
    }
  core_session_init_behind (&quiet, hub);
  quiet.hook = count_events;
  quiet.hook_data = &n_quiet;
  core_session_attach_pair (&quiet, NULL);
  core_send_init (quiet.peer, 42);

  for (int round = 0; round < N_ROUNDS && n_quiet == 0; round++)
    {
      lxcmon_hub_dispatch (hub);
      for (int i = 0; i < N_TALKERS; i++)
        {
          int n_unread;

          g_assert_cmpint (ioctl (talkers[i].peer, SIOCOUTQ, &n_unread), ==, 0);
          if (n_unread == 0)
            core_send_array (talkers[i].peer, talk);
        }
    }
  g_assert_cmpuint (n_quiet, >, 0);

  for (int i = 0; i < N_TALKERS; i++)
    core_session_clear (&talkers[i]);
  core_session_clear (&quiet);
  lxcmon_hub_unref (hub);
}

/* Timers of many: each goes off, in time, and none of those that were cleared. */
static void
test_many_timers (void)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  g_autofree CoreSession *sessions = g_new0 (CoreSession, N_MANY);

  for (int i = 0; i < N_MANY; i++)
    {
      options.keepalive_interval = 10 + (guint) (i * 7) % 30;
      core_session_init_behind (&sessions[i], hub);
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

  core_test_add ("/hub/timer-is-off-when-idle", test_timer_is_off_when_idle);
  core_test_add ("/hub/cost-of-an-event", test_cost_of_an_event);
  core_test_add ("/hub/cost-of-nothing", test_cost_of_nothing);
  core_test_add ("/hub/one-dispatch-to-the-end", test_one_dispatch_to_the_end);
  core_test_add ("/hub/contract", test_contract);
  core_test_add ("/hub/lives-for-its-connections", test_lives_for_its_connections);
  core_test_add ("/hub/counts-connections", test_counts_connections);
  core_test_add ("/hub/storm", test_storm);
  core_test_add ("/hub/fair", test_fair);
  core_test_add ("/hub/never-starved", test_never_starved);
  core_test_add ("/hub/many-timers", test_many_timers);

  return g_test_run ();
}
