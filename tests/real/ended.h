/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ended.h: the ways in which the init of a real container ends, and what is then known of it. */

#pragma once

#include <lxcmon-glib/lxcmon-glib.h>

#include "container.h"

G_BEGIN_DECLS

typedef struct
{
  const char *command; /* or NULL: init is killed */
  LxcmonEnd end;
  int exit_code;
  int signal;
  const char *description;
} EndedWay;

#define N_ENDED_WAYS 6
extern const EndedWay ended_ways[N_ENDED_WAYS];

/* Whether this kernel says how a process ended, asked without lxcmon; otherwise the test is skipped. */
gboolean ended_is_known (void);
/* How many runs there are of each way to end. */
int ended_count_runs (void);

void ended_end (Container *container, const EndedWay *way);
/* In a handler of "exit", or after "closed". */
void ended_assert (LxcmonMonitor *monitor, const EndedWay *way);
/* Adds the life to a set: no earlier run had it. */
void ended_add_life (GHashTable *lives, LxcmonMonitor *monitor);
/* "PREFIX/shut-down--exit-code-42" */
void ended_add_test (const char *prefix, const EndedWay *way, GTestDataFunc func);

G_END_DECLS
