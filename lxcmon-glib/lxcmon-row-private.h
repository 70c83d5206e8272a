/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A row of a host: the monitor of one container. The backend that reports the container keeps what it
 * needs in it. lxcmon-libvirt uses it too; the header is not installed.
 */

#include "lxcmon-monitor-private.h"

typedef enum
{
  LXCMON_DIRECT_DETACHED, /* to be attached when the slot is free, from row->due on */
  LXCMON_DIRECT_ATTACHED, /* it has a session */
  LXCMON_DIRECT_REBOOTING, /* its controller has ended, and the next one is expected until row->due */
  LXCMON_DIRECT_CLOSED,    /* it has ended, and leaves the list from row->due on */
} LxcmonDirectPhase;

#define LXCMON_TYPE_ROW (_lxcmon_row_get_type ())
LXCMON_EXPORT
G_DECLARE_FINAL_TYPE (LxcmonRow, _lxcmon_row, LXCMON, ROW, LxcmonMonitor)

/* All times are monotonic, in µs. */
struct _LxcmonRow
{
  LxcmonMonitor parent_instance;

  /* Which run of the container it is about, on this host: the controller's pid is in the model, and this is when it
   * started, in ticks since the host booted; 0 if it is not known, or has ended */
  guint64 controller_start;
  gint64 reboot_until; /* after a reboot, until the next run has begun; otherwise 0 */
  GSource *end_watch;  /* ready when the controller has ended; while nobody is attached, or NULL */
  int init_fd;         /* a pidfd of init, while there is no session that has one; or -1 */
  gint init_tried;     /* the pid of the init whose pidfd was to be opened last */

  /* Of another backend than the direct one, or NULL */
  gpointer data;
  GDestroyNotify free_data;

  /* Of the direct backend */
  struct _LxcmonDirectBackend *direct; /* not owned; NULL if the row is not the direct backend's */
  struct _LxcmonSession *session;
  GRefString *socket_path;
  guint64 file; /* which socket file it is about; see LxcmonRuntimeSocket */
  LxcmonDirectPhase phase;
  gint64 due;            /* see the phases; may be LXCMON_DIRECT_NEVER */
  gboolean init_known;   /* "init" was emitted for this run, or need not be */
  guint serial;          /* of the last scan that saw its socket with a listener */
  guint n_tries;         /* attaches that failed in a row */
  gboolean asked;        /* the controller's pid was found out */
  gboolean has_listener; /* closed: its socket may still have one; then the row stays */
  gboolean reporting;    /* closed: handlers of that still run */
  GError *yields;        /* why its session is being closed for libvirtd, or NULL */
};

LXCMON_EXPORT LxcmonRow *_lxcmon_row_new (const char *name);
LXCMON_EXPORT void _lxcmon_row_set_data (LxcmonRow *self, gpointer data, GDestroyNotify free_data);
LXCMON_EXPORT gboolean _lxcmon_row_is_run_of (LxcmonRow *self, gint controller_pid);
LXCMON_EXPORT gboolean _lxcmon_row_has_ended (LxcmonRow *self);
LXCMON_EXPORT gboolean _lxcmon_row_watch_end (LxcmonRow *self, GMainContext *context,
                                              GSourceFunc func, gpointer user_data);
LXCMON_EXPORT void _lxcmon_row_unwatch_end (LxcmonRow *self);
void _lxcmon_row_watch_init (LxcmonRow *self, const LxcmonModel *model);
LXCMON_EXPORT void _lxcmon_row_set_init_fd (LxcmonRow *self, int init_fd);
int _lxcmon_row_steal_init_fd (LxcmonRow *self);
void _lxcmon_row_add_init_end (LxcmonRow *self, LxcmonModel *model);
LXCMON_EXPORT GError *_lxcmon_row_new_unseen_error (LxcmonRow *self);
