/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Waiting for another socket at the same path.
 */

#include <gio/gio.h>

/* Which file a socket is. Its inode alone is not enough: some file systems use one again at once. */
typedef struct
{
  guint64 device;
  guint64 inode; /* 0 where there is no file */
  gint64 change_s;
  gint64 change_ns;
} LxcmonFileIdentity;

typedef struct _LxcmonSocketWatch LxcmonSocketWatch;

LxcmonFileIdentity _lxcmon_file_identity_read (const char *path);
gboolean _lxcmon_file_identity_equal (const LxcmonFileIdentity *a, const LxcmonFileIdentity *b);

LxcmonSocketWatch *_lxcmon_socket_watch_new (const char *path, GMainContext *context,
                                             void (*check) (gpointer user_data),
                                             gpointer user_data);
void _lxcmon_socket_watch_free (LxcmonSocketWatch *self);
