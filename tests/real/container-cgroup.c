/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-cgroup.c: see container-cgroup.h for what this file owns. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "container-cgroup.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"

#define CGROUP_ROOT      "/sys/fs/cgroup"
#define GROUP_PREFIX     "lxc-"
#define GROUP_SUFFIX     ".libvirt-lxc"
#define MAX_OPEN_DIRS    16
#define EMPTY_TIMEOUT_MS 60000
#define EMPTY_RETRY_MS   2
#define ORPHAN_AGE_S     10

/* The controller's pid, which is the number in "lxc-PID-NAME.libvirt-lxc"; 0 for any other entry. Compared
 * and not globbed: "lxc-*-web" would also be the group of a container "old-web". */
static pid_t
get_controller (const char *entry, const char *name)
{
  g_autofree char *rest = g_strconcat ("-", name, GROUP_SUFFIX, NULL);
  char *end;
  long pid;

  if (!g_str_has_prefix (entry, GROUP_PREFIX) || !g_ascii_isdigit (entry[strlen (GROUP_PREFIX)]))
    return 0;
  pid = strtol (entry + strlen (GROUP_PREFIX), &end, 10);
  return strcmp (end, rest) == 0 ? (pid_t) pid : 0;
}

/* Whatever is in a container's group is the container's. libvirtd does the same. */
static void
kill_members (const char *group)
{
  g_autofree char *path = g_build_filename (group, "cgroup.procs", NULL);
  g_autofree char *members = NULL;
  char *at;

  if (!g_file_get_contents (path, &members, NULL, NULL))
    return;
  at = members;
  for (;;)
    {
      char *end;
      pid_t pid = (pid_t) strtol (at, &end, 10);

      if (end == at)
        return;
      /* 0 is a process that our pid namespace cannot see. */
      if (pid > 0)
        kill (pid, SIGKILL);
      at = end;
    }
}

/* In a control group only the directories can and need be removed. */
static int
remove_empty (const char *path, const struct stat *info, int type, struct FTW *walk)
{
  (void) info;
  (void) walk;
  if (type == FTW_DP)
    rmdir (path);
  return 0;
}

static int
empty_and_remove (const char *path, const struct stat *info, int type, struct FTW *walk)
{
  (void) info;
  (void) walk;
  if (type == FTW_DP && rmdir (path) != 0)
    kill_members (path);
  return 0;
}

static int
walk_group (const char *path, __nftw_func_t func)
{
  return nftw (path, func, MAX_OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A group stays busy until its last process has ended and for a moment more,
 * and v1 has no event that says when it no longer is. */
static void
remove_group (const char *path)
{
  gint64 deadline = process_deadline (EMPTY_TIMEOUT_MS);

  while (walk_group (path, empty_and_remove) == 0 && access (path, F_OK) == 0)
    {
      if (g_get_monotonic_time () > deadline)
        {
          g_printerr ("# The control group %s stays: it is still busy\n", path);
          return;
        }
      process_poll_until (NULL, 0, process_deadline (EMPTY_RETRY_MS));
    }
}

static gboolean
is_dead (pid_t pid)
{
  return kill (pid, 0) != 0 && errno == ESRCH;
}

/* A pid of another pid namespace looks dead, and its group is empty until its controller enters it. */
static gboolean
is_old (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0
         && info.st_mtime < g_get_real_time () / G_USEC_PER_SEC - ORPHAN_AGE_S;
}

/* @controller is 0 if all orphans are meant. A controller that has read its status file before its own
 * pid was in there has named its group after this process. */
static void
sweep_hierarchy (const char *hierarchy, const char *name, pid_t controller)
{
  g_autofree char *machine = g_build_filename (hierarchy, "machine", NULL);
  g_autoptr (GDir) groups = g_dir_open (machine, 0, NULL);
  const char *entry;

  while (groups != NULL && (entry = g_dir_read_name (groups)) != NULL)
    {
      g_autofree char *path = g_build_filename (machine, entry, NULL);
      pid_t owner = get_controller (entry, name);

      if (owner == 0)
        continue;
      if (controller != 0 && (owner == controller || owner == getpid ()))
        remove_group (path);
      else if (controller == 0 && is_dead (owner) && is_old (path))
        walk_group (path, remove_empty);
    }
}

static void
sweep (const char *name, pid_t controller)
{
  g_autoptr (GDir) hierarchies = g_dir_open (CGROUP_ROOT, 0, NULL);
  const char *entry;

  sweep_hierarchy (CGROUP_ROOT, name, controller); /* v2 */
  while (hierarchies != NULL && (entry = g_dir_read_name (hierarchies)) != NULL)
    {
      g_autofree char *hierarchy = g_build_filename (CGROUP_ROOT, entry, NULL);

      sweep_hierarchy (hierarchy, name, controller); /* v1 */
    }
}

void
container_cgroup_sweep (const char *name, pid_t controller)
{
  if (controller > 0)
    sweep (name, controller);
}

void
container_cgroup_sweep_orphans (const char *name)
{
  sweep (name, 0);
}
