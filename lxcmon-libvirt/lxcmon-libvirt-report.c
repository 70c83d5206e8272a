/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the way from a link to its owner: events come from any thread, and are delivered in the owner's main
 * context, in order. Each is a source of that context. g_main_context_invoke() would not do: if no thread
 * runs the context at that moment, it delivers in the calling thread.
 */

#include "lxcmon-libvirt-link-parts-private.h"

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
