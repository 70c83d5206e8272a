/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon's socket where the kernel does not say everything, and where calls fail: that never means that there is
 * no socket.
 */

#include "common/core-daemon.h"
#include "common/core-wrap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- What the kernel does not say ---- */

static int
look_without_diag (gconstpointer data)
{
  const CoreDaemon *daemon = data;

  if (!core_child_forbid_netlink ())
    return 1;
  LxcmonError error
      = core_daemon_assert_none (&daemon->driver, daemon->dir, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_cmpint (error.system_errno, ==, EAFNOSUPPORT);
  g_assert_nonnull (strstr (error.message, "which sockets listen"));
  error = core_daemon_assert_none (&core_daemon_unknown, NULL, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_cmpint (error.system_errno, ==, EAFNOSUPPORT);
  return 0;
}

static void
test_without_diag (void)
{
  static const CoreDaemonSocket sockets[] = { { "libvirt-sock" }, { NULL } };
  CoreDaemon daemon;

  core_daemon_init (&daemon, sockets);
  g_assert_cmpint (core_child_run (look_without_diag, &daemon), ==, 0);
  core_daemon_clear (&daemon);
}

enum
{
  N_OTHERS = 900
};

static int
listen_often (gconstpointer data)
{
  const struct sockaddr_un any = { .sun_family = AF_UNIX };

  for (int i = 0; i < N_OTHERS; i++)
    {
      int fd = socket (AF_UNIX, SOCK_STREAM, 0);

      /* The kernel chooses a name. */
      if (fd < 0 || bind (fd, (const struct sockaddr *) &any, sizeof (sa_family_t)) < 0
          || listen (fd, 1) < 0)
        return 1;
    }
  return 0;
}

/* The answer is longer than a datagram, and so it may leave out some. */
static void
test_many (void)
{
  static const CoreDaemonSocket sockets[] = { { "libvirt-sock-ro" }, { NULL } };
  CoreChild others;
  CoreDaemon daemon;

  core_child_start (&others, listen_often, NULL);
  core_daemon_init (&daemon, sockets);
  gint64 start = g_get_monotonic_time ();
  core_daemon_assert_found (&daemon.driver, daemon.dir, daemon.dir, "libvirt-sock-ro");
  g_test_message ("among %d that listen: %d µs", N_OTHERS, (int) (g_get_monotonic_time () - start));
  core_daemon_clear (&daemon);
  core_daemon_init (&daemon, NULL);
  LxcmonError error
      = core_daemon_assert_none (&daemon.driver, daemon.dir, LXCMON_MONITOR_ERROR_FAILED);
  g_assert_nonnull (strstr (error.message, "so many sockets"));
  core_daemon_clear (&daemon);
  core_child_stop (&others);
}

/* ---- Calls that fail ---- */

static int fault_errno;

/* A descriptor that is no link, or was closed meanwhile, and a file that is not there are no failures. */
static gboolean
may_fail (CoreCall call, int *errno_out)
{
  *errno_out = fault_errno;
  if (fault_errno == ENOENT || fault_errno == EINVAL)
    return call != CORE_CALL_readlinkat && call != CORE_CALL_fstatat64 && call != CORE_CALL_close
           && call != CORE_CALL_readdir64;
  return call != CORE_CALL_close;
}

/* Each call fails once, and from then on. The socket is found all the same, or it is said that it could not be. */
static guint
fail_each (const LxcmonDriver *driver, const char *runtime_dir, const char *wanted)
{
  static const int errnos[]
      = { EMFILE, ENFILE, EACCES, EPERM, EIO, EINTR, ENOMEM, ENOBUFS, EAGAIN, EINVAL, ENOENT };
  guint n = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (errnos) * 2; i++)
    {
      gboolean sticky = i % 2;
      gboolean struck = TRUE;

      fault_errno = errnos[i / 2];
      for (guint index = 0; struck && !(sticky && fault_errno == EINTR); index++, n++)
        {
          char path[LXCMON_DAEMON_PATH_SIZE] = "x";
          LxcmonError error = { .message = "" };

          core_wrap_begin ();
          core_wrap_set_fault (may_fail, index, sticky);
          gboolean found = lxcmon_daemon_find_socket (driver, runtime_dir, path, &error);
          struck = core_wrap_has_struck ();
          (void) core_wrap_end ();
          g_assert_cmpstr (path, ==, found ? wanted : "");
          g_assert_true (found == (error.message[0] == '\0'));
          g_assert_true (found || error.code != LXCMON_MONITOR_ERROR_NOT_FOUND);
          g_assert_true (found || error.system_errno != 0);
          g_assert_true (found || struck);
        }
    }
  return n;
}

static void
test_faults (void)
{
  static const CoreDaemonSocket sockets[] = { { "libvirt-sock-ro" }, { NULL } };
  CoreDaemon daemon;

  core_daemon_init (&daemon, sockets);
  g_autofree char *wanted = g_build_filename (daemon.dir, "libvirt-sock-ro", NULL);
  g_assert_cmpuint (fail_each (&daemon.driver, daemon.dir, wanted), >, 100);
  core_daemon_clear (&daemon);
}

static void
test_default_faults (void)
{
  CoreChild child;

  if (core_daemon_needs_sandbox ())
    return;
  core_daemon_listen_at_default (&child, "virtlxcd-sock-ro", CORE_LISTENS);
  g_assert_cmpuint (fail_each (&core_daemon_unknown, NULL,
                               CORE_DAEMON_DEFAULT_DIR "/virtlxcd-sock-ro"),
                    >, 50);
  core_daemon_remove_default (&child, "virtlxcd-sock-ro");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/daemon-faults/without-diag", test_without_diag);
  core_test_add ("/daemon-faults/many", test_many);
  core_test_add ("/daemon-faults/driver", test_faults);
  core_test_add ("/daemon-faults/default", test_default_faults);

  return g_test_run ();
}
