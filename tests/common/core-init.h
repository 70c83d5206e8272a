/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * A container's init: a child of this process, which is its controller, and pid 1 of a pid namespace. It ends when
 * the test wants it.
 */

#include <glib.h>

#include <sys/types.h>

typedef enum
{
  CORE_INIT_REAL,
  CORE_INIT_PLAIN, /* a child without a namespace of its own */
} CoreInitKind;

typedef struct
{
  pid_t pid;
  int command;
} CoreInit;

/* Whether inits can be made here, and this kernel says how they end; otherwise the test is skipped. */
gboolean core_init_can_run (void);

void core_init_start (CoreInit *self, CoreInitKind kind);
/* With this pid, which must be free: FALSE if that is not possible. */
gboolean core_init_start_as (CoreInit *self, CoreInitKind kind, pid_t pid);

/* Lets it return @exit_code, or kills it with a signal, and reaps it. An init ignores signals but SIGKILL. */
void core_init_exit (CoreInit *self, int exit_code);
void core_init_kill (CoreInit *self, int signal);

/* Kills it and leaves it unreaped; core_init_reap() follows. */
void core_init_kill_only (CoreInit *self, int signal);
void core_init_reap (CoreInit *self);
