/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the one source by which a host comes to its turn: when to look at the runtime directory, which
 * deadlines are due, and how much is done at a time. While nothing happens it never wakes up.
 */

#include "lxcmon-host-private.h"

/* Looks keep a distance, and take a sixth of the time at the most while changes keep coming. */
#define SCAN_DISTANCE_US (50 * G_TIME_SPAN_MILLISECOND)
#define SCAN_FACTOR      5

/* inotify forgets what its queue has no room for, and GIO does not tell: once after hints have come, we
 * look again. */
#define SAFETY_US (1 * G_TIME_SPAN_SECOND)

/* Looks for a listener that may be about to come, after which there is the one look for safety. */
#define EARLY_LOOKS_MAX 20

/* How long a turn may be, as others wait for the loop. */
#define TURN_US (4 * G_TIME_SPAN_MILLISECOND)

static gint64
earlier (gint64 a, gint64 b)
{
  if (a == 0 || b == 0)
    return MAX (a, b);
  return MIN (a, b);
}

/*< private >
 * _lxcmon_host_work_schedule:
 *
 * Sees to it that the host comes to its turn when there is something to do.
 */
void
_lxcmon_host_work_schedule (LxcmonHost *self)
{
  if (self->source == NULL)
    return;

  gint64 at = earlier (earlier (self->scan_at, self->safety_at), self->due_at);
  at = earlier (at, _lxcmon_host_driver_due_at (self));
  if (self->n_pending > 0)
    at = earlier (at, MAX (self->shortage_until, 1));
  if (g_source_get_ready_time (self->source) != (at == 0 ? -1 : at))
    g_source_set_ready_time (self->source, at == 0 ? -1 : at);
}

/*< private >
 * _lxcmon_host_work_scan_soon:
 *
 * Asks for a look at the runtime directory: at once, where the last one was not a moment ago.
 */
void
_lxcmon_host_work_scan_soon (LxcmonHost *self)
{
  if (self->source == NULL)
    return;

  self->scan_at = earlier (self->scan_at, MAX (g_get_monotonic_time (), self->scan_not_before));
  _lxcmon_host_work_schedule (self);
}

/*< private >
 * _lxcmon_host_work_hint:
 *
 * Something may have changed.
 */
void
_lxcmon_host_work_hint (LxcmonHost *self)
{
  self->safety_at = g_get_monotonic_time () + SAFETY_US;
  self->n_early_looks = 0;
  _lxcmon_host_work_scan_soon (self);
}

/*< private >
 * _lxcmon_host_work_expect_listener:
 *
 * Somebody has bound a socket and does not listen on it: most likely he is about to, and nobody tells when he
 * does. Looks again soon, and not for ever.
 */
void
_lxcmon_host_work_expect_listener (LxcmonHost *self)
{
  if (self->n_early_looks >= EARLY_LOOKS_MAX)
    return;

  self->n_early_looks++;
  _lxcmon_host_work_scan_soon (self);
}

static gboolean
is_due (gint64 at, gint64 now)
{
  return at != 0 && now >= at;
}

static void
maybe_scan (LxcmonHost *self, gint64 now)
{
  gboolean safety = is_due (self->safety_at, now);

  if (!safety && !is_due (self->scan_at, now) && !is_due (_lxcmon_host_driver_due_at (self), now))
    return;

  guint changes = self->changes;
  self->scan_at = 0;
  if (safety)
    self->safety_at = 0;
  /* Where no hint has told of it, more may have been forgotten. */
  if (!_lxcmon_host_scan (self) || self->source == NULL)
    return;
  if (safety && self->changes != changes)
    self->safety_at = g_get_monotonic_time () + SAFETY_US;

  gint64 end = g_get_monotonic_time ();
  self->scan_not_before = end + MAX (SCAN_DISTANCE_US, (end - now) * SCAN_FACTOR);
  if (self->scan_at != 0)
    self->scan_at = MAX (self->scan_at, self->scan_not_before);
}

/* Looks at the rows whose deadlines are over. A handler may change the list meanwhile. */
static void
take_deadlines (LxcmonHost *self, gint64 now)
{
  guint epoch = self->epoch;
  gint64 due_at = 0;

  if (!is_due (self->due_at, now))
    return;
  self->due_at = 0;
  for (guint i = 0; i < self->rows->len;)
    {
      LxcmonHostRow *row = _lxcmon_host_model_get (self, i);
      guint changes = self->changes;

      if (_lxcmon_host_row_is_due (row, now))
        {
          _lxcmon_host_row_take_deadline (row, now);
          if (self->epoch != epoch)
            return;
          if (self->changes == changes + 1)
            continue;
          if (self->changes != changes)
            {
              i = 0;
              continue;
            }
          /* Still there, as nothing has changed. */
        }
      due_at = earlier (due_at, earlier (row->deadline, row->reboot_until));
      i++;
    }
  self->due_at = earlier (self->due_at, due_at);
}

static void
attach_some (LxcmonHost *self, gint64 now)
{
  guint epoch = self->epoch;

  if (is_due (self->shortage_until, now))
    self->shortage_until = 0;
  while (self->epoch == epoch && self->n_pending > 0 && self->shortage_until == 0
         && g_get_monotonic_time () < now + TURN_US)
    {
      if (self->cursor >= self->rows->len)
        self->cursor = 0;
      LxcmonHostRow *row = _lxcmon_host_model_get (self, self->cursor++);
      if (row->mode == LXCMON_ROW_PENDING)
        _lxcmon_host_row_attach (row);
    }
}

static gboolean
on_turn (gpointer user_data)
{
  g_autoptr (LxcmonHost) self = g_object_ref (user_data);
  g_autoptr (GMainContext) context = g_main_context_ref (self->context);
  guint epoch = self->epoch;
  gint64 now = g_get_monotonic_time ();

  /* Its last reference was dropped in another thread: that is taken care of in this context. */
  if (g_atomic_int_get (&self->dropped))
    return G_SOURCE_REMOVE;
  /* Clients belong to the context that is thread-default when they attach. */
  g_main_context_push_thread_default (context);
  maybe_scan (self, now);
  if (self->epoch == epoch)
    take_deadlines (self, now);
  if (self->epoch == epoch)
    attach_some (self, g_get_monotonic_time ());
  g_main_context_pop_thread_default (context);
  if (self->epoch == epoch)
    _lxcmon_host_work_schedule (self);

  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

void
_lxcmon_host_work_start (LxcmonHost *self)
{
  static GSourceFuncs funcs = { .dispatch = dispatch };

  self->source = g_source_new (&funcs, sizeof (GSource));
  g_source_set_static_name (self->source, "[lxcmon] host");
  g_source_set_callback (self->source, on_turn, self, NULL);
  g_source_attach (self->source, self->context);
  self->scan_not_before = 0;
  _lxcmon_host_work_scan_soon (self);
}

void
_lxcmon_host_work_stop (LxcmonHost *self)
{
  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  self->scan_at = self->safety_at = self->due_at = self->shortage_until = 0;
  self->cursor = 0;
}
