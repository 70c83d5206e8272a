/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* container-private.h: what container.c and container-start.c share.
 *
 * Owns: the struct.
 * Does not: be included by a test. */

#pragma once

#include "container.h"

struct _Container
{
  char *name;
  char *uuid;
  char *socket_path;
  char *directory; /* holds the next two; NULL before make_root */
  char *root;
  char *log_path;
  int fifo_fd;

  pid_t controller;      /* 0 while there is none */
  pid_t last_controller; /* its groups may still be there */
  GArray *controllers;   /* of pid_t: all that it has had */
  int controller_fd;
  gboolean is_ours; /* otherwise, the name may be used by another process */
  gboolean adopted; /* libvirtd's child and not ours to reap */
  int wait_status;

  pid_t init; /* the one that init_fd belongs to */
  int init_fd;

  int continue_fds[2]; /* our "continue": its reading end stays open with us,
                             so that a dead controller is no SIGPIPE */
  int answer_fd;       /* the controller's */
};

/* After both nothing of the previous run is left. */
void container_kill_controller (Container *self);
void container_sweep (Container *self);

/* The end of the controller's log, never NULL. */
char *container_log_tail (Container *self);
