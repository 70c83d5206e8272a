/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a host share. From bottom to top: lxcmon-host-row.c a row; lxcmon-host-schedule.c
 * when there is something to do; lxcmon-host-watch.c hints from the file system; lxcmon-host-driver.c
 * whether libvirtd is running; lxcmon-host-attach.c the sessions of rows and their events;
 * lxcmon-host-update.c what a scan and time change in a row; lxcmon-host-scan.c which rows come and go;
 * lxcmon-host-work.c the dispatch; lxcmon-host.c the type.
 */

#include <errno.h>
#include <lxcmon-glib/lxcmon-host.h>
#include <lxcmon/lxcmon-runtime-dir.h>

#include "lxcmon-monitor-list-private.h"
#include "lxcmon-session-private.h"

/* inotify drops what its queue has no room for, and GIO does not report it: once after hints have come, the
 * directory is scanned again. */
#define LXCMON_HOST_SAFETY_US (1 * G_TIME_SPAN_SECOND)

/* After descriptors or memory have run short: when to try again. */
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
  LXCMON_ROW_PENDING,   /* to be attached */
  LXCMON_ROW_ATTACHED,  /* attached, or attaching */
  LXCMON_ROW_MANAGED,   /* not attached: a driver needs the slot, or may come back for it */
  LXCMON_ROW_BUSY,      /* not attached: another client has the slot */
  LXCMON_ROW_FAILED,    /* not attached: it cannot be */
  LXCMON_ROW_RETRY,     /* its attach failed, and may succeed a moment later */
  LXCMON_ROW_REBOOTING, /* its controller has ended, and the next one is expected */
  LXCMON_ROW_CLOSED,    /* it has ended, and stays for a while */
} LxcmonHostRowMode;

#define LXCMON_TYPE_HOST_ROW (_lxcmon_host_row_get_type ())
G_DECLARE_FINAL_TYPE (LxcmonHostRow, _lxcmon_host_row, LXCMON, HOST_ROW, LxcmonMonitor)

struct _LxcmonHostRow
{
  LxcmonMonitor parent_instance;

  LxcmonHost *host; /* not owned; NULL once the row has left the list */
  LxcmonSession *session;
  char *socket_path;
  guint64 file;         /* which socket file it is about; see LxcmonRuntimeSocket */
  gint64 deadline;      /* monotonic, in µs, 0 for none: when the mode is to be reconsidered */
  gint64 reboot_until;  /* after a reboot, until it is attached again */
  guint serial;         /* of the last scan that saw it */
  guint n_tries;        /* attaches that failed in a row */
  LxcmonHostRowMode mode; /* written by _lxcmon_host_set_mode() alone */
  gboolean asked;       /* the controller's pid was found out, or cannot be */
  gboolean may_go;      /* closed: its socket has no listener any more, or EXIT has come */
  gboolean reporting;   /* its end: it stays while handlers run */
};

/* The driver that manages the containers, as far as a host needs to know. */
typedef struct
{
  gboolean running;
  gint pid;
  GSource *end; /* ready when it has ended */
  int end_fd;   /* its pidfd */
  gint64 ask_at; /* where it cannot be watched: when to ask again */
  gint64 wait_until; /* it has ended, and a successor may come */
} LxcmonHostDriver;

struct _LxcmonHost
{
  LxcmonMonitorList parent_instance;

  char *runtime_dir; /* NULL for the default one */
  guint n_unlisted;
  guint reboot_timeout;
  guint linger_timeout;
  gboolean force;

  /* While it is started: */
  GSource *source;
  GFileMonitor *monitor;
  char *watched; /* what it watches: the runtime directory, or its nearest parent that exists */
  guint64 watched_device;
  guint64 watched_inode;
  GHashTable *ended; /* the files of containers that have ended, while they still have a listener */
  LxcmonHostDriver driver;
  gint64 scan_at;         /* 0 for never, as in all that follow */
  gint64 scan_not_before; /* scans keep a distance from each other */
  gint64 safety_at;
  gint64 due_at; /* the first deadline of all rows, or earlier */
  gint64 shortage_until;
  guint n_early_scans; /* since the last hint: a socket was bound and had no listener yet */
  guint n_pending;
  guint cursor; /* the next row that may be pending */
  guint serial; /* of the last scan */
  guint n_changes; /* of the list, by scans */
  gboolean warned_shortage;
  gboolean warned_error;
};

static inline LxcmonMonitorList *
_lxcmon_host_get_list (LxcmonHost *self)
{
  return (LxcmonMonitorList *) self;
}

/* lxcmon-host-row.c */
LxcmonHostRow *_lxcmon_host_row_new (LxcmonHost *host, const LxcmonRuntimeSocket *socket);
const char *_lxcmon_host_row_get_name (LxcmonHostRow *self);
void _lxcmon_host_row_close (LxcmonHostRow *self);
LxcmonHostRow *_lxcmon_host_dup_row (LxcmonHost *self, guint position);
guint _lxcmon_host_get_n_rows (LxcmonHost *self);
const char *_lxcmon_host_get_dir (LxcmonHost *self);

/* lxcmon-host-schedule.c */
void _lxcmon_host_schedule (LxcmonHost *self);
void _lxcmon_host_scan_soon (LxcmonHost *self);
void _lxcmon_host_hint (LxcmonHost *self);
void _lxcmon_host_expect_listener (LxcmonHost *self);
gint64 _lxcmon_host_earlier (gint64 a, gint64 b);
void _lxcmon_host_set_deadline (LxcmonHostRow *row, gint64 deadline);
void _lxcmon_host_set_mode (LxcmonHostRow *row, LxcmonHostRowMode mode, gint64 deadline);
gint64 _lxcmon_host_next_try (LxcmonHostRow *row);

/* lxcmon-host-watch.c */
void _lxcmon_host_watch_update (LxcmonHost *self);
void _lxcmon_host_watch_stop (LxcmonHost *self);

/* lxcmon-host-driver.c */
void _lxcmon_host_driver_update (LxcmonHost *self, const LxcmonDriver *found);
void _lxcmon_host_driver_stop (LxcmonHost *self);
gboolean _lxcmon_host_driver_manages (LxcmonHost *self);
GError *_lxcmon_host_driver_error (LxcmonHost *self, const char *name);

/* lxcmon-host-attach.c */
void _lxcmon_host_attach (LxcmonHostRow *row);
void _lxcmon_host_remove (LxcmonHostRow *row);
void _lxcmon_host_close_row (LxcmonHostRow *row, gboolean may_go);

/* lxcmon-host-update.c */
void _lxcmon_host_update_row (LxcmonHostRow *row, LxcmonRuntimeDir *scan,
                              const LxcmonRuntimeSocket *socket);
void _lxcmon_host_miss_row (LxcmonHostRow *row);
gboolean _lxcmon_host_row_is_due (LxcmonHostRow *row, gint64 now);
void _lxcmon_host_handle_deadline (LxcmonHostRow *row, gint64 now);

/* lxcmon-host-scan.c */
gboolean _lxcmon_host_scan (LxcmonHost *self);

/* lxcmon-host-work.c */
void _lxcmon_host_work_start (LxcmonHost *self);
void _lxcmon_host_work_stop (LxcmonHost *self);
