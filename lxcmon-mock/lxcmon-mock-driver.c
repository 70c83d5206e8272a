/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the lock of a driver without containers. A child process holds it: the kernel drops such a lock
 * when its process closes any descriptor of the file, and does not show it to its own process.
 */

#include "lxcmon-mock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/**
 * LxcmonMockDriver:
 *
 * A driver without containers, to test against: while it is started, it holds the write lock on
 * `driver.pid` in a directory, as a running libvirtd does in its runtime directory. Attaching to a
 * controller in that directory then fails with %LXCMON_MONITOR_ERROR_BUSY, and clients that are attached are closed
 * with it. A child process holds the lock, and ends at the latest when this process does. To be used by one thread at a time.
 *
 * Since: 0.1
 */
struct _LxcmonMockDriver
{
  GObject parent_instance;

  char *path;
  pid_t pid;
  int fd; /* the child ends when this is shut down or closed; -1: not started */
};

G_DEFINE_FINAL_TYPE (LxcmonMockDriver, lxcmon_mock_driver, G_TYPE_OBJECT)

/* The child. It makes async-signal-safe calls only, as other threads may have held any lock when it was
 * forked, and keeps no descriptor of the parent's: it would hold a controller's sockets open. */
static void G_GNUC_NORETURN
run_child (const char *path, int parent_fd)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
  int result = 0;

  if (dup2 (parent_fd, 0) < 0 || close_range (1, ~0U, 0) < 0
      || open (path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644) != 1 || fcntl (1, F_SETLK, &lock) < 0)
    result = errno == EAGAIN ? EBUSY : errno;
  /* It then waits for the end of this socket. The file goes first, as with a libvirtd that stops. */
  if (write (0, &result, sizeof result) > 0 && result == 0 && read (0, &result, sizeof result) <= 0)
    (void) unlink (path);
  _exit (0);
}

/* Returns 0 or an errno; the child is then to be stopped. */
static int
start_child (LxcmonMockDriver *self)
{
  int result = 0, fds[2];
  sigset_t all, old;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    return errno;
  self->fd = fds[0];
  sigfillset (&all); /* a handler of this process must not run in the child */
  pthread_sigmask (SIG_SETMASK, &all, &old);
  self->pid = fork ();
  if (self->pid == 0)
    run_child (self->path, fds[1]);
  int fork_errno = errno;
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  close (fds[1]);
  if (self->pid < 0)
    return fork_errno;
  if (TEMP_FAILURE_RETRY (recv (self->fd, &result, sizeof result, 0)) != sizeof result)
    return ECHILD;
  return result;
}

static void
lxcmon_mock_driver_finalize (GObject *object)
{
  LxcmonMockDriver *self = LXCMON_MOCK_DRIVER (object);

  lxcmon_mock_driver_stop (self);
  g_free (self->path);
  G_OBJECT_CLASS (lxcmon_mock_driver_parent_class)->finalize (object);
}

static void
lxcmon_mock_driver_class_init (LxcmonMockDriverClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lxcmon_mock_driver_finalize;
}

static void
lxcmon_mock_driver_init (LxcmonMockDriver *self)
{
  self->fd = -1;
}

/**
 * lxcmon_mock_driver_new:
 * @runtime_dir: (type filename): the directory in which to hold the lock
 *
 * Creates a driver that has not been started.
 *
 * Returns: (transfer full): a driver
 *
 * Since: 0.1
 */
LxcmonMockDriver *
lxcmon_mock_driver_new (const char *runtime_dir)
{
  g_return_val_if_fail (runtime_dir != NULL, NULL);

  LxcmonMockDriver *self = g_object_new (LXCMON_MOCK_TYPE_DRIVER, NULL);
  self->path = g_build_filename (runtime_dir, "driver.pid", NULL);
  return self;
}

/**
 * lxcmon_mock_driver_start:
 * @self: a driver
 * @error: return location for a #GError
 *
 * Acquires the lock, and creates the file if there is none. When this returns, the lock is held. A driver
 * that was started before keeps it.
 *
 * Returns: whether the lock is held; otherwise @error is %G_IO_ERROR_BUSY if another process holds it,
 *   or another %G_IO_ERROR
 *
 * Since: 0.1
 */
gboolean
lxcmon_mock_driver_start (LxcmonMockDriver *self, GError **error)
{
  g_return_val_if_fail (LXCMON_MOCK_IS_DRIVER (self), FALSE);
  g_return_val_if_fail (self->path != NULL, FALSE);

  int result = self->fd < 0 ? start_child (self) : 0;
  if (result == 0)
    return TRUE;

  lxcmon_mock_driver_stop (self);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (result), "cannot lock %s: %s", self->path,
               g_strerror (result));
  return FALSE;
}

/**
 * lxcmon_mock_driver_stop:
 * @self: a driver
 *
 * Removes the file and gives up the lock, as a libvirtd that stops. When this returns, that is done. A
 * driver that has not been started stays as it is.
 *
 * Since: 0.1
 */
void
lxcmon_mock_driver_stop (LxcmonMockDriver *self)
{
  g_return_if_fail (LXCMON_MOCK_IS_DRIVER (self));

  if (self->fd < 0)
    return;

  /* Also if another child process has a copy of the descriptor. */
  shutdown (self->fd, SHUT_RDWR);
  close (self->fd);
  self->fd = -1;
  if (self->pid > 0)
    (void) TEMP_FAILURE_RETRY (waitpid (self->pid, NULL, 0));
}
