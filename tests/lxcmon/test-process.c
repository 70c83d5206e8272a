/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What /proc tells: a container's init among a controller's children, a process's name, when it started, and
 * whether it is the one that listens.
 */

#include "common/core-child.h"
#include "common/core-test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lxcmon/lxcmon-process-private.h>

/* Starts a child that waits until its standing is ended, by the pipe that is returned. With
 * @in_namespace it is pid 1 of a pid namespace of its own; returns -1 where that may not be. */
static pid_t
start_child (gboolean in_namespace, int *stop)
{
  int end[2], ready[2];
  char byte = 0;

  g_assert_no_errno (pipe2 (end, O_CLOEXEC));
  g_assert_no_errno (pipe2 (ready, O_CLOEXEC));
  /* CLONE_NEWPID by clone, as unshare would move all children that follow. */
  pid_t pid = in_namespace
                  ? (pid_t) syscall (SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL)
                  : fork ();
  if (pid == 0)
    {
      close (end[1]);
      (void) !write (ready[1], "", 1);
      (void) !read (end[0], &byte, 1);
      _exit (0);
    }
  close (end[0]);
  close (ready[1]);
  if (pid > 0)
    g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
  *stop = end[1];
  return pid;
}

static void
stop_child (pid_t pid, int stop)
{
  close (stop);
  if (pid > 0)
    g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

static void
test_find_init (void)
{
  int stop_plain, stop_init, stop_second;
  pid_t plain = start_child (FALSE, &stop_plain);
  pid_t init = start_child (TRUE, &stop_init);

  if (init < 0)
    {
      g_test_skip ("may not make a pid namespace");
      stop_child (plain, stop_plain);
      stop_child (init, stop_init);
      return;
    }
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, init);

  /* Two that could be it: neither is. */
  pid_t second = start_child (TRUE, &stop_second);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, 0);
  stop_child (second, stop_second);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, init);
  stop_child (init, stop_init);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, 0);
  stop_child (plain, stop_plain);
}

static void
test_find_init_of_nobody (void)
{
  g_assert_cmpint (lxcmon_process_find_init (0), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (-1), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (G_MININT), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (G_MAXINT), ==, 0);
  g_assert_cmpint (lxcmon_process_find_init (getpid ()), ==, 0);
}

static void
test_name (void)
{
  char old[16], name[LXCMON_PROCESS_NAME_SIZE];

  g_assert_no_errno (prctl (PR_GET_NAME, old));
  g_assert_no_errno (prctl (PR_SET_NAME, "virtlxcd"));
  g_assert_true (_lxcmon_process_get_name (getpid (), name));
  g_assert_cmpstr (name, ==, "virtlxcd");
  g_assert_no_errno (prctl (PR_SET_NAME, "fifteen letters"));
  g_assert_true (_lxcmon_process_get_name (getpid (), name));
  g_assert_cmpstr (name, ==, "fifteen letters");
  g_assert_no_errno (prctl (PR_SET_NAME, "a\033[31m\xff"
                                         "b"));
  g_assert_true (_lxcmon_process_get_name (getpid (), name));
  g_assert_cmpstr (name, ==, "a?[31m?b");
  g_assert_no_errno (prctl (PR_SET_NAME, old));
}

static void
test_name_of_nobody (void)
{
  char name[LXCMON_PROCESS_NAME_SIZE];

  g_assert_false (_lxcmon_process_get_name (0, name));
  g_assert_false (_lxcmon_process_get_name (-1, name));
  g_assert_false (_lxcmon_process_get_name (G_MAXINT, name));
}

static guint64
inode_of (int fd)
{
  struct stat info;

  g_assert_no_errno (fstat (fd, &info));
  return info.st_ino;
}

/* A pid that something has written down counts only where the process has the socket. */
static void
test_serves (void)
{
  int pair[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  guint64 inode = inode_of (pair[0]);
  g_assert_true (lxcmon_process_serves (getpid (), inode, geteuid ()));
  g_assert_false (lxcmon_process_serves (getpid (), 0, 0));
  g_assert_false (lxcmon_process_serves (getppid (), inode, 0));
  g_assert_false (lxcmon_process_serves (0, inode, 0));
  g_assert_false (lxcmon_process_serves (-1, inode, 0));
  g_assert_false (lxcmon_process_serves (G_MAXINT, inode, 0));
  close (pair[0]);
  close (pair[1]);
  g_assert_false (lxcmon_process_serves (getpid (), inode, geteuid ()));
}

static void
test_has_socket (void)
{
  int pair[2], stop;

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  guint64 inode = inode_of (pair[0]);
  g_assert_cmpint (_lxcmon_process_has_socket (getpid (), inode), ==, 1);
  g_assert_cmpint (_lxcmon_process_has_socket (getpid (), 0), ==, 0);
  close (pair[0]);
  close (pair[1]);
  g_assert_cmpint (_lxcmon_process_has_socket (getpid (), inode), ==, 0);

  /* That there is no process is no answer. */
  pid_t pid = start_child (FALSE, &stop);
  stop_child (pid, stop);
  g_assert_cmpint (_lxcmon_process_has_socket (pid, inode), ==, -1);
  g_assert_cmpint (errno, ==, ENOENT);
}

/* The 22nd field, as a shell would count it: the second one has no spaces here. */
static guint64
get_22nd_field (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_auto (GStrv) fields = g_strsplit (text, " ", -1);
  g_assert_cmpuint (g_strv_length (fields), >, 22);
  return g_ascii_strtoull (fields[21], NULL, 10);
}

static void
test_start_ticks (void)
{
  char old[16];
  int stop;
  guint64 own = lxcmon_process_get_start_ticks (getpid ());

  g_assert_cmpuint (own, >, 0);
  g_assert_cmpuint (own, ==, get_22nd_field (getpid ()));
  /* Whatever the process calls itself. */
  g_assert_no_errno (prctl (PR_GET_NAME, old));
  g_assert_no_errno (prctl (PR_SET_NAME, "a) S 1 2 3 (b"));
  g_assert_cmpuint (lxcmon_process_get_start_ticks (getpid ()), ==, own);
  g_assert_no_errno (prctl (PR_SET_NAME, old));

  g_usleep (2 * G_USEC_PER_SEC / (gulong) sysconf (_SC_CLK_TCK));
  pid_t later = start_child (FALSE, &stop);
  g_assert_cmpuint (lxcmon_process_get_start_ticks (later), >, own);
  g_assert_cmpuint (lxcmon_process_get_start_ticks (later), ==, get_22nd_field (later));
  stop_child (later, stop);
  g_assert_cmpuint (lxcmon_process_get_start_ticks (later), ==, 0);
  g_assert_cmpuint (lxcmon_process_get_start_ticks (0), ==, 0);
  g_assert_cmpuint (lxcmon_process_get_start_ticks (-1), ==, 0);
}

/* A stranger's process has a socket of that number, and is believed in nothing. */
static void
test_strangers_process (void)
{
  int end[2], pair[2], status;
  char byte;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, to be somebody else too");
      return;
    }
  g_assert_no_errno (pipe2 (end, O_CLOEXEC));
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  pid_t pid = fork ();
  if (pid == 0)
    {
      close (end[1]);
      /* Dumpable again, or the process would seem to be root's. */
      if (setgid (65534) != 0 || setuid (65534) != 0 || prctl (PR_SET_DUMPABLE, 1) != 0
          || prctl (PR_SET_NAME, "libvirt_lxc") != 0)
        _exit (1);
      (void) !write (pair[1], "", 1);
      (void) !read (end[0], &byte, 1);
      _exit (0);
    }
  g_assert_cmpint (read (pair[0], &byte, 1), ==, 1);
  g_assert_false (lxcmon_process_serves (pid, inode_of (pair[0]), 0));
  close (end[1]);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  close (end[0]);
  close (pair[0]);
  close (pair[1]);
}

static void
test_start (void)
{
  gint64 now = g_get_real_time ();
  gint64 start = lxcmon_process_get_start (getpid ());

  g_assert_cmpint (start, <=, now);
  g_assert_cmpint (start, >, now - 10 * 60 * G_USEC_PER_SEC);
  /* Both are computed from the same number, with a clock that is read twice. */
  guint64 ticks = lxcmon_process_get_start_ticks (getpid ());
  g_assert_cmpint (ABS (lxcmon_process_ticks_to_time (ticks) - start), <, G_USEC_PER_SEC);
  g_assert_cmpint (lxcmon_process_ticks_to_time (ticks + (guint64) sysconf (_SC_CLK_TCK)), >,
                   start + G_USEC_PER_SEC / 2);
  g_assert_cmpint (lxcmon_process_ticks_to_time (ticks) % (G_USEC_PER_SEC / sysconf (_SC_CLK_TCK)),
                   ==, 0);
  g_assert_cmpint (lxcmon_process_ticks_to_time (0), ==, 0);
  g_assert_cmpint (lxcmon_process_get_start (0), ==, 0);
}

/* Whether this is not itself in a container. */
static gboolean
is_in_first_namespaces (void)
{
  g_autofree char *pid = g_file_read_link ("/proc/self/ns/pid", NULL);
  g_autofree char *time = g_file_read_link ("/proc/self/ns/time", NULL);

  return g_strcmp0 (pid, "pid:[4026531836]") == 0 && g_strcmp0 (time, "time:[4026531834]") == 0;
}

static void
test_life (void)
{
  char life[LXCMON_LIFE_SIZE];
  g_autofree char *boot_id = NULL;

  g_assert_false (lxcmon_process_get_life (0, 1234, life));
  g_assert_false (lxcmon_process_get_life (-1, 1234, life));
  g_assert_false (lxcmon_process_get_life (42, 0, life));
  if (!is_in_first_namespaces ())
    {
      g_assert_false (lxcmon_process_get_life (42, 1234, life));
      g_test_skip ("this is a container");
      return;
    }
  g_assert_true (g_file_get_contents ("/proc/sys/kernel/random/boot_id", &boot_id, NULL, NULL));
  g_autofree char *expected = g_strdup_printf ("%.8s-42-1234", boot_id);
  g_assert_true (lxcmon_process_get_life (42, 1234, life));
  g_assert_cmpstr (life, ==, expected);
  g_assert_true (lxcmon_process_get_life (G_MAXINT, G_MAXUINT64, life));
  g_assert_cmpuint (strlen (life), ==, strlen ("12345678-2147483647-18446744073709551615"));
}

/* Where pids or times are counted otherwise, the numbers would name something else. The child's children are in
 * the new namespaces. */
static int
find_no_life (gconstpointer data)
{
  char life[LXCMON_LIFE_SIZE];
  int status;

  if (unshare (GPOINTER_TO_INT (data)) < 0)
    return 77;
  pid_t pid = fork ();
  if (pid == 0)
    _exit (lxcmon_process_get_life (42, 1234, life));
  return waitpid (pid, &status, 0) == pid ? WEXITSTATUS (status) : 78;
}

static void
test_life_elsewhere (void)
{
  static const int flags[] = { CLONE_NEWPID, CLONE_NEWTIME };

  for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      int result = core_child_run (find_no_life, GINT_TO_POINTER (flags[i]));

      if (result == 77)
        g_test_skip ("may not make namespaces");
      else
        g_assert_cmpint (result, ==, 0);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  core_test_add ("/process/find-init", test_find_init);
  core_test_add ("/process/find-init-of-nobody", test_find_init_of_nobody);
  core_test_add ("/process/name", test_name);
  core_test_add ("/process/name-of-nobody", test_name_of_nobody);
  core_test_add ("/process/serves", test_serves);
  core_test_add ("/process/strangers-process", test_strangers_process);
  core_test_add ("/process/has-socket", test_has_socket);
  core_test_add ("/process/start-ticks", test_start_ticks);
  core_test_add ("/process/start", test_start);
  core_test_add ("/process/life", test_life);
  core_test_add ("/process/life-elsewhere", test_life_elsewhere);

  return g_test_run ();
}
