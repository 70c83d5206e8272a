/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

/* Whose files and processes are believed. */
static inline bool
_lxcmon_is_trusted (uid_t uid)
{
  return uid == 0 || uid == geteuid ();
}
