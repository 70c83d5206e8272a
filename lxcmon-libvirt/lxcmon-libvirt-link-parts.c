/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what all parts of a link need: references to it, whether it is stopped, its events, and libvirt's
 * errors.
 */

#include "lxcmon-libvirt-link-parts-private.h"

#include <errno.h>
#include <libvirt/virterror.h>

#include <lxcmon-glib/lxcmon-glib.h>

LxcmonLibvirtLink *
_lxcmon_libvirt_link_ref (LxcmonLibvirtLink *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
_lxcmon_libvirt_link_unref (LxcmonLibvirtLink *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  if (self->handle != NULL)
    virConnectClose (self->handle);
  g_weak_ref_clear (&self->owner);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self->uri);
  g_free (self);
}

gboolean
_lxcmon_libvirt_link_is_stopped (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  gboolean stopped = self->stopped;
  g_mutex_unlock (&self->mutex);

  return stopped;
}

LxcmonLibvirtEvent *
_lxcmon_libvirt_event_new (LxcmonLibvirtEventType type, guint serial)
{
  LxcmonLibvirtEvent *self = g_new0 (LxcmonLibvirtEvent, 1);

  self->type = type;
  self->serial = serial;
  return self;
}

void
_lxcmon_libvirt_event_free (LxcmonLibvirtEvent *self)
{
  g_clear_pointer (&self->domain, _lxcmon_libvirt_domain_free);
  g_clear_pointer (&self->domains, g_ptr_array_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static gboolean
is_denied (const virError *error)
{
  return error->code == VIR_ERR_AUTH_FAILED || error->code == VIR_ERR_AUTH_CANCELLED
         || error->code == VIR_ERR_AUTH_UNAVAILABLE || error->code == VIR_ERR_ACCESS_DENIED
         || (error->code == VIR_ERR_SYSTEM_ERROR
             && (error->int1 == EACCES || error->int1 == EPERM));
}

/*< private >
 * _lxcmon_libvirt_error_new:
 * @what: what has failed
 *
 * Makes an error of libvirt's last one in this thread.
 *
 * Returns: (transfer full): %LXCMON_MONITOR_ERROR_PERMISSION or %LXCMON_MONITOR_ERROR_FAILED
 */
GError *
_lxcmon_libvirt_error_new (const char *what)
{
  const virError *why = virGetLastError ();
  gboolean denied = why != NULL && is_denied (why);

  return g_error_new (LXCMON_MONITOR_ERROR,
                      denied ? LXCMON_MONITOR_ERROR_PERMISSION : LXCMON_MONITOR_ERROR_FAILED,
                      "%s: %s", what, why != NULL ? why->message : "libvirt does not say why");
}
