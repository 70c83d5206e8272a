/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns what all backends have in common: the rows that they change, whether they are started, and the way
 * of their news to the host.
 */

#include "lxcmon-backend-private.h"

typedef struct
{
  LxcmonRows *rows; /* the host's, while started */
  LxcmonBackendFunc func;
  guint epoch; /* changes when the backend is started and stopped */
  char *uri;   /* of the libvirtd that it goes through, or NULL */
} LxcmonBackendPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (LxcmonBackend, _lxcmon_backend, G_TYPE_OBJECT)

enum
{
  PROP_URI = 1
};

static LxcmonBackendPrivate *
get_private (LxcmonBackend *self)
{
  return _lxcmon_backend_get_instance_private (self);
}

static void
_lxcmon_backend_finalize (GObject *object)
{
  g_free (get_private ((LxcmonBackend *) object)->uri);

  G_OBJECT_CLASS (_lxcmon_backend_parent_class)->finalize (object);
}

static void
_lxcmon_backend_set_property (GObject *object, guint prop_id, const GValue *value,
                              GParamSpec *pspec)
{
  /* There is only one. */
  get_private ((LxcmonBackend *) object)->uri = g_value_dup_string (value);
}

static void
_lxcmon_backend_class_init (LxcmonBackendClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = _lxcmon_backend_finalize;
  object_class->set_property = _lxcmon_backend_set_property;
  g_object_class_install_property (object_class, PROP_URI,
                                   g_param_spec_string ("uri", NULL, NULL, NULL,
                                                        G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY
                                                            | G_PARAM_STATIC_STRINGS));
}

static void
_lxcmon_backend_init (LxcmonBackend *self)
{
}

/*< private >
 * _lxcmon_backend_get_uri:
 *
 * Returns: (nullable): the URI of the libvirtd that the backend goes through
 */
const char *
_lxcmon_backend_get_uri (LxcmonBackend *self)
{
  return get_private (self)->uri;
}

/*< private >
 * _lxcmon_backend_start:
 * @rows: a host's; they are there as long as the backend is started
 * @func: called with its news, while the host is started
 */
void
_lxcmon_backend_start (LxcmonBackend *self, LxcmonRows *rows, LxcmonBackendFunc func)
{
  LxcmonBackendPrivate *priv = get_private (self);

  priv->rows = rows;
  priv->func = func;
  priv->epoch++;
  LXCMON_BACKEND_GET_CLASS (self)->start (self);
}

/*< private >
 * _lxcmon_backend_flush:
 *
 * Reports what the backend has held back. Handlers run meanwhile.
 */
void
_lxcmon_backend_flush (LxcmonBackend *self)
{
  LxcmonBackendClass *klass = LXCMON_BACKEND_GET_CLASS (self);

  if (get_private (self)->func != NULL && klass->flush != NULL)
    klass->flush (self);
}

/*< private >
 * _lxcmon_backend_retry:
 *
 * What the backend waits for may be there now.
 */
void
_lxcmon_backend_retry (LxcmonBackend *self)
{
  LxcmonBackendClass *klass = LXCMON_BACKEND_GET_CLASS (self);

  if (get_private (self)->func != NULL && klass->retry != NULL)
    klass->retry (self);
}

/*< private >
 * _lxcmon_backend_stop:
 *
 * Stops the backend, if it is started. It changes no row any more, and reports nothing.
 */
void
_lxcmon_backend_stop (LxcmonBackend *self)
{
  LxcmonBackendPrivate *priv = get_private (self);

  if (priv->func == NULL)
    return;
  priv->epoch++;
  priv->func = NULL;
  LXCMON_BACKEND_GET_CLASS (self)->stop (self);
}

/*< private >
 * _lxcmon_backend_get_rows:
 *
 * Returns: the host's rows. The caller holds a reference to the host.
 */
LxcmonRows *
_lxcmon_backend_get_rows (LxcmonBackend *self)
{
  return get_private (self)->rows;
}

/*< private >
 * _lxcmon_backend_get_epoch:
 *
 * Returns: a number that changes when the rows are not the backend's any more
 */
guint
_lxcmon_backend_get_epoch (LxcmonBackend *self)
{
  return get_private (self)->epoch;
}

void
_lxcmon_backend_new_epoch (LxcmonBackend *self)
{
  get_private (self)->epoch++;
}

/*< private >
 * _lxcmon_backend_report:
 * @error: (nullable): of FAILED and LOST: why
 *
 * Reports news to the host, which may stop the backend.
 */
void
_lxcmon_backend_report (LxcmonBackend *self, LxcmonBackendNews news, const GError *error)
{
  LxcmonBackendPrivate *priv = get_private (self);

  if (priv->func != NULL)
    priv->func (priv->rows->host, self, news, error);
}
