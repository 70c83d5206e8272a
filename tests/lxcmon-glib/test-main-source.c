/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One source for each main context: created by the first user, destroyed by the last one, never shared
 * between contexts, and not used in a child process.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-main-source-private.h"

static LxcmonMainSource *
acquire (GMainContext *context)
{
  LxcmonError error = { 0 };
  LxcmonMainSource *source = _lxcmon_main_source_acquire (context, &error);

  g_assert_cmpstr (error.message, ==, "");
  g_assert_nonnull (source);
  return source;
}

static void
test_one_per_context (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  LxcmonMainSource *first = acquire (context);
  LxcmonMainSource *second = acquire (context);
  LxcmonMainSource *other = acquire (g_main_context_default ());

  g_assert_true (first == second);
  g_assert_true (first != other);
  g_assert_true (_lxcmon_main_source_get_hub (first) == _lxcmon_main_source_get_hub (second));
  g_assert_true (_lxcmon_main_source_get_hub (first) != _lxcmon_main_source_get_hub (other));
  g_assert_true (_lxcmon_main_source_get_context (first) == context);
  g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon] events"), ==, 1);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);

  _lxcmon_main_source_release (first);
  g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon] events"), ==, 1);
  _lxcmon_main_source_release (second);
  g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon] events"), ==, 0);
  g_assert_cmpuint (glib_test_count_sources (NULL, "[lxcmon] events"), ==, 1);
  _lxcmon_main_source_release (other);
}

/* A source keeps its context; the context goes with the last one. */
static void
test_keeps_context (void)
{
  guint n_descriptors = glib_test_count_descriptors ();
  GMainContext *context = g_main_context_new ();
  LxcmonMainSource *source = acquire (context);

  g_main_context_unref (context);
  g_assert_false (g_main_context_iteration (context, FALSE));
  g_assert_true (_lxcmon_main_source_get_context (source) == context);
  _lxcmon_main_source_release (source);
  g_assert_cmpuint (glib_test_count_descriptors (), ==, n_descriptors);
}

static void
test_often (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  guint n_descriptors = glib_test_count_descriptors ();

  for (guint i = 0; i < 1000; i++)
    {
      LxcmonMainSource *source = acquire (context);
      g_assert_cmpuint (glib_test_count_descriptors (), >, n_descriptors);
      _lxcmon_main_source_release (source);
      g_assert_cmpuint (glib_test_count_descriptors (), ==, n_descriptors);
    }
}

/* An idle source is never ready. */
static void
test_idle (void)
{
  LxcmonMainSource *source = acquire (g_main_context_default ());

  for (guint i = 0; i < 100; i++)
    g_assert_false (g_main_context_iteration (NULL, FALSE));
  _lxcmon_main_source_release (source);
}

static int
acquire_in_child (gpointer data)
{
  LxcmonMainSource *old = data;
  GMainContext *context = _lxcmon_main_source_get_context (old);
  LxcmonMainSource *source = _lxcmon_main_source_acquire (context, NULL);

  if (source == NULL || source == old)
    return FALSE;
  if (lxcmon_hub_was_forked (_lxcmon_main_source_get_hub (source))
      || !lxcmon_hub_was_forked (_lxcmon_main_source_get_hub (old)))
    return FALSE;

  /* Giving the parent's back leaves ours. */
  _lxcmon_main_source_release (old);
  LxcmonMainSource *again = _lxcmon_main_source_acquire (context, NULL);
  gboolean right = again == source;
  _lxcmon_main_source_release (again);
  _lxcmon_main_source_release (source);
  return right && glib_test_count_sources (context, "[lxcmon] events") == 0;
}

static void
test_forked (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  LxcmonMainSource *source = acquire (context);

  GlibTestChild child = glib_test_fork (acquire_in_child, source);
  g_assert_cmpint (glib_test_join (&child), ==, TRUE);
  g_assert_cmpuint (glib_test_count_sources (context, "[lxcmon] events"), ==, 1);
  _lxcmon_main_source_release (source);
}

static void
ignore (LxcmonReceiver *self, const LxcmonEvent *event)
{
}

/* In the child: the parent's descriptor is ready, and stays so, which wakes the child once at most. */
static int
iterate_in_child (gpointer context)
{
  guint n = 0;

  while (n < 10 && g_main_context_iteration (context, FALSE))
    n++;
  return n < 10;
}

static void
test_forked_idle (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  LxcmonMainSource *source = acquire (context);
  LxcmonReceiver receiver = { .event = ignore, .name = "web1" };
  LxcmonConnection *connection
      = lxcmon_connection_new (_lxcmon_main_source_get_hub (source), NULL, &receiver);
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  g_assert_true (lxcmon_connection_attach_fd (connection, fds[0], NULL, NULL));
  g_assert_cmpint (write (fds[1], "x", 1), ==, 1);

  GlibTestChild child = glib_test_fork (iterate_in_child, context);
  g_assert_cmpint (glib_test_join (&child), ==, TRUE);
  g_assert_true (g_main_context_iteration (context, FALSE));

  lxcmon_connection_free (connection);
  close (fds[1]);
  _lxcmon_main_source_release (source);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/main-source/one-per-context", test_one_per_context);
  glib_test_add ("/main-source/keeps-context", test_keeps_context);
  glib_test_add ("/main-source/often", test_often);
  glib_test_add ("/main-source/idle", test_idle);
  glib_test_add ("/main-source/forked", test_forked);
  glib_test_add ("/main-source/forked-idle", test_forked_idle);
  return g_test_run ();
}
