/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a client share. Who does what: lxcmon-client.c the type, lxcmon-client-settings.c the
 * properties that say how to attach, lxcmon-client-model.c what is known of the container,
 * lxcmon-client-attach.c the way in and out, lxcmon-client-events.c what the core tells,
 * lxcmon-client-signals.c what the app is told, lxcmon-client-wait.c waiting for the end,
 * lxcmon-follow.c waiting for what comes after a reboot.
 */

#include <lxcmon-glib/lxcmon-client.h>
#include <lxcmon/lxcmon-connection.h>

#include "lxcmon-hub-source-private.h"
#include "lxcmon-monitor-private.h"

typedef struct _LxcmonFollow LxcmonFollow;
typedef struct _LxcmonHostRow LxcmonHostRow;

/* What most clients have only now and then, or never: a client that waits for its event should cost
 * little, as there may be ten thousand. */
typedef struct
{
  GTask *attach; /* calls that have not returned */
  GSource *attach_cancel;
  GList *waits;
  LxcmonFollow *follow; /* while attached, where reboots are followed, and after one */
  GError *error;
  char *runtime_dir; /* NULL for the usual one */
  guint attach_timeout;
  guint keepalive_interval;
  guint reboot_timeout;
  gint observed_pid; /* a controller's that a host shows, and is not attached to */
} LxcmonClientExtra;

/* Its connection lies beside it, in its private data: the core says how large one is. */
struct _LxcmonClient
{
  GObject parent_instance;

  LxcmonHubSource *source;  /* while attached or following: the context all this belongs to;
                             * the last thing to go, as it keeps other threads out */
  LxcmonClientExtra *extra; /* NULL where there is nothing but defaults in it */
  LxcmonHostRow
      *row;          /* while it is a row of a host's: not owned, cleared when it leaves the list */
  char *name;        /* NULL until asked for, where it follows from the path */
  char *socket_path; /* NULL until asked for, where it follows from the name */

  gint holds; /* atomic: twice the number of our own references, and 1 where the last of the others
                   * was dropped in another thread, while ours ran the context */
  guint16 epoch;  /* counts attaches and detaches: whether a handler has done one */
  guint8 pending; /* a bit for each LxcmonMonitorProp but the first two that is to be notified */
  guint8 force : 1;
  guint8 wait_if_busy : 1;
  guint8 told_state : 3; /* as it was notified last */
  guint8 told_exited : 1;
  guint8 told_status : 2; /* plus 1 */
};

enum
{
  LXCMON_CLIENT_PROP_MONITOR = 1,
  LXCMON_CLIENT_PROP_RUNTIME_DIR = LXCMON_CLIENT_PROP_MONITOR + LXCMON_MONITOR_N_PROPS,
  LXCMON_CLIENT_PROP_SOCKET_PATH,
  LXCMON_CLIENT_PROP_FORCE,
  LXCMON_CLIENT_PROP_WAIT_IF_BUSY,
  LXCMON_CLIENT_PROP_ATTACH_TIMEOUT,
  LXCMON_CLIENT_PROP_KEEPALIVE_INTERVAL,
  LXCMON_CLIENT_PROP_REBOOT_TIMEOUT,
  LXCMON_CLIENT_N_PROPS
};

/* lxcmon-client.c */
extern gint _lxcmon_client_connection_offset;

static inline LxcmonConnection *
_lxcmon_client_get_connection (LxcmonClient *self)
{
  return G_STRUCT_MEMBER_P (self, _lxcmon_client_connection_offset);
}

const char *_lxcmon_client_build_path (LxcmonClient *self, GError **error);
gboolean _lxcmon_client_check_thread (LxcmonClient *self, const char *function);
const LxcmonClientExtra *_lxcmon_client_get_extra (LxcmonClient *self);
LxcmonClientExtra *_lxcmon_client_ensure_extra (LxcmonClient *self);
void _lxcmon_client_tidy_extra (LxcmonClient *self);

/* A reference of our own: one that keeps nobody from seeing that all others are gone. */
typedef LxcmonClient LxcmonHeldClient;
LxcmonHeldClient *_lxcmon_client_hold (LxcmonClient *self);
void _lxcmon_client_let_go (LxcmonHeldClient *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LxcmonHeldClient, _lxcmon_client_let_go)

#define LXCMON_CLIENT_DROPPED  1
#define LXCMON_CLIENT_ONE_HOLD 2

/*< private >
 * _lxcmon_client_is_dropped:
 *
 * Whether nobody but ourselves has a reference any more: a handler has dropped it, or another thread.
 * That detaches as well, and what a handler was given may be gone.
 */
static inline gboolean
_lxcmon_client_is_dropped (LxcmonClient *self)
{
  /* All of them first: one of our own may go meanwhile, in a thread that the client has left, and the others'
   * last one would pass for it. */
  gint n_refs = (gint) g_atomic_int_get (&((GObject *) self)->ref_count);
  gint holds = g_atomic_int_get (&self->holds);

  return (holds & LXCMON_CLIENT_DROPPED) != 0 || n_refs == holds / LXCMON_CLIENT_ONE_HOLD;
}

/*< private >
 * _lxcmon_client_has_left:
 *
 * Whether a handler has left what was going on at @epoch: then nothing more is said of it.
 */
static inline gboolean
_lxcmon_client_has_left (LxcmonClient *self, guint16 epoch)
{
  return self->epoch != epoch || _lxcmon_client_is_dropped (self);
}

/* lxcmon-client-settings.c */
#define LXCMON_CLIENT_ATTACH_TIMEOUT 2000 /* in ms, by default */
void _lxcmon_client_install_settings (GObjectClass *klass);
gboolean _lxcmon_client_read_setting (LxcmonClient *self, guint prop_id, GValue *value);
gboolean _lxcmon_client_write_setting (LxcmonClient *self, guint prop_id, const GValue *value);

/* lxcmon-client-model.c */
void _lxcmon_client_fill_monitor (LxcmonMonitorInterface *iface);
const char *_lxcmon_client_get_name (LxcmonClient *self);
gboolean _lxcmon_client_is_active (LxcmonClient *self);
const GError *_lxcmon_client_get_error (LxcmonClient *self);
void _lxcmon_client_set_error (LxcmonClient *self, const GError *error);
gint _lxcmon_client_get_observed_pid (LxcmonClient *self);
void _lxcmon_client_set_observed_pid (LxcmonClient *self, gint controller_pid);
LxcmonFollow *_lxcmon_client_get_follow (LxcmonClient *self);
void _lxcmon_client_set_follow (LxcmonClient *self, LxcmonFollow *follow);
void _lxcmon_client_notify (LxcmonClient *self, guint changes);

/*< private >
 * _lxcmon_client_notify_changes:
 * @self: a client that is held
 *
 * Notifies each property that has changed since it was notified last. A handler may change more of
 * them, which are notified inside it then, and once.
 */
static inline void
_lxcmon_client_notify_changes (LxcmonClient *self)
{
  _lxcmon_client_notify (self,
                         lxcmon_connection_take_changes (_lxcmon_client_get_connection (self)));
}

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
GTask *_lxcmon_client_steal_attach (LxcmonClient *self);
GList *_lxcmon_client_steal_waits (LxcmonClient *self);
void _lxcmon_client_return_attach (GTask *task, const GError *error);

/* lxcmon-client-events.c */
extern const LxcmonCallbacks _lxcmon_client_callbacks;
void _lxcmon_client_handle_attached (LxcmonClient *self);
void _lxcmon_client_handle_failed (LxcmonClient *self, GError *error);

/* lxcmon-client-wait.c */
void _lxcmon_client_return_waits (GList *tasks, LxcmonExitStatus status, const GError *error);

/* lxcmon-host-row.c: what a host's rows tell it */
const char *_lxcmon_host_row_get_dir (const LxcmonHostRow *self);
gboolean _lxcmon_host_row_owe (LxcmonClient *client, LxcmonOwed owed, gint value);
void _lxcmon_host_row_pay (LxcmonClient *client);
void _lxcmon_host_row_handle_closed (LxcmonClient *client, const GError *error);
void _lxcmon_host_row_handle_failed (LxcmonClient *client, const GError *error);

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
