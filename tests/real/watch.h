/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* watch.h: a client whose signals are written down.
 *
 * Owns: one LxcmonClient, and the check in each handler that the properties changed before the
 * signal came.
 * Does not: attach by itself or run a main context. */

#pragma once

#include <lxcmon-glib/lxcmon-glib.h>

#include "container.h"

G_BEGIN_DECLS

typedef struct
{
  LxcmonClient *client;
  LxcmonMonitor *monitor; /* the same */

  GString *trace; /* such as "init exit:reboot closed:lost " */
  int init_pid;   /* the last that a signal reported */
  gint64 closed_at;

  gboolean attach_pending;
  gboolean attach_done;
  GError *attach_error;
  gint64 attach_done_at;

  gboolean exit_pending;
  gboolean exit_done;
  LxcmonExitStatus exit_status;
  GError *exit_error;
} Watch;

/* For a client that is to be set up by the test; it owns @client. */
Watch *watch_new_for_client (LxcmonClient *client);
Watch *watch_new (Container *container);
/* Detaches, and lets what was pending end. */
void watch_free (Watch *self);

/* Forgets what was written down. Nothing may be pending. */
void watch_clear (Watch *self);

/* The state's nick. */
const char *watch_get_state (Watch *self);

void watch_attach (Watch *self);
void watch_wait_exit (Watch *self);

/* As a driver does it: attached between the start of the controller and that of init. */
Watch *watch_start (Container *container);

#define watch_assert_trace(self, expected) g_assert_cmpstr ((self)->trace->str, ==, expected)

#define watch_assert_state(self, nick) g_assert_cmpstr (watch_get_state (self), ==, nick)

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Watch, watch_free)

G_END_DECLS
