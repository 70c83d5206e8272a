/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Starts and ends processes, and has the two parts that tests need most: a client that is called
 * libvirtd, and a driver that holds its lock.
 */

#include "core-child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void
close_all_but (int first, int second)
{
  for (int fd = 3; fd < 4096; fd++)
    if (fd != first && fd != second)
      close (fd);
}

static void
run_in_child (CoreChildFunc func, gconstpointer data, int ready, int stop)
{
  char byte;

  close_all_but (ready, stop);
  int status = func (data);
  if (status != 0)
    _exit (status);
  (void) !write (ready, "", 1);
  (void) !read (stop, &byte, 1);
  _exit (0);
}

/* Returns when the child has done its part. */
void
core_child_start (CoreChild *self, CoreChildFunc func, gconstpointer data)
{
  int ready[2], stop[2];
  char byte;

  g_assert_no_errno (pipe2 (ready, O_CLOEXEC));
  g_assert_no_errno (pipe2 (stop, O_CLOEXEC));
  self->pid = fork ();
  g_assert_cmpint (self->pid, >=, 0);
  if (self->pid == 0)
    run_in_child (func, data, ready[1], stop[0]);

  close (ready[1]);
  close (stop[0]);
  self->stop = stop[1];
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
}

void
core_child_stop (CoreChild *self)
{
  int status;

  close (self->stop);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* Runs @func in a forked child that keeps the test's descriptors. Returns what it returns. */
int
core_child_run (CoreChildFunc func, gconstpointer data)
{
  int status;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    _exit (func (data));
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

/* Connects to a socket and stays. */
int
core_child_connect (gconstpointer path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  (void) prctl (PR_SET_NAME, "libvirtd");
  strncpy (address.sun_path, path, sizeof address.sun_path - 1);
  return fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0 ? 0 : 1;
}

/* Locks a file as libvirt's driver does, and stays. */
int
core_child_lock (gconstpointer path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int fd = open (path, O_RDWR | O_CREAT, 0644);

  (void) prctl (PR_SET_NAME, "virtlxcd");
  return fd >= 0 && fcntl (fd, F_SETLK, &lock) == 0 ? 0 : 1;
}

/* A sandbox without netlink sockets, as systemd's RestrictAddressFamilies=AF_UNIX makes it. */
gboolean
core_child_forbid_netlink (void)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, args[0])),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { .len = G_N_ELEMENTS (code), .filter = code };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
         && prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
