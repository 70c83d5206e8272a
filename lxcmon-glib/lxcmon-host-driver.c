/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a host knows of libvirtd or virtlxcd: whether it lives, when it dies, and whether it may
 * come back. Its containers need their controllers' places for it: it learns from EXIT whether to
 * restart them.
 */

#include "lxcmon-host-private.h"

#include <glib-unix.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A libvirtd that has gone may be one that is restarted: that takes some 4 seconds. */
#define SUCCESSOR_US (10 * G_TIME_SPAN_SECOND)

/* Where nobody tells when the driver ends. */
#define ASK_US (2 * G_TIME_SPAN_SECOND)

static void
stop_watching (LxcmonHostDriver *driver)
{
  if (driver->end != NULL)
    {
      g_source_destroy (driver->end);
      g_clear_pointer (&driver->end, g_source_unref);
      close (driver->end_fd);
    }
  driver->ask_at = 0;
}

static gboolean
on_end (gint fd, GIOCondition condition, gpointer user_data)
{
  LxcmonHost *self = user_data;

  stop_watching (&self->driver);
  _lxcmon_host_work_scan_soon (self);
  return G_SOURCE_REMOVE;
}

/* Whether a pid still is the driver's, now that we have a descriptor for it. */
static gboolean
is_still_driver (LxcmonHost *self, gint pid)
{
  LxcmonDriver now;

  return lxcmon_runtime_dir_find_driver (self->runtime_dir, &now, NULL) && now.lives
         && now.pid == pid;
}

static void
watch_pid (LxcmonHost *self, gint pid)
{
  LxcmonHostDriver *driver = &self->driver;

  driver->end_fd = pid > 0 ? (int) syscall (SYS_pidfd_open, pid, 0) : -1;
  if (driver->end_fd < 0)
    {
      /* It is in another pid namespace, or the kernel is older than pidfds. */
      driver->ask_at = g_get_monotonic_time () + ASK_US;
      return;
    }
  driver->end = g_unix_fd_source_new (driver->end_fd, G_IO_IN);
  g_source_set_static_name (driver->end, "[lxcmon] the driver's end");
  g_source_set_callback (driver->end, G_SOURCE_FUNC (on_end), self, NULL);
  g_source_attach (driver->end, self->context);
  if (!is_still_driver (self, pid))
    _lxcmon_host_work_scan_soon (self);
}

/*< private >
 * _lxcmon_host_driver_take:
 * @found: who holds the lock
 *
 * Takes note of what a look has found.
 */
void
_lxcmon_host_driver_take (LxcmonHost *self, const LxcmonDriver *found)
{
  LxcmonHostDriver *driver = &self->driver;
  gint64 now = g_get_monotonic_time ();

  if (found->lives)
    {
      gboolean same = driver->lives && driver->pid == found->pid && driver->end != NULL;
      driver->lives = TRUE;
      driver->wait_until = 0;
      if (same)
        return;
      stop_watching (driver);
      driver->pid = found->pid;
      watch_pid (self, found->pid);
    }
  else if (driver->lives)
    {
      stop_watching (driver);
      driver->lives = FALSE;
      driver->wait_until = now + SUCCESSOR_US;
    }
  else if (now >= driver->wait_until)
    driver->wait_until = 0;
}

void
_lxcmon_host_driver_stop (LxcmonHost *self)
{
  stop_watching (&self->driver);
  self->driver = (LxcmonHostDriver){ .lives = FALSE };
}

/*< private >
 * _lxcmon_host_driver_manages:
 *
 * Whether the places are the driver's, and not to be taken.
 */
gboolean
_lxcmon_host_driver_manages (LxcmonHost *self)
{
  return !self->force && (self->driver.lives || self->driver.wait_until != 0);
}

/*< private >
 * _lxcmon_host_driver_error:
 * @name: a container's name
 *
 * Says why a container that the driver manages is not attached to.
 *
 * Returns: (transfer full): BUSY
 */
GError *
_lxcmon_host_driver_error (LxcmonHost *self, const char *name)
{
  if (!self->driver.lives)
    return g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                        "libvirtd, which manages %s, has gone, and may be back in a moment for "
                        "the controller's one place",
                        name);
  if (self->driver.pid == 0)
    return g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                        "libvirtd manages %s and needs the controller's one place", name);
  return g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                      "libvirtd (pid %d) manages %s and needs the controller's one place",
                      self->driver.pid, name);
}

/*< private >
 * _lxcmon_host_driver_due_at:
 *
 * When to look again whether the driver lives, or 0 for never.
 */
gint64
_lxcmon_host_driver_due_at (LxcmonHost *self)
{
  return self->driver.lives ? self->driver.ask_at : self->driver.wait_until;
}
