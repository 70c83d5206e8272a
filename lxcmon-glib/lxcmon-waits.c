/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the pending calls that wait for the end of a container. Each can be cancelled separately.
 */

#include "lxcmon-waits-private.h"

typedef struct
{
  LxcmonWaits *waits; /* the monitor's; the task holds a reference to that */
  GSource *cancel;
} WaitData;

static void
wait_data_free (gpointer data)
{
  WaitData *self = data;

  if (self->cancel != NULL)
    {
      g_source_destroy (self->cancel);
      g_source_unref (self->cancel);
    }
  g_free (self);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  WaitData *data = g_task_get_task_data (user_data);
  GList *link = g_list_find (data->waits->tasks, user_data);

  /* The end is being reported: the task is returned with that. */
  if (link == NULL)
    return G_SOURCE_REMOVE;
  data->waits->tasks = g_list_delete_link (data->waits->tasks, link);

  g_autoptr (GTask) task = user_data;
  g_task_return_error_if_cancelled (task);
  g_task_set_task_data (task, NULL, NULL);
  return G_SOURCE_REMOVE;
}

/*< private >
 * _lxcmon_waits_add:
 * @task: (transfer full): a task of a monitor's
 * @context: the monitor's main context, in which a cancellation takes effect
 */
void
_lxcmon_waits_add (LxcmonWaits *self, GTask *task, GMainContext *context)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  WaitData *data = g_new0 (WaitData, 1);

  data->waits = self;
  g_task_set_task_data (task, data, wait_data_free);
  if (cancellable != NULL)
    {
      data->cancel = g_cancellable_source_new (cancellable);
      g_source_set_static_name (data->cancel, "[lxcmon] wait cancelled");
      g_source_set_callback (data->cancel, G_SOURCE_FUNC (on_cancelled), task, NULL);
      g_source_attach (data->cancel, context);
    }
  self->tasks = g_list_append (self->tasks, task);
}

/*< private >
 * _lxcmon_waits_steal:
 *
 * Returns: (transfer full) (nullable): the pending tasks, which are to be returned
 */
GList *
_lxcmon_waits_steal (LxcmonWaits *self)
{
  return g_steal_pointer (&self->tasks);
}

/*< private >
 * _lxcmon_waits_return:
 * @tasks: (transfer full): tasks
 * @status: how the container ended
 * @error: (nullable): why that is not known, or %NULL if it is known
 *
 * Completes tasks. Their callbacks may run at once.
 */
void
_lxcmon_waits_return (GList *tasks, LxcmonExitStatus status, const GError *error)
{
  for (GList *link = tasks; link != NULL; link = link->next)
    {
      g_autoptr (GTask) task = link->data;

      /* Destroys the cancellation's source: the task is returned once. */
      g_task_set_task_data (task, NULL, NULL);
      if (error != NULL)
        g_task_return_error (task, g_error_copy (error));
      else
        g_task_return_int (task, status);
    }
  g_list_free (tasks);
}
