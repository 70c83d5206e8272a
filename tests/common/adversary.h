/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A stranger: a process of uid 65534 that does beside a controller's socket what any local user may do, so that lxcmon
 * should take its things for the controller's. As root only it is another user than the test.
 */

#include <glib.h>
#include <sys/types.h>

#define ADVERSARY_UID 65534

typedef struct
{
  pid_t pid;
  int stop;
} Adversary;

void adversary_start (Adversary *self, const char *dir, const char *name, guint n_sockets);
void adversary_stop (Adversary *self);
