/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The rows of a host: the one list that all backends change. lxcmon-libvirt uses it too; the header is not
 * installed.
 */

#include "lxcmon-main-source-private.h"
#include "lxcmon-row-private.h"

typedef struct
{
  GObject *host;    /* emits the signals; it contains this struct */
  GListStore *list; /* of LxcmonRow, sorted by name, byte by byte */
  GMainContext *context;

  /* The host's settings; the times in ms */
  guint reboot_timeout;
  guint linger_timeout;
  gboolean watch_init;

  char **names; /* of the containers that become rows; NULL for all */

  guint epoch;    /* changes when the host is started and stopped */
  guint handover; /* changes when another backend takes over the rows */
  gint disposed;  /* atomic: nothing is emitted any more */

  LxcmonMainSource *source; /* while started */
  GHashTable *ended;        /* by name: which run was reported last as ended, on this host */
  guint ended_max;          /* how many, until those are dropped that cannot be listed any more */
} LxcmonRows;

void _lxcmon_rows_init (LxcmonRows *self, GObject *host);
void _lxcmon_rows_clear (LxcmonRows *self);
void _lxcmon_rows_remove_all (LxcmonRows *self);

LXCMON_EXPORT gboolean _lxcmon_rows_want (LxcmonRows *self, const char *name);
LXCMON_EXPORT LxcmonRow *_lxcmon_rows_lookup (LxcmonRows *self, const char *name);
LXCMON_EXPORT GPtrArray *_lxcmon_rows_copy (LxcmonRows *self);
LXCMON_EXPORT void _lxcmon_rows_add (LxcmonRows *self, GPtrArray *rows);
LXCMON_EXPORT void _lxcmon_rows_remove (LxcmonRows *self, LxcmonRow *row);
LXCMON_EXPORT void _lxcmon_rows_report (LxcmonRows *self, LxcmonRow *row, LxcmonReport report,
                                        const LxcmonModel *model, const GError *error);
LXCMON_EXPORT gboolean _lxcmon_rows_has_ended (LxcmonRows *self, const char *name,
                                               gint controller_pid);
void _lxcmon_rows_notify (LxcmonRows *self, const char *property);
