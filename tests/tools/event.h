/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Checks of the JSON lines of the command: exactly the documented keys and types.
 */

#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

/* The events of one command, and what they must have in common. */
typedef struct
{
  Command *command;
  const char *container;
  gint64 seq; /* of the last event */
  gboolean through_libvirt;
  const char *host; /* of all events, or NULL */
  char status[16];  /* of the last exit */
} Events;

gboolean events_skip (Events *self, const char *event);

JsonObject *json_parse (const char *line);
void json_expect_keys (JsonObject *object, const char *const *keys);
gint64 json_expect_int (JsonObject *object, const char *key);
const char *json_expect_string (JsonObject *object, const char *key);

void events_expect_attached (Events *self, int controller_pid, int init_pid);
void events_expect_init (Events *self, int pid);
void events_expect_exit (Events *self, const char *status, int raw);
void events_expect_closed (Events *self, const char *code);
void events_expect_end (Events *self, const char *end, const char *code);
void events_expect_unwatched (Events *self, const char *code);
void events_expect_listed (Events *self, int n_containers);
void events_expect_source (Events *self, const char *event, const char *code);
