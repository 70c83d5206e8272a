/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The socket of the daemon: which of the driver's sockets it is, and what is none although it has the name. In the
 * sandbox, where there are no other sockets.
 */

#include "common/core-daemon.h"
#include "common/core-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A driver with these sockets is found at @name, or with NULL nowhere. */
static void
check (const CoreDaemonSocket sockets[], const char *name)
{
  CoreDaemon daemon;

  core_daemon_init (&daemon, sockets);
  if (name != NULL)
    core_daemon_assert_found (&daemon.driver, daemon.dir, daemon.dir, name);
  else
    core_daemon_assert_none (&daemon.driver, daemon.dir, LXCMON_MONITOR_ERROR_NOT_FOUND);
  core_daemon_clear (&daemon);
}

/* ---- Names ---- */

static void
test_names (void)
{
  check ((CoreDaemonSocket[]){ { "libvirt-sock" }, { "libvirt-sock-ro" }, { NULL } },
         "libvirt-sock-ro");
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro" }, { "libvirt-sock" }, { NULL } },
         "libvirt-sock-ro");
  check ((CoreDaemonSocket[]){ { "libvirt-sock" }, { NULL } }, "libvirt-sock");
  check ((CoreDaemonSocket[]){ { "virtlxcd-sock" }, { "virtlxcd-sock-ro" }, { NULL } },
         "virtlxcd-sock-ro");
  check ((CoreDaemonSocket[]){ { "virtlxcd-sock" }, { NULL } }, "virtlxcd-sock");
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro" }, { "virtlxcd-sock" }, { NULL } },
         "libvirt-sock-ro");
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro" }, { "virtlxcd-sock-ro" }, { NULL } },
         "virtlxcd-sock-ro");
  check ((CoreDaemonSocket[]){ { "libvirt-admin-sock" }, { "libvirt-sock" }, { NULL } },
         "libvirt-sock");
}

static void
test_other_names (void)
{
  check (NULL, NULL);
  check ((CoreDaemonSocket[]){ { "libvirt-admin-sock" }, { "virtlxcd-admin-sock" }, { NULL } },
         NULL);
  check ((CoreDaemonSocket[]){ { "virtqemud-sock-ro" }, { "virtqemud-sock" }, { NULL } }, NULL);
  check ((CoreDaemonSocket[]){ { "x-libvirt-sock-ro" },
                               { "libvirt-sock-ro.old" },
                               { "libvirt-soc" },
                               { NULL } },
         NULL);
}

static void
test_abstract (void)
{
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro", CORE_IS_ABSTRACT }, { NULL } }, NULL);
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro", CORE_IS_ABSTRACT },
                               { "libvirt-sock" },
                               { NULL } },
         "libvirt-sock");
}

/* Relative to the directory where the driver was, which may be another one than ours. */
static void
check_relative (const char *name)
{
  const CoreDaemonSocket sockets[] = { { name, CORE_IS_RELATIVE }, { NULL } };
  int cwd = open (".", O_PATH | O_CLOEXEC);
  CoreDaemon daemon;

  core_daemon_init (&daemon, sockets);
  g_assert_no_errno (chdir (daemon.dir));
  core_daemon_assert_none (&daemon.driver, daemon.dir, LXCMON_MONITOR_ERROR_NOT_FOUND);
  g_assert_no_errno (fchdir (cwd));
  close (cwd);
  core_daemon_clear (&daemon);
}

static void
test_relative (void)
{
  check_relative ("libvirt-sock-ro");
  check_relative ("./libvirt-sock-ro");
}

static void
test_not_listening (void)
{
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro", CORE_IS_BOUND }, { NULL } }, NULL);
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro", CORE_IS_BOUND }, { "libvirt-sock" }, { NULL } },
         "libvirt-sock");
}

/* Looks for the socket in a directory below the one of the driver. */
static void
check_below (const char *subdir)
{
  static const CoreDaemonSocket sockets[] = { { "libvirt-sock-ro" }, { NULL } };
  char *top = core_make_dir ();
  g_autofree char *dir = g_build_filename (top, subdir, NULL);
  CoreDaemon daemon;

  g_assert_no_errno (mkdir (dir, 0755));
  core_daemon_init_at (&daemon, dir, sockets);
  core_daemon_assert_found (&daemon.driver, daemon.dir, dir, "libvirt-sock-ro");
  core_daemon_clear (&daemon);
  core_remove_dir (top);
}

static void
test_any_bytes (void)
{
  check_below ("two\nlines \xff?%#&\"");
}

/* An address is full: there is no NUL in it. */
static void
test_longest (void)
{
  g_autofree char *example = core_make_dir ();
  gsize rest = sizeof (((struct sockaddr_un *) NULL)->sun_path) - strlen (example)
               - strlen ("//libvirt-sock-ro");
  g_autofree char *subdir = g_strnfill (rest, 'x');

  g_assert_no_errno (rmdir (example));
  check_below (subdir);
}

/* ---- Whose socket it is ---- */

/* Another process than the driver has the socket. */
static void
check_another_process (CoreDaemonHow how)
{
  CoreDaemon daemon;
  CoreChild other;

  core_daemon_init (&daemon, NULL);
  const CoreDaemonPlan plan = { .dir = daemon.dir, .sockets = { { "libvirt-sock-ro", how } } };
  core_child_start (&other, core_daemon_run_plan, &plan);
  core_daemon_assert_none (&daemon.driver, daemon.dir, LXCMON_MONITOR_ERROR_NOT_FOUND);
  core_child_stop (&other);
  core_daemon_clear (&daemon);
}

static void
test_another_process (void)
{
  check_another_process (CORE_LISTENS);
  if (core_is_root ())
    check_another_process (CORE_IS_STRANGERS);
}

static void
test_inherited (void)
{
  check ((CoreDaemonSocket[]){ { "virtlxcd-sock-ro", CORE_IS_INHERITED }, { NULL } },
         "virtlxcd-sock-ro");
}

/* A client has sent it to the driver. */
static void
test_strangers_socket (void)
{
  if (core_daemon_needs_root ())
    return;
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro", CORE_IS_STRANGERS }, { NULL } }, NULL);
  check ((CoreDaemonSocket[]){ { "libvirt-sock-ro", CORE_IS_STRANGERS },
                               { "libvirt-sock" },
                               { NULL } },
         "libvirt-sock");
}

static int
be_stranger (gconstpointer plan)
{
  /* Dumpable again, or the process would seem to be root's. */
  if (setgid (CORE_DAEMON_NOBODY) != 0 || setuid (CORE_DAEMON_NOBODY) != 0
      || prctl (PR_SET_DUMPABLE, 1) != 0)
    return 1;
  return core_daemon_run_plan (plan);
}

/* The driver has ended, and a stranger's process has its pid. */
static void
test_strangers_process (void)
{
  CoreDaemonPlan plan = { .sockets = { { "libvirt-sock-ro" } } };
  LxcmonDriver driver = { .running = true };
  CoreChild child;
  char *dir;

  if (core_daemon_needs_root ())
    return;
  plan.dir = dir = core_make_dir ();
  g_assert_no_errno (chmod (dir, 01777));
  core_child_start (&child, be_stranger, &plan);
  driver.pid = child.pid;
  LxcmonError error = core_daemon_assert_none (&driver, dir, LXCMON_MONITOR_ERROR_UNTRUSTED);
  g_assert_nonnull (strstr (error.message, "belongs to uid 65534"));
  core_child_stop (&child);
  core_remove_dir (dir);
}

/* The driver ends before its descriptors are read. That it cannot be seen is no proof that it has no socket. */
static void
test_ended (void)
{
  static const CoreDaemonSocket sockets[] = { { "libvirt-sock-ro" }, { NULL } };
  CoreChild another;
  CoreDaemon daemon;

  core_daemon_init (&daemon, sockets);
  core_child_stop (&daemon.child);
  LxcmonError error
      = core_daemon_assert_none (&daemon.driver, daemon.dir, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_cmpint (error.system_errno, ==, ENOENT);
  core_child_start (&another, core_child_lock, daemon.lock);
  daemon.child = another;
  core_daemon_clear (&daemon);
}

/* ---- Where its path leads ---- */

/* The one that is preferred cannot be reached by its path: there is the other one. */
static void
assert_unreachable (const CoreDaemon *daemon, LxcmonMonitorError code, const char *text)
{
  g_autofree char *from = g_build_filename (daemon->dir, "libvirt-sock", NULL);
  g_autofree char *to = g_build_filename (daemon->dir, "moved", NULL);

  core_daemon_assert_found (&daemon->driver, daemon->dir, daemon->dir, "libvirt-sock");
  g_assert_no_errno (rename (from, to));
  LxcmonError error = core_daemon_assert_none (&daemon->driver, daemon->dir, code);
  g_assert_nonnull (strstr (error.message, text));
  g_assert_no_errno (rename (to, from));
}

static void
test_unreachable (void)
{
  static const CoreDaemonSocket sockets[] = { { "libvirt-sock-ro" }, { "libvirt-sock" }, { NULL } };
  CoreDaemon daemon;

  core_daemon_init (&daemon, sockets);
  g_autofree char *path = g_build_filename (daemon.dir, "libvirt-sock-ro", NULL);
  g_autofree char *elsewhere = g_build_filename (daemon.dir, "elsewhere", NULL);
  g_assert_no_errno (rename (path, elsewhere));
  assert_unreachable (&daemon, LXCMON_MONITOR_ERROR_NOT_FOUND, "libvirt-sock-ro: No such file");
  g_assert_no_errno (symlink (elsewhere, path));
  assert_unreachable (&daemon, LXCMON_MONITOR_ERROR_FAILED, "libvirt-sock-ro is another file");
  g_assert_no_errno (unlink (path));
  close (core_bind (path, SOCK_STREAM));
  assert_unreachable (&daemon, LXCMON_MONITOR_ERROR_FAILED, "libvirt-sock-ro is another file");
  g_assert_no_errno (rename (elsewhere, path));
  core_daemon_assert_found (&daemon.driver, daemon.dir, daemon.dir, "libvirt-sock-ro");
  core_daemon_clear (&daemon);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/daemon/names", test_names);
  core_test_add ("/daemon/other-names", test_other_names);
  core_test_add ("/daemon/abstract", test_abstract);
  core_test_add ("/daemon/relative", test_relative);
  core_test_add ("/daemon/not-listening", test_not_listening);
  core_test_add ("/daemon/any-bytes", test_any_bytes);
  core_test_add ("/daemon/longest", test_longest);
  core_test_add ("/daemon/another-process", test_another_process);
  core_test_add ("/daemon/inherited", test_inherited);
  core_test_add ("/daemon/strangers-socket", test_strangers_socket);
  core_test_add ("/daemon/strangers-process", test_strangers_process);
  core_test_add ("/daemon/ended", test_ended);
  core_test_add ("/daemon/unreachable", test_unreachable);

  return g_test_run ();
}
