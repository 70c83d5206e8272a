/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-host.c: whether and how this machine can run real containers.
 *
 * Owns: the answer to "why not?", the mount namespace that controllers are
 * started in, and the rule that one program at a time runs them.
 * Refuses to: change a mount that anybody else can see. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <mntent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "container-files.h"
#include "container.h"
#include "process.h"

#define CAP_SYS_ADMIN_BIT 21
#define LOCK_PATH         "/run/lxcmon-real-tests.lock"
#define LOCK_TIMEOUT_MS   300000
#define LOCK_NOTICE_MS    1000
#define LOCK_RETRY_MS     50

/* "mnt:[4026531841]" of the namespace once it is entered. */
static char *entered_namespace;

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

static char *
read_namespace (void)
{
  return g_file_read_link ("/proc/thread-self/ns/mnt", NULL);
}

/* libvirt takes the v2 hierarchy beside v1 controllers for one that it can use,
 * and fails when it makes its directory there. Alone, either version is
 * fine, so nothing may be unmounted then. */
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

/* The names of containers, the runtime directory and libvirtd's lock are the
 * machine's: two builds that are tested at the same time would end each other's.
 * The descriptor stays open, and the lock goes with the process. */
static gboolean
wait_for_our_turn (GError **error)
{
  gint64 deadline = process_deadline (LOCK_TIMEOUT_MS);
  gint64 notice = process_deadline (LOCK_NOTICE_MS);
  int fd = open (LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fd < 0)
    return process_set_errno (error, "Cannot open", LOCK_PATH);
  while (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      if (errno != EWOULDBLOCK || g_get_monotonic_time () > deadline)
        {
          process_set_errno (error, "Cannot wait any longer for who holds", LOCK_PATH);
          close (fd);
          return FALSE;
        }
      if (g_get_monotonic_time () > notice)
        {
          g_printerr ("# Waiting until another program has done with its real containers\n");
          notice = deadline;
        }
      process_poll_until (NULL, 0, process_deadline (LOCK_RETRY_MS));
    }
  return TRUE;
}

gboolean
container_enter_namespace (GError **error)
{
  if (entered_namespace != NULL)
    return container_check_namespace (error);
  if (!wait_for_our_turn (error))
    return FALSE;

  if (unshare (CLONE_NEWNS) != 0)
    return process_set_errno (error, "Cannot make", "a mount namespace");
  /* Before anything else: what we do here must not reach the host. */
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    return process_set_errno (error, "Cannot make private all mounts below", "/");
  if (!clear_the_way (error))
    return FALSE;

  entered_namespace = read_namespace ();
  return container_check_namespace (error);
}

gboolean
container_check_namespace (GError **error)
{
  g_autofree char *current = read_namespace ();

  if (entered_namespace != NULL && g_strcmp0 (current, entered_namespace) == 0)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                       entered_namespace == NULL
                           ? "Not in the harness's mount namespace:"
                             " call container_enter_namespace () in main () first"
                           : "This thread is older than the harness's mount namespace:"
                             " call container_enter_namespace () before any thread exists");
  return FALSE;
}
