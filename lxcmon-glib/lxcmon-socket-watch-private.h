/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Waiting for another socket at the same path.
 */

#include <gio/gio.h>

typedef struct _LxcmonSocketWatch LxcmonSocketWatch;

guint64 _lxcmon_socket_watch_identify (const char *path);

LxcmonSocketWatch *_lxcmon_socket_watch_new (const char *path, GMainContext *context,
                                             void (*check) (gpointer user_data),
                                             gpointer user_data);
void _lxcmon_socket_watch_free (LxcmonSocketWatch *self);
