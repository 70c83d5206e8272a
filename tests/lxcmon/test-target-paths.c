/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Paths of all lengths and forms that lead to a socket, a socket that is replaced while it is checked, and
 * descriptors if standard input, output and error are closed.
 */

#include "common/core-child.h"
#include "common/core-peer.h"
#include "common/core-test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lxcmon/lxcmon.h>
#include <lxcmon/lxcmon-connection-private.h>
#include <lxcmon/lxcmon-target-private.h>

/* Opens and connects; returns what was accepted at the other end. */
static void
assert_connects (const char *path, int listener)
{
  LxcmonTarget target;
  LxcmonError error;
  int fd, pid;

  if (!_lxcmon_target_open (&target, path, &error) || !_lxcmon_target_connect (&target, &fd, &error)
      || !_lxcmon_peer_check (fd, path, &pid, &error))
    g_error ("cannot connect: %s", error.message);
  g_assert_cmpint (pid, ==, getpid ());
  g_assert_true ((fcntl (fd, F_GETFL) & O_NONBLOCK) != 0);
  g_assert_true ((fcntl (fd, F_GETFD) & FD_CLOEXEC) != 0);
  int accepted = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  g_assert_cmpint (accepted, >=, 0);
  close (accepted);
  close (fd);
  _lxcmon_target_close (&target);
}

static void
test_lengths (void)
{
  static const gsize lengths[] = { 105, 106, 107, 108, 109, 200, 255 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      char *dir = core_make_dir ();
      g_autofree char *fill = g_strnfill (lengths[i] - strlen (dir) - 1, 'x');
      g_autofree char *path = g_build_filename (dir, fill, NULL);

      /* Bound by way of its directory, a name has room for some 80 bytes. */
      if (lengths[i] > 120)
        {
          char *slash = path + lengths[i] - 61;

          *slash = '\0';
          g_assert_no_errno (mkdir (path, 0755));
          *slash = '/';
        }
      g_assert_cmpuint (strlen (path), ==, lengths[i]);
      int fd = core_bind (path, SOCK_STREAM);
      g_assert_no_errno (listen (fd, 5));
      assert_connects (path, fd);
      close (fd);
      core_remove_dir (dir);
    }
}

/* Near the limit of the system, in directories of directories. */
static void
test_deep (void)
{
  char *dir = core_make_dir ();
  GString *path = g_string_new (dir);
  g_autofree char *name = g_strnfill (200, 'd');

  while (path->len + 201 + strlen ("/web1.sock") < 4095)
    {
      g_string_append_printf (path, "/%s", name);
      g_assert_no_errno (mkdir (path->str, 0755));
    }
  g_string_append (path, "/web1.sock");
  int fd = core_bind (path->str, SOCK_STREAM);
  g_assert_no_errno (listen (fd, 5));
  assert_connects (path->str, fd);
  close (fd);
  g_string_free (path, TRUE);
  core_remove_dir (dir);
}

static void
test_forms (void)
{
  CoreListener listener;
  g_autofree char *old_dir = g_get_current_dir ();

  core_listener_init (&listener);
  g_autofree char *doubled = g_strconcat (listener.dir, "//web1.sock", NULL);
  g_autofree char *dotted = g_strconcat (listener.dir, "/./web1.sock", NULL);
  assert_connects (doubled, listener.fd);
  assert_connects (dotted, listener.fd);
  g_assert_no_errno (chdir (listener.dir));
  assert_connects ("web1.sock", listener.fd);
  assert_connects ("./web1.sock", listener.fd);
  g_assert_no_errno (chdir (old_dir));
  core_listener_clear (&listener);
}

typedef struct
{
  const char *first;
  const char *second;
  gint stop;
} Swap;

static gpointer
swap_names (gpointer data)
{
  Swap *swap = data;

  while (!g_atomic_int_get (&swap->stop))
    if (renameat2 (AT_FDCWD, swap->first, AT_FDCWD, swap->second, RENAME_EXCHANGE) < 0)
      return GINT_TO_POINTER (errno);
  return NULL;
}

/* Two sockets change names all the time: the one that was checked is the one that is connected. */
static void
test_replaced_while_open (void)
{
  CoreListener listeners[2];
  struct stat infos[2];
  guint n_met[2] = { 0 };

  core_listener_init (&listeners[0]);
  core_listener_init (&listeners[1]);
  for (int i = 0; i < 2; i++)
    g_assert_no_errno (stat (listeners[i].path, &infos[i]));
  Swap swap = { .first = listeners[0].path, .second = listeners[1].path };
  GThread *thread = g_thread_new ("swap", swap_names, &swap);

  for (int i = 0; i < 5000; i++)
    {
      LxcmonTarget target;
      struct stat checked;
      int fd;

      g_assert_true (_lxcmon_target_open (&target, listeners[0].path, NULL));
      g_assert_no_errno (fstat (target.socket_fd, &checked));
      g_assert_true (_lxcmon_target_connect (&target, &fd, NULL));
      int which = checked.st_ino == infos[1].st_ino;
      int accepted = core_listener_accept (&listeners[which]);
      g_assert_cmpint (accepted, >=, 0);
      g_assert_cmpint (core_listener_accept (&listeners[!which]), ==, -1);
      n_met[which]++;
      close (accepted);
      close (fd);
      _lxcmon_target_close (&target);
    }

  g_atomic_int_set (&swap.stop, 1);
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, 0);
  g_test_message ("met %u times the one, %u times the other", n_met[0], n_met[1]);
  g_assert_cmpuint (n_met[0] + n_met[1], ==, 5000);
  core_listener_clear (&listeners[0]);
  core_listener_clear (&listeners[1]);
}

/* No descriptor of ours may be one that the program prints to. */
static int
attach_without_stdio (gconstpointer path)
{
  close (0);
  close (1);
  close (2);
  LxcmonHub *hub = lxcmon_hub_new (NULL);
  LxcmonConnection *connection = hub != NULL ? lxcmon_connection_new (hub, NULL, NULL) : NULL;
  if (connection == NULL || lxcmon_hub_get_fd (hub) <= 2)
    return 1;
  if (!lxcmon_connection_attach (connection, path, NULL, NULL))
    return 2;
  if (connection->fd <= 2)
    return 3;
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl (fd, F_GETFD) != -1)
      return 4;
  lxcmon_connection_free (connection);
  lxcmon_hub_unref (hub);
  return 0;
}

static void
test_without_stdio (void)
{
  CoreListener listener;

  core_listener_init (&listener);
  g_assert_cmpint (core_child_run (attach_without_stdio, listener.path), ==, 0);
  core_listener_clear (&listener);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/target/paths/lengths", test_lengths);
  core_test_add ("/target/paths/deep", test_deep);
  core_test_add ("/target/paths/forms", test_forms);
  core_test_add ("/target/paths/replaced-while-open", test_replaced_while_open);
  core_test_add ("/target/paths/without-stdio", test_without_stdio);

  return g_test_run ();
}
