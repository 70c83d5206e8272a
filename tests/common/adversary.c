/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Has sockets in great number; names that make rows of a controller's in /proc/net/unix, by a newline in an abstract
 * name and by the same path in another mount namespace; a read lock on driver.pid; and, where the directory is open to
 * all, files beside the socket.
 */

#include "adversary.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct
{
  const char *dir;
  const char *name;
  guint n_sockets;
} Plan;

static void
become_stranger (void)
{
  if (geteuid () != 0)
    return;
  if (setgroups (0, NULL) < 0 || setgid (ADVERSARY_UID) < 0 || setuid (ADVERSARY_UID) < 0)
    _exit (2);
}

/* A socket that is bound to a name of any bytes, or -1. */
static int
bind_name (const char *name, size_t length)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  if (fd < 0 || length > sizeof address.sun_path)
    return -1;
  memcpy (address.sun_path, name, length);
  socklen_t size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length);
  return bind (fd, (struct sockaddr *) &address, size) == 0 ? fd : -1;
}

/* An abstract name that contains a whole row: a listener, a queued client, an accepted one. */
static void
forge_rows (const Plan *plan)
{
  static const char *const rows[] = { "00010000 0001 01", "00000000 0001 02", "00000000 0001 03" };
  char name[256];

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      int length
          = snprintf (name + 1, sizeof name - 1, "%zu\n0: 00000002 00000000 %s 7777 %s/%s.sock", i,
                      rows[i], plan->dir, plan->name);
      name[0] = '\0';
      (void) bind_name (name, (size_t) length + 1);
    }
}

static void
make_sockets (const Plan *plan)
{
  int pair[2];

  for (guint i = 0; i + 1 < plan->n_sockets; i += 2)
    if (socketpair (AF_UNIX, SOCK_STREAM, 0, pair) < 0)
      _exit (3);
}

/* The file that a killed libvirtd leaves can be read, and so be locked for reading, by all. */
static void
hold_read_lock (const Plan *plan)
{
  struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
  g_autofree char *path = g_build_filename (plan->dir, "driver.pid", NULL);
  int fd = open (path, O_RDONLY);

  if (fd >= 0)
    (void) fcntl (fd, F_SETLK, &lock);
}

/* Works where the directory is open to all, as /tmp is. */
static void
put_files (const Plan *plan)
{
  static const char text[] = "<domstatus pid='1'><init pid='1'/></domstatus>";
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  g_autofree char *xml = g_strdup_printf ("%s/%s.xml", plan->dir, plan->name);
  g_autofree char *driver = g_build_filename (plan->dir, "driver.pid", NULL);
  int fd = open (xml, O_WRONLY | O_CREAT | O_EXCL, 0644);

  if (fd >= 0)
    (void) !write (fd, text, sizeof text - 1);
  fd = open (driver, O_RDWR | O_CREAT | O_EXCL, 0644);
  if (fd >= 0)
    (void) fcntl (fd, F_SETLK, &lock);
}

/* The same path in a mount namespace of its own, with a listener and a client that it has accepted. */
static void
forge_path (const Plan *plan)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.sock", plan->dir, plan->name);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int flags = geteuid () == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;

  if (unshare (flags) < 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mount ("tmpfs", plan->dir, "tmpfs", 0, "mode=0777") < 0)
    return;
  become_stranger ();
  int fd = bind_name (path, strlen (path) + 1);
  if (fd < 0 || listen (fd, 5) < 0)
    _exit (4);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  for (int i = 0; i < 2; i++)
    if (connect (socket (AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *) &address, sizeof address)
        < 0)
      _exit (5);
  if (accept (fd, NULL, NULL) < 0)
    _exit (6);
}

static void
raise_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      (void) setrlimit (RLIMIT_NOFILE, &limit);
    }
}

/* Does its part and stays until it is to end. */
static void G_GNUC_NORETURN
run (const Plan *plan, void (*part) (const Plan *plan), int ready, int stop)
{
  char byte;

  (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
  part (plan);
  (void) !write (ready, "", 1);
  (void) !read (stop, &byte, 1);
  _exit (0);
}

static void
do_all (const Plan *plan)
{
  raise_limit ();
  become_stranger ();
  make_sockets (plan);
  forge_rows (plan);
  hold_read_lock (plan);
  put_files (plan);
}

/* Two processes, since one of them is in another mount namespace; the second one is the first one's child. */
static void G_GNUC_NORETURN
run_both (const Plan *plan, int ready, int stop)
{
  pid_t pid = fork ();

  if (pid == 0)
    run (plan, forge_path, ready, stop);
  run (plan, do_all, ready, stop);
}

/* Returns when everything is there. */
void
adversary_start (Adversary *self, const char *dir, const char *name, guint n_sockets)
{
  const Plan plan = { dir, name, n_sockets };
  int ready[2], stop[2];
  char byte;

  g_assert_cmpint (pipe2 (ready, O_CLOEXEC), ==, 0);
  g_assert_cmpint (pipe2 (stop, O_CLOEXEC), ==, 0);
  self->pid = fork ();
  g_assert_cmpint (self->pid, >=, 0);
  if (self->pid == 0)
    {
      for (int fd = 3; fd < 4096; fd++)
        if (fd != ready[1] && fd != stop[0])
          close (fd);
      run_both (&plan, ready[1], stop[0]);
    }
  close (ready[1]);
  close (stop[0]);
  self->stop = stop[1];
  for (int i = 0; i < 2; i++)
    g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
}

void
adversary_stop (Adversary *self)
{
  int status;

  close (self->stop);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_cmpint (status, ==, 0);
}
