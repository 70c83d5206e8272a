/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the answer whether a slot is free. The kernel goes through all of its sockets for it, so that 10,000 clients
 * that attach one after the other must not ask 10,000 times. A hub belongs to one thread: there is nothing to lock.
 */

#include "lxcmon-taken-private.h"

#include "lxcmon-clock-private.h"

#include <stdlib.h>
#include <string.h>

/* What was found is used for ten times as long as it took to find, so that asking takes a tenth of the time at most.
 * On an ordinary machine that is 3 ms. */
#define VALID_MAX_NS (100 * (int64_t) LXCMON_NS_PER_MS)
#define VALID_FACTOR 10

static bool
contains (const LxcmonTaken *self, LxcmonDiagFile file)
{
  const LxcmonDiagFiles *files = &self->files;

  return files->n > 0
         && bsearch (&file, files->items, files->n, sizeof file, _lxcmon_diag_compare_files)
                != NULL;
}

/* While other sockets are made and closed, an answer may leave out a client: that nobody has a slot is asked for
 * twice. */
static LxcmonDiagResult
renew (LxcmonTaken *self, LxcmonError *error)
{
  LxcmonDiagFiles *files = &self->files;
  int64_t start = _lxcmon_clock_now ();
  LxcmonDiagResult result = LXCMON_DIAG_MAY_HAVE_MISSED;

  self->valid_until = 0;
  files->n = 0;
  for (int i = 0; i < 2 && result == LXCMON_DIAG_MAY_HAVE_MISSED; i++)
    result = _lxcmon_diag_add_taken (files, error);
  if (result >= LXCMON_DIAG_UNAVAILABLE)
    return result;
  if (files->n > 0)
    qsort (files->items, files->n, sizeof *files->items, _lxcmon_diag_compare_files);

  int64_t now = _lxcmon_clock_now ();
  int64_t valid_for = (now - start) * VALID_FACTOR;
  self->valid_until = now + (valid_for < VALID_MAX_NS ? valid_for : VALID_MAX_NS);
  return result;
}

/**
 * _lxcmon_taken_check:
 * @file: a controller's socket
 * @taken: (out): whether another client is accepted
 * @error: (out) (optional): return location for an error
 *
 * Finds out whether a slot is taken.
 *
 * Returns: whether that is known
 */
LxcmonDiagResult
_lxcmon_taken_check (LxcmonTaken *self, LxcmonDiagFile file, bool *taken, LxcmonError *error)
{
  LxcmonDiagResult result = LXCMON_DIAG_ANSWERED;

  if (_lxcmon_clock_now () >= self->valid_until || contains (self, file))
    result = renew (self, error);
  *taken = result < LXCMON_DIAG_UNAVAILABLE && contains (self, file);
  return result;
}

/**
 * _lxcmon_taken_add:
 *
 * We have connected to a file: it is asked for again when the next client of ours wants it.
 */
void
_lxcmon_taken_add (LxcmonTaken *self, LxcmonDiagFile file)
{
  LxcmonDiagFiles *files = &self->files;
  size_t i = files->n;

  if (_lxcmon_clock_now () >= self->valid_until || contains (self, file))
    return;
  if (!_lxcmon_diag_files_add (files, file))
    {
      self->valid_until = 0;
      return;
    }
  while (i > 0 && _lxcmon_diag_compare_files (&files->items[i - 1], &file) > 0)
    i--;
  memmove (&files->items[i + 1], &files->items[i], (files->n - 1 - i) * sizeof file);
  files->items[i] = file;
}

void
_lxcmon_taken_clear (LxcmonTaken *self)
{
  free (self->files.items);
  *self = (LxcmonTaken){ .valid_until = 0 };
}
