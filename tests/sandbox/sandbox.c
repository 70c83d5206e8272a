/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sandbox.c: runs a test so that it meets neither the machine's libvirt nor another test.
 *
 *   sandbox [--required] PROGRAM [ARGUMENT...]
 *
 * Owns: the test's mount and network namespaces, its temporary directory, and every process that it
 * starts: whatever way the test ends, nothing of these is left. Does not: change a mount that other
 * processes can see.
 *
 * Without the right to mount, an ordinary test runs all the same, in directories of its own. With
 * --required, it gets a user namespace, or is skipped. There is no pid namespace: libvirt calls control
 * groups, which are the machine's, after pids, and these must not be given twice. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE      "LXCMON_TEST_SANDBOX"
#define LIBVIRT_DIR   "/run/libvirt"
#define MAX_OPEN_DIRS 16
/* From the signal that asks for the end to the test's. Meson kills after 500 ms. */
#define END_MS 300

/* What libvirt keeps for the whole machine. */
static const char *const state_dirs[] = {
  "/etc/libvirt",
  "/var/cache/libvirt",
  "/var/lib/libvirt",
  "/var/log/libvirt",
};

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP };

#define N_ELEMENTS(array) (sizeof (array) / sizeof (array)[0])

/* ---- The namespaces ---- */

static bool
write_file (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  bool done = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t) strlen (text);

  if (fd >= 0)
    close (fd);
  return done;
}

/* Each user keeps its uid. */
static bool
map_ids (uid_t uid, gid_t gid)
{
  char uids[64], gids[64];

  snprintf (uids, sizeof uids, "%u %u 1", uid, uid);
  snprintf (gids, sizeof gids, "%u %u 1", gid, gid);
  return write_file ("/proc/self/uid_map", uids) && write_file ("/proc/self/setgroups", "deny")
         && write_file ("/proc/self/gid_map", gids);
}

/* The kernel lists Unix sockets by their paths, for each network namespace: without one, the sockets of two
 * tests with the same containers could not be told apart. */
static bool
new_namespaces (bool required)
{
  const int flags = CLONE_NEWNS | CLONE_NEWNET;
  uid_t uid = geteuid ();
  gid_t gid = getegid ();

  if (unshare (flags) == 0)
    return true;
  return required && unshare (CLONE_NEWUSER | flags) == 0 && map_ids (uid, gid);
}

/* Some tests connect to a port of 127.0.0.1. */
static bool
set_up_loopback (void)
{
  struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool done = fd >= 0 && ioctl (fd, SIOCSIFFLAGS, &request) == 0;

  if (fd >= 0)
    close (fd);
  return done;
}

/* In a chroot, "/" may be no mount point: libvirt's controller cannot go on from there, and who else sees
 * what is mounted below it cannot be said. A copy of the tree can be the root then. It is mounted over
 * /proc, as that is a mount of everybody's. */
static bool
change_root (void)
{
  char cwd[4096];

  return getcwd (cwd, sizeof cwd) != NULL && mount (NULL, "/proc", NULL, MS_PRIVATE, NULL) == 0
         && mount ("/", "/proc", NULL, MS_BIND | MS_REC, NULL) == 0 && chdir ("/proc") == 0
         && mount (NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && chroot (".") == 0
         && chdir (cwd) == 0;
}

/* What is mounted later must not reach the machine. */
static bool
make_private (void)
{
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
    return true;
  return errno == EINVAL && change_root ();
}

static bool
hide (const char *path)
{
  return mount ("lxcmon-test", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0;
}

/* If the directory cannot be created, all of /run is hidden instead. */
static bool
hide_runtime_dir (void)
{
  if (mkdir (LIBVIRT_DIR, 0755) == 0 || errno == EEXIST)
    return hide (LIBVIRT_DIR);
  return hide ("/run") && mkdir (LIBVIRT_DIR, 0755) == 0;
}

static bool
hide_libvirt (void)
{
  for (size_t i = 0; i < N_ELEMENTS (state_dirs); i++)
    if (access (state_dirs[i], F_OK) == 0 && !hide (state_dirs[i]))
      return false;
  return hide_runtime_dir ();
}

/* Returns false, with errno, if there can be none. */
static bool
enter_namespaces (bool required)
{
  char name[64] = "";

  if (!new_namespaces (required) || !set_up_loopback () || !make_private () || !hide_libvirt ()
      || readlink ("/proc/self/ns/mnt", name, sizeof name - 1) < 0)
    return false;
  /* For tests that would change the machine elsewhere: they compare it with their own. */
  return setenv (VARIABLE, name, 1) == 0;
}

/* ---- The temporary directory ---- */

/* Others may pass: some tests go on as another user. */
static bool
make_dir (char *dir, size_t size)
{
  const char *base = getenv ("TMPDIR");

  snprintf (dir, size, "%s/lxcmon-XXXXXX", base != NULL && *base != '\0' ? base : "/tmp");
  return mkdtemp (dir) != NULL && chmod (dir, 0711) == 0 && setenv ("TMPDIR", dir, 1) == 0;
}

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *walk)
{
  (void) info;
  (void) type;
  (void) walk;
  remove (path);
  return 0;
}

static void
remove_dir (const char *dir)
{
  nftw (dir, remove_entry, MAX_OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ---- Processes ---- */

static pid_t
start (char **argv, const sigset_t *old_mask)
{
  pid_t parent = getpid ();
  pid_t pid = fork ();

  if (pid != 0)
    return pid;
  sigprocmask (SIG_SETMASK, old_mask, NULL);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    _exit (EXIT_FAILURE);
  execvp (argv[0], argv);
  fprintf (stderr, "sandbox: cannot run %s: %s\n", argv[0], strerror (errno));
  _exit (127);
}

/* Processes whose parent has ended are children of this process. Returns false if there is none. */
static bool
kill_children (void)
{
  char path[64], pids[4096];
  ssize_t n;
  int fd;

  snprintf (path, sizeof path, "/proc/self/task/%d/children", getpid ());
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  n = read (fd, pids, sizeof pids - 1);
  close (fd);
  pids[n > 0 ? n : 0] = '\0';
  for (char *at = pids, *end; strtol (at, &end, 10) > 0; at = end)
    kill ((pid_t) strtol (at, NULL, 10), SIGKILL);
  return n > 0;
}

/* The children of the killed are the next to be killed. */
static void
kill_all (void)
{
  while (kill_children () && waitpid (-1, NULL, 0) > 0)
    ;
}

/* Reaps what has ended, orphans as well. Returns whether the test is among them. */
static bool
reap (pid_t test, int *test_status)
{
  pid_t pid;
  int status;

  while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
    if (pid == test)
      {
        *test_status = status;
        return true;
      }
  return false;
}

/* Returns the test's wait status. A signal that ends this process gives the test, which may have received
 * it as well, a moment to clean up; then the test is killed. */
static int
wait_for_test (pid_t test, const sigset_t *signals)
{
  struct timespec moment = { .tv_nsec = END_MS * 1000000L };
  int status = 0;
  int signal_number;

  do
    {
      if (reap (test, &status))
        return status;
      signal_number = sigwaitinfo (signals, NULL);
    }
  while (signal_number == SIGCHLD || signal_number < 0);

  kill (test, signal_number);
  while (!reap (test, &status))
    if (sigtimedwait (signals, NULL, &moment) < 0 && errno == EAGAIN)
      return signal_number;
  return status;
}

/* Ends as the test has ended. */
static int
end_like (int status)
{
  const struct rlimit no_core = { 0, 0 };
  sigset_t set;

  if (!WIFSIGNALED (status))
    return WEXITSTATUS (status);
  setrlimit (RLIMIT_CORE, &no_core);
  signal (WTERMSIG (status), SIG_DFL);
  sigemptyset (&set);
  sigaddset (&set, WTERMSIG (status));
  sigprocmask (SIG_UNBLOCK, &set, NULL);
  raise (WTERMSIG (status));
  return EXIT_FAILURE;
}

static int
run (char **argv)
{
  sigset_t signals, old_mask;
  char dir[4096];
  pid_t test;
  int status;

  if (!make_dir (dir, sizeof dir) || prctl (PR_SET_CHILD_SUBREAPER, 1) != 0)
    {
      fprintf (stderr, "sandbox: cannot make %s: %s\n", dir, strerror (errno));
      return EXIT_FAILURE;
    }
  sigemptyset (&signals);
  sigaddset (&signals, SIGCHLD);
  for (size_t i = 0; i < N_ELEMENTS (end_signals); i++)
    sigaddset (&signals, end_signals[i]);
  sigprocmask (SIG_BLOCK, &signals, &old_mask);

  test = start (argv, &old_mask);
  status = test > 0 ? wait_for_test (test, &signals) : W_EXITCODE (EXIT_FAILURE, 0);
  kill_all ();
  remove_dir (dir);
  return end_like (status);
}

int
main (int argc, char **argv)
{
  bool required = argc > 1 && strcmp (argv[1], "--required") == 0;
  char **command = argv + 1 + required;

  if (*command == NULL)
    {
      fprintf (stderr, "Usage: sandbox [--required] PROGRAM [ARGUMENT...]\n");
      return 2;
    }
  if (!enter_namespaces (required) && required)
    {
      printf ("1..0 # SKIP no mount and network namespaces: %s\n", strerror (errno));
      return EXIT_SUCCESS;
    }
  return run (command);
}
