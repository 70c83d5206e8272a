/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns libvirt's event loop: registering libvirt-glib's, and checking that some thread runs it. libvirt
 * has one event loop for each process, and libvirt-glib's runs in the default main context only,
 * whichever context the application's objects belong to. If it does not run, no event arrives, and
 * libvirtd closes the connections that do not answer its keepalive.
 *
 * The functions that wait say so; they are for threads of our own.
 */

#include "lxcmon-libvirt-loop-private.h"

#include <libvirt-glib/libvirt-glib.h>
#include <libvirt/libvirt.h>

#include <lxcmon-glib/lxcmon-glib.h>

/* A question that another thread answers, maybe after the wait for the answer has ended. */
typedef struct
{
  GMutex mutex;
  GCond cond;
  gboolean answered;
} Question;

static Question *
question_new (void)
{
  Question *self = g_atomic_rc_box_new0 (Question);

  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  return self;
}

static void
question_clear (gpointer data)
{
  Question *self = data;

  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
}

static void
question_unref (void *data)
{
  g_atomic_rc_box_release_full (data, question_clear);
}

static void
answer (Question *self)
{
  g_mutex_lock (&self->mutex);
  self->answered = TRUE;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->mutex);
}

static gboolean
wait_for_answer (Question *self, guint timeout_ms)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) timeout_ms * G_TIME_SPAN_MILLISECOND;

  g_mutex_lock (&self->mutex);
  while (!self->answered && g_cond_wait_until (&self->cond, &self->mutex, deadline))
    ;
  gboolean answered = self->answered;
  g_mutex_unlock (&self->mutex);

  return answered;
}

static void
on_timeout (int timer, void *data)
{
  virEventRemoveTimeout (timer);
  answer (data);
}

/*< private >
 * _lxcmon_libvirt_loop_pass:
 *
 * Waits until libvirt's event loop has dispatched what is pending in it now.
 *
 * Returns: whether it has done so in time
 */
gboolean
_lxcmon_libvirt_loop_pass (guint timeout_ms)
{
  Question *question = question_new ();
  int timer
      = virEventAddTimeout (0, on_timeout, g_atomic_rc_box_acquire (question), question_unref);

  if (timer < 0)
    question_unref (question);
  gboolean answered = timer >= 0 && wait_for_answer (question, timeout_ms);
  if (timer >= 0 && !answered)
    virEventRemoveTimeout (timer);
  question_unref (question);

  return answered;
}

static gboolean
on_idle (gpointer user_data)
{
  answer (user_data);
  return G_SOURCE_REMOVE;
}

/* Whether some thread runs the default main context. */
static gboolean
default_context_runs (guint timeout_ms)
{
  Question *question = question_new ();
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_static_name (source, "[lxcmon] does the default context run?");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_idle, g_atomic_rc_box_acquire (question), question_unref);
  g_source_attach (source, NULL);
  gboolean answered = wait_for_answer (question, timeout_ms);
  g_source_destroy (source);
  question_unref (question);

  return answered;
}

/*< private >
 * _lxcmon_libvirt_loop_check:
 *
 * Waits until libvirt's event loop has dispatched what is pending in it, and finds out why if it does not.
 *
 * An application may have registered another event loop with libvirt before libvirt-glib did. libvirt
 * then keeps that one, and reports no error. It can be used as well, if some thread runs it.
 *
 * Returns: whether the event loop runs
 */
gboolean
_lxcmon_libvirt_loop_check (guint timeout_ms, GError **error)
{
  if (_lxcmon_libvirt_loop_pass (timeout_ms))
    return TRUE;

  if (default_context_runs (timeout_ms / 10))
    g_set_error (
        error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
        "libvirt's event loop has not answered for %u ms, although the default main "
        "context runs: another one than libvirt-glib's was registered with libvirt before, "
        "and no thread runs it",
        timeout_ms);
  else
    g_set_error (error, LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_TIMED_OUT,
                 "the default main context has not answered for %u ms: libvirt's events come "
                 "through it, so some thread has to run it",
                 timeout_ms);
  return FALSE;
}

static gpointer
register_once (gpointer data)
{
  /* Otherwise libvirt prints each failed attempt to connect on standard error. */
  gvir_init (NULL, NULL);
  gvir_event_register ();
  return NULL;
}

/*< private >
 * _lxcmon_libvirt_loop_register:
 *
 * Registers libvirt-glib's event loop with libvirt, if no other one is registered.
 */
void
_lxcmon_libvirt_loop_register (void)
{
  static GOnce once = G_ONCE_INIT;

  g_once (&once, register_once, NULL);
}
