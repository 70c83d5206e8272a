/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the times of a host: when to scan, which deadline is the next one, when a row is tried again. While
 * nothing happens and nothing is expected, the host's source never wakes up.
 */

#include "lxcmon-host-private.h"

/* Scans for a listener that is expected, after which there is the one scan for safety. */
#define EARLY_SCANS_MAX 20

#define RETRY_MIN_US (50 * G_TIME_SPAN_MILLISECOND)
#define RETRY_MAX_US (5 * G_TIME_SPAN_SECOND) /* also for a slot that is taken: nothing reports its end */

/*< private >
 * _lxcmon_host_earlier:
 *
 * Returns: the earlier of two times, where 0 is never
 */
gint64
_lxcmon_host_earlier (gint64 a, gint64 b)
{
  if (a == 0 || b == 0)
    return MAX (a, b);
  return MIN (a, b);
}

/*< private >
 * _lxcmon_host_schedule:
 *
 * Makes the host's source ready when there is something to do.
 */
void
_lxcmon_host_schedule (LxcmonHost *self)
{
  const LxcmonHostDriver *driver = &self->driver;

  if (self->source == NULL)
    return;

  gint64 at = _lxcmon_host_earlier (self->scan_at, self->safety_at);
  at = _lxcmon_host_earlier (at, self->due_at);
  at = _lxcmon_host_earlier (at, driver->running ? driver->ask_at : driver->wait_until);
  if (self->n_pending > 0)
    at = _lxcmon_host_earlier (at, MAX (self->shortage_until, 1));
  if (g_source_get_ready_time (self->source) != (at == 0 ? -1 : at))
    g_source_set_ready_time (self->source, at == 0 ? -1 : at);
}

/*< private >
 * _lxcmon_host_scan_soon:
 *
 * Asks for a scan: at once, unless the last one was a moment ago.
 */
void
_lxcmon_host_scan_soon (LxcmonHost *self)
{
  if (self->source == NULL)
    return;

  self->scan_at = _lxcmon_host_earlier (self->scan_at,
                                        MAX (g_get_monotonic_time (), self->scan_not_before));
  _lxcmon_host_schedule (self);
}

/*< private >
 * _lxcmon_host_hint:
 *
 * Something may have changed.
 */
void
_lxcmon_host_hint (LxcmonHost *self)
{
  self->safety_at = g_get_monotonic_time () + LXCMON_HOST_SAFETY_US;
  self->n_early_scans = 0;
  _lxcmon_host_scan_soon (self);
}

/*< private >
 * _lxcmon_host_expect_listener:
 *
 * A socket is bound and has no listener: most likely it is about to get one, which nothing reports. Scans
 * again soon, for a bounded number of times.
 */
void
_lxcmon_host_expect_listener (LxcmonHost *self)
{
  if (self->n_early_scans >= EARLY_SCANS_MAX)
    return;

  self->n_early_scans++;
  _lxcmon_host_scan_soon (self);
}

void
_lxcmon_host_set_deadline (LxcmonHostRow *row, gint64 deadline)
{
  row->deadline = deadline;
  row->host->due_at = _lxcmon_host_earlier (row->host->due_at, deadline);
}

/*< private >
 * _lxcmon_host_set_mode:
 *
 * The one place where a row's mode is written.
 */
void
_lxcmon_host_set_mode (LxcmonHostRow *row, LxcmonHostRowMode mode, gint64 deadline)
{
  LxcmonHost *host = row->host;

  host->n_pending -= row->mode == LXCMON_ROW_PENDING;
  row->mode = mode;
  host->n_pending += row->mode == LXCMON_ROW_PENDING;
  _lxcmon_host_set_deadline (row, deadline);
  _lxcmon_host_schedule (host);
}

/*< private >
 * _lxcmon_host_next_try:
 *
 * Returns: when to try a row again: later each time, up to a bound
 */
gint64
_lxcmon_host_next_try (LxcmonHostRow *row)
{
  gint64 pause = RETRY_MIN_US << MIN (row->n_tries, 7);

  row->n_tries++;
  return g_get_monotonic_time () + MIN (pause, RETRY_MAX_US);
}
