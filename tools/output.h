/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What is printed on standard output: events, as text or as JSON, one per line.
 */

#include <json-glib/json-glib.h>

#include "event.h"

typedef struct
{
  gboolean json;
  guint64 seq;
} Output;

void output_event (Output *self, const Event *event);
const char *output_status_nick (LxcmonExitStatus status);

void output_json_string (JsonBuilder *builder, const char *key, const char *value);
void output_json_int (JsonBuilder *builder, const char *key, gint64 value);
void output_json_pid (JsonBuilder *builder, const char *key, int pid);
void output_json_time (JsonBuilder *builder, const char *key, gint64 us);
void output_json_source (JsonBuilder *builder, LxcmonSource source);
void output_json_exit (JsonBuilder *builder, LxcmonExitStatus status, int raw);
void output_json_error (JsonBuilder *builder, const char *code, const char *message);
void output_json_line (JsonBuilder *builder);

void output_flush (void);
gboolean output_is_broken (void);
int output_finish (int code);
