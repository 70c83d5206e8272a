/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What has happened to a container, or to the watch itself, as plain values.
 */

#include <lxcmon-glib/lxcmon-glib.h>

typedef enum
{
  EVENT_ATTACHED,
  EVENT_INIT,
  EVENT_EXIT,
  EVENT_CLOSED,
  EVENT_UNWATCHED,      /* the container is there, and cannot be watched at present */
  EVENT_LISTED,         /* the list is complete */
  EVENT_SOURCE_LOST,    /* nothing is reported at present */
  EVENT_SOURCE_BACK,    /* it is again */
  EVENT_SOURCE_CHANGED, /* directly instead of through libvirtd, or the other way round */
  /* These have no line of output. */
  EVENT_FOUND,  /* a container that is named is in the list */
  EVENT_FAILED, /* the container cannot be watched; without a name: none can */
  EVENT_SIGNAL, /* SIGINT or SIGTERM */
} EventType;

typedef struct
{
  EventType type;
  LxcmonSource source;
  const char *host;   /* the URI of its libvirtd if there are several, or NULL */
  const char *name;   /* of the container, or NULL */
  int controller_pid; /* 0 if it is not known */
  int init_pid;       /* the same */
  LxcmonExitStatus status;
  int exit_raw;
  LxcmonEnd end;
  const GError *error;    /* or NULL */
  guint n_containers;     /* EVENT_LISTED: how many are watched */
  GListModel *containers; /* EVENT_LISTED: all of the host, of LxcmonMonitor */
  gboolean is_first_list; /* EVENT_LISTED: of the host */
  int signal;             /* EVENT_SIGNAL */
} Event;
