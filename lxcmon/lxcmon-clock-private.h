/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <stdint.h>
#include <time.h>

#define LXCMON_NS_PER_MS 1000000
#define LXCMON_NS_PER_S  1000000000

/* The one clock of the core: monotonic, so that a change of the date moves no timer. Reading it
 * makes no system call. */
static inline int64_t
_lxcmon_clock_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * LXCMON_NS_PER_S + now.tv_nsec;
}
