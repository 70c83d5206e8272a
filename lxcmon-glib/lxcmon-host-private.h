/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of a host share. From bottom to top: lxcmon-host-row.c a row, its session and its events;
 * lxcmon-host-watch.c hints from the file system; lxcmon-host-driver.c whether libvirtd is running;
 * lxcmon-host-scan.c what a scan changes; lxcmon-host-dispatch.c what is done when; lxcmon-host.c the type.
 */

#include <lxcmon-glib/lxcmon-host.h>
#include <lxcmon/lxcmon-runtime-dir.h>

#include "lxcmon-monitor-list-private.h"
#include "lxcmon-session-private.h"

#define LXCMON_HOST_NEVER G_MAXINT64

/* After descriptors or memory have run short: when to try again. */
#define LXCMON_HOST_SHORTAGE_US (1 * G_TIME_SPAN_SECOND)

typedef enum
{
  LXCMON_ROW_DETACHED,  /* to be attached when the slot is free, from row->due on */
  LXCMON_ROW_ATTACHED,  /* it has a session */
  LXCMON_ROW_REBOOTING, /* its controller has ended, and the next one is expected until row->due */
  LXCMON_ROW_CLOSED,    /* it has ended, and leaves the list from row->due on */
} LxcmonHostRowPhase;

#define LXCMON_TYPE_HOST_ROW (_lxcmon_host_row_get_type ())
G_DECLARE_FINAL_TYPE (LxcmonHostRow, _lxcmon_host_row, LXCMON, HOST_ROW, LxcmonMonitor)

/* All times are monotonic, in µs. */
struct _LxcmonHostRow
{
  LxcmonMonitor parent_instance;

  LxcmonHost *host; /* not owned; NULL once the row has left the list */
  LxcmonSession *session;
  GRefString *socket_path;
  guint64 file; /* which socket file it is about; see LxcmonRuntimeSocket */
  LxcmonHostRowPhase phase;
  gint64 due;            /* see the phases; may be LXCMON_HOST_NEVER */
  gint64 reboot_until;   /* after a reboot, until it is attached again; otherwise 0 */
  guint serial;          /* of the last scan that saw its socket with a listener */
  guint n_tries;         /* attaches that failed in a row */
  gboolean asked;        /* the controller's pid was found out, or cannot be */
  gboolean has_listener; /* closed: its socket may still have one; then the row stays */
  gboolean reporting;    /* closed: handlers of that still run */
  GError *yields;        /* why its session is being closed for libvirtd, or NULL */
};

/* The driver that manages the containers, as far as a host needs to know. */
typedef struct
{
  gboolean running;
  gint pid;
  GSource *end;      /* ready when it has ended */
  int end_fd;        /* its pidfd */
  gint64 ask_at;     /* where it cannot be watched: when to ask again; otherwise 0 */
  gint64 wait_until; /* it has ended, and a successor may come; otherwise 0 */
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
  GSource *source; /* dispatched when there is something to do */
  GQueue pending;  /* of LxcmonHostRow: to be attached */
  GFileMonitor *monitor;
  char *watched; /* what it watches: the runtime directory, or its nearest parent that exists */
  guint64 watched_device;
  guint64 watched_inode;
  GHashTable *ended; /* the files of containers that have ended, while they still have a listener */
  LxcmonHostDriver driver;
  gint64 scan_at;         /* LXCMON_HOST_NEVER if no scan is due */
  gint64 scan_not_before; /* there is a minimum time between scans */
  gint64 safety_at;       /* a scan for what no hint has reported */
  gint64 rows_at;         /* the earliest time at which a row is due */
  gint64 shortage_until;  /* when to attach again */
  guint n_early_scans;    /* since the last hint: a socket was bound and had no listener yet */
  guint serial;           /* of the last scan */
  guint scanning;         /* the epoch of a scan that is going on, or 0 */
  gboolean warned;        /* of what is wrong at present */
};

static inline LxcmonMonitorList *
_lxcmon_host_get_list (LxcmonHost *self)
{
  return (LxcmonMonitorList *) self;
}

/* lxcmon-host-row.c */
const char *_lxcmon_host_get_dir (LxcmonHost *self);
GPtrArray *_lxcmon_host_copy_rows (LxcmonHost *self);
void _lxcmon_host_wake (LxcmonHost *self, gint64 at);
void _lxcmon_host_scan_soon (LxcmonHost *self);
void _lxcmon_host_retry_rows (LxcmonHost *self);
void _lxcmon_host_warn_once (LxcmonHost *self, const char *what, const char *why);
LxcmonHostRow *_lxcmon_host_row_new (LxcmonHost *host, const LxcmonRuntimeSocket *socket);
void _lxcmon_host_row_attach (LxcmonHostRow *self);
void _lxcmon_host_row_yield (LxcmonHostRow *self, const GError *error);
void _lxcmon_host_row_observe (LxcmonHostRow *self, gint controller_pid, const GError *error);
void _lxcmon_host_row_give_up_reboot (LxcmonHostRow *self);
void _lxcmon_host_row_set_phase (LxcmonHostRow *self, LxcmonHostRowPhase phase, gint64 due);
void _lxcmon_host_row_retry_later (LxcmonHostRow *self);
void _lxcmon_host_row_remove (LxcmonHostRow *self);

/* lxcmon-host-watch.c */
void _lxcmon_host_watch_update (LxcmonHost *self);
void _lxcmon_host_watch_stop (LxcmonHost *self);

/* lxcmon-host-driver.c */
void _lxcmon_host_driver_update (LxcmonHost *self, const LxcmonDriver *found);
void _lxcmon_host_driver_stop (LxcmonHost *self);
gboolean _lxcmon_host_driver_manages (LxcmonHost *self);
GError *_lxcmon_host_driver_error (LxcmonHost *self, const char *name);

/* lxcmon-host-scan.c */
gint64 _lxcmon_host_scan (LxcmonHost *self);

/* lxcmon-host-dispatch.c */
void _lxcmon_host_dispatch_start (LxcmonHost *self);
void _lxcmon_host_dispatch_stop (LxcmonHost *self);
