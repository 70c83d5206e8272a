/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a callback may do to its own connection: detach it, attach it again, free it, run the loop
 * again. Each from each callback, with a whole story in one read, alone and with two others behind the
 * same hub that are ready at the same time and must notice nothing.
 */

#include "common/core-peer.h"
#include "common/core-session.h"

#include <string.h>

#define STORY "attached init(3869) exit(reboot) closed(null)"

typedef enum
{
  DO_DETACH,
  DO_ATTACH_AGAIN,
  DO_FREE,
  DO_RUN_LOOP,
  N_DEEDS
} Deed;

static const char *const deed_names[] = { "detach", "attach-again", "free", "run-loop" };
static const char *const event_names[] = { "attached", "init", "exit", "closed", "failed" };

typedef struct
{
  Deed deed;
  const char *event; /* from which callback, by its prefix */
  CoreMode mode;
} Case;

/* What one story becomes when something is done at an event: what was called until then. */
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

/* The one that does something does it once. */
static void
do_deed (CoreSession *self, const char *event)
{
  const Case *test = self->hook_data;

  if (!g_str_has_prefix (event, test->event))
    return;
  self->hook = NULL;
  switch (test->deed)
    {
    case DO_DETACH:
      lxcmon_connection_detach (self->connection);
      break;
    case DO_ATTACH_AGAIN:
      lxcmon_connection_detach (self->connection);
      core_session_attach_pair (self, NULL);
      core_send_story (self->peer);
      core_session_hang_up (self);
      break;
    case DO_FREE:
      core_session_free_connection (self);
      break;
    case DO_RUN_LOOP:
      core_session_settle (self);
      break;
    case N_DEEDS:
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
  CoreSession doer, others[2];

  core_session_init (&doer, test->mode);
  core_session_init_behind (&others[0], doer.hub);
  core_session_init_behind (&others[1], doer.hub);
  start_story (&others[0], FALSE);
  start_story (&doer, fails);
  start_story (&others[1], FALSE);
  doer.hook = do_deed;
  doer.hook_data = (gpointer) test;

  core_session_settle (&doer);
  core_session_settle (&others[0]);
  core_session_settle (&others[1]);
  g_assert_cmpstr (others[0].trace->str, ==, STORY);
  g_assert_cmpstr (others[1].trace->str, ==, STORY);
  if (test->deed == DO_RUN_LOOP)
    g_assert_cmpstr (doer.trace->str, ==, fails ? until : STORY);
  else if (test->deed == DO_ATTACH_AGAIN)
    {
      g_autofree char *expected = g_strconcat (until, " ", STORY, NULL);

      g_assert_cmpstr (doer.trace->str, ==, expected);
    }
  else
    g_assert_cmpstr (doer.trace->str, ==, until);

  core_session_clear (&others[0]);
  core_session_clear (&others[1]);
  core_session_clear (&doer);
}

static void
add_cases (void)
{
  static Case cases[N_DEEDS * G_N_ELEMENTS (event_names) * 2];
  Case *next = cases;

  for (int deed = 0; deed < N_DEEDS; deed++)
    for (gsize i = 0; i < G_N_ELEMENTS (event_names); i++)
      for (int mode = CORE_ALONE; mode <= CORE_BEHIND_HUB; mode++)
        {
          g_autofree char *path
              = g_strdup_printf ("/callbacks/%s/in-%s/%s", deed_names[deed], event_names[i],
                                 mode == CORE_ALONE ? "alone" : "behind-hub");

          *next = (Case){ (Deed) deed, event_names[i], (CoreMode) mode };
          core_test_add_data (path, run_case, next++);
        }
}

/* Everything is over when a loop that runs inside "attached" returns: the rest came inside it. */
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

/* A loop inside each callback, one in the other. */
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

/* The peer says more while a callback runs the loop. */
static void
say_more (CoreSession *self, const char *event)
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
  session.hook = say_more;
  core_session_expect (&session, "attached init(1) init(2) exit(reboot) closed(null)");
  core_session_clear (&session);
}

/* A connection that is freed while PONGs are due: nothing is sent for it any more. */
static void
free_now (CoreSession *self, const char *event)
{
  self->hook = NULL;
  core_session_free_connection (self);
}

static void
test_free_while_pong_is_due (CoreMode mode)
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

/* Freed by the callback of a timer. */
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
  core_test_add_modes ("/callbacks/loop-inside-first", test_loop_inside_first);
  core_test_add_modes ("/callbacks/loops-inside-loops", test_loops_inside_loops);
  core_test_add_modes ("/callbacks/more-comes-inside", test_more_comes_inside);
  core_test_add_modes ("/callbacks/free-while-pong-is-due", test_free_while_pong_is_due);
  core_test_add_modes ("/callbacks/free-in-timer", test_free_in_timer);

  return g_test_run ();
}
