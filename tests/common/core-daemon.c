/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Starts processes that lock driver.pid and make sockets, as plans say, and asks for the daemon's socket.
 */

#include "core-daemon.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const LxcmonDriver core_daemon_unknown = { .running = true };

/* ---- In the child ---- */

/* Binds a socket to a path, of which 108 bytes need no NUL. */
static gboolean
bind_path (int fd, const char *path, CoreDaemonHow how)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize first = how == CORE_IS_ABSTRACT ? 1 : 0;
  gsize length = strlen (path);

  if (first + length > sizeof address.sun_path)
    return FALSE;
  memcpy (address.sun_path + first, path, length);
  gsize size = offsetof (struct sockaddr_un, sun_path) + first + length;
  return bind (fd, (struct sockaddr *) &address, (socklen_t) size) == 0;
}

static int
make_socket (const char *dir, const CoreDaemonSocket *plan)
{
  g_autofree char *path = g_build_filename (dir, plan->name, NULL);
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  if (fd < 0 || chdir (dir) < 0
      || !bind_path (fd, plan->how == CORE_IS_RELATIVE ? plan->name : path, plan->how))
    return 1;
  return plan->how == CORE_IS_BOUND || listen (fd, 5) == 0 ? 0 : 2;
}

/* Another process makes a socket that this one has then, as systemd does, and any client can: they share descriptors
 * until that one ends. */
static int
get_socket (const char *dir, const CoreDaemonSocket *plan)
{
  int status;
  pid_t pid = (pid_t) syscall (SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);

  if (pid == 0)
    {
      if (plan->how == CORE_IS_STRANGERS && setuid (CORE_DAEMON_NOBODY) != 0)
        _exit (1);
      _exit (make_socket (dir, plan));
    }
  return pid > 0 && waitpid (pid, &status, 0) == pid && status == 0 ? 0 : 3;
}

int
core_daemon_run_plan (gconstpointer data)
{
  const CoreDaemonPlan *plan = data;

  for (const CoreDaemonSocket *one = plan->sockets; one->name != NULL; one++)
    {
      int status = one->how == CORE_IS_INHERITED || one->how == CORE_IS_STRANGERS
                       ? get_socket (plan->dir, one)
                       : make_socket (plan->dir, one);
      if (status != 0)
        return status;
    }
  return plan->lock != NULL ? core_child_lock (plan->lock) : 0;
}

/* ---- The driver of a directory ---- */

/* Starts a driver that has the sockets in a directory. */
void
core_daemon_init_at (CoreDaemon *self, const char *socket_dir, const CoreDaemonSocket sockets[])
{
  CoreDaemonPlan plan = { .dir = socket_dir };
  LxcmonError error;

  self->dir = core_make_dir ();
  self->lock = g_build_filename (self->dir, "driver.pid", NULL);
  g_assert_no_errno (chmod (self->dir, 01777));
  plan.lock = self->lock;
  if (plan.dir == NULL)
    plan.dir = self->dir;
  for (int i = 0; sockets != NULL && i < CORE_DAEMON_MAX_SOCKETS && sockets[i].name != NULL; i++)
    plan.sockets[i] = sockets[i];
  core_child_start (&self->child, core_daemon_run_plan, &plan);
  if (!lxcmon_runtime_dir_find_driver (self->dir, &self->driver, &error))
    g_error ("%s", error.message);
  g_assert_cmpint (self->driver.pid, ==, self->child.pid);
}

void
core_daemon_init (CoreDaemon *self, const CoreDaemonSocket sockets[])
{
  core_daemon_init_at (self, NULL, sockets);
}

void
core_daemon_clear (CoreDaemon *self)
{
  core_child_stop (&self->child);
  g_free (self->lock);
  core_remove_dir (self->dir);
}

/* Starts root's process that listens at default paths. */
void
core_daemon_listen_at_default (CoreChild *child, const char *name, CoreDaemonHow how)
{
  const CoreDaemonPlan plan = { .dir = CORE_DAEMON_DEFAULT_DIR, .sockets = { { name, how } } };

  core_child_start (child, core_daemon_run_plan, &plan);
}

void
core_daemon_remove_default (CoreChild *child, const char *name)
{
  g_autofree char *path = g_build_filename (CORE_DAEMON_DEFAULT_DIR, name, NULL);

  core_child_stop (child);
  g_assert_no_errno (unlink (path));
}

/* ---- What is expected ---- */

void
core_daemon_assert_found (const LxcmonDriver *driver, const char *runtime_dir, const char *dir,
                          const char *name)
{
  g_autofree char *wanted = g_build_filename (dir, name, NULL);
  char path[LXCMON_DAEMON_PATH_SIZE];
  LxcmonError error = { .system_errno = 4711 };

  if (!lxcmon_daemon_find_socket (driver, runtime_dir, path, &error))
    g_error ("%s", error.message);
  g_assert_cmpstr (path, ==, wanted);
  g_assert_cmpint (error.system_errno, ==, 4711); /* not changed */
}

LxcmonError
core_daemon_assert_none (const LxcmonDriver *driver, const char *runtime_dir,
                         LxcmonMonitorError code)
{
  char path[LXCMON_DAEMON_PATH_SIZE] = "x";
  LxcmonError error = { .message = "" };

  g_assert_false (lxcmon_daemon_find_socket (driver, runtime_dir, path, &error));
  g_assert_cmpstr (path, ==, "");
  g_assert_cmpstr (error.message, !=, "");
  g_test_message ("%s", error.message);
  g_assert_cmpint (error.code, ==, code);
  g_assert_false (lxcmon_daemon_find_socket (driver, runtime_dir, path, NULL));
  return error;
}

gboolean
core_daemon_needs_root (void)
{
  if (core_is_root ())
    return FALSE;
  g_test_skip ("needs root, to be somebody else too");
  return TRUE;
}

/* Others may be root and write to /run/libvirt, but not to the machine's. */
gboolean
core_daemon_needs_sandbox (void)
{
  if (core_is_root () && g_getenv ("LXCMON_TEST_SANDBOX") != NULL)
    return FALSE;
  g_test_skip ("needs root and tests/sandbox, to listen in " CORE_DAEMON_DEFAULT_DIR);
  return TRUE;
}
