/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A connection whose events are recorded, and the other end of it if that is one end of a socketpair.
 * Events are recorded as text, such as "attached init(3869) exit(reboot) closed(null)". They come from
 * lxcmon_hub_next_event(), called once for each poll, or from the callbacks; a test runs with both.
 */

#include "core-test.h"

#include <lxcmon/lxcmon.h>

typedef struct _CoreSession CoreSession;

/* Runs when an event has been recorded. It may do anything. */
typedef void (*CoreHook) (CoreSession *self, const char *event);

struct _CoreSession
{
  LxcmonHub *hub;
  LxcmonConnection *connection; /* NULL once it was freed */
  CoreMode mode;
  gboolean was_attached; /* the connection has had its one attach */
  int peer;              /* -1 if there is none */
  GString *trace;
  GString *log;
  LxcmonError error; /* of the last CLOSED or FAILED */
  guint n_exits;
  gboolean counts_only; /* nothing is recorded: there is too much of it */
  CoreHook hook;
  gpointer hook_data;
};

void core_session_init (CoreSession *self, CoreMode mode);
void core_session_init_on (CoreSession *self, LxcmonHub *hub, CoreMode mode);
void core_session_init_pair (CoreSession *self, CoreMode mode);
void core_session_clear (CoreSession *self);
void core_session_renew (CoreSession *self);
gboolean core_session_attach (CoreSession *self, const char *path,
                              const LxcmonAttachOptions *options, LxcmonError *error);
gboolean core_session_attach_fd (CoreSession *self, int fd, const LxcmonAttachOptions *options,
                                 LxcmonError *error);
void core_session_attach_pair (CoreSession *self, const LxcmonAttachOptions *options);
void core_session_free_connection (CoreSession *self);
void core_session_hang_up (CoreSession *self);
void core_session_set_debug (CoreSession *self);

gboolean core_session_is_ready (CoreSession *self, int timeout_ms);
void core_session_dispatch (CoreSession *self);
guint core_session_settle (CoreSession *self);
guint core_session_run_for (CoreSession *self, int ms);
void core_session_wait_for (CoreSession *self, const char *event);

/* Settles, then compares all events so far. */
#define core_session_expect(self, expected)             \
  G_STMT_START                                          \
  {                                                     \
    core_session_settle (self);                         \
    g_assert_cmpstr ((self)->trace->str, ==, expected); \
  }                                                     \
  G_STMT_END

#define core_session_assert_state(self, expected)                                                 \
  g_assert_cmpstr (lxcmon_state_to_string (lxcmon_connection_get_state ((self)->connection)), ==, \
                   expected)
