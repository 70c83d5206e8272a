/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The controller's part of the conversation, on the sockets themselves. All of it happens in the
 * thread that runs the server's context.
 */

#include <gio/gio.h>

typedef struct _LxcmonMockServer LxcmonMockServer;

/* What a server tells its owner, from its own thread. */
typedef struct
{
  void (*client_changed) (gboolean has_client, gpointer user_data);
  void (*pinged) (gpointer user_data);
} LxcmonMockServerEvents;

LxcmonMockServer *_lxcmon_mock_server_new (const char *socket_path, GMainContext *context,
                                           const LxcmonMockServerEvents *events, gpointer user_data,
                                           GError **error);
void _lxcmon_mock_server_free (LxcmonMockServer *self);
void _lxcmon_mock_server_set_init_pid (LxcmonMockServer *self, gint init_pid);
void _lxcmon_mock_server_set_reading (LxcmonMockServer *self, gboolean reading);
void _lxcmon_mock_server_set_accept_delay (LxcmonMockServer *self, guint accept_delay);
void _lxcmon_mock_server_listen (LxcmonMockServer *self);
gboolean _lxcmon_mock_server_send (LxcmonMockServer *self, const void *bytes, gsize size,
                                   GError **error);
void _lxcmon_mock_server_end (LxcmonMockServer *self, gboolean leave_socket);
gboolean _lxcmon_mock_server_has_left_socket (LxcmonMockServer *self);
