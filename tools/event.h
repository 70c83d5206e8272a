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
  EVENT_SOURCE_LOST, /* libvirtd is gone */
  EVENT_SOURCE_BACK,
  /* These have no line of output. */
  EVENT_FAILED, /* the container cannot be watched; without a name: none can */
  EVENT_LISTED, /* the first list is complete */
  EVENT_SIGNAL, /* SIGINT or SIGTERM */
} EventType;

typedef struct
{
  EventType type;
  LxcmonSource source;
  const char *name;   /* of the container, or NULL */
  int controller_pid; /* 0 if it is not known */
  int init_pid;       /* the same */
  LxcmonExitStatus status;
  int exit_raw;
  const GError *error;    /* or NULL */
  GListModel *containers; /* EVENT_LISTED: of LxcmonMonitor */
  int signal;             /* EVENT_SIGNAL */
} Event;
