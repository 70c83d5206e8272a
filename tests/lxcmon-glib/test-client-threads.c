/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Contexts and threads: clients emit in the context that they were attached in and nowhere else, calls
 * from other threads are refused, and the last reference may be dropped anywhere.
 */

#include <string.h>

#include "common/glib-session.h"
#include "common/glib-test.h"

/* A thread that runs a context, by a loop or by single iterations. */
typedef struct
{
  GMainContext *context;
  GThread *thread;
  gboolean iterates;
  gint end;
} Runner;

static gpointer
run_context (gpointer data)
{
  Runner *self = data;

  g_main_context_push_thread_default (self->context);
  while (!g_atomic_int_get (&self->end))
    g_main_context_iteration (self->context, !self->iterates);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* Unlike with single iterations, the thread owns the context while it waits, too. */
static gpointer
run_loop (gpointer data)
{
  Runner *self = data;

  g_main_context_push_thread_default (self->context);
  g_assert_true (g_main_context_acquire (self->context));
  while (!g_atomic_int_get (&self->end))
    g_main_context_iteration (self->context, TRUE);
  g_main_context_release (self->context);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static void
runner_start (Runner *self, gboolean iterates)
{
  *self = (Runner){ .context = g_main_context_new (), .iterates = iterates };
  self->thread = g_thread_new ("runner", iterates ? run_context : run_loop, self);
}

static void
runner_end (Runner *self)
{
  g_atomic_int_set (&self->end, TRUE);
  g_main_context_wakeup (self->context);
  g_thread_join (self->thread);
  /* What was queued when the thread ended. */
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_assert_cmpuint (glib_test_count_sources (self->context, "[lxcmon]"), ==, 0);
  g_main_context_unref (self->context);
}

typedef struct
{
  void (*func) (gpointer data);
  gpointer data;
  gint done;
} Call;

static gboolean
run_call (gpointer data)
{
  Call *call = data;

  call->func (call->data);
  g_atomic_int_set (&call->done, TRUE);
  return G_SOURCE_REMOVE;
}

/* Runs a function in the runner's thread and waits for it. */
static void
runner_call (Runner *self, void (*func) (gpointer data), gpointer data)
{
  Call call = { func, data, FALSE };
  g_autoptr (GSource) source = g_idle_source_new ();
  gint64 deadline = glib_test_get_deadline ();

  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, run_call, &call, NULL);
  g_source_attach (source, self->context);
  while (!g_atomic_int_get (&call.done))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
}

static void
check_thread (LxcmonClient *client, GParamSpec *property, gpointer user_data)
{
  g_assert_true (g_thread_self () == user_data);
}

/* Attaches many times, in a context of this thread's own. */
static gpointer
attach_many_times (gpointer data)
{
  const char *const *arguments = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  guint n_rounds = glib_test_is_slow () ? 10 : 50;

  g_main_context_push_thread_default (context);
  GlibSession *session = glib_session_new_at (arguments[0], arguments[1]);
  g_signal_connect (session->client, "notify", G_CALLBACK (check_thread), g_thread_self ());
  lxcmon_mock_controller_set_init_pid (session->mock, 42);
  for (guint i = 0; i < n_rounds; i++)
    {
      g_string_truncate (session->signals, 0);
      glib_session_attach (session);
      glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
      glib_test_wait_until (glib_session_get_state (session) == LXCMON_STATE_CLOSED);
      g_assert_cmpstr (session->signals->str, ==, "init 42, exit shutdown, closed");
      g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon]"), ==, 0);
      glib_session_start (session);
    }
  glib_session_free (session);
  glib_test_drain ();
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_many (void)
{
  guint n_threads = glib_test_is_slow () ? 16 : 64;
  g_autofree GThread **threads = g_new (GThread *, n_threads);
  g_autofree const char **arguments = g_new (const char *, 2 * n_threads);
  char *dir = glib_test_make_dir ();

  for (guint i = 0; i < n_threads; i++)
    {
      arguments[2 * i] = dir;
      arguments[2 * i + 1] = g_strdup_printf ("web%u", i);
      threads[i] = g_thread_new ("attach", attach_many_times, &arguments[2 * i]);
    }
  for (guint i = 0; i < n_threads; i++)
    {
      g_thread_join (threads[i]);
      g_free ((char *) arguments[2 * i + 1]);
    }
  glib_test_remove_dir (dir);
}

/* A client of a runner's context; its signals come in that thread. */
typedef struct
{
  GlibSession *session;
  LxcmonClient *client;
  GThread *thread;
  gint n_init;
  gint n_closed;
} Watch;

static void
on_init (LxcmonClient *client, gint pid, gpointer user_data)
{
  Watch *watch = user_data;

  g_assert_true (g_thread_self () == watch->thread);
  g_atomic_int_inc (&watch->n_init);
}

static void
on_closed (LxcmonClient *client, const GError *error, gpointer user_data)
{
  Watch *watch = user_data;

  g_assert_true (g_thread_self () == watch->thread);
  g_atomic_int_inc (&watch->n_closed);
}

static void
attach_watch (gpointer data)
{
  Watch *watch = data;

  watch->thread = g_thread_self ();
  watch->client = lxcmon_client_new_for_path (watch->session->path);
  g_signal_connect (watch->client, "init", G_CALLBACK (on_init), watch);
  g_signal_connect (watch->client, "closed", G_CALLBACK (on_closed), watch);
  g_assert_true (lxcmon_client_attach (watch->client, NULL, NULL));
}

static void
drop_watch (gpointer data)
{
  g_object_unref (((Watch *) data)->client);
}

static void
do_nothing (gpointer data)
{
}

static void
test_wrong_thread (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Watch watch = { .session = session };
  g_autoptr (GError) error = NULL;
  Runner runner;

  runner_start (&runner, FALSE);
  runner_call (&runner, attach_watch, &watch);
  for (guint i = 0; i < 5; i++)
    glib_test_expect_critical ("*called from another thread*g_main_context_invoke*");
  lxcmon_client_detach (watch.client);
  lxcmon_client_attach_async (watch.client, NULL, NULL, NULL);
  g_assert_false (lxcmon_client_attach (watch.client, NULL, &error));
  lxcmon_monitor_wait_exit_async (LXCMON_MONITOR (watch.client), NULL, NULL, NULL);
  g_assert_cmpint (lxcmon_monitor_wait_exit (LXCMON_MONITOR (watch.client), NULL, &error), ==,
                   LXCMON_EXIT_STATUS_UNKNOWN);
  g_test_assert_expected_messages ();
  g_assert_no_error (error);

  glib_session_send (session, "init 7");
  glib_test_wait_until (g_atomic_int_get (&watch.n_init) == 1);
  runner_call (&runner, drop_watch, &watch);
  runner_end (&runner);
}

/* Two contexts in one thread: each client emits when its own is run. */
static void
test_two_contexts (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  char *dir = glib_test_make_dir ();
  GlibSession *here = glib_session_new_at (dir, "here");
  GlibSession *there = glib_session_new_at (dir, "there");

  glib_session_attach (here);
  g_main_context_push_thread_default (context);
  glib_session_attach (there);
  g_main_context_pop_thread_default (context);
  g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon] events"), ==, 1);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);

  glib_session_send (there, "init 2");
  glib_session_send (here, "init 1");
  glib_test_wait_until (here->signals->len > 0);
  glib_test_drain ();
  g_assert_cmpstr (there->signals->str, ==, "");
  g_main_context_push_thread_default (context);
  glib_test_wait_until (there->signals->len > 0);
  glib_session_free (there);
  glib_test_drain ();
  g_main_context_pop_thread_default (context);
  g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon] events"), ==, 0);
  glib_session_free (here);
  glib_test_remove_dir (dir);
}

/* A client that is detached has no context: that may be freed, and the client be attached in another one. */
static void
test_moves (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  guint n_descriptors = glib_test_count_descriptors ();

  for (guint i = 0; i < 10; i++)
    {
      GMainContext *context = g_main_context_new ();
      g_main_context_push_thread_default (context);
      glib_session_attach (session);
      lxcmon_client_detach (session->client);
      glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
      g_main_context_pop_thread_default (context);
      g_main_context_unref (context);
      glib_test_drain ();
      g_assert_cmpuint (glib_test_count_descriptors (), ==, n_descriptors);
    }
  glib_session_attach (session);
}

/* The last reference is dropped in one thread while events come in another. */
static void
drop_elsewhere (gboolean iterates)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  guint n_rounds = glib_test_is_slow () || iterates ? 200 : 1000;
  Runner runner;

  runner_start (&runner, iterates);
  for (guint i = 0; i < n_rounds; i++)
    {
      /* Freed at the end of the round, so that a signal that comes later is a use after free. */
      Watch *watch = g_new0 (Watch, 1);
      watch->session = session;
      runner_call (&runner, attach_watch, watch);
      glib_session_send (session, "init 1 init 2 init 3 init 4 init 5");
      if (i % 3 == 0)
        glib_session_finish (session, LXCMON_EXIT_STATUS_SHUTDOWN);
      else if (i % 3 == 1)
        glib_session_die (session);
      for (guint n = i % 50; n > 0; n--)
        g_thread_yield ();
      g_object_unref (watch->client);
      /* A handler that was being called may go on; once the thread has done anything else, none is. */
      runner_call (&runner, do_nothing, NULL);
      g_free (watch);
      if (i % 3 != 2)
        glib_session_start (session);
      else
        glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
    }
  runner_end (&runner);
}

static void
test_drop_elsewhere_loop (void)
{
  drop_elsewhere (FALSE);
}

static void
test_drop_elsewhere_iterations (void)
{
  drop_elsewhere (TRUE);
}

/* A handler detaches the client, and another thread attaches it and drops it before the handler returns. The
 * last reference is the emission's: it is dropped here, while the other thread does not run its context. */
typedef struct
{
  GlibSession *session;
  Runner *runner;
  LxcmonClient *client;
  gboolean returned;
  gint blocked;
} Gift;

static void
attach_and_drop (gpointer data)
{
  Gift *gift = data;

  g_assert_true (lxcmon_client_attach (gift->client, NULL, NULL));
  g_object_unref (gift->client);
}

static gboolean
block (gpointer data)
{
  Gift *gift = data;
  gint64 deadline = glib_test_get_deadline ();

  g_atomic_int_set (&gift->blocked, TRUE);
  while (g_atomic_int_get (&gift->blocked))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  return G_SOURCE_REMOVE;
}

static void
give_away (LxcmonClient *client, gint pid, Gift *gift)
{
  gint64 deadline = glib_test_get_deadline ();

  lxcmon_client_detach (client);
  /* The slot is free when the controller has noticed. */
  while (lxcmon_mock_controller_get_n_clients (gift->session->mock) > 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_thread_yield ();
    }
  g_signal_handlers_disconnect_by_data (client, gift->session);
  gift->client = g_steal_pointer (&gift->session->client);
  runner_call (gift->runner, attach_and_drop, gift);
  g_main_context_invoke_full (gift->runner->context, G_PRIORITY_HIGH, block, gift, NULL);
  while (!g_atomic_int_get (&gift->blocked))
    g_thread_yield ();
  g_assert_cmpuint (lxcmon_mock_controller_get_n_clients (gift->session->mock), ==, 1);
  gift->returned = TRUE;
}

static void
test_given_away (void)
{
  g_autoptr (GlibSession) session = glib_session_new ();
  Runner runner;
  Gift gift = { session, &runner };

  runner_start (&runner, FALSE);
  glib_session_attach (session);
  g_object_add_weak_pointer (G_OBJECT (session->client), (gpointer *) &gift.client);
  g_signal_connect (session->client, "init", G_CALLBACK (give_away), &gift);
  glib_session_send (session, "init 5");
  glib_test_wait_until (gift.returned);
  g_assert_null (gift.client);
  /* The controller is left at once, and what is in the context is freed when that runs. */
  glib_test_wait_until (lxcmon_mock_controller_get_n_clients (session->mock) == 0);
  g_assert_cmpuint (glib_test_count_sources (runner.context, "[lxcmon] events"), ==, 1);
  g_atomic_int_set (&gift.blocked, FALSE);
  runner_end (&runner);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/client-threads/many", test_many);
  glib_test_add ("/client-threads/wrong-thread", test_wrong_thread);
  glib_test_add ("/client-threads/two-contexts", test_two_contexts);
  glib_test_add ("/client-threads/moves", test_moves);
  glib_test_add ("/client-threads/drop-elsewhere/loop", test_drop_elsewhere_loop);
  glib_test_add ("/client-threads/drop-elsewhere/iterations", test_drop_elsewhere_iterations);
  glib_test_add ("/client-threads/given-away", test_given_away);
  return g_test_run ();
}
