/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * What the files of the direct backend share. From bottom to top: lxcmon-direct-row.c a row, its session and
 * its events; lxcmon-direct-watch.c hints from the file system; lxcmon-direct-driver.c whether libvirtd is
 * running; lxcmon-direct-scan.c what a scan changes; lxcmon-direct-dispatch.c what is done when;
 * lxcmon-direct.c the type.
 */

#include <lxcmon/lxcmon-runtime-dir.h>

#include "lxcmon-backend-private.h"
#include "lxcmon-session-private.h"

#define LXCMON_DIRECT_NEVER G_MAXINT64

/* How often to scan if the end of a controller that nobody is attached to cannot be watched. */
#define LXCMON_DIRECT_UNWATCHED_END_US (1 * G_TIME_SPAN_SECOND)

/* After descriptors or memory have run short: when to try again. */
#define LXCMON_DIRECT_SHORTAGE_US (1 * G_TIME_SPAN_SECOND)

/* The driver that manages the containers, as far as a host needs to know. */
typedef struct
{
  gboolean running;
  gint pid;
  GSource *end;      /* ready when it has ended */
  gint64 ask_at;     /* where it cannot be watched: when to ask again; otherwise 0 */
  gint64 wait_until; /* it has ended, and a successor may come; otherwise 0 */
} LxcmonDirectDriver;

#define LXCMON_TYPE_DIRECT_BACKEND (_lxcmon_direct_backend_get_type ())
G_DECLARE_FINAL_TYPE (LxcmonDirectBackend, _lxcmon_direct_backend, LXCMON, DIRECT_BACKEND,
                      LxcmonBackend)

/* All times are monotonic, in µs. */
struct _LxcmonDirectBackend
{
  LxcmonBackend parent_instance;

  /* The host's settings. */
  char *runtime_dir;     /* NULL for the default one */
  gboolean force;        /* as set */
  gboolean is_automatic; /* the host chooses between backends: force does not count */

  guint n_unlisted;
  gboolean on_standby; /* the rows are another backend's: only the driver is of interest */
  gboolean is_listed;  /* the rows are ours, and right */
  char *why_busy;      /* why the driver's containers are not reported through it, or NULL */

  /* While it is started: */
  guint n_sessions; /* those of its rows */
  GSource *source;  /* dispatched when there is something to do */
  GQueue pending;   /* of LxcmonRow: to be attached */
  GFileMonitor *monitor;
  char *watched; /* what it watches: the runtime directory, or its nearest parent that exists */
  guint64 watched_device;
  guint64 watched_inode;
  GHashTable *ended; /* the files of containers that have ended, while they still have a listener */
  LxcmonDirectDriver driver;
  gint64 scan_at;         /* LXCMON_DIRECT_NEVER if no scan is due */
  gint64 scan_not_before; /* there is a minimum time between scans */
  gint64 safety_at;       /* a scan for what no hint has reported */
  gint64 rows_at;         /* the earliest time at which a row is due */
  gint64 shortage_until;  /* when to attach again */
  guint n_early_scans;    /* since the last hint: a socket was bound and had no listener yet */
  guint serial;           /* of the last scan */
  guint scanning;         /* the epoch of a scan that is going on, or 0 */
  gboolean warned;        /* of what is wrong at present */
};

static inline LxcmonRows *
_lxcmon_direct_get_rows (LxcmonDirectBackend *self)
{
  return _lxcmon_backend_get_rows ((LxcmonBackend *) self);
}

static inline guint
_lxcmon_direct_get_epoch (LxcmonDirectBackend *self)
{
  return _lxcmon_backend_get_epoch ((LxcmonBackend *) self);
}

/* lxcmon-direct-row.c */
const char *_lxcmon_direct_get_dir (LxcmonDirectBackend *self);
gboolean _lxcmon_direct_is_forced (LxcmonDirectBackend *self);
void _lxcmon_direct_wake (LxcmonDirectBackend *self, gint64 at);
void _lxcmon_direct_scan_soon (LxcmonDirectBackend *self);
void _lxcmon_direct_retry_rows (LxcmonDirectBackend *self);
void _lxcmon_direct_warn_once (LxcmonDirectBackend *self, const char *what, const char *why);
LxcmonRow *_lxcmon_direct_row_new (LxcmonDirectBackend *self, const LxcmonRuntimeSocket *socket);
void _lxcmon_direct_row_adopt (LxcmonRow *self, LxcmonDirectBackend *direct,
                               const LxcmonRuntimeSocket *socket);
void _lxcmon_direct_row_release (LxcmonRow *self);
void _lxcmon_direct_row_attach (LxcmonRow *self);
void _lxcmon_direct_row_yield (LxcmonRow *self, const GError *error);
void _lxcmon_direct_row_observe (LxcmonRow *self, gint controller_pid, const GError *error);
void _lxcmon_direct_row_give_up_reboot (LxcmonRow *self);
void _lxcmon_direct_row_set_phase (LxcmonRow *self, LxcmonDirectPhase phase, gint64 due);
void _lxcmon_direct_row_retry_later (LxcmonRow *self);
void _lxcmon_direct_row_end_unseen (LxcmonRow *self);
void _lxcmon_direct_row_linger (LxcmonRow *self);
void _lxcmon_direct_row_remove (LxcmonRow *self);

/* lxcmon-direct-watch.c */
void _lxcmon_direct_watch_update (LxcmonDirectBackend *self);
void _lxcmon_direct_watch_stop (LxcmonDirectBackend *self);

/* lxcmon-direct-driver.c */
gboolean _lxcmon_direct_driver_update (LxcmonDirectBackend *self, const LxcmonDriver *found);
void _lxcmon_direct_driver_stop (LxcmonDirectBackend *self);
gboolean _lxcmon_direct_driver_manages (LxcmonDirectBackend *self);
GError *_lxcmon_direct_driver_error (LxcmonDirectBackend *self, const char *name);

/* lxcmon-direct-scan.c */
gint64 _lxcmon_direct_scan (LxcmonDirectBackend *self);

/* lxcmon-direct-dispatch.c */
void _lxcmon_direct_dispatch_start (LxcmonDirectBackend *self);
void _lxcmon_direct_dispatch_stop (LxcmonDirectBackend *self);
void _lxcmon_direct_release_rows (LxcmonDirectBackend *self);

/* lxcmon-direct.c, for a host */
LxcmonDirectBackend *_lxcmon_direct_backend_new (void);
void _lxcmon_direct_set_force (LxcmonDirectBackend *self, gboolean force);
void _lxcmon_direct_set_on_standby (LxcmonDirectBackend *self, gboolean on_standby);
void _lxcmon_direct_set_why_busy (LxcmonDirectBackend *self, const char *why);
