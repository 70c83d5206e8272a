/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The default paths of the daemon's socket: when they are tried, and who must listen there. In the sandbox, where
 * /run/libvirt is empty.
 */

#include "common/core-daemon.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lxcmon/lxcmon-name.h>

static void
test_default (void)
{
  CoreChild libvirtd, virtlxcd;

  if (core_daemon_needs_sandbox ())
    return;
  LxcmonError error
      = core_daemon_assert_none (&core_daemon_unknown, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error.message, CORE_DAEMON_DEFAULT_DIR "/virtlxcd-sock-ro"));
  g_assert_nonnull (strstr (error.message, CORE_DAEMON_DEFAULT_DIR "/libvirt-sock-ro"));
  core_daemon_listen_at_default (&libvirtd, "libvirt-sock-ro", CORE_LISTENS);
  core_daemon_assert_found (&core_daemon_unknown, NULL, CORE_DAEMON_DEFAULT_DIR, "libvirt-sock-ro");
  core_daemon_listen_at_default (&virtlxcd, "virtlxcd-sock-ro", CORE_LISTENS);
  core_daemon_assert_found (&core_daemon_unknown, NULL, CORE_DAEMON_DEFAULT_DIR,
                            "virtlxcd-sock-ro");
  core_child_stop (&virtlxcd); /* its socket remains */
  core_daemon_assert_found (&core_daemon_unknown, NULL, CORE_DAEMON_DEFAULT_DIR, "libvirt-sock-ro");
  core_child_stop (&libvirtd);
  core_daemon_assert_none (&core_daemon_unknown, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);
  g_assert_no_errno (unlink (CORE_DAEMON_DEFAULT_DIR "/libvirt-sock-ro"));
  g_assert_no_errno (unlink (CORE_DAEMON_DEFAULT_DIR "/virtlxcd-sock-ro"));
}

/* What does not count there */
static void
test_not_default (void)
{
  CoreChild child;

  if (core_daemon_needs_sandbox ())
    return;
  core_daemon_listen_at_default (&child, "libvirt-sock-ro", CORE_IS_BOUND);
  core_daemon_assert_none (&core_daemon_unknown, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);
  core_daemon_remove_default (&child, "libvirt-sock-ro");
  core_daemon_listen_at_default (&child, "libvirt-sock", CORE_LISTENS);
  core_daemon_assert_none (&core_daemon_unknown, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);
  g_assert_no_errno (symlink ("libvirt-sock", CORE_DAEMON_DEFAULT_DIR "/libvirt-sock-ro"));
  core_daemon_assert_none (&core_daemon_unknown, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);
  g_assert_no_errno (unlink (CORE_DAEMON_DEFAULT_DIR "/libvirt-sock-ro"));
  core_daemon_remove_default (&child, "libvirt-sock");
  /* A stranger could not make a file there, but in a directory that is not what it should be. */
  g_assert_no_errno (chmod (CORE_DAEMON_DEFAULT_DIR, 01777));
  core_daemon_listen_at_default (&child, "libvirt-sock-ro", CORE_IS_STRANGERS);
  core_daemon_assert_none (&core_daemon_unknown, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);
  core_daemon_remove_default (&child, "libvirt-sock-ro");
  g_assert_no_errno (chmod (CORE_DAEMON_DEFAULT_DIR, 0755));
}

/* They are those of libvirt's own runtime directory only, whatever it is called. */
static void
test_runtime_dir (void)
{
  char *dir = core_make_dir ();
  g_autofree char *link = g_build_filename (dir, "link", NULL);
  CoreChild child;

  if (core_daemon_needs_sandbox ())
    {
      core_remove_dir (dir);
      return;
    }
  core_daemon_listen_at_default (&child, "libvirt-sock-ro", CORE_LISTENS);
  g_assert_no_errno (symlink (LXCMON_RUNTIME_DIR, link));
  core_daemon_assert_found (&core_daemon_unknown, LXCMON_RUNTIME_DIR, CORE_DAEMON_DEFAULT_DIR,
                            "libvirt-sock-ro");
  core_daemon_assert_none (&core_daemon_unknown, link,
                           LXCMON_MONITOR_ERROR_FAILED); /* it is not there */
  g_assert_no_errno (mkdir (LXCMON_RUNTIME_DIR, 0755));
  core_daemon_assert_found (&core_daemon_unknown, link, CORE_DAEMON_DEFAULT_DIR, "libvirt-sock-ro");
  core_daemon_assert_found (&core_daemon_unknown, LXCMON_RUNTIME_DIR "/", CORE_DAEMON_DEFAULT_DIR,
                            "libvirt-sock-ro");
  LxcmonError error
      = core_daemon_assert_none (&core_daemon_unknown, dir, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_nonnull (strstr (error.message, dir));
  core_daemon_assert_none (&core_daemon_unknown, CORE_DAEMON_DEFAULT_DIR,
                           LXCMON_MONITOR_ERROR_FAILED);
  core_daemon_assert_none (&core_daemon_unknown, "", LXCMON_MONITOR_ERROR_FAILED);
  g_assert_no_errno (rmdir (LXCMON_RUNTIME_DIR));
  core_daemon_remove_default (&child, "libvirt-sock-ro");
  core_remove_dir (dir);
}

/* A driver whose descriptors can be read is asked alone. */
static void
test_driver_before_default (void)
{
  static const CoreDaemonSocket sockets[] = { { "libvirt-sock" }, { NULL } };
  CoreChild child;
  CoreDaemon daemon;

  if (core_daemon_needs_sandbox ())
    return;
  core_daemon_listen_at_default (&child, "virtlxcd-sock-ro", CORE_LISTENS);
  core_daemon_init (&daemon, sockets);
  core_daemon_assert_found (&daemon.driver, NULL, daemon.dir, "libvirt-sock");
  g_autofree char *path = g_build_filename (daemon.dir, "libvirt-sock", NULL);
  g_assert_no_errno (unlink (path));
  core_daemon_assert_none (&daemon.driver, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);
  core_daemon_clear (&daemon);
  core_daemon_init (&daemon, NULL);
  core_daemon_assert_none (&daemon.driver, NULL, LXCMON_MONITOR_ERROR_NOT_FOUND);

  core_child_stop (&daemon.child);
  core_daemon_assert_found (&daemon.driver, NULL, CORE_DAEMON_DEFAULT_DIR, "virtlxcd-sock-ro");
  core_child_start (&daemon.child, core_child_lock, daemon.lock);
  core_daemon_clear (&daemon);
  core_daemon_remove_default (&child, "virtlxcd-sock-ro");
}

/* Looks as another user, who may not read the driver's descriptors. */
static int
look_as_stranger (gconstpointer data)
{
  const CoreDaemon *daemon = data;
  LxcmonError error;
  CoreChild child;

  core_daemon_listen_at_default (&child, "libvirt-sock-ro", CORE_LISTENS);
  g_assert_no_errno (setuid (CORE_DAEMON_NOBODY));
  core_daemon_assert_found (&daemon->driver, NULL, CORE_DAEMON_DEFAULT_DIR, "libvirt-sock-ro");
  error = core_daemon_assert_none (&daemon->driver, daemon->dir, LXCMON_MONITOR_ERROR_PERMISSION);
  g_assert_nonnull (strstr (error.message, "virtlxcd (pid"));
  core_child_stop (&child);
  error = core_daemon_assert_none (&daemon->driver, NULL, LXCMON_MONITOR_ERROR_PERMISSION);
  g_assert_cmpint (error.system_errno, ==, EACCES);
  g_assert_nonnull (strstr (error.message, "Permission denied; root listens neither"));
  return 0;
}

static void
check_not_root (const CoreDaemonSocket sockets[])
{
  CoreDaemon daemon;

  core_daemon_init (&daemon, sockets);
  g_assert_cmpint (core_child_run (look_as_stranger, &daemon), ==, 0);
  g_assert_no_errno (unlink (CORE_DAEMON_DEFAULT_DIR "/libvirt-sock-ro"));
  core_daemon_clear (&daemon);
}

static void
test_not_root (void)
{
  if (core_daemon_needs_sandbox ())
    return;
  check_not_root ((CoreDaemonSocket[]){ { "libvirt-sock" }, { NULL } });
  check_not_root (NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/daemon-default/paths", test_default);
  core_test_add ("/daemon-default/not-default", test_not_default);
  core_test_add ("/daemon-default/runtime-dir", test_runtime_dir);
  core_test_add ("/daemon-default/driver-before-default", test_driver_before_default);
  core_test_add ("/daemon-default/not-root", test_not_root);

  return g_test_run ();
}
