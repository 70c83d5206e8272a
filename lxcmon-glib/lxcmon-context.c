/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns who may use a main context, with all that belongs to it: the thread that runs it or, while none does, the
 * thread that has acquired it.
 */

#include "lxcmon-context-private.h"

/* Held by a thread that has acquired a context to end what another thread uses, for as long as that takes. The
 * other thread waits for it, and is not refused. */
static GRecMutex endings;

/*< private >
 * _lxcmon_context_acquire:
 * @context: (nullable): a main context, or %NULL for the thread-default one
 * @function: which call needs it
 *
 * Acquires a main context for the time of a call: no other thread runs it, or frees what belongs to it,
 * meanwhile. Logs a critical warning where another thread runs it.
 *
 * Returns: (transfer full) (nullable): the context
 */
LxcmonAcquiredContext *
_lxcmon_context_acquire (GMainContext *context, const char *function)
{
  GMainContext *acquired
      = context != NULL ? g_main_context_ref (context) : g_main_context_ref_thread_default ();
  gboolean is_ours = g_main_context_acquire (acquired);

  if (!is_ours)
    {
      g_rec_mutex_lock (&endings);
      is_ours = g_main_context_acquire (acquired);
      g_rec_mutex_unlock (&endings);
    }
  if (is_ours)
    return acquired;

  g_critical ("%s: called from another thread than the one that runs the object's main context; "
              "use g_main_context_invoke() to get there",
              function);
  g_main_context_unref (acquired);
  return NULL;
}

void
_lxcmon_context_release (LxcmonAcquiredContext *context)
{
  g_main_context_release (context);
  g_main_context_unref (context);
}

/*< private >
 * _lxcmon_context_acquire_to_end:
 *
 * Acquires a main context to end something that belongs to it: last references are dropped in any thread. A
 * thread that does not run the context must not call the app until it releases it.
 *
 * Returns: whether it is acquired; otherwise another thread runs it
 */
gboolean
_lxcmon_context_acquire_to_end (GMainContext *context)
{
  if (g_main_context_is_owner (context))
    return g_main_context_acquire (context);

  g_rec_mutex_lock (&endings);
  if (g_main_context_acquire (context))
    return TRUE;
  g_rec_mutex_unlock (&endings);
  return FALSE;
}

void
_lxcmon_context_release_ended (GMainContext *context)
{
  g_main_context_release (context);
  if (!g_main_context_is_owner (context))
    g_rec_mutex_unlock (&endings);
}

/*< private >
 * _lxcmon_context_queue:
 *
 * Has a function run when the context is run. Unlike g_main_context_invoke_full(), it never runs here.
 */
void
_lxcmon_context_queue (GMainContext *context, GSourceFunc func, gpointer data, GDestroyNotify free)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_static_name (source, "[lxcmon] end");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, free);
  g_source_attach (source, context);
}
