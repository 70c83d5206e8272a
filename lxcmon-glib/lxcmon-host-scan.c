/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what a look at the runtime directory changes: which rows come, which go, and which get a new
 * controller. Refuses to wait, to connect, and to believe anything but the look.
 */

#include "lxcmon-host-private.h"

/* Says once what is wrong, until something is right again. */
static void
say_once (gboolean *said, const LxcmonError *error)
{
  if (!*said)
    g_warning ("the list of containers cannot be kept: %s", error->message);
  *said = TRUE;
}

/* A look has failed. A directory that is not there is no error: it may come. */
static gboolean
take_failure (LxcmonHost *self, const LxcmonError *error)
{
  if (self->start_task != NULL)
    {
      _lxcmon_host_finish_start (self, _lxcmon_monitor_error_new (error));
      return FALSE;
    }
  if (_lxcmon_host_is_shortage (error))
    {
      say_once (&self->said_shortage, error);
      self->scan_at = g_get_monotonic_time () + LXCMON_HOST_SHORTAGE_US;
    }
  else
    say_once (&self->said_error, error);
  return FALSE;
}

/* Forgets the containers that have ended and whose files are gone. */
static void
update_ended (LxcmonHost *self, LxcmonRuntimeDir *look, gsize n)
{
  if (g_hash_table_size (self->ended) == 0)
    return;

  GHashTable *still = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  for (gsize i = 0; i < n; i++)
    {
      const LxcmonRuntimeSocket *socket = lxcmon_runtime_dir_get_socket (look, i);
      if (socket->listener != 0 && g_hash_table_contains (self->ended, &socket->file))
        g_hash_table_add (still, g_memdup2 (&socket->file, sizeof socket->file));
    }
  g_hash_table_unref (self->ended);
  self->ended = still;
}

static void
take_socket (LxcmonHost *self, LxcmonRuntimeDir *look, const LxcmonRuntimeSocket *socket)
{
  guint position;

  if (socket->listener == 0 && socket->bound)
    _lxcmon_host_work_expect_listener (self);
  if (socket->listener == 0 || g_hash_table_contains (self->ended, &socket->file))
    return;

  if (_lxcmon_host_model_find (self, socket->name, &position))
    {
      LxcmonHostRow *row = _lxcmon_host_model_get (self, position);
      row->serial = self->serial;
      if (row->mode != LXCMON_ROW_CLOSED || row->telling || row->file == socket->file)
        {
          _lxcmon_host_row_update (row, look, socket);
          return;
        }
      /* It ended, and its name has come back: that is somebody else. */
      guint epoch = self->epoch;
      _lxcmon_host_model_remove (self, row);
      if (self->epoch != epoch || _lxcmon_host_model_find (self, socket->name, &position))
        return;
    }

  LxcmonHostRow *row = _lxcmon_host_row_new (self, socket);
  row->serial = self->serial;
  _lxcmon_host_row_update (row, look, socket);
  _lxcmon_host_model_insert (self, position, row);
}

/* What the look has not seen. A handler may change the list meanwhile. */
static void
sweep (LxcmonHost *self)
{
  guint epoch = self->epoch;

  for (guint i = 0; i < self->rows->len;)
    {
      LxcmonHostRow *row = _lxcmon_host_model_get (self, i);
      guint changes = self->changes;

      if (row->serial == self->serial)
        {
          i++;
          continue;
        }
      row->serial = self->serial;
      _lxcmon_host_row_miss (row);
      if (self->epoch != epoch)
        return;
      if (self->changes == changes)
        i++;
      else if (self->changes != changes + 1)
        i = 0;
    }
}

static void
take_look (LxcmonHost *self, LxcmonRuntimeDir *look)
{
  gsize n = look != NULL ? lxcmon_runtime_dir_get_n_sockets (look) : 0;
  guint epoch = self->epoch;

  self->serial++;
  update_ended (self, look, n);
  for (gsize i = 0; i < n && self->epoch == epoch; i++)
    take_socket (self, look, lxcmon_runtime_dir_get_socket (look, i));
  if (self->epoch == epoch)
    sweep (self);
  if (self->epoch == epoch && !self->complete)
    _lxcmon_host_model_announce (self);
  if (self->epoch == epoch)
    _lxcmon_host_set_n_unlisted (self,
                               look != NULL ? (guint) lxcmon_runtime_dir_get_n_unlisted (look) : 0);
  if (self->epoch == epoch && self->start_task != NULL)
    _lxcmon_host_finish_start (self, NULL);
}

/*< private >
 * _lxcmon_host_scan:
 *
 * Looks at the runtime directory, and makes the list true. The host may be stopped afterwards.
 *
 * Returns: whether it could look
 */
gboolean
_lxcmon_host_scan (LxcmonHost *self)
{
  static const LxcmonDriver nobody = { .lives = FALSE };
  LxcmonError error = { 0 };

  _lxcmon_host_watch_update (self);
  LxcmonRuntimeDir *look = lxcmon_runtime_dir_scan (self->runtime_dir, &error);
  if (look == NULL && error.code != LXCMON_MONITOR_ERROR_NOT_FOUND)
    return take_failure (self, &error);

  self->said_error = self->said_error && self->monitor == NULL;
  _lxcmon_host_driver_take (self, look != NULL ? lxcmon_runtime_dir_get_driver (look) : &nobody);
  take_look (self, look);
  lxcmon_runtime_dir_free (look);
  return TRUE;
}
