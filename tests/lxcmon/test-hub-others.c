/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What may be done to other connections of the same hub between two events, or in a callback: free them while
 * they are ready, make new ones, run the hub again. Then all of it at random, for a long time: the events of
 * each attach are in order, and complete unless the connection was freed.
 */

#include "common/core-peer.h"
#include "common/core-session.h"

#include <string.h>
#include <unistd.h>

#define STORY "attached init(3869) exit(reboot) closed(null)"

enum
{
  N_SESSIONS = 8,
};

static void
start_story (CoreSession *self)
{
  core_session_attach_pair (self, NULL);
  core_send_story (self->peer);
  core_session_hang_up (self);
}

static LxcmonHub *
start_stories (CoreSession *sessions, CoreMode mode)
{
  LxcmonHub *hub = lxcmon_hub_new (NULL);

  for (int i = 0; i < N_SESSIONS; i++)
    {
      core_session_init_on (&sessions[i], hub, mode);
      start_story (&sessions[i]);
    }
  return hub;
}

/* Frees all the others. */
static void
free_others (CoreSession *self, const char *event)
{
  CoreSession *sessions = self->hook_data;

  for (int i = 0; i < N_SESSIONS; i++)
    {
      sessions[i].hook = NULL;
      if (&sessions[i] != self && sessions[i].connection != NULL)
        core_session_free_connection (&sessions[i]);
    }
}

static void
test_free_others (CoreMode mode)
{
  CoreSession sessions[N_SESSIONS];
  LxcmonHub *hub = start_stories (sessions, mode);
  guint n_whole = 0;

  for (int i = 0; i < N_SESSIONS; i++)
    {
      sessions[i].hook = free_others;
      sessions[i].hook_data = sessions;
    }
  core_session_settle (&sessions[0]);
  g_assert_cmpuint (lxcmon_hub_get_n_connections (hub), ==, 0);
  for (int i = 0; i < N_SESSIONS; i++)
    {
      n_whole += g_str_equal (sessions[i].trace->str, STORY);
      if (sessions[i].connection == NULL)
        g_assert_cmpstr (sessions[i].trace->str, ==, "");
      core_session_clear (&sessions[i]);
    }
  g_assert_cmpuint (n_whole, ==, 1);
  lxcmon_hub_unref (hub);
}

/* Frees all others and makes new ones, which are likely to have their addresses and descriptors. */
static const char *replace_at;

static void
replace_others (CoreSession *self, const char *event)
{
  CoreSession *sessions = self->hook_data;

  if (!g_str_has_prefix (event, replace_at))
    return;

  for (int i = 0; i < N_SESSIONS; i++)
    {
      sessions[i].hook = NULL;
      if (&sessions[i] == self)
        continue;
      LxcmonHub *hub = lxcmon_hub_ref (sessions[i].hub);
      core_session_clear (&sessions[i]);
      core_session_init_on (&sessions[i], hub, self->mode);
      lxcmon_hub_unref (hub);
      core_session_attach_pair (&sessions[i], NULL);
      core_send_exit (sessions[i].peer, 1);
      core_session_hang_up (&sessions[i]);
    }
}

static void
test_replace_others (CoreMode mode)
{
  static const char *const at[] = { "attached", "init", "exit", "closed" };

  for (gsize n = 0; n < G_N_ELEMENTS (at); n++)
    {
      CoreSession sessions[N_SESSIONS];
      LxcmonHub *hub = start_stories (sessions, mode);

      replace_at = at[n];
      sessions[0].hook = replace_others;
      sessions[0].hook_data = sessions;
      core_session_settle (&sessions[0]);
      for (int i = 0; i < N_SESSIONS; i++)
        {
          const char *expected = i == 0 ? STORY : "attached exit(shutdown) closed(null)";
          const char *trace = sessions[i].trace->str;

          g_assert_cmpstr (trace, ==, expected);
          core_session_clear (&sessions[i]);
        }
      lxcmon_hub_unref (hub);
    }
}

/* Runs the hub again at the first event of each connection: all stories are complete after that. */
static void
run_hub_and_check (CoreSession *self, const char *event)
{
  CoreSession *sessions = self->hook_data;

  self->hook = NULL;
  core_session_settle (self);
  for (int i = 0; i < N_SESSIONS; i++)
    g_assert_cmpstr (sessions[i].trace->str, ==, STORY);
}

static void
test_run_hub_inside (CoreMode mode)
{
  CoreSession sessions[N_SESSIONS];
  LxcmonHub *hub = start_stories (sessions, mode);

  for (int i = 0; i < N_SESSIONS; i++)
    {
      sessions[i].hook = run_hub_and_check;
      sessions[i].hook_data = sessions;
    }
  core_session_settle (&sessions[0]);
  for (int i = 0; i < N_SESSIONS; i++)
    core_session_clear (&sessions[i]);
  lxcmon_hub_unref (hub);
}

/* The last reference to a hub is released while it dispatches. */
static void
free_all (CoreSession *self, const char *event)
{
  CoreSession *sessions = self->hook_data;

  for (int i = 0; i < N_SESSIONS; i++)
    {
      sessions[i].hook = NULL;
      core_session_free_connection (&sessions[i]);
      lxcmon_hub_unref (sessions[i].hub);
      sessions[i].hub = NULL;
    }
}

static void
test_hub_freed_inside (void)
{
  CoreSession sessions[N_SESSIONS];
  LxcmonHub *hub = start_stories (sessions, CORE_DISPATCHED);

  lxcmon_hub_unref (hub);
  for (int i = 0; i < N_SESSIONS; i++)
    {
      sessions[i].hook = free_all;
      sessions[i].hook_data = sessions;
    }
  lxcmon_hub_dispatch (hub);
  for (int i = 0; i < N_SESSIONS; i++)
    core_session_clear (&sessions[i]);
}

/* ---- At random ------------------------------------------------------------------------------ */

typedef struct
{
  CoreSession sessions[N_SESSIONS];
  LxcmonHub *hub;
  GRand *random;
  guint depth;
  guint n_events;
  CoreMode mode;
} Chaos;

/* The events of one attach must be the start of a story. */
static void
check_attach (const char *trace)
{
  static GRegex *pattern = NULL;

  if (pattern == NULL)
    pattern = g_regex_new ("^(failed\\([a-z-]+\\)|"
                           "attached( init\\(\\d+\\)| exit\\(\\w+\\))*( closed\\([a-z-]+\\))?)?$",
                           G_REGEX_OPTIMIZE, 0, NULL);
  if (!g_regex_match (pattern, trace, 0, NULL))
    g_error ("out of order: %s", trace);
  if (strstr (trace, "closed(") != NULL)
    g_assert_true ((strstr (trace, "exit(") != NULL) == (strstr (trace, "closed(null)") != NULL));
}

/* A new attach, with a new connection. */
static void
attach_another (CoreSession *self)
{
  check_attach (self->trace->str);
  g_string_truncate (self->trace, 0);
  core_session_attach_pair (self, NULL);
}

static void
send_something (Chaos *chaos, CoreSession *self)
{
  static const guint8 garbage[4] = { 0, 0, 0, 1 };
  g_autoptr (GByteArray) story = core_new_story ();

  if (self->peer < 0 || lxcmon_connection_get_state (self->connection) == LXCMON_STATE_CLOSED
      || lxcmon_connection_get_state (self->connection) == LXCMON_STATE_DETACHED)
    return;
  switch (g_rand_int_range (chaos->random, 0, 8))
    {
    case 0:
    case 1:
      core_send_init (self->peer, g_rand_int_range (chaos->random, 1, 1000));
      break;
    case 2:
      core_send_exit (self->peer, g_rand_int_range (chaos->random, 0, 3));
      break;
    case 3:
      core_send_array (self->peer, story);
      break;
    case 4:
      core_send_ping (self->peer);
      core_send_pong (self->peer);
      break;
    case 5:
      core_send (self->peer, garbage, sizeof garbage);
      break;
    default:
      core_session_hang_up (self);
      break;
    }
}

static void act (Chaos *chaos);

static void
on_event (CoreSession *self, const char *event)
{
  Chaos *chaos = self->hook_data;

  chaos->n_events++;
  check_attach (self->trace->str);
  if (g_rand_int_range (chaos->random, 0, 3) == 0)
    act (chaos);
}

static void
replace (Chaos *chaos, CoreSession *self)
{
  check_attach (self->trace->str);
  core_session_clear (self);
  core_session_init_on (self, chaos->hub, chaos->mode);
  self->hook = on_event;
  self->hook_data = chaos;
}

static void
act (Chaos *chaos)
{
  CoreSession *self = &chaos->sessions[g_rand_int_range (chaos->random, 0, N_SESSIONS)];

  switch (g_rand_int_range (chaos->random, 0, 12))
    {
    case 0:
      replace (chaos, self);
      break;
    case 1:
      lxcmon_connection_shutdown (self->connection);
      core_session_hang_up (self); /* it could not send any more */
      break;
    case 2:
    case 3:
      attach_another (self);
      break;
    case 4:
    case 5:
      if (chaos->depth < 6)
        {
          chaos->depth++;
          lxcmon_hub_dispatch (chaos->hub);
          chaos->depth--;
        }
      break;
    case 6:
      if (chaos->depth < 6)
        {
          chaos->depth++;
          core_session_dispatch (self);
          chaos->depth--;
        }
      break;
    default:
      send_something (chaos, self);
      break;
    }
}

static void
test_chaos (CoreMode mode)
{
  guint32 seed = (guint32) g_test_rand_int ();
  Chaos chaos
      = { .hub = lxcmon_hub_new (NULL), .random = g_rand_new_with_seed (seed), .mode = mode };

  g_test_message ("seed %u", seed);
  for (int i = 0; i < N_SESSIONS; i++)
    {
      core_session_init_on (&chaos.sessions[i], chaos.hub, mode);
      chaos.sessions[i].hook = on_event;
      chaos.sessions[i].hook_data = &chaos;
    }
  for (int i = 0; i < 40000; i++)
    act (&chaos);

  core_session_settle (&chaos.sessions[0]);
  g_assert_cmpuint (chaos.n_events, >, 1000);
  for (int i = 0; i < N_SESSIONS; i++)
    {
      check_attach (chaos.sessions[i].trace->str);
      core_session_clear (&chaos.sessions[i]);
    }
  g_assert_cmpuint (lxcmon_hub_get_n_connections (chaos.hub), ==, 0);
  lxcmon_hub_unref (chaos.hub);
  g_rand_free (chaos.random);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add_modes ("/hub/others/free", test_free_others);
  core_test_add_modes ("/hub/others/replace", test_replace_others);
  core_test_add_modes ("/hub/others/run-hub-inside", test_run_hub_inside);
  core_test_add ("/hub/others/hub-freed-inside", test_hub_freed_inside);
  core_test_add_modes ("/hub/others/chaos", test_chaos);

  return g_test_run ();
}
