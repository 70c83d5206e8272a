/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Gives libvirt's events and lists to a backend by hand, as its link does. The init of a controller has the next pid.
 */

#include "lxcmon-libvirt/lxcmon-libvirt-backend-private.h"
#include "record.h"

#define STARTED  LXCMON_LIBVIRT_EVENT_STARTED
#define STOPPED  LXCMON_LIBVIRT_EVENT_STOPPED
#define REBOOTED LXCMON_LIBVIRT_EVENT_REBOOTED

/* The host's backend. */
LxcmonLibvirtBackend *feed_get_backend (Record *record);
/* A host that is started, with a list that the test makes: "web1=42 web2=43". Its own driver has no events. */
Record *feed_record_new (const char *list);
/* @name: the uuid, and up to a slash the name; @id: of the container, or why it has stopped */
void feed (Record *record, guint serial, LxcmonLibvirtEventType type, const char *name, gint id);
/* A start whose init is not known. */
void feed_start_without_init (Record *record, guint serial, const char *name, gint id);
/* A container whose controller is this process, with a real init. */
void feed_real (Record *record, guint serial, LxcmonLibvirtEventType type, const char *name,
                gint id, gint init_pid);
void feed_list (Record *record, guint serial, const char *list);
/* The link has lost the connection. */
void feed_loss (Record *record);
/* A row that there is. */
LxcmonMonitor *feed_get_row (Record *record, const char *name);
