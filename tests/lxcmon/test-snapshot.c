/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The snapshot of /proc/net/unix: listeners, backlogs and accepted clients, with odd paths too; when a snapshot
 * is shared, and when it is not.
 */

#include "common/core-peer.h"
#include "common/core-test.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <lxcmon/lxcmon-snapshot-private.h>

static LxcmonSlot
get_slot (LxcmonSnapshotMode mode, const char *path)
{
  const char *const paths[2] = { path, path };
  LxcmonSlot slot;
  LxcmonError error;

  if (!_lxcmon_snapshot_get (mode, paths, &slot, &error))
    g_error ("cannot read: %s", error.message);
  return slot;
}

static void
assert_slot (const char *path, guint n_listeners, guint n_accepted, guint n_queued)
{
  LxcmonSlot slot = get_slot (LXCMON_SNAPSHOT_FRESH, path);

  g_assert_cmpuint (slot.n_listeners, ==, n_listeners);
  g_assert_cmpuint (slot.n_accepted, ==, n_accepted);
  g_assert_cmpuint (slot.n_queued, ==, n_queued);
}

/* Who is bound and does not listen is none to connect to. */
static void
test_bound (void)
{
  CoreListener listener;

  core_listener_init (&listener);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = g_strconcat (listener.path, "-bound", NULL);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  assert_slot (path, 0, 0, 0);
  g_assert_cmpuint (get_slot (LXCMON_SNAPSHOT_FRESH, path).n_bound, ==, 1);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  assert_slot (path, 1, 0, 0);
  g_assert_cmpuint (get_slot (LXCMON_SNAPSHOT_FRESH, path).n_bound, ==, 0);
  close (fd);
  g_assert_cmpint (unlink (path), ==, 0);
  core_listener_clear (&listener);
}

/* No listener, a listener, one client in the backlog, one that is accepted, and no listener again. */
static void
follow_a_life (const char *name)
{
  CoreListener listener;

  core_listener_init_full (&listener, name, SOCK_STREAM, 30);
  assert_slot (listener.path, 1, 0, 0);
  int client = core_listener_connect (&listener);
  int second = core_listener_connect (&listener);
  assert_slot (listener.path, 1, 0, 2);
  int accepted = core_listener_accept (&listener);
  assert_slot (listener.path, 1, 1, 1);
  close (second);
  assert_slot (listener.path, 1, 1, 1); /* a dead entry waits on */
  close (client);
  close (accepted);
  assert_slot (listener.path, 1, 0, 1);
  close (listener.fd);
  listener.fd = -1;
  assert_slot (listener.path, 0, 0, 0);
  core_listener_clear (&listener);
}

static void
test_life (void)
{
  follow_a_life ("web1");
}

/* The kernel prints paths raw. */
static void
test_odd_names (void)
{
  follow_a_life ("a b");
  follow_a_life (" ");
  follow_a_life ("two\nlines");
  follow_a_life ("\n");
  follow_a_life ("ends with a newline\n");
  follow_a_life ("three\n\nlines\n00000000: no row");
  follow_a_life ("%s%n");
  follow_a_life ("\xff\xfe");
}

static void
test_nobody (void)
{
  assert_slot ("/nonexistent/web1.sock", 0, 0, 0);
  assert_slot ("", 0, 0, 0);
  assert_slot ("web1.sock", 0, 0, 0);
}

/* A path that begins like another one is another one. */
static void
test_similar_names (void)
{
  CoreListener listener;
  g_autofree char *longer = NULL;
  g_autofree char *shorter = NULL;

  core_listener_init (&listener);
  longer = g_strconcat (listener.path, "x", NULL);
  shorter = g_strndup (listener.path, strlen (listener.path) - 1);
  assert_slot (longer, 0, 0, 0);
  assert_slot (shorter, 0, 0, 0);
  core_listener_clear (&listener);
}

/* What is bound by one name and what by another of the same file are added up. */
static void
test_two_paths (void)
{
  CoreListener first, second;
  LxcmonSlot slot;

  core_listener_init (&first);
  core_listener_init (&second);
  const char *const paths[2] = { first.path, second.path };
  g_assert_true (_lxcmon_snapshot_get (LXCMON_SNAPSHOT_FRESH, paths, &slot, NULL));
  g_assert_cmpuint (slot.n_listeners, ==, 2);
  core_listener_clear (&first);
  core_listener_clear (&second);
}

/* Who has begun to listen since is not overlooked. */
static void
test_newer_listener (void)
{
  CoreListener old, newer;

  core_listener_init (&old);
  (void) get_slot (LXCMON_SNAPSHOT_FRESH, old.path);
  core_listener_init (&newer);
  g_assert_cmpuint (get_slot (LXCMON_SNAPSHOT_SHARED, newer.path).n_listeners, ==, 1);
  core_listener_clear (&newer);
  core_listener_clear (&old);
}

/* A shared snapshot may be 100 ms old; for a path that was invalidated it is not used. */
static void
test_shared (void)
{
  CoreListener listener;

  core_listener_init (&listener);
  const char *const paths[2] = { listener.path, listener.path };
  LxcmonSlot before = get_slot (LXCMON_SNAPSHOT_FRESH, listener.path);
  int client = core_listener_connect (&listener);
  LxcmonSlot shared = get_slot (LXCMON_SNAPSHOT_SHARED, listener.path);
  _lxcmon_snapshot_invalidate (paths);
  LxcmonSlot fresh = get_slot (LXCMON_SNAPSHOT_SHARED, listener.path);

  g_assert_cmpuint (before.n_queued, ==, 0);
  g_assert_cmpuint (fresh.n_queued, ==, 1);
  g_assert_cmpuint (shared.n_queued, <=, 1); /* 0, unless the machine was slow */
  close (client);
  core_listener_clear (&listener);
}

static void
test_shared_ages (void)
{
  CoreListener listener;
  gint64 deadline = core_deadline ();

  core_listener_init (&listener);
  (void) get_slot (LXCMON_SNAPSHOT_FRESH, listener.path);
  int client = core_listener_connect (&listener);
  while (get_slot (LXCMON_SNAPSHOT_SHARED, listener.path).n_queued == 0)
    core_check_deadline (deadline, "a snapshot of its own");
  close (client);
  core_listener_clear (&listener);
}

/* Many sockets: the table grows, and nothing is lost or found twice. */
static void
test_many (void)
{
  enum
  {
    N_SOCKETS = 300
  };
  char *dir = core_make_dir ();
  int fds[N_SOCKETS];

  for (int i = 0; i < N_SOCKETS; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/%d.sock", dir, i);

      fds[i] = core_bind (path, SOCK_STREAM);
      g_assert_no_errno (listen (fds[i], 1));
    }
  for (int i = 0; i < N_SOCKETS; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/%d.sock", dir, i);
      LxcmonSlot slot = get_slot (i == 0 ? LXCMON_SNAPSHOT_FRESH : LXCMON_SNAPSHOT_SHARED, path);

      g_assert_cmpuint (slot.n_listeners, ==, 1);
    }
  /* Each marks a path that may not be in the table, which must not run full. */
  for (int i = 0; i < 5000; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/none-%d.sock", dir, i);
      const char *const paths[2] = { path, path };

      _lxcmon_snapshot_invalidate (paths);
    }
  for (int i = 0; i < N_SOCKETS; i++)
    close (fds[i]);
  core_remove_dir (dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/snapshot/bound", test_bound);
  core_test_add ("/snapshot/life", test_life);
  core_test_add ("/snapshot/odd-names", test_odd_names);
  core_test_add ("/snapshot/nobody", test_nobody);
  core_test_add ("/snapshot/similar-names", test_similar_names);
  core_test_add ("/snapshot/two-paths", test_two_paths);
  core_test_add ("/snapshot/newer-listener", test_newer_listener);
  core_test_add ("/snapshot/shared", test_shared);
  core_test_add ("/snapshot/shared-ages", test_shared_ages);
  core_test_add ("/snapshot/many", test_many);

  return g_test_run ();
}
