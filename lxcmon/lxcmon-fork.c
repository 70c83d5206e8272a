/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the count of forks between the first process that used the library and this one. Comparing getpid()
 * would need a system call for each event.
 */

#include "lxcmon-fork-private.h"

#include <pthread.h>

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
unsigned int _lxcmon_fork_count;

static void
count_fork (void)
{
  _lxcmon_fork_count++;
}

static void
watch_forks (void)
{
  (void) pthread_atfork (NULL, NULL, count_fork);
}

unsigned int
_lxcmon_fork_generation (void)
{
  pthread_once (&fork_once, watch_forks);
  return _lxcmon_fork_count;
}
