/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the hub of each main context, and the loop that pulls an event, delivers it, and runs the steps
 * that it queued. The first user of a context creates the source, the last one destroys it. GLib polls
 * each descriptor and checks each source in every iteration, so all users of a context share one.
 *
 * A handler may run a main loop, which enters this loop again. It first runs the remaining steps of
 * earlier events, and then pulls the next event. So events are delivered in the order in which they are
 * pulled.
 */

#define G_LOG_USE_STRUCTURED

#include "lxcmon-main-source-private.h"

/* So that other sources are dispatched too; what is left keeps the source ready. */
#define EVENTS_PER_DISPATCH 1024

typedef struct
{
  GWeakRef object;
  LxcmonStepFunc func;
  gpointer data;
  GDestroyNotify free;
} Step;

struct _LxcmonMainSource
{
  GSource source;
  GMainContext *context;
  LxcmonHub *hub;
  GQueue steps; /* of Step */
  guint n_users;
};

/* Which context has which source. Contexts run in any thread, so the table has a lock. What is in a source
 * belongs to the context's own thread. */
static GMutex sources_mutex;
static GHashTable *sources;

static void
step_free (Step *step)
{
  if (step->free != NULL)
    step->free (step->data);
  g_weak_ref_clear (&step->object);
  g_free (step);
}

static Step *
step_new (gpointer object, LxcmonStepFunc func, gpointer data, GDestroyNotify free)
{
  Step *step = g_new (Step, 1);

  g_weak_ref_init (&step->object, object);
  step->func = func;
  step->data = data;
  step->free = free;
  return step;
}

/*< private >
 * _lxcmon_main_source_push:
 * @object: the #GObject that the step is about; held weakly
 * @func: the step
 * @data: for @func
 * @free: (nullable): frees @data, even if the step is never run
 *
 * Adds a step. It runs after the steps that are already queued, when the code of the application returns
 * to a main loop. If @object has been disposed of by then, the step is dropped.
 */
void
_lxcmon_main_source_push (LxcmonMainSource *self, gpointer object, LxcmonStepFunc func,
                          gpointer data, GDestroyNotify free)
{
  g_queue_push_tail (&self->steps, step_new (object, func, data, free));
}

/*< private >
 * _lxcmon_main_source_push_first:
 *
 * Like _lxcmon_main_source_push(), but the step runs before the steps that are already queued.
 */
void
_lxcmon_main_source_push_first (LxcmonMainSource *self, gpointer object, LxcmonStepFunc func,
                                gpointer data, GDestroyNotify free)
{
  g_queue_push_head (&self->steps, step_new (object, func, data, free));
}

/*< private >
 * _lxcmon_main_source_run_steps:
 *
 * Runs all steps. A step may run code of the application, which may fork. The child does not run the
 * remaining steps.
 */
void
_lxcmon_main_source_run_steps (LxcmonMainSource *self)
{
  Step *step;

  if (g_queue_is_empty (&self->steps))
    return;
  g_source_ref (&self->source);
  while (!lxcmon_hub_was_forked (self->hub) && (step = g_queue_pop_head (&self->steps)) != NULL)
    {
      GObject *object = g_weak_ref_get (&step->object);

      if (object != NULL)
        {
          step->func (object, step->data);
          g_object_unref (object);
        }
      step_free (step);
    }
  g_source_unref (&self->source);
}

static gboolean
is_ready (LxcmonMainSource *self)
{
  return !g_queue_is_empty (&self->steps) || lxcmon_hub_has_pending (self->hub);
}

static gboolean
prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return is_ready ((LxcmonMainSource *) source);
}

/* If the descriptor is ready, GLib does not use the return value. */
static gboolean
check (GSource *source)
{
  return is_ready ((LxcmonMainSource *) source);
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  LxcmonMainSource *self = (LxcmonMainSource *) source;
  LxcmonEvent event;

  /* In a forked child the parent's descriptor would be ready again and again. */
  if (lxcmon_hub_was_forked (self->hub))
    return G_SOURCE_REMOVE;

  _lxcmon_main_source_run_steps (self);
  for (guint i = 0; i < EVENTS_PER_DISPATCH && lxcmon_hub_next_event (self->hub, &event); i++)
    {
      LxcmonReceiver *receiver = event.user_data;
      receiver->event (receiver, &event);
      _lxcmon_main_source_run_steps (self);
    }
  return G_SOURCE_CONTINUE;
}

static void
finalize (GSource *source)
{
  LxcmonMainSource *self = (LxcmonMainSource *) source;

  g_queue_clear_full (&self->steps, (GDestroyNotify) step_free);
  lxcmon_hub_unref (self->hub);
}

static GSourceFuncs main_source_funcs = {
  .prepare = prepare,
  .check = check,
  .dispatch = dispatch,
  .finalize = finalize,
};

static void
log_line (LxcmonConnection *connection, LxcmonLogLevel level, const char *message, void *user_data)
{
  const LxcmonReceiver *receiver = lxcmon_connection_get_user_data (connection);
  const char *state = lxcmon_state_to_string (lxcmon_connection_get_state (connection));

  g_log_structured (G_LOG_DOMAIN,
                    level == LXCMON_LOG_WARNING ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_DEBUG,
                    "LXCMON_CONTAINER", receiver->name, "LXCMON_STATE", state, "MESSAGE", "%s: %s",
                    receiver->name, message);
}

static LxcmonMainSource *
main_source_new (GMainContext *context, LxcmonError *error)
{
  LxcmonHub *hub = lxcmon_hub_new (error);

  if (hub == NULL)
    return NULL;

  LxcmonMainSource *self
      = (LxcmonMainSource *) g_source_new (&main_source_funcs, sizeof (LxcmonMainSource));
  self->hub = hub;
  self->context = g_main_context_ref (context);
  self->n_users = 0;
  g_queue_init (&self->steps);
  g_source_set_static_name (&self->source, "[lxcmon] events");
  /* Otherwise GLib removes the descriptor from its poll set around each dispatch, and a main loop in a
   * handler would receive no event. */
  g_source_set_can_recurse (&self->source, TRUE);
  g_source_add_unix_fd (&self->source, lxcmon_hub_get_fd (hub), G_IO_IN);
  g_source_attach (&self->source, context);

  return self;
}

/*< private >
 * _lxcmon_main_source_acquire:
 * @context: a main context
 *
 * Gets the source of a context, and creates it if there is none. In a forked child, a new source is
 * created, and that of the parent is not used.
 *
 * Returns: (nullable): a source to release with _lxcmon_main_source_release(), or %NULL with @error set
 */
LxcmonMainSource *
_lxcmon_main_source_acquire (GMainContext *context, LxcmonError *error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&sources_mutex);

  if (sources == NULL)
    sources = g_hash_table_new (NULL, NULL);
  LxcmonMainSource *self = g_hash_table_lookup (sources, context);
  if (self == NULL || lxcmon_hub_was_forked (self->hub))
    {
      self = main_source_new (context, error);
      if (self == NULL)
        return NULL;
      g_hash_table_insert (sources, context, self);
    }
  self->n_users++;

  /* Whether debug messages are shown may change at run time; formatting them is not free. */
  gboolean debug = !g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN);
  lxcmon_hub_set_log (self->hub, debug ? LXCMON_LOG_DEBUG : LXCMON_LOG_WARNING, log_line, NULL);
  return self;
}

/*< private >
 * _lxcmon_main_source_release:
 * @self: (transfer full): a source
 *
 * Releases a source. The last user destroys it.
 */
void
_lxcmon_main_source_release (LxcmonMainSource *self)
{
  GMainContext *context = self->context;

  g_mutex_lock (&sources_mutex);
  gboolean last = --self->n_users == 0;
  if (last && g_hash_table_lookup (sources, context) == self)
    {
      g_hash_table_remove (sources, context);
      if (g_hash_table_size (sources) == 0)
        g_clear_pointer (&sources, g_hash_table_unref);
    }
  g_mutex_unlock (&sources_mutex);

  if (last)
    {
      g_source_destroy (&self->source);
      g_source_unref (&self->source);
      g_main_context_unref (context);
    }
}

/*< private >
 * _lxcmon_main_source_was_forked:
 *
 * Returns: whether the source was made before this process was forked, so that it is the parent's
 */
gboolean
_lxcmon_main_source_was_forked (LxcmonMainSource *self)
{
  return lxcmon_hub_was_forked (self->hub);
}

LxcmonHub *
_lxcmon_main_source_get_hub (LxcmonMainSource *self)
{
  return self->hub;
}

GMainContext *
_lxcmon_main_source_get_context (LxcmonMainSource *self)
{
  return self->context;
}
