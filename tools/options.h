/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Options that several verbs have.
 */

#include <lxcmon-glib/lxcmon-glib.h>

#include "exit-code.h"

typedef struct
{
  gboolean json;
  gboolean quiet;
  gboolean force;
  gboolean wait_if_busy;
  gboolean version;
  char *runtime_dir;
  char *connect; /* a URI of libvirt's */
  guint timeout; /* ms, 0 for none */
  char **arguments;
} Options;

/* Which of them a verb has. */
typedef enum
{
  OPTIONS_JSON = 1 << 0,
  OPTIONS_CLIENT = 1 << 1, /* how to get to a container */
  OPTIONS_TIMEOUT = 1 << 2,
  OPTIONS_RUNTIME_DIR = 1 << 3, /* OPTIONS_CLIENT has it too */
  OPTIONS_CONNECT = 1 << 4,
} OptionsSet;

gboolean options_parse (Options *self, OptionsSet set, const GOptionEntry *more,
                        const char *arguments, const char *summary, int argc, char **argv,
                        ExitCode *code);
void options_clear (Options *self);
LxcmonClient *options_make_client (const Options *self, const char *argument);
ExitCode usage_error (const char *format, ...) G_GNUC_PRINTF (1, 2);
GLogWriterOutput message_write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                    gpointer user_data);
void message (const Options *options, const char *format, ...) G_GNUC_PRINTF (2, 3);
void message_attached (const Options *options, LxcmonMonitor *monitor);
void message_force (const Options *options);
void message_error (const Options *options, const char *name, const GError *error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)
