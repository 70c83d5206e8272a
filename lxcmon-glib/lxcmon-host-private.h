/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a host share. Who does what: lxcmon-host.c the type, its properties, starting and
 * stopping; lxcmon-host-model.c the rows as a list; lxcmon-host-work.c when there is something to do;
 * lxcmon-host-watch.c hints from the file system; lxcmon-host-scan.c what a look at the runtime
 * directory changes; lxcmon-host-row.c what becomes of one row; lxcmon-host-driver.c libvirtd's life.
 */

#include <errno.h>
#include <lxcmon-glib/lxcmon-host.h>
#include <lxcmon/lxcmon-runtime-dir.h>

#include "lxcmon-client-private.h"

/* Where descriptors or memory have run out: when to try again. */
#define LXCMON_HOST_SHORTAGE_US (1 * G_TIME_SPAN_SECOND)

static inline gboolean
_lxcmon_host_is_shortage (const LxcmonError *error)
{
  return error->system_errno == EMFILE || error->system_errno == ENFILE
         || error->system_errno == ENOMEM || error->system_errno == ENOBUFS
         || error->system_errno == ENOSPC;
}

typedef enum
{
  LXCMON_ROW_PENDING,   /* to be attached as soon as its turn comes */
  LXCMON_ROW_ATTACHED,  /* attached, or attaching */
  LXCMON_ROW_MANAGED,   /* shown from outside: a driver needs the place, or may come back for it */
  LXCMON_ROW_BUSY,      /* shown from outside: somebody else is served */
  LXCMON_ROW_FAILED,    /* shown from outside: it cannot be attached to */
  LXCMON_ROW_RETRY,     /* its attach failed, and may succeed a moment later */
  LXCMON_ROW_REBOOTING, /* its controller has gone, and the next one is waited for */
  LXCMON_ROW_CLOSED,    /* has ended: stays for a while, to be seen */
} LxcmonHostRowMode;

struct _LxcmonHostRow
{
  LxcmonHost *host;     /* not owned: it owns us */
  LxcmonClient *client; /* owned */
  guint64 file;         /* the socket that it is about; see LxcmonRuntimeSocket */
  gint64 deadline;      /* monotonic, in µs; 0 for none: when its mode is to be looked at again */
  gint64 reboot_until;  /* after a reboot, until it is served again */
  guint serial;         /* of the scan that saw it last */
  guint8 mode;          /* LxcmonHostRowMode; only set_mode() writes it */
  guint8 n_tries;       /* attaches that failed in a row */
  guint8 asked;         /* who listens was found out, or could not be */
  guint8 may_go;        /* where it is closed: nobody listens any more, or EXIT has come */
  guint8 telling;       /* that it has closed: it stays while handlers run */
  guint8 owed; /* LxcmonOwed: what its own handlers hear, and the host's have still to hear */
  guint16 owed_epoch; /* the client's */
  gint owed_value;
};

/* The driver that manages the containers, as far as a host must know. */
typedef struct
{
  gboolean lives;
  gint pid;
  GSource *end;      /* ready when it has ended */
  int end_fd;        /* a pidfd on it */
  gint64 ask_at;     /* where it cannot be watched: when to ask again */
  gint64 wait_until; /* it has gone, and a successor may come */
} LxcmonHostDriver;

struct _LxcmonHost
{
  GObject parent_instance;

  char *runtime_dir; /* NULL for the usual one */
  GMainContext *context;
  GPtrArray *rows; /* of LxcmonHostRow, sorted by name */

  /* While it is started: */
  GSource *source;
  GTask *start_task;
  GSource *start_cancel;
  GFileMonitor *monitor;
  char *watched; /* what it watches: the runtime directory, or what there is above it */
  guint64 watched_device;
  guint64 watched_inode;
  GHashTable *ended; /* files of containers that have ended, while somebody still listens there */
  LxcmonHostDriver driver;
  gint64 scan_at;         /* 0 for never, as in all that follow */
  gint64 scan_not_before; /* scans keep a distance from each other */
  gint64 safety_at;
  gint64 due_at; /* the first deadline of all rows, or earlier */
  gint64 shortage_until;
  guint n_early_looks; /* since the last hint: somebody had bound a socket and did not listen yet */
  guint n_pending;
  guint cursor; /* the next row that may be pending */
  guint serial; /* of the last scan */
  gboolean complete;
  gboolean said_shortage;
  gboolean said_error;

  guint epoch;   /* counts starts and stops: whether a handler has done one */
  guint changes; /* counts changes of the list */
  guint n_unlisted;
  guint reboot_timeout;
  guint linger_timeout;
  gboolean force;
  gint dropped; /* atomic: in another thread, while ours runs the context */
};

/* lxcmon-host.c */
const char *_lxcmon_host_get_dir (LxcmonHost *self);
void _lxcmon_host_finish_start (LxcmonHost *self, GError *error);
void _lxcmon_host_set_n_unlisted (LxcmonHost *self, guint n_unlisted);

/* lxcmon-host-model.c */
void _lxcmon_host_list_model_init (GListModelInterface *iface);
gboolean _lxcmon_host_model_find (LxcmonHost *self, const char *name, guint *position);
LxcmonHostRow *_lxcmon_host_model_get (LxcmonHost *self, guint position);
void _lxcmon_host_model_insert (LxcmonHost *self, guint position, LxcmonHostRow *row);
void _lxcmon_host_model_remove (LxcmonHost *self, LxcmonHostRow *row);
void _lxcmon_host_model_announce (LxcmonHost *self);
void _lxcmon_host_model_clear (LxcmonHost *self, gboolean quietly);

/* lxcmon-host-work.c */
void _lxcmon_host_work_start (LxcmonHost *self);
void _lxcmon_host_work_stop (LxcmonHost *self);
void _lxcmon_host_work_schedule (LxcmonHost *self);
void _lxcmon_host_work_hint (LxcmonHost *self);
void _lxcmon_host_work_scan_soon (LxcmonHost *self);
void _lxcmon_host_work_expect_listener (LxcmonHost *self);

/* lxcmon-host-watch.c */
void _lxcmon_host_watch_update (LxcmonHost *self);
void _lxcmon_host_watch_stop (LxcmonHost *self);

/* lxcmon-host-scan.c */
gboolean _lxcmon_host_scan (LxcmonHost *self);

/* lxcmon-host-row.c */
LxcmonHostRow *_lxcmon_host_row_new (LxcmonHost *host, const LxcmonRuntimeSocket *socket);
void _lxcmon_host_row_leave (LxcmonHostRow *self);
void _lxcmon_host_row_attach (LxcmonHostRow *self);
void _lxcmon_host_row_update (LxcmonHostRow *self, LxcmonRuntimeDir *look,
                              const LxcmonRuntimeSocket *socket);
void _lxcmon_host_row_miss (LxcmonHostRow *self);
gboolean _lxcmon_host_row_is_due (LxcmonHostRow *self, gint64 now);
void _lxcmon_host_row_take_deadline (LxcmonHostRow *self, gint64 now);

/* lxcmon-host-driver.c */
void _lxcmon_host_driver_take (LxcmonHost *self, const LxcmonDriver *found);
void _lxcmon_host_driver_stop (LxcmonHost *self);
gboolean _lxcmon_host_driver_manages (LxcmonHost *self);
GError *_lxcmon_host_driver_error (LxcmonHost *self, const char *name);
gint64 _lxcmon_host_driver_due_at (LxcmonHost *self);
