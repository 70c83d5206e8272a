/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * The surroundings of a test of the command: a directory of its own, and controllers in it that run in
 * the process of the test.
 */

#include <lxcmon-mock/lxcmon-mock.h>

#include "common/mock.h"

#include "command.h"

#define INIT_PID 4711

typedef struct
{
  char *dir;
  char *path; /* of the controller's socket: "web1.sock" */
  LxcmonMockController *controller;
} Room;

typedef void (*RoomFunc) (Room *room);

void room_test_add (const char *path, RoomFunc func);
char *room_build_path (Room *self, const char *base);
int room_lock_driver (Room *self);
void room_start (Room *self);
LxcmonMockController *room_add (Room *self, const char *base, int init_pid);
void room_finish (LxcmonMockController *controller, LxcmonExitStatus status);
void room_wait_attached (LxcmonMockController *controller, guint n_clients);
void room_send (LxcmonMockController *controller, const void *bytes, gsize size);
