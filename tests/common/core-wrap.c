/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The functions that replace those of the C library, by --wrap. They count between core_wrap_begin() and
 * core_wrap_end(), and only call the C library otherwise.
 */

#include "core-wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

static struct
{
  gboolean counting;
  guint counts[CORE_N_CALLS];
  CoreFaultFilter filter;
  guint fault_index;
  guint n_eligible;
  gboolean sticky;
  gboolean struck;
  int struck_errno;   /* of the first that was struck */
  gssize send_budget; /* -1: no limit */
} wrap = { .send_budget = -1 };

static const char *const call_names[] = {
#define CORE_WRAP_NAME(name) #name,
  CORE_WRAP_ALLOCATIONS (CORE_WRAP_NAME) CORE_WRAP_SYSTEM_CALLS (CORE_WRAP_NAME)
#undef CORE_WRAP_NAME
};

void
core_wrap_begin (void)
{
  memset (wrap.counts, 0, sizeof wrap.counts);
  wrap.n_eligible = 0;
  wrap.struck = FALSE;
  wrap.counting = TRUE;
}

/* Around what the test itself does. */
void
core_wrap_pause (void)
{
  wrap.counting = FALSE;
}

void
core_wrap_resume (void)
{
  wrap.counting = TRUE;
}

/* Returns the number of system calls. */
guint
core_wrap_end (void)
{
  wrap.counting = FALSE;
  wrap.filter = NULL;
  return core_wrap_get_n_system_calls ();
}

guint
core_wrap_get_n_allocations (void)
{
  guint n = 0;

  for (int i = 0; i < CORE_N_CALLS; i++)
    n += CORE_IS_ALLOCATION (i) ? wrap.counts[i] : 0;
  return n;
}

guint
core_wrap_get_n_system_calls (void)
{
  guint n = 0;

  for (int i = 0; i < CORE_N_CALLS; i++)
    n += CORE_IS_ALLOCATION (i) ? 0 : wrap.counts[i];
  return n;
}

guint
core_wrap_get_n (CoreCall call)
{
  return wrap.counts[call];
}

/* What was called how often, "epoll_wait:1 recv:1". */
char *
core_wrap_describe (void)
{
  GString *text = g_string_new (NULL);

  for (int i = 0; i < CORE_N_CALLS; i++)
    if (wrap.counts[i] > 0)
      g_string_append_printf (text, "%s%s:%u", text->len > 0 ? " " : "", call_names[i],
                              wrap.counts[i]);
  return g_string_free (text, FALSE);
}

/* Makes the call with that index fail of those that @filter lets fail, and all after it if it is sticky.
 * Holds until core_wrap_end(). */
void
core_wrap_set_fault (CoreFaultFilter filter, guint index, gboolean sticky)
{
  wrap.filter = filter;
  wrap.fault_index = index;
  wrap.sticky = sticky;
}

gboolean
core_wrap_has_struck (void)
{
  return wrap.struck;
}

/* Lets send() take that many bytes in all, cut wherever that is, and fail with EAGAIN then; -1 for no
 * limit. A Unix socket never cuts so small a message by itself. */
void
core_wrap_set_send_budget (gssize n_bytes)
{
  wrap.send_budget = n_bytes;
}

int
core_wrap_get_struck_errno (void)
{
  return wrap.struck ? wrap.struck_errno : 0;
}

static gboolean
strikes (CoreCall call)
{
  int fault_errno = 0;

  if (!wrap.counting)
    return FALSE;
  wrap.counts[call]++;
  if (wrap.filter == NULL || !wrap.filter (call, &fault_errno))
    return FALSE;

  guint index = wrap.n_eligible++;
  if (wrap.sticky ? index < wrap.fault_index : index != wrap.fault_index)
    return FALSE;
  if (!wrap.struck)
    wrap.struck_errno = fault_errno;
  wrap.struck = TRUE;
  errno = fault_errno;
  return TRUE;
}

#define WRAP(type, failure, name, parameters, arguments) \
  type __real_##name parameters;                         \
  type __wrap_##name parameters;                         \
  type __wrap_##name parameters                          \
  {                                                      \
    if (strikes (CORE_CALL_##name))                      \
      return failure;                                    \
    return __real_##name arguments;                      \
  }

/* clang-format off */
WRAP (void *, NULL, malloc, (size_t size), (size))
WRAP (void *, NULL, calloc, (size_t n, size_t size), (n, size))
WRAP (void *, NULL, realloc, (void *old, size_t size), (old, size))
WRAP (char *, NULL, strdup, (const char *text), (text))
WRAP (int, -1, close, (int fd), (fd))
WRAP (int, -1, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
WRAP (int, -1, epoll_create1, (int flags), (flags))
WRAP (int, -1, epoll_wait, (int fd, struct epoll_event *events, int n, int ms), (fd, events, n, ms))
WRAP (int, -1, fstat64, (int fd, struct stat *info), (fd, info))
WRAP (int, -1, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
      (fd, level, name, value, size))
WRAP (int, -1, getrlimit64, (__rlimit_resource_t what, struct rlimit *limit), (what, limit))
WRAP (int, -1, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))
WRAP (int, -1, inotify_init1, (int flags), (flags))
WRAP (DIR *, NULL, opendir, (const char *path), (path))
WRAP (int, -1, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms))
WRAP (ssize_t, -1, read, (int fd, void *buffer, size_t size), (fd, buffer, size))
WRAP (DIR *, NULL, fdopendir, (int fd), (fd))
WRAP (struct dirent *, NULL, readdir64, (DIR *dir), (dir))
WRAP (int, -1, stat64, (const char *path, struct stat *info), (path, info))
WRAP (int, -1, fstatat64, (int fd, const char *path, struct stat *info, int flags),
      (fd, path, info, flags))
WRAP (ssize_t, -1, readlinkat, (int fd, const char *path, char *buffer, size_t size),
      (fd, path, buffer, size))
WRAP (ssize_t, -1, recv, (int fd, void *buffer, size_t size, int flags), (fd, buffer, size, flags))
WRAP (int, -1, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
      (fd, level, name, value, size))
WRAP (int, -1, shutdown, (int fd, int how), (fd, how))
WRAP (int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP (int, -1, timerfd_create, (int clock, int flags), (clock, flags))
WRAP (int, -1, timerfd_settime, (int fd, int flags, const struct itimerspec *when,
                                 struct itimerspec *old), (fd, flags, when, old))
/* clang-format on */

/* These take one more argument or none; the core gives an int where it gives one. */
int __real_fcntl64 (int fd, int command, ...);
int __wrap_fcntl64 (int fd, int command, ...);
int __real_open64 (const char *path, int flags, ...);
int __wrap_open64 (const char *path, int flags, ...);
int __real_openat64 (int dir, const char *path, int flags, ...);
int __wrap_openat64 (int dir, const char *path, int flags, ...);

int
__wrap_fcntl64 (int fd, int command, ...)
{
  va_list args;

  va_start (args, command);
  void *argument = va_arg (args, void *);
  va_end (args);
  if (strikes (CORE_CALL_fcntl64))
    return -1;
  return __real_fcntl64 (fd, command, argument);
}

int
__wrap_open64 (const char *path, int flags, ...)
{
  va_list args;

  va_start (args, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg (args, mode_t) : 0;
  va_end (args);
  if (strikes (CORE_CALL_open64))
    return -1;
  return __real_open64 (path, flags, mode);
}

int
__wrap_openat64 (int dir, const char *path, int flags, ...)
{
  if (strikes (CORE_CALL_openat64))
    return -1;
  return __real_openat64 (dir, path, flags);
}

int __real_ioctl (int fd, unsigned long request, ...);
int __wrap_ioctl (int fd, unsigned long request, ...);

/* If it is to fail with 0, it succeeds, and the kernel has answered nothing: the answer begins with what is valid. */
int
__wrap_ioctl (int fd, unsigned long request, ...)
{
  va_list args;

  va_start (args, request);
  void *argument = va_arg (args, void *);
  va_end (args);
  if (!strikes (CORE_CALL_ioctl))
    return __real_ioctl (fd, request, argument);
  if (errno != 0)
    return -1;
  memset (argument, 0, sizeof (guint64));
  return 0;
}

long __real_syscall (long number, ...);
long __wrap_syscall (long number, ...);

/* Six arguments, however many there are: the kernel ignores the others. */
long
__wrap_syscall (long number, ...)
{
  long arguments[6];
  va_list args;

  va_start (args, number);
  for (gsize i = 0; i < G_N_ELEMENTS (arguments); i++)
    arguments[i] = va_arg (args, long);
  va_end (args);
  if (strikes (CORE_CALL_syscall))
    return -1;
  return __real_syscall (number, arguments[0], arguments[1], arguments[2], arguments[3],
                         arguments[4], arguments[5]);
}

int __real_epoll_ctl (int fd, int op, int of, struct epoll_event *event);
int __wrap_epoll_ctl (int fd, int op, int of, struct epoll_event *event);

/* Removing what is watched needs no memory, and cannot fail in any kernel. */
int
__wrap_epoll_ctl (int fd, int op, int of, struct epoll_event *event)
{
  if (op == EPOLL_CTL_DEL)
    wrap.counts[CORE_CALL_epoll_ctl] += wrap.counting ? 1 : 0;
  else if (strikes (CORE_CALL_epoll_ctl))
    return -1;
  return __real_epoll_ctl (fd, op, of, event);
}

ssize_t __real_send (int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send (int fd, const void *bytes, size_t size, int flags);

ssize_t
__wrap_send (int fd, const void *bytes, size_t size, int flags)
{
  if (strikes (CORE_CALL_send))
    return -1;
  if (wrap.send_budget < 0)
    return __real_send (fd, bytes, size, flags);
  if (wrap.send_budget == 0)
    {
      errno = EAGAIN;
      return -1;
    }

  ssize_t n = __real_send (fd, bytes, MIN (size, (size_t) wrap.send_budget), flags);
  wrap.send_budget -= n > 0 ? n : 0;
  return n;
}
