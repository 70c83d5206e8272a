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
  gboolean direct;
  gboolean force;
  gboolean wait_if_busy;
  gboolean version;
  char *runtime_dir;
  char **connect; /* URIs of libvirt, or NULL */
  guint timeout;  /* ms, 0 for none */
  char **arguments;
} Options;

/* Those that a verb has. */
typedef enum
{
  OPTIONS_JSON = 1 << 0,
  OPTIONS_HOST = 1 << 1,   /* which containers */
  OPTIONS_CLIENT = 1 << 2, /* how to connect to a controller */
  OPTIONS_TIMEOUT = 1 << 3,
} OptionsSet;

gboolean options_parse (Options *self, OptionsSet set, const GOptionEntry *more,
                        const char *arguments, const char *summary, int argc, char **argv,
                        ExitCode *code);
void options_clear (Options *self);
gboolean options_is_path (const char *argument);
gboolean options_has_hosts (const Options *self);
LxcmonClient *options_make_client (const Options *self, const char *argument, gboolean follow);
LxcmonHost *options_make_host (const Options *self, const char *uri, gboolean follow);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)
