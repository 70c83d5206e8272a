/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A connection with a recorder behind its callbacks, alone or behind a hub, and the other end of it
 * where that is one end of a socketpair. What is called is written down as text, such as
 * "attached init(3869) exit(reboot) closed(null)".
 */

#include "core-test.h"

#include <lxcmon/lxcmon.h>

typedef struct _CoreSession CoreSession;

/* Runs inside a callback, after it was written down. It may do anything. */
typedef void (*CoreHook) (CoreSession *self, const char *event);

struct _CoreSession
{
  LxcmonHub *hub;               /* NULL where the connection is alone */
  LxcmonConnection *connection; /* NULL once it was freed */
  int peer;                     /* -1 where there is none */
  GString *trace;
  GString *log;
  LxcmonError error; /* the last one that closed() or failed() brought */
  guint n_freed;
  guint n_exits;
  gboolean counts_only; /* nothing is written down: there is too much of it */
  CoreHook hook;
  gpointer hook_data;
};

void core_session_init (CoreSession *self, CoreMode mode);
void core_session_init_behind (CoreSession *self, LxcmonHub *hub);
void core_session_init_pair (CoreSession *self, CoreMode mode);
void core_session_clear (CoreSession *self);
void core_session_attach_pair (CoreSession *self, const LxcmonAttachOptions *options);
void core_session_free_connection (CoreSession *self);
void core_session_hang_up (CoreSession *self);

gboolean core_session_is_ready (CoreSession *self, int timeout_ms);
void core_session_dispatch (CoreSession *self);
guint core_session_settle (CoreSession *self);
guint core_session_run_for (CoreSession *self, int ms);
void core_session_wait_for (CoreSession *self, const char *event);

/* Settles, then compares all that was called so far. */
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
