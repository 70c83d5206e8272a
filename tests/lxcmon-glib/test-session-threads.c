/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sessions that are closed in another thread than their context's, at each stage, and owners that are dropped
 * there while events are delivered.
 */

#include "common/glib-owner.h"
#include "common/glib-test.h"

static gpointer
close_in_thread (gpointer data)
{
  g_clear_pointer (&((GlibOwner *) data)->session, _lxcmon_session_close);
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

  for (GlibStage stage = GLIB_STAGE_QUEUED; stage < GLIB_N_STAGES; stage++)
    {
      GlibOwned owned;
      LxcmonError error;

      glib_owned_init (&owned);
      g_assert_true (glib_owned_open (&owned, 60000, &error));
      g_assert_true (_lxcmon_session_is_followed (owned.owner->session));
      glib_owned_accept (&owned);
      glib_owned_reach (&owned, stage);
      g_autofree char *before = g_strdup (owned.owner->events->str);

      g_assert_true (g_main_context_acquire (NULL));
      g_thread_join (g_thread_new ("close", func, owned.owner));
      g_assert_true (owned.fd < 0 || glib_owned_is_left (&owned));
      g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);
      g_main_context_release (NULL);
      if (data != NULL)
        owned.owner = NULL;
      glib_test_drain ();
      g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon]"), ==, 0);
      if (owned.owner != NULL)
        g_assert_cmpstr (owned.owner->events->str, ==, before);
      glib_owned_clear (&owned);
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
  GlibOwned owned;

  glib_owned_init (&owned);
  g_assert_true (g_main_context_acquire (NULL));
  for (guint i = 0; i < n_rounds; i++)
    {
      LxcmonError error;
      gint n = g_atomic_int_get (&glib_n_owners_finalized);

      if (owned.owner == NULL)
        owned.owner = g_object_new (GLIB_TYPE_OWNER, NULL);
      g_assert_true (glib_owned_open (&owned, 0, &error));
      glib_owned_accept (&owned);
      core_send_story (owned.fd);
      if (i % 2 == 0)
        glib_owned_hang_up (&owned);
      g_async_queue_push (queue, g_steal_pointer (&owned.owner));
      glib_test_wait_until (g_atomic_int_get (&glib_n_owners_finalized) == n + 1
                            && glib_test_count_sources (NULL, "[lxcmon]") == 0);
      if (owned.fd >= 0)
        glib_owned_hang_up (&owned);
    }
  g_main_context_release (NULL);
  g_async_queue_push (queue, queue);
  g_thread_join (thread);
  g_async_queue_unref (queue);
  glib_owned_clear (&owned);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add_data ("/session-threads/other-thread/close", test_other_thread, NULL);
  glib_test_add_data ("/session-threads/other-thread/drop", test_other_thread, "drop");
  glib_test_add ("/session-threads/dropped-elsewhere", test_dropped_elsewhere);
  return g_test_run ();
}
