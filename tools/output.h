/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Events on standard output, as text or as JSON, one a line.
 */

#include <json-glib/json-glib.h>
#include <lxcmon-glib/lxcmon-glib.h>

typedef struct
{
  gboolean json;
  guint64 seq;
} Output;

void output_attached (Output *self, LxcmonMonitor *monitor);
void output_init (Output *self, LxcmonMonitor *monitor, int pid);
void output_exit (Output *self, LxcmonMonitor *monitor, LxcmonExitStatus status);
void output_closed (Output *self, LxcmonMonitor *monitor, const GError *error);
void output_connection (Output *self, const GError *error);

void output_json_container (const char *name, LxcmonSource source, const char *state, int init_pid,
                            int controller_pid, gboolean served, gint64 started);

void output_flush (void);
gboolean output_is_broken (void);
int output_finish (int code);

void output_json_line (JsonBuilder *builder);
void output_json_error (JsonBuilder *builder, const char *code, const char *message);
void output_json_exit (JsonBuilder *builder, LxcmonExitStatus status, int raw);
const char *output_status_nick (LxcmonExitStatus status);
