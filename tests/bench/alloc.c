/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the counting of allocations: malloc and its family are defined here, and go on to glibc's own.
 * Sanitizers have a malloc of their own, which is left alone; nothing is counted then.
 */

#include "bench.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#ifdef BENCH_COUNTS_ALLOCATIONS

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *old, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);

static guint64 n_allocations;

void *
malloc (size_t size)
{
  n_allocations++;
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  n_allocations++;
  return __libc_calloc (n, size);
}

void *
realloc (void *old, size_t size)
{
  n_allocations++;
  return __libc_realloc (old, size);
}

void *
memalign (size_t alignment, size_t size)
{
  n_allocations++;
  return __libc_memalign (alignment, size);
}

void *
aligned_alloc (size_t alignment, size_t size)
{
  return memalign (alignment, size);
}

int
posix_memalign (void **place, size_t alignment, size_t size)
{
  void *memory = memalign (alignment, size);

  if (memory == NULL)
    return ENOMEM;
  *place = memory;
  return 0;
}

guint64
bench_n_allocations (void)
{
  return n_allocations;
}

#else

guint64
bench_n_allocations (void)
{
  bench_die ("allocations cannot be counted in this build");
}

#endif

/* Bytes of the heap in use, with what the allocator needs for itself. */
guint64
bench_heap_in_use (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}
