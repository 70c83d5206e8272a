/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-host.c: whether and how this machine can run real containers.
 *
 * Owns: the answer to "why not?", and what has to be unmounted for controllers.
 * Does not: start anything outside of the test's mount namespace, which
 * ../sandbox/sandbox.c makes. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <gio/gio.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "container-files.h"
#include "container.h"
#include "process.h"

#define CAP_SYS_ADMIN_BIT 21
#define SANDBOX           "LXCMON_TEST_SANDBOX" /* its namespace, "mnt:[4026531841]" */

/* root of an ordinary CI container may neither mount nor unshare. */
static gboolean
may_administer (void)
{
  g_autofree char *status = NULL;
  const char *line;

  if (geteuid () != 0 || !g_file_get_contents ("/proc/self/status", &status, NULL, NULL))
    return FALSE;
  line = strstr (status, "\nCapEff:");
  return line != NULL
         && (g_ascii_strtoull (line + strlen ("\nCapEff:"), NULL, 16) >> CAP_SYS_ADMIN_BIT & 1)
                != 0;
}

char *
container_why_unsupported (void)
{
  g_autofree char *busybox = NULL;

  if (geteuid () != 0)
    return g_strdup ("real containers need root");
  if (!may_administer ())
    return g_strdup ("real containers need CAP_SYS_ADMIN, which this root has not got");
  if (container_files_emulator () == NULL)
    return g_strdup (
        "libvirt's controller libvirt_lxc is not installed (Debian: libvirt-daemon-driver-lxc)");
  if (access ("/dev/fuse", R_OK | W_OK) != 0)
    return g_strdup ("libvirt's controller needs /dev/fuse, which is not here (modprobe fuse)");

  busybox = container_files_busybox ();
  if (busybox == NULL)
    return g_strdup ("a container's root needs a static busybox (Debian: busybox-static)");
  return NULL;
}

/* libvirt tries to use the v2 hierarchy even if there are v1 controllers, and fails when it creates its
 * directory there. Alone, either version is fine, so nothing may be unmounted then. */
static GPtrArray *
find_what_is_in_the_way (void)
{
  g_autoptr (GPtrArray) unified = g_ptr_array_new_with_free_func (g_free);
  gboolean has_v1 = FALSE;
  struct mntent *mount;
  FILE *mounts = setmntent ("/proc/self/mounts", "re");

  if (mounts == NULL)
    return g_steal_pointer (&unified);
  while ((mount = getmntent (mounts)) != NULL)
    {
      if (strcmp (mount->mnt_type, "cgroup") == 0)
        has_v1 = TRUE;
      else if (strcmp (mount->mnt_type, "cgroup2") == 0)
        g_ptr_array_add (unified, g_strdup (mount->mnt_dir));
    }
  endmntent (mounts);

  if (!has_v1)
    g_ptr_array_set_size (unified, 0);
  return g_steal_pointer (&unified);
}

static gboolean
clear_the_way (GError **error)
{
  g_autoptr (GPtrArray) mounts = find_what_is_in_the_way ();

  for (guint i = 0; i < mounts->len; i++)
    {
      const char *path = g_ptr_array_index (mounts, i);

      if (umount2 (path, MNT_DETACH) != 0)
        return process_set_errno (error, "Cannot unmount, in a namespace of our own,", path);
    }
  return TRUE;
}

gboolean
container_prepare_namespace (GError **error)
{
  return container_check_namespace (error) && clear_the_way (error);
}

gboolean
container_check_namespace (GError **error)
{
  const char *sandbox = g_getenv (SANDBOX);
  g_autofree char *current = g_file_read_link ("/proc/thread-self/ns/mnt", NULL);

  if (sandbox != NULL && g_strcmp0 (current, sandbox) == 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                       "Real containers run in a mount namespace of the test's own: start this "
                       "program by \"meson test\", or as tests/sandbox/sandbox PROGRAM");
  return FALSE;
}
