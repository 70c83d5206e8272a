/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What sock_diag tells: whether a connection of ours was accepted, and which client a listener
 * serves. Skipped where the kernel does not answer.
 */

#include "common/core-peer.h"
#include "common/core-test.h"

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
  int accepted = core_listener_accept (&listener);
  g_assert_true (_lxcmon_diag_find_peer (inode_of (client), &peer));
  g_assert_cmpuint (peer, ==, inode_of (accepted));
  close (accepted);
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

static void
test_accepted_client (void)
{
  CoreListener listener, other;

  if (!kernel_answers ())
    return;
  core_listener_init (&listener);
  core_listener_init (&other);
  const char *const paths[2] = { listener.path, listener.path };
  const char *const second[2] = { "/nonexistent", listener.path };
  const char *const others[2] = { other.path, other.path };

  int client = core_listener_connect (&listener);
  g_assert_cmpuint (_lxcmon_diag_find_accepted_client (paths), ==, 0);
  int accepted = core_listener_accept (&listener);
  g_assert_cmpuint (_lxcmon_diag_find_accepted_client (paths), ==, inode_of (client));
  g_assert_cmpuint (_lxcmon_diag_find_accepted_client (second), ==, inode_of (client));
  g_assert_cmpuint (_lxcmon_diag_find_accepted_client (others), ==, 0);
  close (accepted);
  close (client);
  core_listener_clear (&listener);
  core_listener_clear (&other);
}

/* The answer is longer than a datagram: it comes in several. */
static void
test_accepted_client_of_many (void)
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
  const char *const paths[2] = { listener.path, listener.path };
  int client = core_listener_connect (&listener);
  int accepted = core_listener_accept (&listener);

  g_assert_cmpuint (_lxcmon_diag_find_accepted_client (paths), ==, inode_of (client));
  close (accepted);
  close (client);
  core_listener_clear (&listener);
  for (int i = 0; i < N_PAIRS; i++)
    {
      close (pairs[i][0]);
      close (pairs[i][1]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/diag/peer", test_peer);
  core_test_add ("/diag/no-such-socket", test_no_such_socket);
  core_test_add ("/diag/accepted-client", test_accepted_client);
  core_test_add ("/diag/accepted-client-of-many", test_accepted_client_of_many);

  return g_test_run ();
}
