/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what the direct backend knows of libvirtd or virtlxcd (the driver): whether it is running, when it ends, and
 * whether it may start again. It needs the slots of its containers: EXIT is how it finds out whether to
 * restart them.
 */

#include "lxcmon-direct-private.h"

#include "lxcmon-pidfd-private.h"

/* A libvirtd that has ended may be restarting, which takes some 4 seconds. */
#define SUCCESSOR_US (10 * G_TIME_SPAN_SECOND)

/* How often to check, if the end of the driver cannot be watched. */
#define ASK_US (1 * G_TIME_SPAN_SECOND)

static void
stop_watching (LxcmonDirectDriver *driver)
{
  if (driver->end != NULL)
    g_source_destroy (driver->end);
  g_clear_pointer (&driver->end, g_source_unref);
  driver->ask_at = 0;
}

static gboolean
on_end (gpointer user_data)
{
  LxcmonDirectBackend *self = user_data;

  stop_watching (&self->driver);
  _lxcmon_direct_scan_soon (self);
  return G_SOURCE_REMOVE;
}

/* Whether the pid is still the driver's, now that a pidfd refers to it. */
static gboolean
is_still_driver (LxcmonDirectBackend *self, gint pid)
{
  LxcmonDriver now;

  return lxcmon_runtime_dir_find_driver (self->runtime_dir, &now, NULL) && now.running
         && now.pid == pid;
}

static void
watch_pid (LxcmonDirectBackend *self, gint pid)
{
  LxcmonDirectDriver *driver = &self->driver;

  driver->end = _lxcmon_pidfd_watch (pid, _lxcmon_direct_get_rows (self)->context, on_end, self);
  if (driver->end == NULL)
    {
      driver->ask_at = g_get_monotonic_time () + ASK_US;
      return;
    }
  if (!is_still_driver (self, pid))
    _lxcmon_direct_scan_soon (self);
}

/* The hub finds out when the driver has gone: attaching is possible 10 s later, and not 10 s after the first attempt. */
static void
inform_hub (LxcmonDirectBackend *self)
{
  LxcmonHub *hub = _lxcmon_main_source_get_hub (_lxcmon_direct_get_rows (self)->source);
  LxcmonDriver ended;

  lxcmon_hub_find_driver (hub, self->runtime_dir, &ended, NULL);
}

static void
update (LxcmonDirectBackend *self, const LxcmonDriver *found)
{
  LxcmonDirectDriver *driver = &self->driver;

  /* With force, the lock may be our own, which would be lost. */
  if (driver->running && !found->running && !_lxcmon_direct_is_forced (self))
    inform_hub (self);

  gint64 now = g_get_monotonic_time ();
  if (found->running)
    {
      gboolean same = driver->running && driver->pid == found->pid && driver->end != NULL;
      driver->running = TRUE;
      driver->wait_until = 0;
      if (same)
        return;
      stop_watching (driver);
      driver->pid = found->pid;
      watch_pid (self, found->pid);
    }
  else if (driver->running)
    {
      stop_watching (driver);
      driver->running = FALSE;
      driver->pid = 0;
      driver->wait_until = now + SUCCESSOR_US;
    }
  else if (now >= driver->wait_until)
    driver->wait_until = 0;
}

/*< private >
 * _lxcmon_direct_driver_update:
 * @found: who holds the lock
 *
 * Updates the driver with what a scan has found.
 *
 * Returns: whether it is another one than before, or needs the slots where it did not, or the other way round
 */
gboolean
_lxcmon_direct_driver_update (LxcmonDirectBackend *self, const LxcmonDriver *found)
{
  LxcmonDirectDriver *driver = &self->driver;
  const LxcmonDirectDriver before = *driver;

  update (self, found);
  return driver->running != before.running || driver->pid != before.pid
         || (driver->wait_until != 0) != (before.wait_until != 0);
}

void
_lxcmon_direct_driver_stop (LxcmonDirectBackend *self)
{
  stop_watching (&self->driver);
  self->driver = (LxcmonDirectDriver){ .running = FALSE };
}

/*< private >
 * _lxcmon_direct_driver_manages:
 *
 * Returns: whether the driver needs the slots
 */
gboolean
_lxcmon_direct_driver_manages (LxcmonDirectBackend *self)
{
  return !_lxcmon_direct_is_forced (self) && (self->driver.running || self->driver.wait_until != 0);
}

/*< private >
 * _lxcmon_direct_driver_error:
 * @name: a container's name
 *
 * Creates the error of a container that is not attached because the driver manages it.
 *
 * Returns: (transfer full): BUSY
 */
GError *
_lxcmon_direct_driver_error (LxcmonDirectBackend *self, const char *name)
{
  const char *why = self->why_busy != NULL ? self->why_busy : "";
  const char *separator = self->why_busy != NULL ? "; " : "";

  if (!self->driver.running)
    return g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                        "libvirtd, which manages %s, has ended and may be restarting; it needs "
                        "the controller's client slot%s%s",
                        name, separator, why);
  if (self->driver.pid == 0)
    return g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                        "libvirtd manages %s and needs the controller's client slot%s%s", name,
                        separator, why);
  return g_error_new (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_BUSY,
                      "libvirtd (pid %d) manages %s and needs the controller's client slot%s%s",
                      self->driver.pid, name, separator, why);
}
