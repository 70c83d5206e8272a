/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the rows as a list: sorted by name, byte by byte, and every change of it told, once. Refuses to
 * know why a row comes or goes.
 */

#include "lxcmon-host-private.h"

#include <string.h>

static GType
get_item_type (GListModel *list)
{
  return LXCMON_TYPE_MONITOR;
}

static guint
get_n_items (GListModel *list)
{
  return LXCMON_HOST (list)->rows->len;
}

static gpointer
get_item (GListModel *list, guint position)
{
  LxcmonHost *self = LXCMON_HOST (list);

  return position < self->rows->len ? g_object_ref (_lxcmon_host_model_get (self, position)->client)
                                    : NULL;
}

void
_lxcmon_host_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

LxcmonHostRow *
_lxcmon_host_model_get (LxcmonHost *self, guint position)
{
  return g_ptr_array_index (self->rows, position);
}

/*< private >
 * _lxcmon_host_model_find:
 * @position: (out): where the row is, or belongs
 *
 * Finds a row by its name. Returns whether there is one.
 */
gboolean
_lxcmon_host_model_find (LxcmonHost *self, const char *name, guint *position)
{
  guint low = 0, high = self->rows->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      int order = strcmp (_lxcmon_host_model_get (self, middle)->client->name, name);
      if (order == 0)
        {
          *position = middle;
          return TRUE;
        }
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }

  *position = low;
  return FALSE;
}

static void
emit_changed (LxcmonHost *self, guint position, guint n_removed, guint n_added)
{
  self->changes++;
  if (g_atomic_int_get (&self->dropped))
    return;

  g_object_ref (self);
  g_list_model_items_changed (G_LIST_MODEL (self), position, n_removed, n_added);
  g_object_notify (G_OBJECT (self), "n-items");
  g_object_unref (self);
}

/*< private >
 * _lxcmon_host_model_insert:
 * @row: (transfer full): a row that belongs there
 *
 * Adds a row. Before the list is complete for the first time nobody is told.
 */
void
_lxcmon_host_model_insert (LxcmonHost *self, guint position, LxcmonHostRow *row)
{
  g_ptr_array_insert (self->rows, (gint) position, row);
  if (self->complete)
    emit_changed (self, position, 0, 1);
}

/*< private >
 * _lxcmon_host_model_announce:
 *
 * The list is complete for the first time.
 */
void
_lxcmon_host_model_announce (LxcmonHost *self)
{
  self->complete = TRUE;
  if (self->rows->len > 0)
    emit_changed (self, 0, 0, self->rows->len);
}

/* A client that leaves the list, and what it was about until then. */
typedef struct
{
  LxcmonClient *client;
  guint16 epoch;
} Leaving;

static Leaving
begin_leaving (LxcmonHostRow *row)
{
  Leaving leaving = {
    .client = g_object_ref (row->client),
    .epoch = row->client->epoch,
  };

  _lxcmon_host_row_leave (row);
  return leaving;
}

/* What has closed keeps its state: it is to be seen how it ended. And what a handler has attached since
 * is its own. */
static void
finish_leaving (Leaving *leaving)
{
  if (leaving->client->epoch == leaving->epoch && _lxcmon_client_is_active (leaving->client))
    _lxcmon_client_detach (leaving->client);
  g_object_unref (leaving->client);
}

/*< private >
 * _lxcmon_host_model_remove:
 * @row: (transfer full): a row of the list
 *
 * Takes a row out, and then leaves its controller.
 */
void
_lxcmon_host_model_remove (LxcmonHost *self, LxcmonHostRow *row)
{
  guint position;

  if (!_lxcmon_host_model_find (self, row->client->name, &position))
    g_assert_not_reached ();
  g_ptr_array_remove_index (self->rows, position);
  Leaving leaving = begin_leaving (row);
  emit_changed (self, position, 1, 0);
  finish_leaving (&leaving);
}

/*< private >
 * _lxcmon_host_model_clear:
 * @quietly: whether nobody is to be told
 *
 * Takes all rows out, and then leaves their controllers.
 */
void
_lxcmon_host_model_clear (LxcmonHost *self, gboolean quietly)
{
  guint n = self->rows->len;
  g_autofree Leaving *leaving = g_new (Leaving, n);

  for (guint i = 0; i < n; i++)
    leaving[i] = begin_leaving (_lxcmon_host_model_get (self, i));
  g_ptr_array_set_size (self->rows, 0);
  gboolean announced = self->complete;
  self->complete = FALSE;
  if (n > 0 && announced && !quietly)
    emit_changed (self, 0, n, 0);
  for (guint i = 0; i < n; i++)
    finish_leaving (&leaving[i]);
}
