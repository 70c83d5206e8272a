/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Owns the type of the backend: its settings, starting and stopping, and what the state of the connection
 * changes. It does not know what libvirt's events mean, and does not call libvirt.
 */

#include "lxcmon-libvirt-backend-private.h"

#include "lxcmon-libvirt-loop-private.h"

G_DEFINE_FINAL_TYPE (LxcmonLibvirtBackend, _lxcmon_libvirt_backend, LXCMON_TYPE_BACKEND)

enum
{
  PROP_CONNECTION = 1,
  PROP_KEEPS_TRYING,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* ---- Steps that on_event() queues ---- */

static void
report_ready (LxcmonLibvirtBackend *self, const LxcmonLibvirtStep *step)
{
  _lxcmon_backend_report (LXCMON_BACKEND (self), LXCMON_BACKEND_READY, NULL);
}

static void
report_listed (LxcmonLibvirtBackend *self, const LxcmonLibvirtStep *step)
{
  _lxcmon_backend_report (LXCMON_BACKEND (self), LXCMON_BACKEND_LISTED, NULL);
}

static void
report_failed (LxcmonLibvirtBackend *self, const LxcmonLibvirtStep *step)
{
  _lxcmon_backend_report (LXCMON_BACKEND (self), LXCMON_BACKEND_FAILED, step->event->error);
}

static void
report_lost (LxcmonLibvirtBackend *self, const LxcmonLibvirtStep *step)
{
  self->is_listed = FALSE;
  _lxcmon_libvirt_backend_watch_ends (self);
  _lxcmon_libvirt_backend_end_held (self);
  _lxcmon_backend_report (LXCMON_BACKEND (self), LXCMON_BACKEND_LOST, step->event->error);
}

/* Queues a step, which owns @event. */
static void
push (LxcmonLibvirtBackend *self, LxcmonLibvirtStepFunc func, LxcmonLibvirtEvent *event)
{
  LxcmonLibvirtStep *step = _lxcmon_libvirt_step_new (self, func);

  step->event = event;
  _lxcmon_libvirt_step_push (step);
}

/* A new connection is complete: first the rows become the backend's, then events and the list are applied. */
static void
push_list (LxcmonLibvirtBackend *self, LxcmonLibvirtEvent *list)
{
  LxcmonLibvirtEvent *event;

  push (self, report_ready, NULL);
  while ((event = g_queue_pop_head (&self->early)) != NULL)
    push (self, _lxcmon_libvirt_backend_apply_event, event);
  push (self, _lxcmon_libvirt_backend_apply_list, list);
  push (self, report_listed, NULL);
  self->has_list = TRUE;
}

static void
clear_early (LxcmonLibvirtBackend *self)
{
  g_queue_clear_full (&self->early, (GDestroyNotify) _lxcmon_libvirt_event_free);
  self->has_list = FALSE;
}

/* Called for each event of the link. Its steps do not run before the function has returned, when the caller
 * has dropped its reference to the backend. */
static void
on_event (GObject *owner, LxcmonLibvirtEvent *event)
{
  LxcmonLibvirtBackend *self = LXCMON_LIBVIRT_BACKEND (owner);

  switch (event->type)
    {
    case LXCMON_LIBVIRT_EVENT_LISTED:
      push_list (self, event);
      break;
    case LXCMON_LIBVIRT_EVENT_LOST:
      clear_early (self);
      push (self, report_lost, event);
      break;
    case LXCMON_LIBVIRT_EVENT_FAILED:
      clear_early (self);
      push (self, report_failed, event);
      break;
    default:
      if (self->has_list)
        push (self, _lxcmon_libvirt_backend_apply_event, event);
      else
        g_queue_push_tail (&self->early, event);
      break;
    }
}

/* ---- Starting and stopping ---- */

/* A reference to the connection's own handle, if it is open. */
static virConnectPtr
get_handle (LxcmonLibvirtBackend *self)
{
  virConnectPtr handle = NULL;

  if (self->connection != NULL && gvir_connection_is_open (self->connection))
    g_object_get (self->connection, "handle", &handle, NULL);
  return handle;
}

static void
start (LxcmonBackend *backend)
{
  LxcmonLibvirtBackend *self = LXCMON_LIBVIRT_BACKEND (backend);
  const LxcmonLibvirtLinkSettings settings
      = { .uri = _lxcmon_backend_get_uri (backend),
          .handle = get_handle (self),
          .keeps_trying = self->keeps_trying,
          .watch_init = _lxcmon_backend_get_rows (backend)->watch_init };

  self->link = _lxcmon_libvirt_link_start (G_OBJECT (self), on_event,
                                           _lxcmon_backend_get_rows (backend)->context, &settings);
}

/* Reports the ends that are held. */
static void
flush (LxcmonBackend *backend)
{
  if (_lxcmon_libvirt_backend_end_held (LXCMON_LIBVIRT_BACKEND (backend)))
    _lxcmon_main_source_run_steps (_lxcmon_backend_get_rows (backend)->source);
}

static void
retry (LxcmonBackend *backend)
{
  _lxcmon_libvirt_link_retry (LXCMON_LIBVIRT_BACKEND (backend)->link);
}

static void
stop (LxcmonBackend *backend)
{
  LxcmonLibvirtBackend *self = LXCMON_LIBVIRT_BACKEND (backend);

  g_clear_pointer (&self->link, _lxcmon_libvirt_link_stop);
  clear_early (self);
  _lxcmon_libvirt_backend_forget (self);
}

/* ---- The object ---- */

static void
_lxcmon_libvirt_backend_set_property (GObject *object, guint prop_id, const GValue *value,
                                      GParamSpec *pspec)
{
  LxcmonLibvirtBackend *self = LXCMON_LIBVIRT_BACKEND (object);

  switch (prop_id)
    {
    case PROP_CONNECTION:
      self->connection = g_value_dup_object (value);
      break;
    case PROP_KEEPS_TRYING:
      self->keeps_trying = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
    }
}

static void
_lxcmon_libvirt_backend_finalize (GObject *object)
{
  LxcmonLibvirtBackend *self = LXCMON_LIBVIRT_BACKEND (object);

  g_hash_table_unref (self->by_uuid);
  g_hash_table_unref (self->reported);
  g_clear_object (&self->connection);

  G_OBJECT_CLASS (_lxcmon_libvirt_backend_parent_class)->finalize (object);
}

static void
_lxcmon_libvirt_backend_class_init (LxcmonLibvirtBackendClass *klass)
{
  const GParamFlags flags = G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  LxcmonBackendClass *backend_class = LXCMON_BACKEND_CLASS (klass);

  object_class->set_property = _lxcmon_libvirt_backend_set_property;
  object_class->finalize = _lxcmon_libvirt_backend_finalize;
  backend_class->version = LXCMON_VERSION_S;
  backend_class->source = LXCMON_SOURCE_LIBVIRT;
  backend_class->start = start;
  backend_class->flush = flush;
  backend_class->retry = retry;
  backend_class->stop = stop;

  properties[PROP_CONNECTION]
      = g_param_spec_object ("connection", NULL, NULL, GVIR_TYPE_CONNECTION, flags);
  properties[PROP_KEEPS_TRYING] = g_param_spec_boolean ("keeps-trying", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
_lxcmon_libvirt_backend_init (LxcmonLibvirtBackend *self)
{
  /* Not with the class: a program that only reads the type must not initialize libvirt. */
  _lxcmon_libvirt_loop_register ();
  /* libvirt may write to a libvirtd that has ended. GLib's sockets ignore SIGPIPE for the whole process. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
  /* The keys are the rows' own. */
  self->by_uuid = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_object_unref);
  self->reported = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}
