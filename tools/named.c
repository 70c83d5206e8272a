/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what is told of containers that were asked for by name and are found in a list of all: they have
 * to be there when the list is. Refuses to know when a container has been watched for long enough.
 */

#include "named.h"

struct _Named
{
  LxcmonMonitorList *list;
  const NamedFuncs *funcs;
  gpointer user_data;
  GHashTable *names; /* that something is still told of */
  gulong handlers[5];
};

static gboolean
is_named (Named *self, LxcmonMonitor *monitor)
{
  return g_hash_table_contains (self->names, lxcmon_monitor_get_name (monitor));
}

static void
on_init (LxcmonMonitorList *list, LxcmonMonitor *monitor, int pid, Named *self)
{
  if (is_named (self, monitor) && self->funcs->init != NULL)
    self->funcs->init (monitor, pid, self->user_data);
}

static void
on_exit_signal (LxcmonMonitorList *list, LxcmonMonitor *monitor, LxcmonExitStatus status,
                Named *self)
{
  if (is_named (self, monitor))
    self->funcs->exit (monitor, status, self->user_data);
}

static void
on_closed (LxcmonMonitorList *list, LxcmonMonitor *monitor, const GError *error, Named *self)
{
  if (is_named (self, monitor))
    self->funcs->closed (monitor, error, self->user_data);
}

static void
look_at_state (Named *self, LxcmonMonitor *monitor)
{
  if (is_named (self, monitor) && self->funcs->attached != NULL
      && lxcmon_monitor_get_state (monitor) == LXCMON_STATE_ATTACHED)
    self->funcs->attached (monitor, self->user_data);
}

static void
on_state (LxcmonMonitor *monitor, GParamSpec *pspec, Named *self)
{
  look_at_state (self, monitor);
}

static void
on_items_changed (GListModel *list, guint position, guint removed, guint added, Named *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (LxcmonMonitor) monitor = g_list_model_get_item (list, i);
      g_signal_connect (monitor, "notify::state", G_CALLBACK (on_state), self);
      look_at_state (self, monitor);
    }
}

static void
on_connection (const GError *error, gpointer user_data)
{
  Named *self = user_data;

  self->funcs->connection (error, self->user_data);
}

/**
 * named_new:
 * @list: a list that is not started; it is stopped when this is freed
 * @funcs: of which "attached" and "init" may be %NULL
 */
Named *
named_new (LxcmonMonitorList *list, const NamedFuncs *funcs, gpointer user_data)
{
  Named *self = g_new0 (Named, 1);

  self->list = g_object_ref (list);
  self->funcs = funcs;
  self->user_data = user_data;
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->handlers[0] = g_signal_connect (list, "init", G_CALLBACK (on_init), self);
  self->handlers[1] = g_signal_connect (list, "exit", G_CALLBACK (on_exit_signal), self);
  self->handlers[2] = g_signal_connect (list, "closed", G_CALLBACK (on_closed), self);
  self->handlers[3] = g_signal_connect (list, "items-changed", G_CALLBACK (on_items_changed), self);
  self->handlers[4] = source_watch_connection (list, on_connection, self);
  return self;
}

/* The rows live no longer than the list does, and what they tell as it stops is of no interest. */
void
named_free (Named *self)
{
  if (self == NULL)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (self->handlers); i++)
    if (self->handlers[i] != 0)
      g_signal_handler_disconnect (self->list, self->handlers[i]);
  g_hash_table_remove_all (self->names);
  lxcmon_monitor_list_stop (self->list);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_object_unref (self->list);
  g_hash_table_unref (self->names);
  g_free (self);
}

/**
 * named_add:
 *
 * Returns: whether it is another name than those before
 */
gboolean
named_add (Named *self, const char *name)
{
  return g_hash_table_add (self->names, g_strdup (name));
}

/**
 * named_drop:
 *
 * Nothing more is told of a container.
 */
void
named_drop (Named *self, const char *name)
{
  g_hash_table_remove (self->names, name);
}

static void
report_missing (Named *self)
{
  g_autoptr (GList) names = g_hash_table_get_keys (self->names);

  names = g_list_sort (names, (GCompareFunc) g_strcmp0);
  for (GList *name = names; name != NULL; name = name->next)
    {
      g_autofree char *copy = g_strdup (name->data);
      if (lxcmon_monitor_list_lookup (self->list, copy) != NULL)
        continue;
      g_autoptr (GError) error
          = g_error_new_literal (LXCMON_MONITOR_ERROR, LXCMON_MONITOR_ERROR_NOT_FOUND,
                                 "libvirtd runs no container of this name");
      named_drop (self, copy);
      self->funcs->missing (copy, error, self->user_data);
    }
}

static void
on_started (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Named *self = user_data;
  g_autoptr (GError) error = NULL;

  if (lxcmon_monitor_list_start_finish (LXCMON_MONITOR_LIST (object), result, &error))
    report_missing (self);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->funcs->failed (error, self->user_data);
}

void
named_start (Named *self)
{
  lxcmon_monitor_list_start_async (self->list, NULL, on_started, self);
}
