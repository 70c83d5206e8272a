/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One attach, with any GObject as its owner: what is reported and in what order, what each event writes into
 * the model, the weak reference to the owner, handlers that close the session, reboots, and forks.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "common/glib-owner.h"
#include "common/glib-test.h"

/* ---- What is reported ---- */

static void
test_life (void)
{
  GlibOwned owned;
  GlibOwner *owner;

  glib_owned_init_open (&owned);
  owner = owned.owner;
  core_send_init (owned.fd, 3869);
  glib_owned_wait_for (&owned, "init");
  g_assert_cmpint (owner->model.state, ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (owner->model.init_pid, ==, 3869);
  g_assert_cmpint (owner->model.controller_pid, ==, getpid ());
  g_assert_cmpint (owner->model.end, ==, LXCMON_END_NONE);
  core_send_exit (owned.fd, 2);
  glib_owned_wait_for (&owned, "exit");
  g_assert_cmpint (owner->model.state, ==, LXCMON_STATE_EXITED);
  g_assert_true (owner->model.exited);
  g_assert_cmpint (owner->model.exit_status, ==, LXCMON_EXIT_STATUS_REBOOT);
  g_assert_cmpint (owner->model.exit_raw, ==, 2);
  g_assert_cmpint (owner->model.end, ==, LXCMON_END_REBOOT);
  glib_owned_hang_up (&owned);
  glib_owned_wait_for (&owned, "closed");
  g_assert_cmpint (owner->model.state, ==, LXCMON_STATE_CLOSED);
  g_assert_cmpstr (owner->events->str, ==, "attached, init, exit, closed");
  glib_owned_clear (&owned);
}

static void
test_pending_together (void)
{
  for (guint i = 0; i < (glib_test_is_slow () ? 100 : 1000); i++)
    {
      GlibOwned owned;

      glib_owned_init_open (&owned);
      core_send_story (owned.fd);
      glib_owned_hang_up (&owned);
      glib_owned_wait_for (&owned, "closed");
      g_assert_cmpstr (owned.owner->events->str, ==, "attached, init, exit, closed");
      glib_owned_clear (&owned);
    }
}

static void
test_lost (void)
{
  GlibOwned owned;

  glib_owned_init_open (&owned);
  core_send_pong (owned.fd);
  glib_owned_wait_for (&owned, "attached");
  glib_owned_hang_up (&owned);
  glib_owned_wait_for (&owned, "closed lost");
  g_assert_cmpstr (owned.owner->events->str, ==, "attached, closed lost");
  glib_owned_clear (&owned);
}

static void
test_fails_later (void)
{
  GlibOwned owned;

  glib_owned_init_open (&owned);
  g_assert_true (owned.owner->session != NULL);
  glib_owned_hang_up (&owned);
  glib_owned_wait_for (&owned, "failed lost");
  g_assert_cmpint (owned.owner->model.state, ==, LXCMON_STATE_DETACHED);
  glib_owned_clear (&owned);
}

/* Nothing is left of a session that could not be opened, and nothing is reported. */
static void
test_fails_at_once (void)
{
  GlibOwned owned;
  LxcmonError error = { 0 };

  glib_owned_init (&owned);
  close (owned.listener.fd);
  owned.listener.fd = -1;
  g_assert_false (glib_owned_open (&owned, 0, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_REFUSED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  g_assert_cmpint (unlink (owned.listener.path), ==, 0);
  g_assert_false (glib_owned_open (&owned, 0, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_NOT_FOUND);
  glib_test_drain ();
  g_assert_cmpstr (owned.owner->events->str, ==, "");
  glib_owned_clear (&owned);
}

/* ---- The owner ---- */

/* The owner was freed, and its session was not closed: nothing is reported, and closing it still
 * works. */
static void
test_weak_owner (void)
{
  GlibOwned owned;

  glib_owned_init_open (&owned);
  LxcmonSession *session = g_steal_pointer (&owned.owner->session);
  gint n = glib_n_owners_finalized;
  g_clear_object (&owned.owner);
  g_assert_cmpint (glib_n_owners_finalized, ==, n + 1);
  core_send_story (owned.fd);
  glib_owned_hang_up (&owned);
  glib_test_drain ();
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);
  _lxcmon_session_close (session);
  glib_owned_clear (&owned);
}

static void
act_close (GlibOwner *owner)
{
  g_clear_pointer (&owner->session, _lxcmon_session_close);
}

/* The reference of the test is the last one but the delivery's. */
static void
act_drop (GlibOwner *owner)
{
  gint n = glib_n_owners_finalized;

  g_object_unref (owner);
  g_assert_cmpint (glib_n_owners_finalized, ==, n);
}

static void
act_nested_loop (GlibOwner *owner)
{
  gsize length = owner->events->len;

  glib_test_drain ();
  /* All that was pending came in there. */
  g_assert_true (length == owner->events->len || g_str_has_suffix (owner->events->str, "closed"));
}

typedef struct
{
  const char *title;
  GlibOwnerFunc act;
} ActCase;

static const ActCase act_cases[] = {
  { "close", act_close },
  { "drop", act_drop },
  { "nested-loop", act_nested_loop },
};

static const char *const up_to[] = {
  [LXCMON_EVENT_ATTACHED] = "attached",
  [LXCMON_EVENT_INIT] = "attached, init",
  [LXCMON_EVENT_EXIT] = "attached, init, exit",
  [LXCMON_EVENT_CLOSED] = "attached, init, exit, closed",
};

/* Everything is pending when a handler of one event acts. */
static void
test_in_handler (gconstpointer data)
{
  const ActCase *test = data;

  for (LxcmonEventType type = LXCMON_EVENT_ATTACHED; type <= LXCMON_EVENT_CLOSED; type++)
    {
      GlibOwned owned;
      gint n = glib_n_owners_finalized;

      glib_owned_init_open (&owned);
      owned.owner->act = test->act;
      owned.owner->act_at = type;
      core_send_story (owned.fd);
      glib_owned_hang_up (&owned);
      if (test->act == act_drop)
        {
          glib_test_wait_until (glib_n_owners_finalized == n + 1);
          owned.owner = NULL;
        }
      else
        {
          glib_owned_wait_for (&owned, test->act == act_close ? up_to[type] : "closed");
          glib_test_drain ();
          g_assert_cmpstr (owned.owner->events->str, ==,
                           test->act == act_close ? up_to[type] : up_to[LXCMON_EVENT_CLOSED]);
        }
      glib_owned_clear (&owned);
    }
}

/* A handler opens another session: it is another object, as the one at hand is alive until it returns. */
static GlibOwned *reopened;

static void
act_reopen (GlibOwner *owner)
{
  LxcmonSession *before = owner->session;
  LxcmonError error;

  owner->act = NULL;
  g_clear_pointer (&owner->session, _lxcmon_session_close);
  g_assert_true (glib_owned_open (reopened, 0, &error));
  g_assert_true (owner->session != before);
}

static void
test_reopened_in_handler (void)
{
  for (LxcmonEventType type = LXCMON_EVENT_ATTACHED; type <= LXCMON_EVENT_CLOSED; type++)
    {
      GlibOwned owned;

      glib_owned_init_open (&owned);
      reopened = &owned;
      owned.owner->act = act_reopen;
      owned.owner->act_at = type;
      core_send_story (owned.fd);
      glib_owned_hang_up (&owned);
      glib_owned_wait_for (&owned, up_to[type]);
      glib_owned_accept (&owned);
      g_string_truncate (owned.owner->events, 0);
      core_send_story (owned.fd);
      glib_owned_hang_up (&owned);
      glib_owned_wait_for (&owned, "closed");
      g_assert_cmpstr (owned.owner->events->str, ==, up_to[LXCMON_EVENT_CLOSED]);
      glib_owned_clear (&owned);
    }
}

/* ---- Reboots ---- */

/* The next controller has a socket of its own at the same path. */
static void
replace_listener (GlibOwned *self)
{
  close (self->listener.fd);
  g_assert_cmpint (unlink (self->listener.path), ==, 0);
  self->listener.fd = core_bind (self->listener.path, SOCK_STREAM);
  g_assert_cmpint (listen (self->listener.fd, 30), ==, 0);
}

static void
test_followed (void)
{
  GlibOwned owned;
  LxcmonError error;

  glib_owned_init (&owned);
  g_assert_true (glib_owned_open (&owned, 60000, &error));
  glib_owned_accept (&owned);
  glib_owned_reach (&owned, GLIB_STAGE_FOLLOWING);
  g_string_truncate (owned.owner->events, 0);
  replace_listener (&owned);
  /* The model starts again with the next run. */
  glib_owned_wait_for (&owned, "connected");
  g_assert_cmpint (owned.owner->model.state, ==, LXCMON_STATE_QUEUED);
  g_assert_cmpint (owned.owner->model.end, ==, LXCMON_END_NONE);
  g_assert_cmpint (owned.owner->model.init_pid, ==, 0);
  g_assert_false (owned.owner->model.exited);
  glib_owned_accept (&owned);
  core_send_story (owned.fd);
  glib_owned_hang_up (&owned);
  glib_owned_wait_for (&owned, "closed");
  g_assert_cmpstr (owned.owner->events->str, ==, "connected, attached, init, exit, closed");
  glib_owned_clear (&owned);
}

static void
test_not_followed_in_time (void)
{
  GlibOwned owned;
  LxcmonError error;

  glib_owned_init (&owned);
  g_assert_true (glib_owned_open (&owned, 1, &error));
  glib_owned_accept (&owned);
  glib_owned_reach (&owned, GLIB_STAGE_FOLLOWING);
  glib_owned_wait_for (&owned, "failed timed-out");
  g_assert_cmpint (owned.owner->model.state, ==, LXCMON_STATE_DETACHED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] next controller"), ==, 0);
  glib_owned_clear (&owned);
}

/* ---- fork ---- */

/* In the child nothing is reported, and closing leaves the parent's connection alone. */
static int
close_in_child (gpointer data)
{
  GlibOwned *owned = data;

  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  gboolean silent = owned->owner->events->len == 0;
  g_clear_object (&owned->owner);
  return silent && glib_test_count_sources (NULL, "[lxcmon]") == 0;
}

static void
test_forked (void)
{
  GlibOwned owned;

  glib_owned_init_open (&owned);
  core_send_init (owned.fd, 42);
  GlibTestChild child = glib_test_fork (close_in_child, &owned);
  g_assert_cmpint (glib_test_join (&child), ==, TRUE);
  g_assert_false (glib_owned_is_left (&owned));
  glib_owned_wait_for (&owned, "init");
  glib_owned_clear (&owned);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/session/life", test_life);
  glib_test_add ("/session/pending-together", test_pending_together);
  glib_test_add ("/session/lost", test_lost);
  glib_test_add ("/session/fails-later", test_fails_later);
  glib_test_add ("/session/fails-at-once", test_fails_at_once);
  glib_test_add ("/session/weak-owner", test_weak_owner);
  for (guint i = 0; i < G_N_ELEMENTS (act_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/session/in-handler/%s", act_cases[i].title);
      glib_test_add_data (path, test_in_handler, &act_cases[i]);
    }
  glib_test_add ("/session/reopened-in-handler", test_reopened_in_handler);
  glib_test_add ("/session/followed", test_followed);
  glib_test_add ("/session/not-followed-in-time", test_not_followed_in_time);
  glib_test_add ("/session/forked", test_forked);
  return g_test_run ();
}
