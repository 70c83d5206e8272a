/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns a row: the monitor of one container of a host. Does not decide what becomes of it.
 */

#include "lxcmon-host-private.h"

#include <lxcmon/lxcmon-name.h>

G_DEFINE_FINAL_TYPE (LxcmonHostRow, _lxcmon_host_row, LXCMON_TYPE_MONITOR)

static void
_lxcmon_host_row_dispose (GObject *object)
{
  _lxcmon_host_row_close ((LxcmonHostRow *) object);

  G_OBJECT_CLASS (_lxcmon_host_row_parent_class)->dispose (object);
}

static void
_lxcmon_host_row_finalize (GObject *object)
{
  g_free (((LxcmonHostRow *) object)->socket_path);

  G_OBJECT_CLASS (_lxcmon_host_row_parent_class)->finalize (object);
}

static void
_lxcmon_host_row_class_init (LxcmonHostRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = _lxcmon_host_row_dispose;
  object_class->finalize = _lxcmon_host_row_finalize;
}

static void
_lxcmon_host_row_init (LxcmonHostRow *self)
{
  self->mode = LXCMON_ROW_FAILED;
}

/*< private >
 * _lxcmon_host_row_new:
 *
 * Makes a row for a container that has appeared.
 */
LxcmonHostRow *
_lxcmon_host_row_new (LxcmonHost *host, const LxcmonRuntimeSocket *socket)
{
  LxcmonHostRow *self = g_object_new (LXCMON_TYPE_HOST_ROW, "name", socket->name, NULL);

  self->host = host;
  self->socket_path
      = g_strconcat (_lxcmon_host_get_dir (host), "/", socket->name, ".sock", NULL);
  self->file = socket->file;
  return self;
}

const char *
_lxcmon_host_row_get_name (LxcmonHostRow *self)
{
  return lxcmon_monitor_get_name ((LxcmonMonitor *) self);
}

/*< private >
 * _lxcmon_host_row_close:
 *
 * Closes the row's session, where it has one.
 */
void
_lxcmon_host_row_close (LxcmonHostRow *self)
{
  g_clear_pointer (&self->session, _lxcmon_session_close);
}

LxcmonHostRow *
_lxcmon_host_dup_row (LxcmonHost *self, guint position)
{
  return g_list_model_get_item ((GListModel *) self, position);
}

guint
_lxcmon_host_get_n_rows (LxcmonHost *self)
{
  return g_list_model_get_n_items ((GListModel *) self);
}

const char *
_lxcmon_host_get_dir (LxcmonHost *self)
{
  return self->runtime_dir != NULL ? self->runtime_dir : LXCMON_RUNTIME_DIR;
}
