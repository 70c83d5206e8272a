/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the way from a main context to its hub: the first client of a context makes it, the last one
 * takes it away. GLib's loop polls each descriptor and walks each source at every iteration, so all
 * clients of a context share one.
 */

#include "lxcmon-hub-source-private.h"

#include "lxcmon-monitor-private.h"

/* Which context has which source. Contexts run in any thread, so the table has a lock; what is in a
 * source belongs to the context's own thread. */
static GMutex sources_mutex;
static GHashTable *sources;

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  LxcmonHubSource *self = (LxcmonHubSource *) source;
  LxcmonTurn turn;

  /* A forked child's copy would find the parent's descriptor ready again and again. */
  if (lxcmon_hub_was_forked (self->hub))
    return G_SOURCE_REMOVE;
  _lxcmon_turn_begin (&turn, &self->turn);
  lxcmon_hub_dispatch (self->hub);
  _lxcmon_turn_end (&turn, &self->turn);
  return G_SOURCE_CONTINUE;
}

static void
finalize (GSource *source)
{
  LxcmonHubSource *self = (LxcmonHubSource *) source;

  lxcmon_hub_unref (self->hub);
}

/* Without prepare and check: a source with a descriptor is ready when that is. */
static GSourceFuncs hub_source_funcs = {
  .dispatch = dispatch,
  .finalize = finalize,
};

static LxcmonHubSource *
hub_source_new (GMainContext *context, GError **error)
{
  LxcmonError why;
  LxcmonHub *hub = lxcmon_hub_new (&why);

  if (hub == NULL)
    {
      g_propagate_error (error, _lxcmon_monitor_error_new (&why));
      return NULL;
    }

  LxcmonHubSource *self
      = (LxcmonHubSource *) g_source_new (&hub_source_funcs, sizeof (LxcmonHubSource));
  self->hub = hub;
  self->context = g_main_context_ref (context);
  g_source_set_static_name (&self->source, "[lxcmon] hub");
  /* Otherwise GLib takes the descriptor out of its poll set around each dispatch, and a main loop
   * that runs inside a handler would hear of no event. */
  g_source_set_can_recurse (&self->source, TRUE);
  g_source_add_unix_fd (&self->source, lxcmon_hub_get_fd (hub), G_IO_IN);
  g_source_attach (&self->source, context);

  return self;
}

/*< private >
 * _lxcmon_hub_source_acquire:
 * @context: a main context
 *
 * Gets the source of a context, making it if there is none. In a process that was forked off, the
 * parent's is left alone and a new one made.
 *
 * Returns: (nullable): a source to give back by _lxcmon_hub_source_release(), or %NULL with @error set
 */
LxcmonHubSource *
_lxcmon_hub_source_acquire (GMainContext *context, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&sources_mutex);

  if (sources == NULL)
    sources = g_hash_table_new (NULL, NULL);
  LxcmonHubSource *self = g_hash_table_lookup (sources, context);
  if (self == NULL || lxcmon_hub_was_forked (self->hub))
    {
      self = hub_source_new (context, error);
      if (self == NULL)
        return NULL;
      g_hash_table_insert (sources, context, self);
    }
  self->n_users++;

  return self;
}

/*< private >
 * _lxcmon_hub_source_release:
 * @place: where the source is kept; afterwards there is none
 *
 * Gives a source back, where there is one. The last user takes it out of its context.
 */
void
_lxcmon_hub_source_release (LxcmonHubSource **place)
{
  if (*place == NULL)
    return;

  g_mutex_lock (&sources_mutex);
  LxcmonHubSource *self = g_steal_pointer (place);
  GMainContext *context = self->context;
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
 * _lxcmon_hub_source_dispatch_connection:
 * @connection: a connection behind the source's hub; it may be gone afterwards
 *
 * Runs one connection alone, in a turn of its own.
 */
void
_lxcmon_hub_source_dispatch_connection (LxcmonHubSource *self, LxcmonConnection *connection)
{
  LxcmonTurn turn;

  g_source_ref (&self->source);
  _lxcmon_turn_begin (&turn, &self->turn);
  lxcmon_connection_dispatch (connection);
  _lxcmon_turn_end (&turn, &self->turn);
  g_source_unref (&self->source);
}

LxcmonHub *
_lxcmon_hub_source_get_hub (LxcmonHubSource *self)
{
  return self->hub;
}

GMainContext *
_lxcmon_hub_source_get_context (LxcmonHubSource *self)
{
  return self->context;
}

/*< private >
 * _lxcmon_hub_source_dup_context:
 * @place: where the source is kept, or %NULL is
 *
 * Which context a source belongs to. May be called from any thread, also while the context's own
 * releases the source.
 *
 * Returns: (transfer full) (nullable): the context, or %NULL where there is no source
 */
GMainContext *
_lxcmon_hub_source_dup_context (LxcmonHubSource **place)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&sources_mutex);

  return *place != NULL ? g_main_context_ref ((*place)->context) : NULL;
}
