/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type of the direct backend, which connects to the controllers itself, and what a host sets in
 * it. It does not scan for containers.
 */

#include "lxcmon-direct-private.h"

G_DEFINE_FINAL_TYPE (LxcmonDirectBackend, _lxcmon_direct_backend, LXCMON_TYPE_BACKEND)

static void
start (LxcmonBackend *backend)
{
  _lxcmon_direct_dispatch_start ((LxcmonDirectBackend *) backend);
}

static void
stop (LxcmonBackend *backend)
{
  LxcmonDirectBackend *self = (LxcmonDirectBackend *) backend;

  _lxcmon_direct_dispatch_stop (self);
  _lxcmon_direct_watch_stop (self);
  _lxcmon_direct_driver_stop (self);
  g_clear_pointer (&self->why_busy, g_free);
}

static void
_lxcmon_direct_backend_finalize (GObject *object)
{
  g_free (((LxcmonDirectBackend *) object)->runtime_dir);

  G_OBJECT_CLASS (_lxcmon_direct_backend_parent_class)->finalize (object);
}

static void
_lxcmon_direct_backend_class_init (LxcmonDirectBackendClass *klass)
{
  LxcmonBackendClass *backend_class = LXCMON_BACKEND_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = _lxcmon_direct_backend_finalize;
  backend_class->source = LXCMON_SOURCE_DIRECT;
  backend_class->start = start;
  backend_class->stop = stop;
}

static void
_lxcmon_direct_backend_init (LxcmonDirectBackend *self)
{
}

LxcmonDirectBackend *
_lxcmon_direct_backend_new (void)
{
  return g_object_new (LXCMON_TYPE_DIRECT_BACKEND, NULL);
}

void
_lxcmon_direct_set_force (LxcmonDirectBackend *self, gboolean force)
{
  self->force = force;
  _lxcmon_direct_retry_rows (self);
}

/*< private >
 * _lxcmon_direct_set_on_standby:
 * @on_standby: whether the rows are another backend's, or will be
 *
 * On standby, the backend only finds out whether a driver is running. Afterwards, it takes over all rows
 * that are in the list.
 */
void
_lxcmon_direct_set_on_standby (LxcmonDirectBackend *self, gboolean on_standby)
{
  if (self->on_standby == on_standby)
    return;

  self->on_standby = on_standby;
  if (self->source == NULL)
    return;
  _lxcmon_backend_new_epoch ((LxcmonBackend *) self);
  _lxcmon_direct_release_rows (self);
  _lxcmon_direct_scan_soon (self);
}

/*< private >
 * _lxcmon_direct_set_why_busy:
 * @why: (nullable): why containers that the driver manages are not reported through it
 *
 * Sets what the errors of the driver's containers add.
 */
void
_lxcmon_direct_set_why_busy (LxcmonDirectBackend *self, const char *why)
{
  if (g_strcmp0 (self->why_busy, why) == 0)
    return;

  g_free (self->why_busy);
  self->why_busy = g_strdup (why);
  _lxcmon_direct_scan_soon (self);
}
