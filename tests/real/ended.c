/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ended.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "real-test.h"

/* How many runs there are of each way to end. */
int
ended_count_runs (void)
{
  return g_getenv ("LXCMON_TEST_FULL") != NULL ? 20 : 2;
}

/* Whether this kernel says how a process ended: asked without lxcmon. */
gboolean
ended_is_known (void)
{
  guint64 info[8] = { 1 << 3 };
  pid_t pid = fork ();

  if (pid == 0)
    _exit (0);
  int fd = (int) syscall (SYS_pidfd_open, pid, 0);
  waitpid (pid, NULL, 0);
  gboolean says
      = fd >= 0 && ioctl (fd, _IOWR (0xFF, 11, guint64[8]), info) == 0 && (info[0] & (1 << 3)) != 0;
  if (fd >= 0)
    close (fd);
  if (!says)
    g_test_skip ("needs Linux 6.15");
  return says;
}

const EndedWay ended_ways[N_ENDED_WAYS] = {
  { "shutdown", LXCMON_END_SHUTDOWN, 0, 0, "shut down, exit code 0" },
  { "exit 1", LXCMON_END_SHUTDOWN, 1, 0, "shut down, exit code 1" },
  { "exit 42", LXCMON_END_SHUTDOWN, 42, 0, "shut down, exit code 42" },
  { "exit 255", LXCMON_END_SHUTDOWN, 255, 0, "shut down, exit code 255" },
  { "reboot", LXCMON_END_REBOOT, 0, 0, "rebooted" },
  { NULL, LXCMON_END_SHUTDOWN, -1, SIGKILL, "shut down, killed by signal 9" },
};

void
ended_end (Container *container, const EndedWay *way)
{
  if (way->command != NULL)
    real_command (container, way->command);
  else
    g_assert_no_errno (kill (real_init_pid (container), SIGKILL));
}

void
ended_assert (LxcmonMonitor *monitor, const EndedWay *way)
{
  g_autofree char *description = lxcmon_monitor_describe_end (monitor);

  g_assert_cmpint (lxcmon_monitor_get_init_exit_code (monitor), ==, way->exit_code);
  g_assert_cmpint (lxcmon_monitor_get_init_signal (monitor), ==, way->signal);
  g_assert_false (lxcmon_monitor_get_running (monitor));
  if (lxcmon_monitor_get_state (monitor) != LXCMON_STATE_EXITED)
    {
      g_assert_cmpint (lxcmon_monitor_get_end (monitor), ==, way->end);
      g_assert_cmpstr (description, ==, way->description);
    }
}

/* A life that no earlier run had. */
void
ended_add_life (GHashTable *lives, LxcmonMonitor *monitor)
{
  char *life = lxcmon_monitor_get_life (monitor);

  if (life != NULL)
    g_assert_true (g_hash_table_add (lives, life));
}

void
ended_add_test (const char *prefix, const EndedWay *way, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("%s/%s", prefix, way->description);

  g_test_add_data_func (g_strdelimit (path, " ,", '-'), way, func);
}
