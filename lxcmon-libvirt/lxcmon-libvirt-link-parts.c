/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what the parts of a link share: references to it, libvirt's errors, and the delivery of its events
 * to the owner. They come from any thread, and are delivered in the owner's main context, in order. Each
 * is a source of that context. g_main_context_invoke() cannot be used: if no thread runs the context at
 * that moment, it delivers in the calling thread.
 */

#include "lxcmon-libvirt-link-parts-private.h"

#include <errno.h>
#include <libvirt/virterror.h>

#include <lxcmon-glib/lxcmon-glib.h>

static void
link_clear (gpointer data)
{
  LxcmonLibvirtLink *self = data;

  if (self->handle != NULL)
    virConnectClose (self->handle);
  g_weak_ref_clear (&self->owner);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self->uri);
}

LxcmonLibvirtLink *
_lxcmon_libvirt_link_ref (LxcmonLibvirtLink *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
_lxcmon_libvirt_link_unref (LxcmonLibvirtLink *self)
{
  g_atomic_rc_box_release_full (self, link_clear);
}

gboolean
_lxcmon_libvirt_link_is_stopped (LxcmonLibvirtLink *self)
{
  g_mutex_lock (&self->mutex);
  gboolean stopped = self->stopped;
  g_mutex_unlock (&self->mutex);

  return stopped;
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
 * Creates an error from libvirt's last one in this thread.
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

/* ---- Events ---- */

void
_lxcmon_libvirt_event_free (LxcmonLibvirtEvent *self)
{
  g_clear_pointer (&self->domain, _lxcmon_libvirt_domain_free);
  g_clear_pointer (&self->domains, g_ptr_array_unref);
  g_clear_error (&self->error);
  g_free (self);
}

/* An event on its way to the owner. */
typedef struct
{
  LxcmonLibvirtLink *link;
  LxcmonLibvirtEvent *event;
} Report;

static void
report_free (gpointer data)
{
  Report *self = data;

  g_clear_pointer (&self->event, _lxcmon_libvirt_event_free);
  _lxcmon_libvirt_link_unref (self->link);
  g_free (self);
}

/* An event of a connection is dropped when the connection's loss, or an event of a later connection, was
 * delivered. */
static gboolean
deliver (gpointer user_data)
{
  Report *self = user_data;
  LxcmonLibvirtLink *link = self->link;
  guint serial = self->event->serial;
  g_autoptr (GObject) owner = g_weak_ref_get (&link->owner);

  if (owner == NULL || _lxcmon_libvirt_link_is_stopped (link) || serial < link->reported)
    return G_SOURCE_REMOVE;
  link->reported = self->event->type == LXCMON_LIBVIRT_EVENT_LOST ? serial + 1 : serial;
  link->func (owner, g_steal_pointer (&self->event));
  return G_SOURCE_REMOVE;
}

/*< private >
 * _lxcmon_libvirt_link_post:
 * @event: (transfer full): an event
 *
 * Sends an event to the owner. Sources of one priority are dispatched in the order in which they were
 * attached.
 */
void
_lxcmon_libvirt_link_post (LxcmonLibvirtLink *self, LxcmonLibvirtEvent *event)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  Report *report = g_new (Report, 1);

  report->link = _lxcmon_libvirt_link_ref (self);
  report->event = event;
  g_source_set_static_name (source, "[lxcmon] libvirt report");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, report, report_free);
  g_source_attach (source, self->context);
}
