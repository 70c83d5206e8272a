/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the way from a link to its owner: whatever thread something is found out in, it is told in the
 * owner's main context, in order. That is done by a source in there, and never by
 * g_main_context_invoke(), which would tell it in the wrong thread where nobody runs the context just now.
 */

#include "lxcmon-libvirt-link-parts-private.h"

/* What is on its way to the owner. */
typedef struct
{
  LxcmonLibvirtLink *link;
  guint serial;
  LxcmonLibvirtEvent event;
  GPtrArray *domains;
  GError *error;
  void (*tell) (GObject *owner, gpointer report);
} Report;

static Report *
report_new (LxcmonLibvirtLink *link, guint serial, void (*tell) (GObject *owner, gpointer report))
{
  Report *self = g_new0 (Report, 1);

  self->link = _lxcmon_libvirt_link_ref (link);
  self->serial = serial;
  self->tell = tell;
  return self;
}

static void
report_free (gpointer data)
{
  Report *self = data;

  g_clear_pointer (&self->event.domain, _lxcmon_libvirt_domain_free);
  g_clear_pointer (&self->domains, g_ptr_array_unref);
  g_clear_error (&self->error);
  _lxcmon_libvirt_link_unref (self->link);
  g_free (self);
}

static void
tell_event (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->event (owner, &report->event, report->serial);
}

static void
tell_listed (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->listed (owner, report->domains, report->serial);
}

static void
tell_lost (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->lost (owner, report->error);
}

static void
tell_failed (GObject *owner, gpointer data)
{
  Report *report = data;

  report->link->funcs->failed (owner, report->error);
}

/* What is left of a connection when its loss or another one's list was told is no news any more. */
static gboolean
deliver (gpointer user_data)
{
  Report *self = user_data;
  LxcmonLibvirtLink *link = self->link;
  g_autoptr (GObject) owner = g_weak_ref_get (&link->owner);

  if (owner == NULL || _lxcmon_libvirt_link_is_stopped (link) || self->serial < link->told)
    return G_SOURCE_REMOVE;
  link->told = self->tell == tell_lost ? self->serial + 1 : self->serial;
  self->tell (owner, self);
  return G_SOURCE_REMOVE;
}

/* Takes the report over. Sources of one priority are dispatched in the order in which they came. */
static void
post (Report *report)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_static_name (source, "[lxcmon] libvirt report");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, deliver, report, report_free);
  g_source_attach (source, report->link->context);
}

/* Takes the error over. It is about the connection that is tried or kept now. */
static void
post_error (LxcmonLibvirtLink *self, void (*tell) (GObject *owner, gpointer report), GError *error)
{
  Report *report = report_new (self, (guint) g_atomic_int_get (&self->serial), tell);

  report->error = error;
  post (report);
}

/*< private >
 * _lxcmon_libvirt_link_post_event:
 * @event: its domain is taken over
 */
void
_lxcmon_libvirt_link_post_event (LxcmonLibvirtLink *self, guint serial,
                                 const LxcmonLibvirtEvent *event)
{
  Report *report = report_new (self, serial, tell_event);

  report->event = *event;
  post (report);
}

/*< private >
 * _lxcmon_libvirt_link_post_list:
 * @domains: (transfer full): of #LxcmonLibvirtDomain
 */
void
_lxcmon_libvirt_link_post_list (LxcmonLibvirtLink *self, GPtrArray *domains)
{
  Report *report = report_new (self, (guint) g_atomic_int_get (&self->serial), tell_listed);

  report->domains = domains;
  post (report);
}

/*< private >
 * _lxcmon_libvirt_link_post_loss:
 * @error: (transfer full): why
 */
void
_lxcmon_libvirt_link_post_loss (LxcmonLibvirtLink *self, GError *error)
{
  post_error (self, tell_lost, error);
}

/*< private >
 * _lxcmon_libvirt_link_post_failure:
 * @error: (transfer full): why
 */
void
_lxcmon_libvirt_link_post_failure (LxcmonLibvirtLink *self, GError *error)
{
  post_error (self, tell_failed, error);
}
