/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a connection share. Who does what: lxcmon-connection.c what a user calls,
 * lxcmon-state.c the states, ends and callbacks, lxcmon-attach.c the way in, lxcmon-reader.c what
 * comes, lxcmon-sender.c what goes.
 */

#include "lxcmon-connection.h"
#include "lxcmon-decoder-private.h"
#include "lxcmon-fork-private.h"
#include "lxcmon-target-private.h"

typedef struct _LxcmonReader LxcmonReader;

/* What is needed until the controller serves us, and freed then: an idle client should cost little. */
typedef struct
{
  char *path; /* NULL for a descriptor that was handed over */
  unsigned int attach_timeout;
  unsigned int place_interval; /* until the next look for the place, in ms */
  bool force;
  bool wait_if_busy;
  bool quiet; /* a blocking call waits: it says itself how the attach went */
} LxcmonAttempt;

#define LXCMON_TIMER_NONE UINT32_MAX

struct _LxcmonConnection
{
  const LxcmonCallbacks *callbacks;
  void *user_data;
  LxcmonHub *hub;       /* owned; NULL where the user's loop runs the connection itself */
  LxcmonReader *reader; /* that holds bytes of ours at present */
  union
  {
    LxcmonAttempt *attempt; /* where we are attached: what is left to do until we are served */
    LxcmonError *error; /* where not: why the last attach ended, where it did so with an error */
  };
  LxcmonDecoder decoder;
  int64_t deadline; /* of the one timer, monotonic, in ns; valid where one is set */
  int fd;
  int controller_pid;
  int init_pid;
  int exit_raw;
  uint32_t timer_index; /* in the hub's heap; any number but NONE where there is no hub */
  unsigned int keepalive_interval;
  uint16_t fork_generation; /* the lower half: nobody forks 65536 times in a row */
  uint16_t n_pongs_due;
  uint8_t changes;             /* LxcmonChange that nobody has taken yet */
  uint8_t state : 3;           /* LxcmonState; only set_state() writes it */
  uint8_t n_sent_of_first : 5; /* bytes of the first message due that have gone already */
  bool ping_due : 1;
  bool first_is_ping : 1; /* of the messages that are due */
  bool ping_unanswered : 1;
  bool send_blocked : 1;
  bool heard : 1; /* since the keepalive timer was set */
  bool late : 1;
  bool exited : 1;
  bool debug : 1;
  bool hung_up : 1; /* the peer has closed its end, as far as the hub was told */
};

/* lxcmon-state.c */
void _lxcmon_connection_set_state (LxcmonConnection *self, LxcmonState state);
void _lxcmon_connection_become_attached (LxcmonConnection *self, LxcmonMessageKind first);
void _lxcmon_connection_become_exited (LxcmonConnection *self, bool end_is_near);
void _lxcmon_connection_end (LxcmonConnection *self, const LxcmonError *error);
void _lxcmon_connection_leave (LxcmonConnection *self);
void _lxcmon_connection_forget_error (LxcmonConnection *self);
bool _lxcmon_connection_has_unread (const LxcmonConnection *self);
void _lxcmon_connection_clear_timer (LxcmonConnection *self);
void _lxcmon_connection_set_timer (LxcmonConnection *self, unsigned int ms);
void _lxcmon_connection_on_timer (LxcmonConnection *self);
void _lxcmon_connection_log (LxcmonConnection *self, LxcmonLogLevel level, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
bool _lxcmon_connection_was_forked (const LxcmonConnection *self);

/* Where a callback has run: it may have forked. */
static inline bool
_lxcmon_connection_was_forked_now (const LxcmonConnection *self)
{
  return self->fork_generation != (uint16_t) _lxcmon_fork_count;
}

static inline bool
_lxcmon_connection_is_attached (const LxcmonConnection *self)
{
  return self->state != LXCMON_STATE_DETACHED && self->state != LXCMON_STATE_CLOSED;
}

static inline LxcmonAttempt *
_lxcmon_connection_get_attempt (const LxcmonConnection *self)
{
  return _lxcmon_connection_is_attached (self) ? self->attempt : NULL;
}

/* The one place where the init pid changes. */
static inline void
_lxcmon_connection_note_init_pid (LxcmonConnection *self, int pid)
{
  if (self->init_pid == pid)
    return;

  self->init_pid = pid;
  self->changes |= LXCMON_CHANGE_INIT_PID;
}

/* The one place where what is known of EXIT changes. */
static inline void
_lxcmon_connection_note_exit (LxcmonConnection *self, bool exited, int raw)
{
  if (self->exited == exited && self->exit_raw == raw)
    return;

  self->changes |= LXCMON_CHANGE_EXIT;
  self->exited = exited;
  self->exit_raw = raw;
}

/* lxcmon-attach.c */
void _lxcmon_connection_drop_attempt (LxcmonConnection *self);
void _lxcmon_attach_on_timer (LxcmonConnection *self);

/* lxcmon-sender.c */
void _lxcmon_sender_add_ping (LxcmonConnection *self);
void _lxcmon_sender_add_pong (LxcmonConnection *self);
void _lxcmon_sender_flush (LxcmonConnection *self);

static inline bool
_lxcmon_sender_is_due (const LxcmonConnection *self)
{
  return self->ping_due || self->n_pongs_due > 0;
}
