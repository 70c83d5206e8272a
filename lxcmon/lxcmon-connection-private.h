/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A connection, as the files that run it share it: lxcmon-state.c its states and its end, lxcmon-sender.c
 * what it sends, lxcmon-reader.c what it receives, lxcmon-attach.c how it connects.
 */

#include "lxcmon-connection.h"
#include "lxcmon-decoder-private.h"
#include "lxcmon-driver-watch-private.h"
#include "lxcmon-hub.h"
#include "lxcmon-init-watch-private.h"
#include "lxcmon-poller-private.h"
#include "lxcmon-taken-private.h"

#include <stdatomic.h>

/* Where log messages go; a hub has one for all its connections. */
typedef struct
{
  LxcmonLogFunc func; /* nullable */
  LxcmonLogLevel level;
  void *user_data;
} LxcmonLog;

enum
{
  LXCMON_TIMER_STATE, /* what for depends on the state */
  LXCMON_TIMER_SEND,  /* sending has paused */
};

struct _LxcmonConnection
{
  LxcmonHub *hub; /* owned */
  LxcmonPoller *poller;
  LxcmonDriverWatch *driver_watch;
  LxcmonInitWatch *init_watch;
  const LxcmonLog *log;
  LxcmonTaken *taken;
  const LxcmonCallbacks *callbacks; /* nullable */
  void *user_data;
  LxcmonDecoder decoder;
  LxcmonTimer timers[LXCMON_TIMERS_PER_CONNECTION];
  LxcmonDriverClient driver; /* without force, and if the path is known */

  /* The socket, or -1 before there is one. It is set once, and closed when the connection is freed:
   * lxcmon_connection_shutdown() in another thread must never meet a number that was used again. */
  atomic_int fd;
  LxcmonState state; /* only set_state() writes it */
  bool attach_called;
  bool is_shut; /* in both directions, by the peer or by us */

  /* Until the controller has accepted us */
  char *path; /* NULL for a descriptor that was passed in */
  unsigned int attach_timeout;
  unsigned int retry_interval; /* until the next busy check, in ms */
  bool force;
  bool wait_if_busy;
  bool watch_init; /* until the init pid is known */

  /* What is known of the container */
  int controller_pid;
  int init_pid;
  LxcmonInitClient *init; /* NULL while it is not known, or not wanted */
  int exit_raw;
  bool missed_init;
  bool exited;

  /* What is to be sent, and keepalive */
  unsigned int keepalive_interval;
  uint16_t n_pongs_pending;
  uint8_t n_sent_of_first; /* bytes of the first pending message that were sent already */
  bool first_is_ping;      /* of the pending messages */
  bool ping_pending;
  bool ping_unanswered;
  bool send_blocked;
  bool received; /* anything, since the keepalive timer was set */
};

/* lxcmon-state.c */
void _lxcmon_connection_set_state (LxcmonConnection *self, LxcmonState state);
void _lxcmon_connection_become_attached (LxcmonConnection *self, LxcmonMessageKind first);
void _lxcmon_connection_become_exited (LxcmonConnection *self);
void _lxcmon_connection_set_init (LxcmonConnection *self, int pid);
void _lxcmon_connection_leave (LxcmonConnection *self);
bool _lxcmon_connection_end (LxcmonConnection *self, LxcmonEvent *event, const LxcmonError *error);
bool _lxcmon_connection_on_timer (LxcmonConnection *self, LxcmonEvent *event, LxcmonError *error);
bool _lxcmon_connection_has_unread (const LxcmonConnection *self);
void _lxcmon_connection_set_timer (LxcmonConnection *self, unsigned int ms);
void _lxcmon_connection_log (LxcmonConnection *self, LxcmonLogLevel level, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* From the start of its attach to its end */
static inline bool
_lxcmon_connection_is_active (const LxcmonConnection *self)
{
  return self->state != LXCMON_STATE_DETACHED && self->state != LXCMON_STATE_CLOSED;
}

static inline LxcmonConnection *
_lxcmon_connection_from_timer (LxcmonTimer *timer)
{
  LxcmonTimer *timers = timer - timer->kind;

  return (LxcmonConnection *) (void *) ((char *) timers - offsetof (LxcmonConnection, timers));
}

/* An event without anything but its type, and how init has ended if that is known. Always returns true, so that what makes an event can return it. */
static inline bool
_lxcmon_event_set (LxcmonEvent *event, LxcmonEventType type, LxcmonConnection *connection)
{
  *event = (LxcmonEvent){
    .type = type,
    .connection = connection,
    .user_data = connection->user_data,
    .status = LXCMON_EXIT_STATUS_UNKNOWN,
    .raw = LXCMON_EXIT_STATUS_UNKNOWN,
    .init_exit_code = connection->init != NULL ? connection->init->exit_code : -1,
    .init_signal = connection->init != NULL ? connection->init->signal : 0,
  };
  return true;
}

/* lxcmon-sender.c */
void _lxcmon_sender_add_ping (LxcmonConnection *self);
void _lxcmon_sender_add_pong (LxcmonConnection *self);
void _lxcmon_sender_flush (LxcmonConnection *self);

static inline bool
_lxcmon_sender_has_pending (const LxcmonConnection *self)
{
  return self->ping_pending || self->n_pongs_pending > 0;
}
