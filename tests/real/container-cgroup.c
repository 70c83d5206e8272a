/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-cgroup.c: see container-cgroup.h for what this file owns and refuses. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "container-cgroup.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

#define CGROUP_ROOT      "/sys/fs/cgroup"
#define GROUP_PREFIX     "lxc-"
#define GROUP_SUFFIX     ".libvirt-lxc"
#define MAX_OPEN_DIRS    16
#define EMPTY_TIMEOUT_MS 5000
#define EMPTY_RETRY_MS   2

/* "lxc-ID-NAME.libvirt-lxc". Compared and not globbed: "lxc-*-web" would also
 * be the group of a container "old-web", whose processes we would kill. */
static gboolean
is_group_of (const char *entry, const char *name)
{
  g_autofree char *end = g_strconcat ("-", name, GROUP_SUFFIX, NULL);

  if (!g_str_has_prefix (entry, GROUP_PREFIX))
    return FALSE;
  entry += strlen (GROUP_PREFIX);
  return g_ascii_isdigit (*entry) && strcmp (entry + strspn (entry, "0123456789"), end) == 0;
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
empty_and_remove (const char *path, const struct stat *info, int type, struct FTW *walk)
{
  (void) info;
  (void) walk;
  if (type == FTW_DP && rmdir (path) != 0)
    kill_members (path);
  return 0;
}

/* A group stays busy until its last process has ended and for a moment more,
 * and v1 has no event that says when it no longer is. */
static void
remove_group (const char *path)
{
  gint64 deadline = process_deadline (EMPTY_TIMEOUT_MS);

  while (nftw (path, empty_and_remove, MAX_OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0
         && access (path, F_OK) == 0)
    {
      if (g_get_monotonic_time () > deadline)
        {
          g_printerr ("# The control group %s stays: it is still busy\n", path);
          return;
        }
      process_poll_until (NULL, 0, process_deadline (EMPTY_RETRY_MS));
    }
}

/* The group is called after its controller's pid: what is left in it when that is dead belongs to
 * nobody. */
static gboolean
is_orphaned (const char *entry)
{
  pid_t controller = (pid_t) strtol (entry + strlen (GROUP_PREFIX), NULL, 10);

  return kill (controller, 0) != 0 && errno == ESRCH;
}

static void
sweep_hierarchy (const char *hierarchy, const char *name, gboolean orphans_only)
{
  g_autofree char *machine = g_build_filename (hierarchy, "machine", NULL);
  g_autoptr (GDir) groups = g_dir_open (machine, 0, NULL);
  const char *entry;

  while (groups != NULL && (entry = g_dir_read_name (groups)) != NULL)
    {
      g_autofree char *path = g_build_filename (machine, entry, NULL);

      if (is_group_of (entry, name) && (!orphans_only || is_orphaned (entry)))
        remove_group (path);
    }
}

static void
sweep (const char *name, gboolean orphans_only)
{
  g_autoptr (GDir) hierarchies = g_dir_open (CGROUP_ROOT, 0, NULL);
  const char *entry;

  sweep_hierarchy (CGROUP_ROOT, name, orphans_only); /* v2 */
  while (hierarchies != NULL && (entry = g_dir_read_name (hierarchies)) != NULL)
    {
      g_autofree char *hierarchy = g_build_filename (CGROUP_ROOT, entry, NULL);

      sweep_hierarchy (hierarchy, name, orphans_only); /* v1 */
    }
}

void
container_cgroup_sweep (const char *name)
{
  sweep (name, FALSE);
}

void
container_cgroup_sweep_orphans (const char *name)
{
  sweep (name, TRUE);
}
