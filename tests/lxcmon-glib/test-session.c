/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One attach, with any GObject as its owner: what is reported and in what order, what each event writes into
 * the model, the weak reference to the owner, and closing at each stage, in handlers and in another thread.
 */

#include <lxcmon-glib/lxcmon-glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core-peer.h"
#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-session-private.h"

#define OWNER_TYPE (owner_get_type ())
G_DECLARE_FINAL_TYPE (Owner, owner, TEST, OWNER, GObject)

typedef void (*ActFunc) (Owner *owner);

/* What has a session: it closes it when it is disposed of, as a client does. */
struct _Owner
{
  GObject parent_instance;

  LxcmonSession *session;
  LxcmonModel model;
  GString *events;
  ActFunc act; /* what to do in the handler of */
  LxcmonEventType act_at;
};

G_DEFINE_FINAL_TYPE (Owner, owner, G_TYPE_OBJECT)

static gint n_finalized;

static void
owner_dispose (GObject *object)
{
  g_clear_pointer (&((Owner *) object)->session, _lxcmon_session_close);
  G_OBJECT_CLASS (owner_parent_class)->dispose (object);
}

static void
owner_finalize (GObject *object)
{
  g_string_free (((Owner *) object)->events, TRUE);
  g_atomic_int_inc (&n_finalized);
  G_OBJECT_CLASS (owner_parent_class)->finalize (object);
}

static void
owner_class_init (OwnerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = owner_dispose;
  G_OBJECT_CLASS (klass)->finalize = owner_finalize;
}

static void
owner_init (Owner *self)
{
  self->model = (LxcmonModel) LXCMON_MODEL_INIT (LXCMON_SOURCE_DIRECT, LXCMON_STATE_DETACHED);
  self->events = g_string_new (NULL);
}

static void
on_event (GObject *object, LxcmonSession *session, const LxcmonEvent *event)
{
  static const char *const names[]
      = { "connected", "attached", "init", "exit", "closed", "failed" };
  Owner *self = TEST_OWNER (object);

  g_assert_true (self->session == session);
  _lxcmon_session_apply (session, event, &self->model);
  g_string_append_printf (self->events, "%s%s", self->events->len > 0 ? ", " : "",
                          names[event->type]);
  if (event->error != NULL)
    g_string_append_printf (self->events, " %s",
                            lxcmon_monitor_error_to_string (event->error->code));
  if (self->act != NULL && event->type == self->act_at)
    self->act (self);
}

/* ---- An owner, its session, and the controller's side of it ---- */

typedef struct
{
  CoreListener listener;
  Owner *owner;
  int fd; /* the controller's; -1 before it has accepted */
} Fixture;

static gboolean
open_session (Fixture *self, guint reboot_timeout, LxcmonError *error)
{
  GRefString *name = g_ref_string_new ("web1");
  GRefString *path = g_ref_string_new (self->listener.path);
  LxcmonSessionSettings settings = {
    .name = name,
    .socket_path = path,
    .options = LXCMON_ATTACH_OPTIONS_INIT,
    .reboot_timeout = reboot_timeout,
  };

  settings.options.force = true;
  self->owner->session
      = _lxcmon_session_open (self->owner, g_main_context_default (), &settings, on_event, error);
  /* The session has references of its own. */
  g_ref_string_release (name);
  g_ref_string_release (path);
  return self->owner->session != NULL;
}

static void
fixture_init (Fixture *self)
{
  *self = (Fixture){ .owner = g_object_new (OWNER_TYPE, NULL), .fd = -1 };
  core_listener_init (&self->listener);
}

static void
accept_session (Fixture *self)
{
  self->fd = core_listener_accept (&self->listener);
  g_assert_cmpint (self->fd, >=, 0);
}

static void
fixture_open (Fixture *self)
{
  LxcmonError error = { 0 };

  fixture_init (self);
  if (!open_session (self, 0, &error))
    g_error ("%s", error.message);
  accept_session (self);
}

static void
fixture_clear (Fixture *self)
{
  g_clear_object (&self->owner);
  glib_test_drain ();
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  if (self->fd >= 0)
    close (self->fd);
  core_listener_clear (&self->listener);
}

static void
hang_up (Fixture *self)
{
  close (self->fd);
  self->fd = -1;
}

static void
wait_for (Fixture *self, const char *events)
{
  glib_test_wait_until (g_str_has_suffix (self->owner->events->str, events));
}

/* Whether the client's end has been shut down. */
static gboolean
is_left (Fixture *self)
{
  g_autofree char *received = core_receive (self->fd);

  return g_str_has_suffix (received, "end");
}

/* ---- What is reported ---- */

static void
test_life (void)
{
  Fixture fixture;
  Owner *owner;

  fixture_open (&fixture);
  owner = fixture.owner;
  core_send_init (fixture.fd, 3869);
  wait_for (&fixture, "init");
  g_assert_cmpint (owner->model.state, ==, LXCMON_STATE_ATTACHED);
  g_assert_cmpint (owner->model.init_pid, ==, 3869);
  g_assert_cmpint (owner->model.controller_pid, ==, getpid ());
  g_assert_cmpint (owner->model.end, ==, LXCMON_END_NONE);
  core_send_exit (fixture.fd, 2);
  wait_for (&fixture, "exit");
  g_assert_cmpint (owner->model.state, ==, LXCMON_STATE_EXITED);
  g_assert_true (owner->model.exited);
  g_assert_cmpint (owner->model.exit_status, ==, LXCMON_EXIT_STATUS_REBOOT);
  g_assert_cmpint (owner->model.exit_raw, ==, 2);
  g_assert_cmpint (owner->model.end, ==, LXCMON_END_REBOOT);
  hang_up (&fixture);
  wait_for (&fixture, "closed");
  g_assert_cmpint (owner->model.state, ==, LXCMON_STATE_CLOSED);
  g_assert_cmpstr (owner->events->str, ==, "attached, init, exit, closed");
  fixture_clear (&fixture);
}

static void
test_pending_together (void)
{
  for (guint i = 0; i < (glib_test_is_slow () ? 100 : 1000); i++)
    {
      Fixture fixture;

      fixture_open (&fixture);
      core_send_story (fixture.fd);
      hang_up (&fixture);
      wait_for (&fixture, "closed");
      g_assert_cmpstr (fixture.owner->events->str, ==, "attached, init, exit, closed");
      fixture_clear (&fixture);
    }
}

static void
test_lost (void)
{
  Fixture fixture;

  fixture_open (&fixture);
  core_send_pong (fixture.fd);
  wait_for (&fixture, "attached");
  hang_up (&fixture);
  wait_for (&fixture, "closed lost");
  g_assert_cmpstr (fixture.owner->events->str, ==, "attached, closed lost");
  fixture_clear (&fixture);
}

static void
test_fails_later (void)
{
  Fixture fixture;

  fixture_open (&fixture);
  g_assert_true (fixture.owner->session != NULL);
  hang_up (&fixture);
  wait_for (&fixture, "failed lost");
  g_assert_cmpint (fixture.owner->model.state, ==, LXCMON_STATE_DETACHED);
  fixture_clear (&fixture);
}

/* Nothing is left of a session that could not be opened, and nothing is reported. */
static void
test_fails_at_once (void)
{
  Fixture fixture;
  LxcmonError error = { 0 };

  fixture_init (&fixture);
  close (fixture.listener.fd);
  fixture.listener.fd = -1;
  g_assert_false (open_session (&fixture, 0, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_REFUSED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
  g_assert_cmpint (unlink (fixture.listener.path), ==, 0);
  g_assert_false (open_session (&fixture, 0, &error));
  g_assert_cmpint (error.code, ==, LXCMON_MONITOR_ERROR_NOT_FOUND);
  glib_test_drain ();
  g_assert_cmpstr (fixture.owner->events->str, ==, "");
  fixture_clear (&fixture);
}

/* ---- The owner ---- */

/* The owner has gone, and its session was not closed: nothing is reported, and closing it still works. */
static void
test_weak_owner (void)
{
  Fixture fixture;

  fixture_open (&fixture);
  LxcmonSession *session = g_steal_pointer (&fixture.owner->session);
  gint n = n_finalized;
  g_clear_object (&fixture.owner);
  g_assert_cmpint (n_finalized, ==, n + 1);
  core_send_story (fixture.fd);
  hang_up (&fixture);
  glib_test_drain ();
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);
  _lxcmon_session_close (session);
  fixture_clear (&fixture);
}

static void
act_close (Owner *owner)
{
  g_clear_pointer (&owner->session, _lxcmon_session_close);
}

/* The reference of the fixture is the last one but the delivery's. */
static void
act_drop (Owner *owner)
{
  gint n = n_finalized;

  g_object_unref (owner);
  g_assert_cmpint (n_finalized, ==, n);
}

static void
act_nested_loop (Owner *owner)
{
  gsize length = owner->events->len;

  glib_test_drain ();
  /* All that was pending came in there. */
  g_assert_true (length == owner->events->len || g_str_has_suffix (owner->events->str, "closed"));
}

typedef struct
{
  const char *title;
  ActFunc act;
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
      Fixture fixture;
      gint n = n_finalized;

      fixture_open (&fixture);
      fixture.owner->act = test->act;
      fixture.owner->act_at = type;
      core_send_story (fixture.fd);
      hang_up (&fixture);
      if (test->act == act_drop)
        {
          glib_test_wait_until (n_finalized == n + 1);
          fixture.owner = NULL;
        }
      else
        {
          wait_for (&fixture, test->act == act_close ? up_to[type] : "closed");
          glib_test_drain ();
          g_assert_cmpstr (fixture.owner->events->str, ==,
                           test->act == act_close ? up_to[type] : up_to[LXCMON_EVENT_CLOSED]);
        }
      fixture_clear (&fixture);
    }
}

/* ---- Closing in another thread ---- */

typedef enum
{
  STAGE_QUEUED,
  STAGE_ATTACHED,
  STAGE_INIT,
  STAGE_EXIT,
  STAGE_PENDING, /* events wait to be taken */
  STAGE_CLOSED,
  STAGE_FOLLOWING,
  N_STAGES
} Stage;

static void
reach_stage (Fixture *self, Stage stage)
{
  switch (stage)
    {
    case STAGE_ATTACHED:
      core_send_pong (self->fd);
      wait_for (self, "attached");
      break;
    case STAGE_INIT:
      core_send_init (self->fd, 42);
      wait_for (self, "init");
      break;
    case STAGE_EXIT:
      core_send_exit (self->fd, 2);
      wait_for (self, "exit");
      break;
    case STAGE_PENDING:
      core_send_story (self->fd);
      break;
    case STAGE_CLOSED:
    case STAGE_FOLLOWING:
      core_send_story (self->fd);
      hang_up (self);
      wait_for (self, "closed");
      if (stage == STAGE_FOLLOWING)
        _lxcmon_session_follow (self->owner->session);
      break;
    case STAGE_QUEUED:
    case N_STAGES:
    default:
      break;
    }
}

static gpointer
close_in_thread (gpointer data)
{
  g_clear_pointer (&((Owner *) data)->session, _lxcmon_session_close);
  return NULL;
}

static gpointer
drop_in_thread (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

/* The controller is left before the context runs; nothing more is reported; the rest is freed there. */
static void
test_other_thread (gconstpointer data)
{
  GThreadFunc func = data == NULL ? close_in_thread : drop_in_thread;

  for (Stage stage = STAGE_QUEUED; stage < N_STAGES; stage++)
    {
      Fixture fixture;
      LxcmonError error;

      fixture_init (&fixture);
      g_assert_true (open_session (&fixture, 60000, &error));
      g_assert_true (_lxcmon_session_is_followed (fixture.owner->session));
      accept_session (&fixture);
      reach_stage (&fixture, stage);
      g_autofree char *before = g_strdup (fixture.owner->events->str);

      g_assert_true (g_main_context_acquire (NULL));
      g_thread_join (g_thread_new ("close", func, fixture.owner));
      g_assert_true (fixture.fd < 0 || is_left (&fixture));
      g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);
      g_main_context_release (NULL);
      if (data != NULL)
        fixture.owner = NULL;
      glib_test_drain ();
      g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
      if (fixture.owner != NULL)
        g_assert_cmpstr (fixture.owner->events->str, ==, before);
      fixture_clear (&fixture);
    }
}

/* Owners are dropped in one thread while their events are delivered in another. */
static gpointer
drop_owners (gpointer data)
{
  GAsyncQueue *queue = data;
  guint i = 0;

  for (gpointer owner = g_async_queue_pop (queue); owner != queue;
       owner = g_async_queue_pop (queue))
    {
      for (guint n = i++ % 20; n > 0; n--)
        g_thread_yield ();
      g_object_unref (owner);
    }
  return NULL;
}

static void
test_dropped_elsewhere (void)
{
  GAsyncQueue *queue = g_async_queue_new ();
  GThread *thread = g_thread_new ("drop", drop_owners, queue);
  guint n_rounds = glib_test_is_slow () ? 200 : 1000;
  Fixture fixture;

  fixture_init (&fixture);
  g_assert_true (g_main_context_acquire (NULL));
  for (guint i = 0; i < n_rounds; i++)
    {
      LxcmonError error;
      gint n = g_atomic_int_get (&n_finalized);

      if (fixture.owner == NULL)
        fixture.owner = g_object_new (OWNER_TYPE, NULL);
      g_assert_true (open_session (&fixture, 0, &error));
      accept_session (&fixture);
      core_send_story (fixture.fd);
      if (i % 2 == 0)
        hang_up (&fixture);
      g_async_queue_push (queue, g_steal_pointer (&fixture.owner));
      glib_test_wait_until (g_atomic_int_get (&n_finalized) == n + 1
                            && glib_test_count_sources (NULL, "[lxcmon]") == 0);
      if (fixture.fd >= 0)
        hang_up (&fixture);
    }
  g_main_context_release (NULL);
  g_async_queue_push (queue, queue);
  g_thread_join (thread);
  g_async_queue_unref (queue);
  fixture_clear (&fixture);
}

/* ---- Reboots ---- */

/* The next controller has a socket of its own at the same path. */
static void
replace_listener (Fixture *self)
{
  close (self->listener.fd);
  g_assert_cmpint (unlink (self->listener.path), ==, 0);
  self->listener.fd = core_bind (self->listener.path, SOCK_STREAM);
  g_assert_cmpint (listen (self->listener.fd, 30), ==, 0);
}

static void
test_followed (void)
{
  Fixture fixture;
  LxcmonError error;

  fixture_init (&fixture);
  g_assert_true (open_session (&fixture, 60000, &error));
  accept_session (&fixture);
  reach_stage (&fixture, STAGE_FOLLOWING);
  g_string_truncate (fixture.owner->events, 0);
  replace_listener (&fixture);
  /* The model starts again with the next life. */
  wait_for (&fixture, "connected");
  g_assert_cmpint (fixture.owner->model.state, ==, LXCMON_STATE_QUEUED);
  g_assert_cmpint (fixture.owner->model.end, ==, LXCMON_END_NONE);
  g_assert_cmpint (fixture.owner->model.init_pid, ==, 0);
  g_assert_false (fixture.owner->model.exited);
  accept_session (&fixture);
  core_send_story (fixture.fd);
  hang_up (&fixture);
  wait_for (&fixture, "closed");
  g_assert_cmpstr (fixture.owner->events->str, ==, "connected, attached, init, exit, closed");
  fixture_clear (&fixture);
}

static void
test_not_followed_in_time (void)
{
  Fixture fixture;
  LxcmonError error;

  fixture_init (&fixture);
  g_assert_true (open_session (&fixture, 1, &error));
  accept_session (&fixture);
  reach_stage (&fixture, STAGE_FOLLOWING);
  wait_for (&fixture, "failed timed-out");
  g_assert_cmpint (fixture.owner->model.state, ==, LXCMON_STATE_DETACHED);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] next controller"), ==, 0);
  fixture_clear (&fixture);
}

/* ---- fork ---- */

/* In the child nothing is reported, and closing leaves the parent's connection alone. */
static int
close_in_child (gpointer data)
{
  Fixture *fixture = data;

  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  gboolean silent = fixture->owner->events->len == 0;
  g_clear_object (&fixture->owner);
  return silent && glib_test_count_sources (NULL, "[lxcmon]") == 0;
}

static void
test_forked (void)
{
  Fixture fixture;

  fixture_open (&fixture);
  core_send_init (fixture.fd, 42);
  GlibTestChild child = glib_test_fork (close_in_child, &fixture);
  g_assert_cmpint (glib_test_join (&child), ==, TRUE);
  g_assert_false (is_left (&fixture));
  wait_for (&fixture, "init");
  fixture_clear (&fixture);
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
  glib_test_add_data ("/session/other-thread/close", test_other_thread, NULL);
  glib_test_add_data ("/session/other-thread/drop", test_other_thread, "drop");
  glib_test_add ("/session/dropped-elsewhere", test_dropped_elsewhere);
  glib_test_add ("/session/followed", test_followed);
  glib_test_add ("/session/not-followed-in-time", test_not_followed_in_time);
  glib_test_add ("/session/forked", test_forked);
  return g_test_run ();
}
