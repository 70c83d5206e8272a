/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The inside of a test controller, which lxcmon's own tests make misbehave.
 */

#include <lxcmon-mock/lxcmon-mock.h>
#include <lxcmon/lxcmon-decoder.h>

typedef enum
{
  MOCK_END_NONE,
  MOCK_END_WHEN_SENT, /* when the client has got everything, or has left */
  MOCK_END_NOW,
  MOCK_END_KILLED, /* now, and the socket's file stays */
} MockEnd;

struct _LxcmonMockController
{
  GObject parent_instance;

  char *socket_path;
  GMainContext *context; /* where n-clients is notified */
  GMutex mutex;          /* for what follows */
  GCond ended;
  GThread *thread; /* until it is joined */
  guint n_starts;

  int listen_fd; /* -1: it does not run */
  int client_fd;
  int wake_fd;
  gboolean bound; /* the file at the path is ours to remove */
  gboolean had_client;
  guint n_pings; /* how many were read */
  LxcmonDecoder *decoder;
  GByteArray *unsent;
  /* What may be changed at any time, with a wake-up. */
  MockEnd end;
  int init_pid;       /* sent to the first client; 0: no INIT */
  gboolean reading;   /* if not, it answers no PING and does not see its client leave */
  gboolean accepting; /* if not, clients wait in the backlog */
};

gboolean _lxcmon_mock_open (LxcmonMockController *self, GError **error);
void _lxcmon_mock_wake (LxcmonMockController *self);
void _lxcmon_mock_iterate (LxcmonMockController *self);
void _lxcmon_mock_send (LxcmonMockController *self, const void *bytes, gsize size);
void _lxcmon_mock_remove_socket (LxcmonMockController *self);
