/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A controller that is controlled step by step: on one end of a socketpair, or with a listening socket in
 * a directory of its own.
 */

#include "core-bytes.h"
#include "core-test.h"

void core_send (int fd, const void *bytes, gsize size);
void core_send_array (int fd, const GByteArray *bytes);
void core_send_init (int fd, int pid);
void core_send_exit (int fd, int status);
void core_send_ping (int fd);
void core_send_pong (int fd);
void core_send_story (int fd);
char *core_receive (int fd);
char *core_receive_within (int fd, int timeout_ms);
gsize core_fill (int fd);
gsize core_drain (int fd);

typedef struct
{
  char *dir;
  char *path;
  int fd;
} CoreListener;

void core_listener_init (CoreListener *self);
void core_listener_init_full (CoreListener *self, const char *name, int type, int backlog);
void core_listener_clear (CoreListener *self);
int core_listener_accept (CoreListener *self);
int core_listener_connect (CoreListener *self);
guint core_listener_count (const CoreListener *self, const char *state);
int core_bind (const char *path, int type);
