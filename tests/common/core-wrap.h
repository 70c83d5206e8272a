/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/*
 * Stands between the code that is linked into a test and the C library, by the linker's --wrap: counts
 * system calls and allocations, and makes them fail when asked to.
 */

#include <glib.h>

/* Every function of the C library by which the core allocates. */
#define CORE_WRAP_ALLOCATIONS(X) X (malloc) X (calloc) X (realloc) X (strdup)

/* Every one by which it makes a system call; memory and clocks aside. */
/* clang-format off */
#define CORE_WRAP_SYSTEM_CALLS(X)                                                                \
  X (close) X (connect) X (epoll_create1) X (epoll_ctl) X (epoll_wait) X (fcntl64)               \
  X (fdopendir) X (fstat64) X (fstatat64) X (getrlimit64) X (getsockopt) X (inotify_add_watch)   \
  X (inotify_init1) X (ioctl) X (open64) X (openat64) X (opendir)                                \
  X (poll) X (read) X (readdir64) X (readlinkat) X (recv) X (send) X (setsockopt) X (shutdown)   \
  X (socket) X (stat64) X (syscall) X (timerfd_create) X (timerfd_settime)
/* clang-format on */

typedef enum
{
#define CORE_WRAP_ENUM(name) CORE_CALL_##name,
  CORE_WRAP_ALLOCATIONS (CORE_WRAP_ENUM) CORE_WRAP_SYSTEM_CALLS (CORE_WRAP_ENUM) CORE_N_CALLS
#undef CORE_WRAP_ENUM
} CoreCall;

#define CORE_IS_ALLOCATION(call) ((call) <= CORE_CALL_strdup)

/* Whether a call may be made to fail, and with which errno. */
typedef gboolean (*CoreFaultFilter) (CoreCall call, int *fault_errno);

void core_wrap_begin (void);
void core_wrap_pause (void);
void core_wrap_resume (void);
guint core_wrap_end (void);
guint core_wrap_get_n_allocations (void);
guint core_wrap_get_n_system_calls (void);
guint core_wrap_get_n (CoreCall call);
char *core_wrap_describe (void);

void core_wrap_set_fault (CoreFaultFilter filter, guint index, gboolean sticky);
gboolean core_wrap_has_struck (void);
int core_wrap_get_struck_errno (void);
void core_wrap_set_send_budget (gssize n_bytes);
