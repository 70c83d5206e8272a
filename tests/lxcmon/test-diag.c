/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What sock_diag says: whether a connection of ours was accepted, which sockets and clients a file has, and which
 * sockets listen. The first test checks that it names files as fstat() does, on the file system at hand. Skipped where
 * the kernel does not answer.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-test.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lxcmon/lxcmon-diag-private.h>

static guint64
inode_of (int fd)
{
  struct stat info;

  g_assert_no_errno (fstat (fd, &info));
  return info.st_ino;
}

static gboolean
kernel_answers (void)
{
  guint64 peer;
  int pair[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  gboolean answers = _lxcmon_diag_find_peer (inode_of (pair[0]), &peer);
  close (pair[0]);
  close (pair[1]);
  if (!answers)
    g_test_skip ("the kernel does not answer sock_diag's questions");
  return answers;
}

/* On some file systems it does not, such as btrfs: then the tests that need it say so here. */
static void
test_matching (void)
{
  CoreListener listener;
  LxcmonDiagSlot slot = { .listener = 0 };
  struct stat info;

  if (!kernel_answers ())
    return;
  core_listener_init (&listener);
  g_assert_no_errno (stat (listener.path, &info));
  slot.file = _lxcmon_diag_get_file (&info);
  g_assert_cmpint (_lxcmon_diag_find_slots (&slot, 1, NULL), <, LXCMON_DIAG_UNAVAILABLE);
  if (slot.listener != inode_of (listener.fd))
    g_error ("sock_diag and fstat() do not agree on the file %s: set TMPDIR to a file system on "
             "which they do, such as tmpfs or ext4",
             listener.path);
  core_listener_clear (&listener);
}

static void
test_peer (void)
{
  CoreListener listener;
  guint64 peer = 1;

  if (!kernel_answers ())
    return;
  core_listener_init (&listener);
  int client = core_listener_connect (&listener);
  g_assert_true (_lxcmon_diag_find_peer (inode_of (client), &peer));
  g_assert_cmpuint (peer, ==, 0); /* in the backlog: nobody has a descriptor of it */
  int served = core_listener_accept (&listener);
  g_assert_true (_lxcmon_diag_find_peer (inode_of (client), &peer));
  g_assert_cmpuint (peer, ==, inode_of (served));
  close (served);
  close (client);
  core_listener_clear (&listener);
}

static void
test_no_such_socket (void)
{
  guint64 peer;
  int pair[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  guint64 inode = inode_of (pair[0]);
  close (pair[0]);
  close (pair[1]);
  g_assert_false (_lxcmon_diag_find_peer (inode, &peer));
}

static LxcmonDiagSlot
find_slot (const char *path)
{
  LxcmonDiagSlot slot = { .listener = 0 };
  struct stat info;
  LxcmonError error;

  g_assert_no_errno (stat (path, &info));
  slot.file = _lxcmon_diag_get_file (&info);
  if (_lxcmon_diag_find_slots (&slot, 1, &error) >= LXCMON_DIAG_UNAVAILABLE)
    g_error ("%s", error.message);
  return slot;
}

static void
assert_slot (const CoreListener *listener, guint n_accepted, guint n_queued)
{
  LxcmonDiagSlot slot = find_slot (listener->path);

  g_assert_cmpuint (slot.listener, ==, listener->fd >= 0 ? inode_of (listener->fd) : 0);
  g_assert_cmpuint (slot.n_accepted, ==, n_accepted);
  g_assert_cmpuint (slot.n_queued, ==, n_queued);
  g_assert_cmpuint (slot.n_bound, ==, 0);
}

static void
follow_a_life (const char *name)
{
  CoreListener listener;

  core_listener_init_full (&listener, name, SOCK_STREAM, 30);
  assert_slot (&listener, 0, 0);
  int client = core_listener_connect (&listener);
  int second = core_listener_connect (&listener);
  assert_slot (&listener, 0, 2);
  int accepted = core_listener_accept (&listener);
  assert_slot (&listener, 1, 1);
  close (second);
  assert_slot (&listener, 1, 1); /* a dead entry stays in the backlog */
  close (client);
  assert_slot (&listener, 1, 1); /* the controller has not noticed */
  close (accepted);
  assert_slot (&listener, 0, 1);
  close (listener.fd);
  listener.fd = -1;
  assert_slot (&listener, 0, 0);
  core_listener_clear (&listener);
}

static void
test_life (void)
{
  if (!kernel_answers ())
    return;
  follow_a_life ("web1");
  follow_a_life ("two\nlines");
  follow_a_life ("\xff\xfe");
}

static void
test_bound (void)
{
  CoreListener listener;

  if (!kernel_answers ())
    return;
  core_listener_init_full (&listener, "web1", SOCK_STREAM, -1);
  LxcmonDiagSlot slot = find_slot (listener.path);
  g_assert_cmpuint (slot.n_bound, ==, 1);
  g_assert_cmpuint (slot.listener, ==, 0);
  g_assert_no_errno (listen (listener.fd, 1));
  slot = find_slot (listener.path);
  g_assert_cmpuint (slot.n_bound, ==, 0);
  g_assert_cmpuint (slot.listener, ==, inode_of (listener.fd));
  g_assert_cmpuint (slot.listener_uid, ==, geteuid ());
  core_listener_clear (&listener);
}

/* By the file: whatever name it has now, also in another directory. */
static void
test_another_name (void)
{
  CoreListener listener;

  if (!kernel_answers ())
    return;
  core_listener_init (&listener);
  g_autofree char *other = g_build_filename (listener.dir, "other.sock", NULL);
  g_assert_no_errno (rename (listener.path, other));
  g_assert_cmpuint (find_slot (other).listener, ==, inode_of (listener.fd));
  core_listener_clear (&listener);
}

/* The answer is longer than a datagram: it comes in several. */
static void
test_many (void)
{
  enum
  {
    N_PAIRS = 400
  };
  CoreListener listener;
  int pairs[N_PAIRS][2];

  if (!kernel_answers ())
    return;
  for (int i = 0; i < N_PAIRS; i++)
    g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]));
  core_listener_init (&listener);
  int client = core_listener_connect (&listener);
  int accepted = core_listener_accept (&listener);
  assert_slot (&listener, 1, 0);
  close (accepted);
  close (client);
  core_listener_clear (&listener);
  for (int i = 0; i < N_PAIRS; i++)
    {
      close (pairs[i][0]);
      close (pairs[i][1]);
    }
}

enum
{
  N_MANY_PAIRS = 450
};

static LxcmonDiagResult
ask_for_slot (const CoreListener *listener)
{
  LxcmonDiagSlot slot = { .listener = 0 };
  struct stat info;

  g_assert_no_errno (stat (listener->path, &info));
  slot.file = _lxcmon_diag_get_file (&info);
  LxcmonDiagResult result = _lxcmon_diag_find_slots (&slot, 1, NULL);
  g_assert_cmpuint (slot.listener, ==, inode_of (listener->fd));
  return result;
}

/* The sockets of a network namespace of its own are few. */
static int
ask_alone (gconstpointer data)
{
  CoreListener listener;
  int pair[2];

  g_assert_no_errno (unshare (CLONE_NEWNET));
  core_listener_init (&listener);
  g_assert_cmpint (ask_for_slot (&listener), ==, LXCMON_DIAG_ANSWERED);
  for (int i = 0; i < N_MANY_PAIRS; i++)
    g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  g_assert_cmpint (ask_for_slot (&listener), ==, LXCMON_DIAG_MAY_HAVE_MISSED);
  core_listener_clear (&listener);
  return 0;
}

/* Only an answer of several datagrams may leave out sockets, and is worth asking again. */
static void
test_complete (void)
{
  if (geteuid () != 0)
    g_test_skip ("needs root, for a network namespace");
  else if (kernel_answers ())
    g_assert_cmpint (core_child_run (ask_alone, NULL), ==, 0);
}

typedef struct
{
  const CoreListener *listener;
  guint n;
} Wanted;

static void
compare_listener (const LxcmonDiagListener *found, void *user_data)
{
  Wanted *wanted = user_data;
  struct stat info;

  if (found->path_length != strlen (wanted->listener->path)
      || memcmp (found->path, wanted->listener->path, found->path_length) != 0)
    return;
  g_assert_no_errno (stat (wanted->listener->path, &info));
  LxcmonDiagFile file = _lxcmon_diag_get_file (&info);
  g_assert_cmpint (_lxcmon_diag_compare_files (&found->file, &file), ==, 0);
  g_assert_cmpuint (found->inode, ==, inode_of (wanted->listener->fd));
  g_assert_cmpuint (found->uid, ==, geteuid ());
  wanted->n++;
}

/* How often a listener is in the list. */
static guint
count_listener (const CoreListener *listener)
{
  Wanted wanted = { .listener = listener };

  g_assert_cmpint (_lxcmon_diag_list_listeners (compare_listener, &wanted, NULL), <,
                   LXCMON_DIAG_UNAVAILABLE);
  return wanted.n;
}

static void
test_listeners (void)
{
  CoreListener listener;

  if (!kernel_answers ())
    return;
  core_listener_init_full (&listener, "web1", SOCK_STREAM, -1);
  g_assert_cmpuint (count_listener (&listener), ==, 0); /* bound only */
  g_assert_no_errno (listen (listener.fd, 1));
  g_assert_cmpuint (count_listener (&listener), ==, 1);
  int client = core_listener_connect (&listener);
  int accepted = core_listener_accept (&listener);
  g_assert_cmpuint (count_listener (&listener), ==, 1);
  close (accepted);
  close (client);
  core_listener_clear (&listener);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/diag/matching", test_matching);
  core_test_add ("/diag/peer", test_peer);
  core_test_add ("/diag/no-such-socket", test_no_such_socket);
  core_test_add ("/diag/life", test_life);
  core_test_add ("/diag/bound", test_bound);
  core_test_add ("/diag/another-name", test_another_name);
  core_test_add ("/diag/many", test_many);
  core_test_add ("/diag/complete", test_complete);
  core_test_add ("/diag/listeners", test_listeners);

  return g_test_run ();
}
