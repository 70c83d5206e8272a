/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The connection to libvirtd, which is kept in a thread of its own. What it reports arrives in the owner's
 * main context, in order.
 */

#include <gio/gio.h>

#include "lxcmon-libvirt-domain-private.h"

typedef enum
{
  /* Something has happened to a container. */
  LXCMON_LIBVIRT_EVENT_STARTED,
  LXCMON_LIBVIRT_EVENT_STOPPED,
  LXCMON_LIBVIRT_EVENT_REBOOTED,
  /* Connected; the list of all containers that run. What events before it have reported is older than the
   * list, or part of it. All that the list contains is older than the events after it. */
  LXCMON_LIBVIRT_EVENT_LISTED,
  /* The connection was lost. The link tries to connect again until it is stopped. */
  LXCMON_LIBVIRT_EVENT_LOST,
  /* The first connection failed. Nothing more is reported, unless the link keeps trying. */
  LXCMON_LIBVIRT_EVENT_FAILED
} LxcmonLibvirtEventType;

typedef struct
{
  LxcmonLibvirtEventType type;
  guint serial;                /* another one for each attempt to connect */
  LxcmonLibvirtDomain *domain; /* of STARTED, STOPPED, REBOOTED */
  int detail;                  /* of STOPPED: a virDomainEventStoppedDetailType */
  GPtrArray *domains;          /* of LISTED */
  GError *error;               /* of LOST, FAILED */
} LxcmonLibvirtEvent;

typedef struct _LxcmonLibvirtLink LxcmonLibvirtLink;

/* Receives an event in the owner's context; @event is the receiver's to free. */
typedef void (*LxcmonLibvirtLinkFunc) (GObject *owner, LxcmonLibvirtEvent *event);

typedef struct
{
  const char *uri;       /* of libvirtd */
  virConnectPtr handle;  /* a connection to use first, which is taken over; or NULL */
  gboolean keeps_trying; /* also after the first connection has failed */
  gboolean watch_init;   /* open pidfds of the inits of this machine */
} LxcmonLibvirtLinkSettings;

LxcmonLibvirtLink *_lxcmon_libvirt_link_start (GObject *owner, LxcmonLibvirtLinkFunc func,
                                               GMainContext *context,
                                               const LxcmonLibvirtLinkSettings *settings);
void _lxcmon_libvirt_link_retry (LxcmonLibvirtLink *self);
void _lxcmon_libvirt_link_stop (LxcmonLibvirtLink *self);

void _lxcmon_libvirt_event_free (LxcmonLibvirtEvent *self);
GError *_lxcmon_libvirt_error_new (const char *what);
