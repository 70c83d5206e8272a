/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Waiting for another socket at a path: which file is there, and the hints that it may be another one, from
 * the directory and from a timer.
 */

#include <glib/gstdio.h>
#include <unistd.h>

#include "common/glib-test.h"
#include "lxcmon-glib/lxcmon-socket-watch-private.h"

typedef struct
{
  char *dir;
  char *path;
  GMainContext *context;
  LxcmonSocketWatch *watch;
  guint n_checks;
  guint free_at; /* the check in which the watch is freed */
} Fixture;

static void
write_file (const char *path)
{
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
}

static void
check (gpointer user_data)
{
  Fixture *self = user_data;

  self->n_checks++;
  if (self->n_checks == self->free_at)
    g_clear_pointer (&self->watch, _lxcmon_socket_watch_free);
}

static void
fixture_init (Fixture *self)
{
  *self = (Fixture){ .dir = glib_test_make_dir (), .context = g_main_context_new () };
  self->path = g_build_filename (self->dir, "web1.sock", NULL);
}

static void
fixture_watch (Fixture *self)
{
  self->watch = _lxcmon_socket_watch_new (self->path, self->context, check, self);
}

static void
fixture_clear (Fixture *self)
{
  g_clear_pointer (&self->watch, _lxcmon_socket_watch_free);
  g_main_context_push_thread_default (self->context);
  glib_test_drain ();
  g_main_context_pop_thread_default (self->context);
  g_assert_cmpuint (glib_test_count_sources (self->context, "[lxcmon]"), ==, 0);
  g_main_context_unref (self->context);
  g_free (self->path);
  glib_test_remove_dir (self->dir);
}

static void
wait_for_checks (Fixture *self, guint n)
{
  g_main_context_push_thread_default (self->context);
  glib_test_wait_until (self->n_checks >= n);
  g_main_context_pop_thread_default (self->context);
}

static void
test_identity (void)
{
  Fixture fixture;

  fixture_init (&fixture);
  g_autofree char *link = g_build_filename (fixture.dir, "link", NULL);
  guint64 none = _lxcmon_socket_watch_identify (fixture.path);
  g_assert_cmpuint (none, ==, 0);

  write_file (fixture.path);
  guint64 first = _lxcmon_socket_watch_identify (fixture.path);
  guint64 again = _lxcmon_socket_watch_identify (fixture.path);
  g_assert_cmpuint (first, !=, 0);
  g_assert_cmpuint (first, ==, again);
  g_assert_cmpuint (first, !=, none);

  /* A link is a file of its own. */
  g_assert_cmpint (symlink (fixture.path, link), ==, 0);
  guint64 other = _lxcmon_socket_watch_identify (link);
  g_assert_cmpuint (first, !=, other);
  fixture_clear (&fixture);
}

/* Another file is recognised even if the file system reuses the inode: its time differs. The kernel's
 * tick is shorter than any reboot. */
static void
test_identity_replaced (void)
{
  Fixture fixture;

  fixture_init (&fixture);
  for (guint i = 0; i < 20; i++)
    {
      gint64 deadline = glib_test_get_deadline ();
      gboolean equal = TRUE;

      write_file (fixture.path);
      guint64 first = _lxcmon_socket_watch_identify (fixture.path);
      while (equal)
        {
          g_assert_cmpint (g_get_monotonic_time (), <, deadline);
          g_assert_cmpint (g_unlink (fixture.path), ==, 0);
          write_file (fixture.path);
          guint64 second = _lxcmon_socket_watch_identify (fixture.path);
          equal = first == second;
        }
    }
  fixture_clear (&fixture);
}

/* The timer alone calls the check again and again. */
static void
test_timer (void)
{
  Fixture fixture;

  fixture_init (&fixture);
  fixture_watch (&fixture);
  g_assert_cmpuint (fixture.n_checks, ==, 0);
  wait_for_checks (&fixture, 3);
  g_assert_cmpuint (glib_test_count_sources (fixture.context, "[lxcmon] next controller"), ==, 1);
  fixture_clear (&fixture);
}

/* There is no directory to monitor: the timer finds the socket. */
static void
test_no_directory (void)
{
  Fixture fixture;

  fixture_init (&fixture);
  g_free (fixture.path);
  fixture.path = g_build_filename (fixture.dir, "later", "web1.sock", NULL);
  fixture_watch (&fixture);
  wait_for_checks (&fixture, 2);
  fixture_clear (&fixture);
}

/* The watch is freed in a check: there is no other one. */
static void
test_freed_in_check (void)
{
  for (guint free_at = 1; free_at <= 3; free_at++)
    {
      Fixture fixture;

      fixture_init (&fixture);
      fixture.free_at = free_at;
      fixture_watch (&fixture);
      write_file (fixture.path);
      wait_for_checks (&fixture, free_at);
      g_assert_null (fixture.watch);
      for (guint i = 0; i < 10; i++)
        g_main_context_iteration (fixture.context, FALSE);
      g_assert_cmpuint (fixture.n_checks, ==, free_at);
      fixture_clear (&fixture);
    }
}

/* The hints come in the context that was given, whatever the thread's is. */
static void
test_context (void)
{
  Fixture fixture;

  fixture_init (&fixture);
  fixture_watch (&fixture);
  write_file (fixture.path);
  for (gint64 end = g_get_monotonic_time () + 120000; g_get_monotonic_time () < end;)
    glib_test_iterate (end + GLIB_TEST_PATIENCE_US, G_STRLOC, "time");
  g_assert_cmpuint (fixture.n_checks, ==, 0);
  wait_for_checks (&fixture, 1);
  fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  glib_test_init (&argc, &argv);
  glib_test_add ("/socket-watch/identity", test_identity);
  glib_test_add ("/socket-watch/identity-replaced", test_identity_replaced);
  glib_test_add ("/socket-watch/timer", test_timer);
  glib_test_add ("/socket-watch/no-directory", test_no_directory);
  glib_test_add ("/socket-watch/freed-in-check", test_freed_in_check);
  glib_test_add ("/socket-watch/context", test_context);
  return g_test_run ();
}
