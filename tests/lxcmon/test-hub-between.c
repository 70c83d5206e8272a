/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What may be done to a connection between two of its events, or in its callbacks: free it, attach another
 * one, run the loop, shut it down, fork. Each at each event, with a whole story received, and with two other
 * connections on the same hub that are ready at the same time and must not be affected.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-session.h"

#include <string.h>

#define STORY "attached init(3869) exit(reboot) closed(null)"

typedef enum
{
  FREE,
  ATTACH_ANOTHER,
  RUN_LOOP,
  SHUT_DOWN,
  FORK,
  N_ACTIONS
} Action;

static const char *const action_names[]
    = { "free", "attach-another", "run-loop", "shut-down", "fork" };
static const char *const event_names[] = { "attached", "init", "exit", "closed", "failed" };

typedef struct
{
  Action action;
  const char *event; /* at which one, by its prefix */
  CoreMode mode;
} Case;

/* The part of a story that ends with an event. */
static char *
story_until (const char *event)
{
  g_autofree char *whole = g_strdup (STORY);
  char *at = strstr (whole, event);

  if (g_str_equal (event, "failed"))
    return g_strdup ("failed(lost)");
  g_assert_nonnull (at);
  at = strchr (at, ' ');
  if (at != NULL)
    *at = '\0';
  return g_steal_pointer (&whole);
}

/* In a child there are no more events, and nothing that is done affects the parent. */
static int
use_in_child (gconstpointer data)
{
  CoreSession *self = (CoreSession *) data;
  gsize length = self->trace->len;

  if (lxcmon_hub_has_pending (self->hub) || lxcmon_hub_get_timeout (self->hub) != -1)
    return 1;
  for (int i = 0; i < 3; i++)
    core_session_dispatch (self);
  lxcmon_connection_shutdown (self->connection);
  lxcmon_connection_free (self->connection);
  return self->trace->len == length ? 0 : 2;
}

static void
act (CoreSession *self, const char *event)
{
  const Case *test = self->hook_data;

  if (!g_str_has_prefix (event, test->event))
    return;
  self->hook = NULL;
  switch (test->action)
    {
    case FREE:
      core_session_free_connection (self);
      break;
    case ATTACH_ANOTHER:
      core_session_attach_pair (self, NULL);
      core_send_story (self->peer);
      core_session_hang_up (self);
      break;
    case RUN_LOOP:
      core_session_settle (self);
      break;
    case SHUT_DOWN:
      lxcmon_connection_shutdown (self->connection);
      break;
    case FORK:
      g_assert_cmpint (core_child_run (use_in_child, self), ==, 0);
      break;
    case N_ACTIONS:
    default:
      g_assert_not_reached ();
    }
}

static void
start_story (CoreSession *self, gboolean fails)
{
  core_session_attach_pair (self, NULL);
  if (!fails)
    core_send_story (self->peer);
  core_session_hang_up (self);
}

static void
run_case (gconstpointer data)
{
  const Case *test = data;
  g_autofree char *until = story_until (test->event);
  gboolean fails = g_str_equal (test->event, "failed");
  CoreSession actor, others[2];

  core_session_init (&actor, test->mode);
  core_session_init_on (&others[0], actor.hub, test->mode);
  core_session_init_on (&others[1], actor.hub, test->mode);
  start_story (&others[0], FALSE);
  start_story (&actor, fails);
  start_story (&others[1], FALSE);
  actor.hook = act;
  actor.hook_data = (gpointer) test;

  core_session_settle (&actor);
  g_assert_cmpstr (others[0].trace->str, ==, STORY);
  g_assert_cmpstr (others[1].trace->str, ==, STORY);
  if (test->action == FREE)
    g_assert_cmpstr (actor.trace->str, ==, until);
  else if (test->action == ATTACH_ANOTHER)
    {
      g_autofree char *expected = g_strconcat (until, " ", STORY, NULL);

      g_assert_cmpstr (actor.trace->str, ==, expected);
    }
  else
    g_assert_cmpstr (actor.trace->str, ==, fails ? until : STORY);

  core_session_clear (&others[0]);
  core_session_clear (&others[1]);
  core_session_clear (&actor);
}

static void
add_cases (void)
{
  static Case cases[N_ACTIONS * G_N_ELEMENTS (event_names) * 2];
  Case *next = cases;

  for (int action = 0; action < N_ACTIONS; action++)
    for (gsize i = 0; i < G_N_ELEMENTS (event_names); i++)
      for (int mode = CORE_PULLED; mode <= CORE_DISPATCHED; mode++)
        {
          g_autofree char *path
              = g_strdup_printf ("/hub/between/%s/at-%s/%s", action_names[action], event_names[i],
                                 mode == CORE_PULLED ? "pulled" : "dispatched");

          *next = (Case){ (Action) action, event_names[i], (CoreMode) mode };
          core_test_add_data (path, run_case, next++);
        }
}

/* A loop that runs at "attached" returns all the rest. */
static void
expect_all_inside (CoreSession *self, const char *event)
{
  self->hook = NULL;
  core_session_settle (self);
  g_assert_cmpstr (self->trace->str, ==, STORY);
  core_session_assert_state (self, "closed");
}

static void
test_loop_inside_first (CoreMode mode)
{
  CoreSession session;

  core_session_init (&session, mode);
  start_story (&session, FALSE);
  session.hook = expect_all_inside;
  core_session_expect (&session, STORY);
  core_session_clear (&session);
}

/* A loop at each event, one in the other. */
static void
run_loop (CoreSession *self, const char *event)
{
  core_session_settle (self);
}

static void
test_loops_inside_loops (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  for (int i = 0; i < 20; i++)
    core_send_init (session.peer, i + 1);
  core_send_exit (session.peer, 1);
  core_session_hang_up (&session);
  session.hook = run_loop;
  core_session_settle (&session);

  GString *expected = g_string_new ("attached");
  for (int i = 0; i < 20; i++)
    g_string_append_printf (expected, " init(%d)", i + 1);
  g_string_append (expected, " exit(shutdown) closed(null)");
  g_assert_cmpstr (session.trace->str, ==, expected->str);
  g_string_free (expected, TRUE);
  core_session_clear (&session);
}

/* The peer sends more while a loop runs at an event. */
static void
send_more (CoreSession *self, const char *event)
{
  if (g_str_equal (event, "init(1)"))
    core_send_init (self->peer, 2);
  else if (g_str_equal (event, "init(2)"))
    {
      core_send_exit (self->peer, 2);
      core_session_hang_up (self);
    }
  core_session_settle (self);
}

static void
test_more_comes_inside (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_init (session.peer, 1);
  session.hook = send_more;
  core_session_expect (&session, "attached init(1) init(2) exit(reboot) closed(null)");
  core_session_clear (&session);
}

/* A connection that is freed while PONGs are pending. */
static void
free_now (CoreSession *self, const char *event)
{
  self->hook = NULL;
  core_session_free_connection (self);
}

static void
test_free_with_pending_pong (CoreMode mode)
{
  CoreSession session;

  core_session_init_pair (&session, mode);
  core_send_pong (session.peer);
  core_session_expect (&session, "attached");
  core_drain (session.peer);
  core_send_ping (session.peer);
  core_send_init (session.peer, 1);
  core_send_ping (session.peer);
  session.hook = free_now;
  core_session_settle (&session);
  g_assert_cmpstr (session.trace->str, ==, "attached init(1)");
  core_session_clear (&session);
}

/* Freed at the event of a timer. */
static void
test_free_in_timer (CoreMode mode)
{
  LxcmonAttachOptions options = LXCMON_ATTACH_OPTIONS_INIT;
  CoreSession session;

  options.keepalive_interval = 10;
  core_session_init (&session, mode);
  core_session_attach_pair (&session, &options);
  core_send_init (session.peer, 1);
  core_session_expect (&session, "attached init(1)");
  session.hook = free_now;
  core_session_wait_for (&session, "closed(timed-out)");
  core_session_clear (&session);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_cases ();
  core_test_add_modes ("/hub/between/loop-inside-first", test_loop_inside_first);
  core_test_add_modes ("/hub/between/loops-inside-loops", test_loops_inside_loops);
  core_test_add_modes ("/hub/between/more-comes-inside", test_more_comes_inside);
  core_test_add_modes ("/hub/between/free-with-pending-pong", test_free_with_pending_pong);
  core_test_add_modes ("/hub/between/free-in-timer", test_free_in_timer);

  return g_test_run ();
}
