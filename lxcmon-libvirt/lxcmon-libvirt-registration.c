/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what libvirt calls back: the starts, ends and reboots of containers, and the end of the connection.
 * Callbacks run in the thread that runs libvirt's event loop, and only pass on what they are given. They do
 * not call libvirtd: that would block the loop through which the answer has to come.
 *
 * Callbacks are registered with the connection's handle, and not with libvirt-glib's objects. These do not
 * report reboots, call libvirtd during an event, and are replaced by each listing.
 */

#include "lxcmon-libvirt-link-parts-private.h"

typedef struct
{
  LxcmonLibvirtLink *link;
  guint serial;
  gboolean is_local;
} Registration;

static Registration *
registration_new (LxcmonLibvirtLink *link, gboolean is_local)
{
  Registration *self = g_new0 (Registration, 1);

  self->link = _lxcmon_libvirt_link_ref (link);
  self->serial = (guint) g_atomic_int_get (&link->serial);
  self->is_local = is_local;
  return self;
}

/* libvirt calls it when no callback runs any more, which may be later than the deregistration. */
static void
registration_free (void *data)
{
  Registration *self = data;

  _lxcmon_libvirt_link_unref (self->link);
  g_free (self);
}

static void
post (Registration *self, LxcmonLibvirtEventType type, virDomainPtr domain, int detail)
{
  LxcmonLibvirtEvent *event = g_new0 (LxcmonLibvirtEvent, 1);

  event->type = type;
  event->serial = self->serial;
  event->domain = _lxcmon_libvirt_domain_new (domain, self->is_local);
  event->detail = detail;
  if (self->link->watch_init)
    _lxcmon_libvirt_domain_watch_init (event->domain);
  _lxcmon_libvirt_link_post (self->link, event);
}

static int
on_lifecycle (virConnectPtr handle, virDomainPtr domain, int event, int detail, void *data)
{
  if (event == VIR_DOMAIN_EVENT_STARTED && detail != VIR_DOMAIN_EVENT_STARTED_WAKEUP)
    post (data, LXCMON_LIBVIRT_EVENT_STARTED, domain, 0);
  else if (event == VIR_DOMAIN_EVENT_STOPPED)
    post (data, LXCMON_LIBVIRT_EVENT_STOPPED, domain, detail);
  return 0;
}

static void
on_reboot (virConnectPtr handle, virDomainPtr domain, void *data)
{
  post (data, LXCMON_LIBVIRT_EVENT_REBOOTED, domain, 0);
}

/* libvirt holds a lock of the connection while it calls this. */
static void
on_close (virConnectPtr handle, int reason, void *data)
{
  Registration *self = data;

  if (self->serial != (guint) g_atomic_int_get (&self->link->serial))
    return;
  g_mutex_lock (&self->link->mutex);
  self->link->lost = reason;
  g_cond_signal (&self->link->cond);
  g_mutex_unlock (&self->link->mutex);
}

/* Registers a callback for all containers. Returns its id, or -1. */
static int
register_event (LxcmonLibvirtLink *self, gboolean is_local, int event,
                virConnectDomainEventGenericCallback callback)
{
  Registration *registration = registration_new (self, is_local);
  int id = virConnectDomainEventRegisterAny (self->handle, NULL, event, callback, registration,
                                             registration_free);

  if (id < 0)
    registration_free (registration);
  return id;
}

/*< private >
 * _lxcmon_libvirt_link_register:
 * @is_local: whether domains' ids are pids of controllers on this machine
 *
 * Registers callbacks with the link's connection.
 */
gboolean
_lxcmon_libvirt_link_register (LxcmonLibvirtLink *self, gboolean is_local, GError **error)
{
  /* Not every driver calls the function that would free the data, so the link frees it itself: libvirt
   * calls and removes the callback under the same lock. */
  Registration *close_registration = registration_new (self, is_local);

  if (virConnectRegisterCloseCallback (self->handle, on_close, close_registration, NULL) < 0)
    g_clear_pointer (&close_registration, registration_free);
  self->close_registration = close_registration;
  self->lifecycle_id = register_event (self, is_local, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                       VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle));
  /* libvirt reports a container's reboot with this event only. */
  self->reboot_id = register_event (self, is_local, VIR_DOMAIN_EVENT_ID_REBOOT,
                                    VIR_DOMAIN_EVENT_CALLBACK (on_reboot));
  if (self->lifecycle_id >= 0 && self->reboot_id >= 0)
    return TRUE;

  g_propagate_error (error, _lxcmon_libvirt_error_new ("cannot register for libvirt's events"));
  return FALSE;
}

/*< private >
 * _lxcmon_libvirt_link_deregister:
 *
 * Deregisters the callbacks. One may still be running; its data is freed afterwards.
 */
void
_lxcmon_libvirt_link_deregister (LxcmonLibvirtLink *self)
{
  if (self->lifecycle_id >= 0)
    virConnectDomainEventDeregisterAny (self->handle, self->lifecycle_id);
  if (self->reboot_id >= 0)
    virConnectDomainEventDeregisterAny (self->handle, self->reboot_id);
  self->lifecycle_id = self->reboot_id = -1;
  /* The close callback holds a reference to the connection. */
  if (self->close_registration != NULL)
    virConnectUnregisterCloseCallback (self->handle, on_close);
  g_clear_pointer (&self->close_registration, registration_free);
}
