/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a client share. Who does what: lxcmon-client.c the type and its properties,
 * lxcmon-client-attach.c the way in and out, lxcmon-client-events.c what the core tells,
 * lxcmon-client-signals.c what the app is told,
 * lxcmon-client-wait.c waiting for the end, lxcmon-follow.c waiting for what comes after a reboot.
 */

#include <lxcmon-glib/lxcmon-client.h>
#include <lxcmon/lxcmon-connection.h>

#include "lxcmon-hub-source-private.h"
#include "lxcmon-monitor-private.h"

typedef struct _LxcmonFollow LxcmonFollow;
typedef struct _LxcmonHostRow LxcmonHostRow;

/* The properties that events change, as they were notified last. */
typedef struct
{
  guint32 skipped; /* the lower half: whether it has changed is all that is asked */
  gint init_pid;
  gint controller_pid;
  gint exit_raw;
  gint8 exit_status;
  guint8 state;
  guint8 exited;
  guint8 error_changed;
} LxcmonClientTold;

/* Calls that have not returned. Most of the time there is none, and an idle client should cost little. */
typedef struct
{
  GTask *attach;
  GSource *attach_cancel;
  GList *waits;
} LxcmonClientCalls;

struct _LxcmonClient
{
  GObject parent_instance;

  LxcmonConnection *connection; /* made at the first attach, kept for what it knows */
  LxcmonHubSource *source;      /* while attached or following: the context all this belongs to;
                                 * the last thing to go, as it keeps other threads out */
  LxcmonFollow *follow;         /* while attached, where reboots are followed, and after one */
  LxcmonClientCalls *calls;     /* NULL where there is none */
  GError *error;

  LxcmonHostRow
      *row;          /* while it is a row of a host's: not owned, cleared when it leaves the list */
  char *name;        /* NULL until asked for, where it follows from the path */
  char *runtime_dir; /* NULL for the usual one */
  char *socket_path; /* NULL until asked for, where it follows from the name */

  guint attach_timeout;
  guint keepalive_interval;
  guint follow_reboot;
  gint observed_pid; /* a controller's that a host shows, and is not attached to */
  gint init_pid;     /* as the connection knows it, or from the status XML */
  LxcmonClientTold told;
  gint dropped;  /* atomic: in another thread, while ours ran the context */
  guint16 epoch; /* counts attaches and detaches: whether a handler has done one */
  guint take_place : 1;
  guint wait_for_place : 1;
};

/* lxcmon-client.c */
const char *_lxcmon_client_build_path (LxcmonClient *self, GError **error);
const char *_lxcmon_client_get_name (LxcmonClient *self);
gboolean _lxcmon_client_is_active (LxcmonClient *self);
gboolean _lxcmon_client_check_thread (LxcmonClient *self, const char *function);
void _lxcmon_client_set_error (LxcmonClient *self, const GError *error);
gboolean _lxcmon_client_is_dropped (LxcmonClient *self);
gboolean _lxcmon_client_has_left (LxcmonClient *self, guint16 epoch);
void _lxcmon_client_notify_init (LxcmonClient *self);
void _lxcmon_client_notify_exit (LxcmonClient *self, gboolean exited, LxcmonExitStatus status,
                                 gint raw);
void _lxcmon_client_notify_changes (LxcmonClient *self);

/* lxcmon-client-signals.c */
void _lxcmon_client_define_signals (GType type);
void _lxcmon_client_emit_init (LxcmonClient *self, gint pid);
void _lxcmon_client_emit_exit (LxcmonClient *self, LxcmonExitStatus status);
void _lxcmon_client_emit_closed (LxcmonClient *self, const GError *error);

/* lxcmon-client-attach.c */
gboolean _lxcmon_client_begin_attach (LxcmonClient *self, GError **error);
void _lxcmon_client_leave (LxcmonClient *self);
void _lxcmon_client_release (LxcmonClient *self);
void _lxcmon_client_detach (LxcmonClient *self);
gboolean _lxcmon_client_begin_row (LxcmonClient *self, GError **error);
void _lxcmon_client_observe (LxcmonClient *self, const GError *error, gint controller_pid,
                             gint init_pid);
LxcmonClientCalls *_lxcmon_client_get_calls (LxcmonClient *self);
GTask *_lxcmon_client_steal_attach (LxcmonClient *self);
GList *_lxcmon_client_steal_waits (LxcmonClient *self);
void _lxcmon_client_return_attach (GTask *task, const GError *error);

/* lxcmon-client-events.c */
extern const LxcmonCallbacks _lxcmon_client_callbacks;
void _lxcmon_client_take_served (LxcmonClient *self);
void _lxcmon_client_take_failed (LxcmonClient *self, GError *error);

/* lxcmon-client-wait.c */
void _lxcmon_client_return_waits (GList *tasks, LxcmonExitStatus status, const GError *error);

/* lxcmon-host-row.c: what a host's rows tell it */
typedef enum
{
  LXCMON_OWED_NOTHING,
  LXCMON_OWED_INIT,
  LXCMON_OWED_EXIT,
} LxcmonOwed;

gboolean _lxcmon_host_row_owe (LxcmonClient *client, LxcmonOwed owed, gint value);
void _lxcmon_host_row_pay (LxcmonClient *client);
void _lxcmon_host_row_take_closed (LxcmonClient *client, const GError *error);
void _lxcmon_host_row_take_failed (LxcmonClient *client, const GError *error);

/* lxcmon-follow.c */
#define LXCMON_FOLLOW_INTERVAL_MS 50
LxcmonFollow *_lxcmon_follow_new (LxcmonClient *client);
void _lxcmon_follow_free (LxcmonFollow *self);
void _lxcmon_follow_start (LxcmonFollow *self);
gboolean _lxcmon_follow_is_running (const LxcmonFollow *self);
gboolean _lxcmon_follow_is_looking (const LxcmonFollow *self);
void _lxcmon_follow_look (LxcmonFollow *self);
gboolean _lxcmon_follow_resume (LxcmonFollow *self, const GError *error);
void _lxcmon_follow_succeed (LxcmonFollow *self);
